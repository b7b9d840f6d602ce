namespace Limn.Engine.Compilation;

/// <summary>
/// Where the arrays of a plan lie: one arena for each kind of storage, in which arrays that are not alive at the same time share memory.
/// Best fit, largest first.
/// </summary>
internal sealed class MemoryPlan
{
    private const int Alignment = 16; // elements: 64 bytes of floats

    private readonly int[] offsets;
    private readonly int[] roots;

    /// <summary>Lays out the computed slots that are not fetched and not dynamic.</summary>
    public MemoryPlan(IReadOnlyList<PlanStep> steps, IReadOnlyList<SlotInfo> slots, IReadOnlySet<int> fetched)
    {
        int count = slots.Count;
        roots = new int[count];
        var first = new int[count];
        var last = new int[count];
        Array.Fill(first, -1);
        for (int i = 0; i < count; i++) roots[i] = i;
        var keep = new HashSet<int>(fetched);

        int Root(int slot)
        {
            while (slots[slot].ViewOf >= 0) slot = slots[slot].ViewOf;
            return slot;
        }

        foreach (int slot in fetched) keep.Add(Root(slot));
        for (int s = 0; s < steps.Count; s++)
        {
            foreach (int slot in steps[s].Inputs)
                if (slot >= 0) last[Root(slot)] = s;
            foreach (int slot in steps[s].Outputs)
                if (slot >= 0 && Root(slot) == slot) (first[slot], last[slot]) = (first[slot] < 0 ? s : first[slot], s); // several steps may write parts of one
        }

        bool Planned(int slot) => first[slot] >= 0 && !keep.Contains(slot) && slots[slot].Dims is not null && slots[slot].Kind == SlotKind.Computed
            && slots[slot].Type != ElementType.String && !(slots[slot].ViewOf >= 0);

        // The same memory may also be an input that is still read while the output is written.
        bool ReadOtherwise(PlanStep step, int root)
        {
            for (int i = 0; i < step.Inputs.Length; i++)
                if (step.Inputs[i] >= 0 && !step.Operator.MayOverwrite(i) && Owner(Root(step.Inputs[i])) == Owner(root)) return true;
            return false;
        }

        // In place: an output takes over the memory of an input that dies here.
        for (int s = 0; s < steps.Count; s++)
        {
            PlanStep step = steps[s];
            if (step.Dynamic || step.Outputs.Length == 0 || step.Outputs[0] < 0 || !Planned(step.Outputs[0])) continue;
            int output = step.Outputs[0];
            for (int i = 0; i < step.Inputs.Length; i++)
            {
                if (step.Inputs[i] < 0 || !step.Operator.MayOverwrite(i)) continue;
                int root = Root(step.Inputs[i]);
                if (ReadOtherwise(step, root)) continue;
                int owner = Owner(root);
                if (!Planned(root) || last[root] != s || slots[root].Type.Storage() != slots[output].Type.Storage()
                    || NdArray.Count(slots[root].Dims) != NdArray.Count(slots[output].Dims)) continue;
                roots[output] = owner;
                last[owner] = Math.Max(last[owner], last[output]);
                break;
            }
        }

        offsets = new int[count];
        Sizes = new int[3];
        for (int storage = 0; storage < 3; storage++)
        {
            int[] members = [.. Enumerable.Range(0, count).Where(i => roots[i] == i && Planned(i) && (int)slots[i].Type.Storage() == storage)
                .OrderByDescending(i => NdArray.Count(slots[i].Dims)).ThenBy(i => i)];
            Sizes[storage] = Place(members, slots, first, last);
        }
        for (int i = 0; i < count; i++) offsets[i] = Planned(i) ? offsets[Owner(i)] : -1;
    }

    /// <summary>The number of elements of the arena for each storage (float, integer, boolean).</summary>
    public int[] Sizes { get; }

    /// <summary>Where a slot lies in the arena of its storage; -1 if it has memory of its own.</summary>
    public int OffsetOf(int slot) => offsets[slot];

    private int Owner(int slot)
    {
        while (roots[slot] != slot) slot = roots[slot];
        return slot;
    }

    private int Place(int[] members, IReadOnlyList<SlotInfo> slots, int[] first, int[] last)
    {
        var placed = new List<(long Start, long End, int Slot)>();
        long size = 0;
        foreach (int slot in members)
        {
            long length = Align(NdArray.Count(slots[slot].Dims));
            long best = -1, bestGap = long.MaxValue, end = 0;
            foreach (var other in placed) // ordered by start
            {
                if (first[other.Slot] > last[slot] || first[slot] > last[other.Slot]) continue;
                long gap = other.Start - end;
                if (gap >= length && gap < bestGap) (best, bestGap) = (end, gap);
                end = Math.Max(end, other.End);
            }
            long start = best >= 0 ? best : end;
            int at = placed.FindIndex(p => p.Start > start);
            placed.Insert(at < 0 ? placed.Count : at, (start, start + length, slot));
            size = Math.Max(size, start + length);
            if (size > Array.MaxLength)
                throw new LimnException($"Running this model on such an input needs an arena of more than {size / (1 << 28)} GiB. Use a smaller batch.");
            offsets[slot] = (int)start;
        }
        return (int)size;
    }

    private static long Align(long length) => (length + Alignment - 1) / Alignment * Alignment;
}
