using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>The steps of a plan while the compiler rewrites them, with the slots they read and write.</summary>
internal sealed class StepList(List<PlanStep> steps, List<SlotInfo> slots, IReadOnlyList<int> fetched)
{
    public List<PlanStep> Steps { get; private set; } = steps;

    public List<SlotInfo> Slots { get; } = slots;

    public IReadOnlyList<int> Fetched { get; } = fetched;

    public int NewSlot(SlotInfo slot)
    {
        Slots.Add(slot);
        return Slots.Count - 1;
    }

    /// <summary>How often each slot is read, fetched or seen under another shape.</summary>
    public int[] CountUses()
    {
        var uses = new int[Slots.Count];
        foreach (int slot in Steps.SelectMany(s => s.Inputs).Concat(Fetched))
            if (slot >= 0) uses[slot]++;
        return uses;
    }

    /// <summary>The index of the step that makes each slot; -1 for what is given.</summary>
    public int[] Producers()
    {
        var producers = new int[Slots.Count];
        Array.Fill(producers, -1);
        for (int s = 0; s < Steps.Count; s++)
            foreach (int slot in Steps[s].Outputs)
                if (slot >= 0) producers[slot] = s;
        return producers;
    }

    /// <summary>The slot whose memory a slot is seen in.</summary>
    public int Root(int slot)
    {
        while (Slots[slot].ViewOf >= 0) slot = Slots[slot].ViewOf;
        return slot;
    }

    /// <summary>The one number that a constant slot holds; null for any other.</summary>
    public float? Number(int slot) =>
        slot >= 0 && Slots[slot].Constant is { Length: 1 } one && one.Type.IsFloating() ? one.Floats[0] : null;

    public void Replace(List<PlanStep> with) => Steps = with;

    /// <summary>Drops the steps of which nobody needs a result.</summary>
    public void RemoveDead()
    {
        var needed = new bool[Slots.Count];
        foreach (int slot in Fetched) Need(slot);
        var kept = new List<PlanStep>(Steps.Count);
        for (int s = Steps.Count - 1; s >= 0; s--)
        {
            PlanStep step = Steps[s];
            if (!Array.Exists(step.Outputs, o => o >= 0 && needed[o])) continue;
            foreach (int input in step.Inputs) Need(input);
            kept.Add(step);
        }
        kept.Reverse();
        Steps = kept;

        void Need(int slot)
        {
            for (; slot >= 0 && !needed[slot]; slot = Slots[slot].ViewOf) needed[slot] = true;
        }
    }
}
