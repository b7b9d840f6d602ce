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
        Hoist(list, producers);
        list.RemoveDead();
    }

    /// <summary>
    /// Gates on the parts of a tensor become one on the whole where the tensors that decide are the parts of a whole as well, joined in the same way: what makes the
    /// whole can then take the gate over.
    /// </summary>
    private static void Hoist(StepList list, int[] producers)
    {
        var readers = new Dictionary<int, List<int>>();
        var joins = new Dictionary<int, PlanStep>(); // by their first part
        for (int s = 0; s < list.Steps.Count; s++)
        {
            foreach (int slot in list.Steps[s].Inputs)
                if (slot >= 0) (readers.TryGetValue(slot, out List<int>? known) ? known : readers[slot] = []).Add(s);
            if (list.Steps[s] is { Operator: Concat, Dynamic: false } join) joins.TryAdd(join.Inputs[0], join);
        }
        HashSet<int> fetched = [.. list.Fetched];
        var steps = new List<PlanStep>(list.Steps.Count);
        for (int s = 0; s < list.Steps.Count; s++)
        {
            PlanStep step = list.Steps[s];
            steps.Add(step);
            if (step is not { Operator: Split split, Dynamic: false }) continue;
            int[] gates = [.. step.Outputs.Select(o => o >= 0 && !fetched.Contains(o) && readers.TryGetValue(o, out List<int>? r) && r.Count == 1 ? r[0] : -1)];
            if (Array.Exists(gates, g => g < 0 || list.Steps[g].Operator is not Gate) || gates.Distinct().Count() != gates.Length) continue;
            var first = (Gate)list.Steps[gates[0]].Operator;
            if (Array.Exists(gates, g => list.Steps[g].Operator is not Gate gate || gate.Low != first.Low || gate.High != first.High)) continue;
            int[] parts = [.. gates.Select(g => list.Steps[g].Inputs[1])];
            if (!joins.TryGetValue(parts[0], out PlanStep? join) || !join.Inputs.AsSpan().SequenceEqual(parts) || producers[join.Outputs[0]] > s) continue;
            int[] dims = list.Slots[step.Inputs[0]].Dims!;
            if (((Concat)join.Operator).Axis != split.Axis || gates.Where((g, i) => list.Steps[g].Inputs[0] != step.Outputs[i]).Any() || !Same(list, step.Inputs[0], join.Outputs[0])) continue;

            int gated = list.NewSlot(new SlotInfo(list.Slots[step.Inputs[0]].Type, dims, SlotKind.Computed));
            steps[^1] = new PlanStep(list.Steps[gates[0]].Name, first, [step.Inputs[0], join.Outputs[0]], [gated], dynamic: false);
            steps.Add(new PlanStep(step.Name, split, [gated, .. step.Inputs.AsSpan(1)], [.. gates.Select(g => list.Steps[g].Outputs[0])], dynamic: false));
            foreach (int gate in gates) list.Steps[gate] = new PlanStep(list.Steps[gate].Name, first, list.Steps[gate].Inputs, [-1], dynamic: false);
        }
        list.Replace(steps);
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
