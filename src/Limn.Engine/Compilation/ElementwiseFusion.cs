using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>
/// Joins element-by-element steps that follow from each other into one, which goes over memory once. The joined step runs in the place of its last member, so a member's
/// result that somebody else needs before that ends the chain.
/// </summary>
internal sealed class ElementwiseFusion
{
    private readonly StepList list;
    private readonly Dictionary<int, List<int>> readers = []; // slot → the steps that read it
    private readonly HashSet<int> fetched;
    private readonly Chain?[] chainOf; // by step

    private ElementwiseFusion(StepList list)
    {
        this.list = list;
        fetched = [.. list.Fetched];
        foreach (SlotInfo slot in list.Slots)
            if (slot.ViewOf >= 0) fetched.Add(slot.ViewOf);
        for (int s = 0; s < list.Steps.Count; s++)
            foreach (int slot in list.Steps[s].Inputs.Distinct())
                if (slot >= 0) (readers.TryGetValue(slot, out List<int>? known) ? known : readers[slot] = []).Add(s);
        chainOf = new Chain?[list.Steps.Count];
    }

    public static void Apply(StepList list)
    {
        var fusion = new ElementwiseFusion(list);
        int[] producers = list.Producers();
        for (int s = 0; s < list.Steps.Count; s++) fusion.Add(s, producers);
        var steps = new List<PlanStep>();
        for (int s = 0; s < list.Steps.Count; s++)
        {
            Chain? chain = fusion.chainOf[s];
            if (chain is null || chain.Members.Count == 1) steps.Add(list.Steps[s]);
            else if (chain.Members[^1] == s) steps.Add(fusion.Join(chain));
        }
        list.Replace(steps);
    }

    private void Add(int s, int[] producers)
    {
        PlanStep step = list.Steps[s];
        if (!Suits(step)) return;
        int[] dims = list.Slots[step.Outputs[0]].Dims!;
        Chain[] before = [.. step.Inputs.Where(i => i >= 0 && producers[i] >= 0).Select(i => chainOf[producers[i]]).OfType<Chain>().Where(c => c.Dims.AsSpan().SequenceEqual(dims)).Distinct()];
        // All chains that end in this step become one with it; where that cannot be, one of them.
        foreach (Chain[] some in (IEnumerable<Chain[]>)[before, .. before.Length > 1 ? before.Select(c => (Chain[])[c]) : []])
        {
            if (some.Length == 0 || !StaysWhole(some, s) || Columns(some.SelectMany(c => c.Members).Append(s), dims) < 0) continue;
            var joined = new Chain(dims, [.. some.SelectMany(c => c.Members).Order(), s]);
            foreach (int member in joined.Members) chainOf[member] = joined;
            return;
        }
        if (Columns([s], dims) >= 0) chainOf[s] = new Chain(dims, [s]);
    }

    private bool Suits(PlanStep step) =>
        step is { Dynamic: false, Operator.IsElementwise: true, Outputs: [>= 0] } && list.Slots[step.Outputs[0]] is { Dims: { } dims, ViewOf: < 0 } output && IsHeld(output.Type)
        && NdArray.Count(dims) > 1 && Array.TrueForAll(step.Inputs, i => i < 0 || (IsHeld(list.Slots[i].Type) && list.Slots[i].Dims is not null));

    private static bool IsHeld(ElementType type) => type == ElementType.Bool || type.IsFloating();

    /// <summary>Whether nobody outside needs a member's result before step <paramref name="s"/>, to whose place the chains would move.</summary>
    private bool StaysWhole(Chain[] chains, int s)
    {
        foreach (int member in chains.SelectMany(c => c.Members))
            foreach (int reader in readers.GetValueOrDefault(list.Steps[member].Outputs[0], []))
                if (reader < s && (chainOf[reader] is not { } chain || !chains.Contains(chain))) return false;
        return true;
    }

