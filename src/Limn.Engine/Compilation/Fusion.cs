using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>Joins steps whose intermediate result nobody else sees. What a fetch returns never changes: a fetched value is never joined away.</summary>
internal static class Fusion
{
    /// <summary>A convolution followed by a batch normalisation becomes one step, which goes over memory once and rounds once.</summary>
    public static void Apply(List<PlanStep> steps, IReadOnlyList<SlotInfo> slots, IReadOnlyList<int> fetched)
    {
        int[] uses = new int[slots.Count];
        foreach (int slot in steps.SelectMany(s => s.Inputs).Concat(fetched).Concat(slots.Select(s => s.ViewOf)))
            if (slot >= 0) uses[slot]++;
        var convolutions = new Dictionary<int, PlanStep>();
        for (int i = 0; i < steps.Count; i++)
        {
            PlanStep step = steps[i];
            if (step is { Operator: Conv, Dynamic: false }) convolutions[step.Outputs[0]] = step;
            if (step is not { Operator: BatchNormalization norm, Dynamic: false } || uses[step.Inputs[0]] != 1
                || !convolutions.TryGetValue(step.Inputs[0], out PlanStep? conv)) continue;
            int bias = conv.Inputs.Length > 2 ? conv.Inputs[2] : -1;
            steps[i] = new PlanStep(step.Name, new NormalizedConvolution((Conv)conv.Operator, norm),
                [conv.Inputs[0], conv.Inputs[1], bias, .. step.Inputs.AsSpan(1)], step.Outputs, dynamic: false);
            steps.Remove(conv);
            i--;
        }
    }
}
