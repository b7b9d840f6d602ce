using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>
/// d · (g − mean(g) − n · mean(g · n)) with n = (x − μ) · d, where μ and d come from a layer normalisation of x over the last axis, is one step: its way back. A scale
/// (g = dy · scale) and an addition after it are part of it.
/// </summary>
internal sealed class NormalizationGradients
{
    private readonly StepList list;
    private readonly int[] producers, uses;
    private readonly Dictionary<int, int> readers = [];

    private NormalizationGradients(StepList list)
    {
        this.list = list;
        producers = list.Producers();
        uses = list.CountUses();
        for (int s = 0; s < list.Steps.Count; s++)
            foreach (int slot in list.Steps[s].Inputs)
                if (slot >= 0) readers[slot] = s;
    }

    public static void Apply(StepList list)
    {
        var pass = new NormalizationGradients(list);
        HashSet<int> gone = [];
        for (int s = 0; s < list.Steps.Count; s++) pass.Rewrite(s, gone);
        list.Replace([.. list.Steps.Where((_, s) => !gone.Contains(s))]);
        list.RemoveDead();
    }

    private void Rewrite(int s, HashSet<int> gone)
    {
        if (Made<Mul>(list.Steps[s].Outputs[0]) is not { } root || root.Outputs[0] != list.Steps[s].Outputs[0]) return;
        int inverse = root.Inputs[0], result = root.Outputs[0];
        if (Made<Sub>(root.Inputs[1]) is not { } difference || Made<Sub>(difference.Inputs[0]) is not { } centred || Made<Mul>(difference.Inputs[1]) is not { } along) return;
        int g = centred.Inputs[0], n = along.Inputs[0];
        if (Mean(centred.Inputs[1]) != g || Mean(along.Inputs[1]) is not { } product || Made<Mul>(product) is not { } pair || pair.Inputs[0] != g || pair.Inputs[1] != n) return;
        if (Made<Mul>(n) is not { } normalised || normalised.Inputs[1] != inverse || Made<Sub>(normalised.Inputs[0]) is not { } shifted) return;
        int x = shifted.Inputs[0], mean = shifted.Inputs[1];
        if (producers[inverse] < 0 || list.Steps[producers[inverse]] is not { Operator: LayerNormalization, Dynamic: false, Outputs: [_, var mu, var d] } norm
            || mu != mean || d != inverse || norm.Inputs[0] != x || !Same(x, result) || !Same(g, result) || list.Slots[mean].Dims is not [.., 1] perRow
            || NdArray.Count(perRow) != NdArray.Count(list.Slots[x].Dims.AsSpan()[..^1])) return;

        int length = list.Slots[x].Dims![^1];
        List<int> inputs = [g, x, mean, inverse];
        bool isScaled = false, isAdded = false;
        if (Made<Mul>(g) is { } scaled && Same(scaled.Inputs[0], g) && list.Slots[scaled.Inputs[1]].Constant is { } scale && scale.Length == length && scale.Dims[^1] == length)
        {
            inputs[0] = scaled.Inputs[0];
            inputs.Add(scaled.Inputs[1]);
            isScaled = true;
        }
        int place = s;
        if (uses[result] == 1 && readers.TryGetValue(result, out int reader) && list.Steps[reader] is { Operator: Add or Sum, Dynamic: false, Inputs: [var left, var right] } sum
            && left != right && Same(left, right) && Same(left, sum.Outputs[0]) && list.Slots[result].ViewOf < 0)
        {
            inputs.Add(left == result ? right : left);
            gone.Add(s);
            (place, isAdded) = (reader, true);
        }
        PlanStep at = list.Steps[place];
        list.Steps[place] = new PlanStep(at.Name, new LayerNormalizationGradient(isScaled, isAdded), [.. inputs], at.Outputs, dynamic: false);
    }

    /// <summary>The step of a kind that makes a slot of its own; null where another does.</summary>
    private PlanStep? Made<T>(int slot)
        where T : Operator =>
        slot >= 0 && producers[slot] >= 0 && list.Slots[slot] is { ViewOf: < 0, Dims: not null, Type: ElementType.Float } && list.Steps[producers[slot]] is { Operator: T, Dynamic: false } step ? step : null;

    /// <summary>What a slot is the mean of over its last axis, which is kept; null where it is no such.</summary>
    private int? Mean(int slot) =>
        Made<ReduceMean>(slot) is { } step && list.Slots[step.Inputs[0]].Dims is [.., _] from && list.Slots[slot].Dims is { } to && to.Length == from.Length && to[^1] == 1
            && to.AsSpan(0, to.Length - 1).SequenceEqual(from.AsSpan(0, from.Length - 1)) ? step.Inputs[0] : null;

    private bool Same(int a, int b) => list.Slots[a].Type == list.Slots[b].Type && list.Slots[a].Dims is { } p && list.Slots[b].Dims is { } q && p.AsSpan().SequenceEqual(q);
}
