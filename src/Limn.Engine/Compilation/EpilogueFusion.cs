using Limn.Engine.Kernels.ChannelsLast;
using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

using Activation = Kernels.ChannelsLast.Activation;

/// <summary>
/// Lets a linear map do what comes after it, an addition, an activation or a gate, before it stores its result, where nobody else sees what is in between.
/// It then runs in the place of the last step that it takes over, when all that it needs is there.
/// </summary>
internal sealed class EpilogueFusion
{
    private readonly StepList list;
    private readonly int[] uses;
    private readonly int[] producers;
    private readonly bool[] gone;

    private EpilogueFusion(StepList list)
    {
        this.list = list;
        uses = list.CountUses();
        foreach (SlotInfo slot in list.Slots)
            if (slot.ViewOf >= 0) uses[slot.ViewOf]++;
        producers = list.Producers();
        gone = new bool[list.Steps.Count];
    }

    public static void Apply(StepList list)
    {
        var fusion = new EpilogueFusion(list);
        for (int s = 0; s < list.Steps.Count; s++) fusion.Fuse(s);
        list.Replace([.. list.Steps.Where((_, s) => !fusion.gone[s])]);
    }

    private void Fuse(int s)
    {
        PlanStep step = list.Steps[s];
        if (step.Dynamic || step.Outputs.Length != 1) return;
        switch (step.Operator)
        {
            case Relu when Before(step, 0) is { Finishing: { TakesActivation: true } finishing }:
                Join(s, 0, "Relu", finishing with { Activation = Activation.Relu });
                break;
            case Clip when Before(step, 0) is { Finishing: { TakesActivation: true } finishing } && Bound(step, 1, float.NegativeInfinity) is { } low
                && Bound(step, 2, float.PositiveInfinity) is { } high && low <= high:
                Join(s, 0, "Clip", finishing with { Activation = Activation.Clip, Low = low, High = high });
                break;
            case Gate gate when step.Inputs[0] != step.Inputs[1] && Before(step, 0) is { Finishing: { TakesGate: true } finishing }:
                Join(s, 0, "Gate", finishing with { Gate = (gate.Low, gate.High) }, step.Inputs[1]);
                break;
            case Add when step.Inputs.Length == 2 && BiasSide(step) is >= 0 and var side:
                Join(s, 1 - side, "Bias", Before(step, 1 - side)!.Finishing with { Bias = list.Slots[step.Inputs[side]].Constant!.Floats.ToArray() });
                break;
            case Add or Sum when step.Inputs.Length == 2 && step.Inputs[0] != step.Inputs[1] && SameDims(step.Inputs[0], step.Inputs[1]):
                // Of two maps the later one: what it needs lives until then anyway.
                int first = producers[step.Inputs[0]] >= producers[step.Inputs[1]] ? 0 : 1;
                foreach (int side in (int[])[first, 1 - first])
                {
                    if (Before(step, side) is not { Finishing: { TakesResidual: true } finishing }) continue;
                    Join(s, side, "Add", finishing with { Residual = true }, step.Inputs[1 - side]);
                    break;
                }
                break;
        }
    }

    /// <summary>The input of an addition that has one constant for each channel, where the other can take it over; −1 if there is none.</summary>
    private int BiasSide(PlanStep step)
    {
        for (int side = 0; side < 2; side++)
        {
            if (list.Slots[step.Inputs[side]].Constant is not { } bias || !bias.Type.IsFloating() || bias.Rank == 0 || bias.Length != bias.Dims[^1]) continue;
            if (Before(step, 1 - side) is { Finishing.TakesBias: true } && bias.Length == list.Slots[step.Outputs[0]].Dims![^1]) return side;
        }
        return -1;
    }

    /// <summary>The step that makes an input which only this one reads, if it can take things over.</summary>
    private FinishedOperator? Before(PlanStep step, int input)
    {
        int slot = step.Inputs[input];
        return slot >= 0 && uses[slot] == 1 && producers[slot] >= 0 && SameDims(slot, step.Outputs[0]) ? list.Steps[producers[slot]].Operator as FinishedOperator : null;
    }

    private void Join(int s, int input, string also, Finishing finishing, int another = -1)
    {
        PlanStep step = list.Steps[s], before = list.Steps[producers[step.Inputs[input]]];
        FinishedOperator joined = ((FinishedOperator)before.Operator).With($"{before.Operator.Name}+{also}", finishing);
        int[] inputs = another < 0 ? before.Inputs : [.. before.Inputs, another];
        gone[producers[step.Inputs[input]]] = true;
        list.Steps[s] = new PlanStep(step.Name, joined, inputs, step.Outputs, dynamic: false);
    }

    private float? Bound(PlanStep step, int input, float otherwise) =>
        step.Inputs.Length <= input || step.Inputs[input] < 0 ? otherwise : list.Number(step.Inputs[input]) is { } number && !float.IsNaN(number) ? number : null;

    private bool SameDims(int a, int b) => list.Slots[a].Dims is { } x && list.Slots[b].Dims is { } y && x.AsSpan().SequenceEqual(y);
}
