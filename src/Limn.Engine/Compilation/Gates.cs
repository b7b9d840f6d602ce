using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>Where(g &gt; 0, x, 0) and Where(low ≤ g ≤ high, x, 0), the ways back through ReLU and Clip, as one step that makes no booleans.</summary>
internal static class Gates
{
    public static void Apply(StepList list)
    {
        int[] producers = list.Producers();
        for (int s = 0; s < list.Steps.Count; s++)
        {
            PlanStep step = list.Steps[s];
            if (step is not { Operator: Where, Dynamic: false } || list.Number(step.Inputs[2]) is not 0f
                || Condition(list, producers, step.Inputs[0]) is not var (gate, low, high) || !Same(list, gate, step.Outputs[0])
                || !Same(list, step.Inputs[1], step.Outputs[0])) continue;
            list.Steps[s] = new PlanStep(step.Name, new Gate(low, high), [step.Inputs[1], gate], step.Outputs, dynamic: false);
        }
        list.RemoveDead();
    }

    /// <summary>The slot whose elements decide, and the closed interval in which they let pass.</summary>
    private static (int Gate, float Low, float High)? Condition(StepList list, int[] producers, int slot)
    {
        if (producers[slot] < 0 || list.Steps[producers[slot]] is not { Dynamic: false } step) return null;
        if (step.Operator is And)
        {
            return Condition(list, producers, step.Inputs[0]) is var (a, low, high) && Condition(list, producers, step.Inputs[1]) is var (b, low2, high2) && a == b
                ? (a, Math.Max(low, low2), Math.Min(high, high2)) : null;
        }
        if (step.Inputs.Length != 2 || list.Number(step.Inputs[1]) is not { } bound || !list.Slots[step.Inputs[0]].Type.IsFloating() || !float.IsFinite(bound)) return null;
        return step.Operator switch
        {
            Greater => (step.Inputs[0], MathF.BitIncrement(bound), float.PositiveInfinity),
            GreaterOrEqual => (step.Inputs[0], bound, float.PositiveInfinity),
            Less => (step.Inputs[0], float.NegativeInfinity, MathF.BitDecrement(bound)),
            LessOrEqual => (step.Inputs[0], float.NegativeInfinity, bound),
            _ => null,
        };
    }

    private static bool Same(StepList list, int a, int b) =>
        list.Slots[a].Type.IsFloating() && list.Slots[a].Dims is { } x && list.Slots[b].Dims is { } y && x.AsSpan().SequenceEqual(y);
}
