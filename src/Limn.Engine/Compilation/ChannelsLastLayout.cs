using Limn.Engine.Kernels;
using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>
/// Rewrites the convolutional parts of a plan to tensors laid out [N, H, W, C], in which every kernel runs along the channels. Layouts change only
/// where such a part begins or ends: each value has, as far as it is needed, a plain form and a channels-last one (its twin).
/// </summary>
internal sealed partial class ChannelsLastLayout
{
    private readonly StepList list;
    private readonly List<PlanStep> steps = [];
    private readonly Dictionary<int, int> twins = [];
    private readonly HashSet<int> pending = []; // slots whose plain form nobody has made so far
    private readonly HashSet<int> replaced = []; // slots that an earlier step makes already
    private readonly int[] producers;
    private readonly Dictionary<int, PoolGradient> poolGradients;
    private readonly HashSet<int> indicesOnlyForGradients;
    private readonly HashSet<int> decisive; // slots on which it depends where a maximum is

    private ChannelsLastLayout(StepList list)
    {
        this.list = list;
        producers = list.Producers();
        (poolGradients, indicesOnlyForGradients) = FindPoolGradients();
        decisive = BehindChoices();
    }

    private List<SlotInfo> Slots => list.Slots;

    public static void Apply(StepList list, long leastWork)
    {
        if (list.Steps.Sum(s => Work(list, s)) < leastWork) return;
        var layout = new ChannelsLastLayout(list);
        foreach (PlanStep step in list.Steps) layout.Add(step);
        foreach (int slot in list.Fetched) layout.Plain(slot);
        list.Replace(layout.steps);
        list.RemoveDead();
    }

    private void Add(PlanStep step)
    {
        if (replaced.Contains(step.Outputs[0])) return;
        if (!step.Dynamic && Rewrite(step)) return;
        PlanStep kept = step;
        for (int i = 0; i < step.Inputs.Length; i++)
        {
            int input = step.Inputs[i];
            if (input < 0 || !pending.Contains(input)) continue;
            if (!step.Operator.UsesShapeOnly(i))
            {
                Plain(input);
                continue;
            }
            // Only the shape is looked at: the twin's memory under the plain shape serves.
            int shape = list.NewSlot(new SlotInfo(Slots[input].Type, Slots[input].Dims, SlotKind.Computed) { ViewOf = twins[input] });
            steps.Add(new PlanStep(step.Name, new ChangeLayout(toChannelsLast: false), [twins[input]], [shape], dynamic: false));
            int[] inputs = [.. kept.Inputs];
            inputs[i] = shape;
            kept = new PlanStep(step.Name, step.Operator, inputs, step.Outputs, step.Dynamic);
        }
        steps.Add(kept);
    }

    private bool Rewrite(PlanStep step) => step.Operator switch
    {
        Conv or NormalizedConvolution or ConvolutionInputGradient => RewriteConvolution(step),
        MaxPool or AveragePool or AveragePoolGradient or GlobalAveragePool => RewritePooling(step),
        ScatterElements => poolGradients.TryGetValue(step.Outputs[0], out PoolGradient? gradient) && RewritePoolGradient(step, gradient),
        Concat concat => RewriteConcat(step, concat),
        Split split => RewriteSplit(step, split),
        Expand => RewriteExpand(step),
        _ when step.Outputs[0] >= 0 && Slots[step.Outputs[0]].ViewOf >= 0 => RewriteView(step),
        { IsElementwise: true } => RewriteElementwise(step),
        _ => false,
    };

    /// <summary>Multiply-adds of a convolution for one image; 0 for other steps and for those that stay as they are.</summary>
    private static long Work(StepList list, PlanStep step)
    {
        int result = step.Operator switch
        {
            Conv or NormalizedConvolution => step.Outputs[0],
            ConvolutionInputGradient => step.Inputs[0],
            _ => -1,
        };
        if (step.Dynamic || result < 0 || list.Slots[result].Dims is not { Length: 4 } dims || list.Slots[step.Inputs[1]].Constant is not { } w) return 0;
        return (long)dims[2] * dims[3] * w.Length;
    }

    /// <summary>The slot's channels-last form, made if need be. Of fewer than four dimensions those that miss are ones; single numbers stay as they are.</summary>
    private int Twin(int slot)
    {
        if (twins.TryGetValue(slot, out int twin)) return twin;
        SlotInfo plain = Slots[slot];
        if (NdArray.Count(plain.Dims) == 1) return slot;
        int[] dims = [.. Enumerable.Repeat(1, 4 - plain.Dims!.Length), .. plain.Dims];
        if (plain.Constant is { } constant) return twins[slot] = list.NewSlot(SlotInfo.Of(ChangeLayout.Apply(constant, dims, toChannelsLast: true)));
        twin = NewTwin(slot, dims, plain.Type);
        if (SameOrder(dims)) Slots[twin].ViewOf = slot;
        steps.Add(new PlanStep("to channels last", new ChangeLayout(toChannelsLast: true), [slot], [twin], dynamic: false));
        return twin;
    }

