using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>
/// Steps that hand on what they were given, in the same shape and type, vanish; and views forget the inputs of which they only used the shape, which is known now.
/// Gradients are full of both (a sum to a shape that is the same already), and each would keep a result alive and stop its step from being joined to the next.
/// </summary>
internal static class Unneeded
{
    public static void Apply(StepList list)
    {
        HashSet<int> fetched = [.. list.Fetched];
        var instead = new Dictionary<int, int>();
        var steps = new List<PlanStep>(list.Steps.Count);
        foreach (PlanStep step in list.Steps)
        {
            int[] inputs = [.. step.Inputs.Select(i => instead.GetValueOrDefault(i, i))];
            int output = step.Outputs[0];
            bool isView = !step.Dynamic && output >= 0 && list.Slots[output].ViewOf >= 0 && list.Slots[output].ViewOf == step.Inputs[0];
            if (isView)
            {
                list.Slots[output].ViewOf = inputs[0];
                if (!fetched.Contains(output) && step.Outputs.Length == 1 && IsSame(list.Slots[inputs[0]], list.Slots[output]))
                {
                    list.Slots[output].ViewOf = -1;
                    instead.Add(output, inputs[0]);
                    continue;
                }
                for (int i = 1; i < inputs.Length; i++)
                    if (step.Operator.UsesShapeOnly(i)) inputs[i] = -1;
            }
            steps.Add(new PlanStep(step.Name, step.Operator, inputs, step.Outputs, step.Dynamic));
        }
        list.Replace(steps);
        list.RemoveDead();
    }

    private static bool IsSame(SlotInfo a, SlotInfo b) => a.Type == b.Type && a.Dims is { } x && b.Dims is { } y && x.AsSpan().SequenceEqual(y);
}
