using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>
/// Tensors that are joined along their channels are written where they belong in the whole, and parts of a tensor are read where they lie in it, by the steps that can:
/// nothing is copied for these. A whole then has several writers, each of its own channels; the last stands where the concatenation stood or before.
/// </summary>
/// <remarks>A part that is fetched or that another step reads stays a tensor of its own.</remarks>
internal sealed class ChannelSlices
{
    private readonly StepList list;
    private readonly int[] uses;
    private readonly int[] producers;
    private readonly PlanStep?[] steps; // null for those that are no longer needed

    private ChannelSlices(StepList list)
    {
        this.list = list;
        uses = list.CountUses();
        producers = list.Producers();
        steps = [.. list.Steps];
    }

    public static void Apply(StepList list)
    {
        var slices = new ChannelSlices(list);
        Dictionary<int, List<int>> readers = [];
        for (int s = 0; s < list.Steps.Count; s++)
            foreach (int slot in list.Steps[s].Inputs)
                if (slot >= 0) (readers.TryGetValue(slot, out List<int>? known) ? known : readers[slot] = []).Add(s);
        for (int s = 0; s < list.Steps.Count; s++)
        {
            if (list.Steps[s].Dynamic) continue;
            if (list.Steps[s].Operator is Concat concat) slices.Join(s, concat);
            else if (list.Steps[s].Operator is Split split) slices.Part(s, split, readers);
        }
        list.Replace([.. slices.steps.OfType<PlanStep>()]);
    }

    private void Join(int s, Concat concat)
    {
        PlanStep step = list.Steps[s];
        int whole = step.Outputs[0];
        if (!IsImage(whole) || concat.Axis is not (3 or -1) || list.Slots[whole].ViewOf >= 0 || !Array.TrueForAll(step.Inputs, IsImage)) return;
        int channels = list.Slots[whole].Dims![3], first = 0;
        var left = new List<(int Slot, int First)>();
        foreach (int part in step.Inputs)
        {
            // What other passes did to the producer since is in steps, not in the list.
            if (uses[part] == 1 && producers[part] >= 0 && list.Slots[part].ViewOf < 0 && steps[producers[part]] is { Operator: PackedLinear { WritesSlices: true } linear } before)
                steps[producers[part]] = new PlanStep(before.Name, linear.Writing(new ChannelSlice(first, channels)), before.Inputs, [whole], dynamic: false);
            else left.Add((part, first));
            first += list.Slots[part].Dims![3];
        }
        if (left.Count == 0) steps[s] = null;
        else if (left.Count < step.Inputs.Length)
            steps[s] = new PlanStep(step.Name, new FillSlices([.. left.Select(l => l.First)]), [.. left.Select(l => l.Slot)], [whole], dynamic: false);
    }

    private void Part(int s, Split split, Dictionary<int, List<int>> readers)
    {
        PlanStep step = list.Steps[s];
        int whole = step.Inputs[0];
        if (!IsImage(whole) || split.Axis is not (3 or -1) || !Array.TrueForAll(step.Outputs, IsImage)) return;
        int channels = list.Slots[whole].Dims![3], first = 0;
        int[] outputs = [.. step.Outputs];
        for (int i = 0; i < outputs.Length; i++)
        {
            int part = outputs[i], start = first;
            first += list.Slots[part].Dims![3];
            if (list.Slots[part].ViewOf >= 0 || !readers.TryGetValue(part, out List<int>? here) || uses[part] != here.Count || !here.TrueForAll(r => Reads(r, part))) continue;
            foreach (int r in here)
            {
                PlanStep reader = steps[r]!;
                steps[r] = new PlanStep(reader.Name, ((PackedLinear)reader.Operator).Reading(new ChannelSlice(start, channels)), [whole, .. reader.Inputs.AsSpan(1)], reader.Outputs, dynamic: false);
            }
            outputs[i] = -1;
        }
        steps[s] = Array.Exists(outputs, o => o >= 0) ? new PlanStep(step.Name, split, step.Inputs, outputs, dynamic: false) : null;
    }

    /// <summary>Whether a step can read the part where it lies, as what it maps and as nothing else.</summary>
    private bool Reads(int reader, int part) =>
        steps[reader] is { Operator: PackedLinear { ReadsSlices: true } } step && step.Inputs[0] == part && Array.LastIndexOf(step.Inputs, part) == 0;

    private bool IsImage(int slot) => slot >= 0 && list.Slots[slot] is { Dims: { Length: 4 } dims, Kind: SlotKind.Computed } info && info.Type.IsFloating() && NdArray.Count(dims) > 0;
}