    private int NewTwin(int slot, int[] dims, ElementType type) =>
        twins[slot] = list.NewSlot(new SlotInfo(type, [dims[0], dims[2], dims[3], dims[1]], SlotKind.Computed));

    /// <summary>A slot for the channels-last form of a result, whose plain form is made when somebody asks.</summary>
    private int NewResult(int slot)
    {
        pending.Add(slot);
        Slots[slot].ViewOf = -1;
        return NewTwin(slot, Slots[slot].Dims!, Slots[slot].Type);
    }

    /// <summary>Makes the slot's plain form if nobody has.</summary>
    private void Plain(int slot)
    {
        if (!pending.Remove(slot)) return;
        if (SameOrder(Slots[slot].Dims!)) Slots[slot].ViewOf = twins[slot];
        steps.Add(new PlanStep("to channels first", new ChangeLayout(toChannelsLast: false), [twins[slot]], [slot], dynamic: false));
    }

    /// <summary>Whether both layouts have their elements in the same order.</summary>
    private static bool SameOrder(int[] dims) => dims[1] == 1 || dims[2] * dims[3] == 1;

    private bool IsImage(int slot) => slot >= 0 && Slots[slot].Dims is { Length: 4 } dims && NdArray.Count(dims) > 0;

    private bool RewriteElementwise(PlanStep step)
    {
        int output = step.Outputs[0];
        if (!Array.Exists(step.Inputs, i => i >= 0 && pending.Contains(i)) || !IsImage(output) || step.Outputs.Length > 1
            || Array.Exists(step.Inputs, i => i >= 0 && (Slots[i].Dims is not { Length: <= 4 } || Slots[i].Type == ElementType.String))) return false;
        int[] inputs = [.. step.Inputs.Select(i => i < 0 ? -1 : Twin(i))];
        steps.Add(new PlanStep(step.Name, step.Operator, inputs, [NewResult(output)], dynamic: false));
        return true;
    }

    /// <summary>A view under the same shape is the same in both layouts.</summary>
    private bool RewriteView(PlanStep step)
    {
        int input = step.Inputs[0], output = step.Outputs[0];
        if (!pending.Contains(input) || !Slots[input].Dims.AsSpan().SequenceEqual(Slots[output].Dims) || Slots[input].Type != Slots[output].Type) return false;
        int twin = twins[input], result = NewResult(output);
        Slots[result].ViewOf = twin;
        steps.Add(new PlanStep(step.Name, new Identity(), [twin], [result], dynamic: false));
        return true;
    }

    private bool RewriteConcat(PlanStep step, Concat concat)
    {
        int output = step.Outputs[0];
        if (!IsImage(output) || Slots[output].ViewOf >= 0 || concat.Axis is not (1 or -3) || !Array.Exists(step.Inputs, pending.Contains) || !Array.TrueForAll(step.Inputs, IsImage)) return false;
        steps.Add(new PlanStep(step.Name, new Concat { Axis = 3 }, [.. step.Inputs.Select(Twin)], [NewResult(output)], dynamic: false));
        return true;
    }

    private bool RewriteSplit(PlanStep step, Split split)
    {
        if (!pending.Contains(step.Inputs[0]) || !IsImage(step.Inputs[0]) || split.Axis is not (1 or -3) || !Array.TrueForAll(step.Outputs, IsImage)) return false;
        int[] inputs = [Twin(step.Inputs[0]), .. step.Inputs.AsSpan(1)];
        steps.Add(new PlanStep(step.Name, new Split { Axis = 3, Parts = split.Parts }, inputs, [.. step.Outputs.Select(NewResult)], dynamic: false));
        return true;
    }

    /// <summary>One number a channel, repeated over an image.</summary>
    private bool RewriteExpand(PlanStep step)
    {
        int input = step.Inputs[0], output = step.Outputs[0];
        if (!IsImage(input) || !IsImage(output) || Slots[output].ViewOf >= 0 || !Slots[output].Type.IsFloating()) return false;
        steps.Add(new PlanStep(step.Name, new Repeat(), [Twin(input)], [NewResult(output)], dynamic: false));
        return true;
    }
}