    /// <summary>The length of the rows that the members' inputs ask for: 0 if they ask for none, −1 if one does not lie in rows and columns.</summary>
    private int Columns(IEnumerable<int> members, int[] dims)
    {
        int columns = 0;
        foreach (int slot in members.SelectMany(m => list.Steps[m].Inputs))
        {
            if (slot < 0) continue;
            OperandKind? kind = KindOf(list.Slots[slot].Dims!, dims);
            if (kind is null) return -1;
            if (kind is OperandKind.Row or OperandKind.Column) columns = dims[^1];
        }
        return columns;
    }

    private static OperandKind? KindOf(int[] dims, int[] of)
    {
        if (NdArray.Count(dims) == 1) return OperandKind.Single;
        if (dims.Length > of.Length) return null;
        int[] full = [.. Enumerable.Repeat(1, of.Length - dims.Length), .. dims];
        if (full.AsSpan().SequenceEqual(of)) return OperandKind.Full;
        if (full[^1] == of[^1] && full.AsSpan(0, full.Length - 1).IndexOfAnyExcept(1) < 0) return OperandKind.Row;
        return full[^1] == 1 && full.AsSpan(0, full.Length - 1).SequenceEqual(of.AsSpan(0, of.Length - 1)) ? OperandKind.Column : null;
    }

    private PlanStep Join(Chain chain)
    {
        List<PlanStep> members = [.. chain.Members.Select(m => list.Steps[m])];
        HashSet<int> made = [.. members.Select(m => m.Outputs[0])];
        int[] inputs = [.. members.SelectMany(m => m.Inputs).Where(i => i >= 0 && !made.Contains(i)).Distinct()];
        int[] outputs = [.. made.Where(o => fetched.Contains(o) || readers.GetValueOrDefault(o, []).Exists(r => chainOf[r] != chain))];
        var operand = new Dictionary<int, int>();
        foreach (int slot in inputs) operand.Add(slot, operand.Count);
        foreach (int slot in outputs) operand.Add(slot, operand.Count);
        List<ElementType> types = [.. operand.Keys.Select(s => list.Slots[s].Type)];

        // What is in between shares memory as it comes and goes.
        var free = new Dictionary<ElementType, Stack<int>>();
        var parts = new List<FusedPart>();
        for (int m = 0; m < members.Count; m++)
        {
            PlanStep member = members[m];
            int output = member.Outputs[0];
            int[] read = [.. member.Inputs.Select(i => i < 0 ? -1 : operand[i])];
            if (!operand.ContainsKey(output))
            {
                ElementType type = list.Slots[output].Type;
                if (free.TryGetValue(type, out Stack<int>? some) && some.TryPop(out int place)) operand[output] = place;
                else
                {
                    operand[output] = types.Count;
                    types.Add(type);
                }
            }
            parts.Add(new FusedPart(member.Name, member.Operator, read, operand[output]));
            foreach (int slot in member.Inputs.Distinct())
            {
                if (slot < 0 || operand[slot] < inputs.Length + outputs.Length || members.Skip(m + 1).Any(later => later.Inputs.Contains(slot))) continue;
                ElementType type = list.Slots[slot].Type;
                (free.TryGetValue(type, out Stack<int>? some) ? some : free[type] = []).Push(operand[slot]);
            }
        }
        OperandKind[] kinds = [.. inputs.Select(i => KindOf(list.Slots[i].Dims!, chain.Dims)!.Value)];
        string name = string.Join('+', members.Select(m => m.Operator.Name).Distinct());
        var fused = new FusedElementwise(name, parts, kinds, [.. inputs.Select(list.Number)], [.. types], outputs.Length, Columns(chain.Members, chain.Dims));
        return new PlanStep(members[^1].Name, fused, inputs, outputs, dynamic: false);
    }

    private sealed class Chain(int[] dims, List<int> members)
    {
        public int[] Dims => dims;

        /// <summary>Its steps, in order.</summary>
        public List<int> Members => members;
    }
}
