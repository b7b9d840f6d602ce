using System.Numerics.Tensors;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Convolutions over one to three spatial axes, and their gradients, which are convolutions again.</summary>
public static class ConvolutionOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Conv", i => i.Emit(new Conv(SlidingWindow.Read(i, pooling: false)) { Group = Groups(i) }, i.Inputs), notes: "One to three spatial axes."),
        OperatorDefinition.Of("ConvTranspose", ImportTransposed, notes: "One to three spatial axes."),
    ];

    /// <summary>The convolution of <paramref name="x"/> [N, C, ...] with <paramref name="w"/> [M, C / group, ...].</summary>
    public static Value Conv(this GraphBuilder graph, Value x, Value w, Value? bias = null, SlidingWindow? window = null, int group = 1) =>
        graph.Op(new Conv(window ?? new()) { Group = group }, bias is null ? [x, w] : [x, w, bias]);

    /// <summary>The transposed convolution of <paramref name="x"/> [N, C, ...] with <paramref name="w"/> [C, M / group, ...].</summary>
    public static Value ConvTranspose(
        this GraphBuilder graph, Value x, Value w, Value? bias = null, SlidingWindow? window = null, int group = 1, long[]? outputPadding = null) =>
        graph.Op(new ConvTranspose(window ?? new()) { Group = group, OutputPadding = outputPadding ?? [] }, bias is null ? [x, w] : [x, w, bias]);

    internal static ConvolutionShape Plan(
        int group, ReadOnlySpan<int> input, ReadOnlySpan<int> output, (WindowAxis Depth, WindowAxis Height, WindowAxis Width) axes) => new()
        {
            Batch = input[0], InChannels = input[1], OutChannels = output[1], Groups = group, Depth = axes.Depth, Height = axes.Height, Width = axes.Width,
        };

    internal static IEnumerable<OperatorAttribute> Attributes(SlidingWindow window, int group) =>
        group == 1 ? window.Attributes : window.Attributes.Append(new("group", (long)group));

    private static IReadOnlyList<Value> ImportTransposed(OperatorImport import)
    {
        long[] outputShape = import.Attributes.Ints("output_shape") ?? [];
        int? rank = import.Input(0).Shape?.Rank ?? import.Input(1).Shape?.Rank;
        if (outputShape.Length == rank) outputShape = outputShape[2..]; // some exporters write batch and channels as well
        return import.Emit(
            new ConvTranspose(SlidingWindow.Read(import, pooling: false))
            {
                Group = Groups(import), OutputPadding = import.Attributes.Ints("output_padding") ?? [], OutputShape = outputShape,
            },
            import.Inputs);
    }

    private static int Groups(OperatorImport import) => import.Attributes.Int("group", 1) is var group && group is > 0 and < int.MaxValue ? (int)group
        : throw import.Unsupported($"group is {import.Attributes.Int("group", 1)}, and at least 1 is expected.");
}

/// <summary>Convolution: y(n, o, p) = b(o) + Σ over c, k of w(o, c, k) · x(n, c, p·stride + k·dilation − pad).</summary>
/// <remarks>
/// X [N, C, ...], W [M, C / group, ...], B [M] or none, Y [N, M, ...]; padding is with zeros. ONNX 1, 11 and 22 have this one meaning.
/// Sizes that auto_pad needs are resolved when they are known, at the latest when the graph is compiled.
/// </remarks>
public sealed class Conv(SlidingWindow window) : Operator
{
    public SlidingWindow Window { get; } = window;

    public int Group { get; init; } = 1;

    public override string Name => "Conv";

    public override int OpsetVersion => 11;

    public override IEnumerable<OperatorAttribute> Attributes => ConvolutionOperators.Attributes(Window, Group);

    public override void Infer(InferenceContext context)
    {
        Shape? x = context.ShapeOf(0), w = context.ShapeOf(1);
        int? rank = x?.Rank ?? w?.Rank;
        if (rank is null)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        Window.Validate(context, rank.Value);
        x ??= Shape.OfRank(rank.Value);
        w ??= Shape.OfRank(rank.Value);
        if (w.Rank != x.Rank) throw context.Error($"the input {x} and the weights {w} need equally many dimensions.");
        if (x[1].IsKnown && w[1].IsKnown && x[1].Value != w[1].Value * Group)
            throw context.Error($"the input {x} has {x[1]} channels, and the weights {w} with group {Group} take {w[1].Value * Group}.");
        if (w[0].IsKnown && w[0].Value % Group != 0) throw context.Error($"the weights {w} make {w[0]} channels, which do not divide into {Group} groups.");
        if (context.Has(2) && context.ShapeOf(2) is { } b && (b.Rank != 1 || (b[0].IsKnown && w[0].IsKnown && b[0] != w[0])))
            throw context.Error($"the bias {b} needs one number for each of the {w[0]} output channels.");
        var dims = new Dim[rank.Value];
        (dims[0], dims[1]) = (x[0], w[0]);
        for (int i = 2; i < dims.Length; i++)
        {
            Dim kernel = KernelOf(context, i - 2, w[i]);
            dims[i] = Window.Outputs(i - 2, x[i], kernel);
        }
        context.Output(0, context.TypeOf(0), Shape.Of(dims));
    }

    internal ConvolutionShape ShapeFor(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(0), y = context.OutputDims();
        return ConvolutionOperators.Plan(Group, x, y, Window.Axes(x[2..], y[2..], context.Dims(1)[2..]));
    }

    public override void Execute(KernelContext context)
    {
        Convolution.Forward(ShapeFor(context), context.Floats(0), context.Floats(1), context.FloatsOrEmpty(2), context.OutputFloats(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), w = backward.Inputs(1), dy = backward.Upstream;
        Value?[] sent = new Value?[backward.Node.Inputs.Count];
        if (backward.Needs(0)) sent[0] = graph.ConvolutionInputGradient(dy, w, x, Window, Group);
        if (backward.Needs(1)) sent[1] = graph.ConvolutionWeightGradient(x, dy, w, Window, Group);
        if (backward.Has(2) && backward.Needs(2)) sent[2] = graph.SumOfChannels(dy);
        return sent;
    }

    private Dim KernelOf(InferenceContext context, int axis, Dim ofWeights)
    {
        if (Window.Kernel.Length == 0) return ofWeights;
        Dim given = Window.Kernel[axis];
        return !ofWeights.IsKnown || ofWeights == given ? given
            : throw context.Error($"kernel_shape is [{string.Join(',', Window.Kernel)}], and the weights have {ofWeights} positions along spatial axis {axis}.");
    }
}

/// <summary>Transposed convolution, the adjoint of <see cref="Conv"/>: y(n, o, i) = b(o) + Σ over c, k, p with i = p·stride + k·dilation − pad of w(c, o, k) · x(n, c, p).</summary>
/// <remarks>
/// X [N, C, ...], W [C, M / group, ...], B [M] or none. Outputs of an axis: stride·(input − 1) + output_padding + (kernel − 1)·dilation + 1 − pads; with
/// output_shape that many, the pads following from it (never negative before the axis); with the two Same modes input·stride. Outputs that no window
/// reaches get the bias alone. ONNX 1, 11 and 22 have this one meaning; which side the odd pad goes to follows the text of version 11.
/// </remarks>
public sealed class ConvTranspose(SlidingWindow window) : Operator
{
    public SlidingWindow Window { get; } = window;

    public int Group { get; init; } = 1;

    /// <summary>Positions added at the end of each axis; empty for none.</summary>
    public long[] OutputPadding { get; init; } = [];

    /// <summary>The spatial sizes that are wanted; empty where they follow from the pads.</summary>
    public long[] OutputShape { get; init; } = [];

    public override string Name => "ConvTranspose";

    public override int OpsetVersion => 11;

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            foreach (OperatorAttribute attribute in ConvolutionOperators.Attributes(Window, Group)) yield return attribute;
            if (OutputPadding.Length > 0) yield return new("output_padding", OutputPadding);
            if (OutputShape.Length > 0) yield return new("output_shape", OutputShape);
        }
    }

    public override void Infer(InferenceContext context)
    {
        Shape? x = context.ShapeOf(0), w = context.ShapeOf(1);
        int? rank = x?.Rank ?? w?.Rank;
        if (rank is null)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        Window.Validate(context, rank.Value);
        x ??= Shape.OfRank(rank.Value);
        w ??= Shape.OfRank(rank.Value);
        if (w.Rank != x.Rank) throw context.Error($"the input {x} and the weights {w} need equally many dimensions.");
        if (x[1].IsKnown && w[0].IsKnown && x[1] != w[0]) throw context.Error($"the input {x} has {x[1]} channels, and the weights {w} take {w[0]}.");
        if (w[0].IsKnown && w[0].Value % Group != 0) throw context.Error($"the {w[0]} input channels do not divide into {Group} groups.");
        if (OutputPadding.Length != 0 && OutputPadding.Length != rank - 2) throw context.Error($"output_padding has {OutputPadding.Length} numbers, and {rank - 2} are expected.");
        if (Array.Exists(OutputPadding, p => p is < 0 or > int.MaxValue / 2)) throw context.Error($"output_padding is [{string.Join(',', OutputPadding)}], and cannot be negative.");
        if (OutputShape.Length != 0 && OutputShape.Length != rank - 2) throw context.Error($"output_shape has {OutputShape.Length} numbers, and {rank - 2} are expected.");
        if (context.Has(2) && context.ShapeOf(2) is { } b && (b.Rank != 1 || (b[0].IsKnown && w[1].IsKnown && b[0].Value != w[1].Value * Group)))
            throw context.Error($"the bias {b} needs one number for each of the {w[1] * Group} output channels.");
        var dims = new Dim[rank.Value];
        (dims[0], dims[1]) = (x[0], w[1] * Group);
        for (int i = 2; i < dims.Length; i++)
        {
            Dim kernel = Window.Kernel.Length == 0 ? w[i] : Window.Kernel[i - 2];
            if (w[i].IsKnown && w[i] != kernel) throw context.Error($"kernel_shape is [{string.Join(',', Window.Kernel)}], which the weights {w} do not have.");
            dims[i] = Outputs(i - 2, x[i], kernel);
        }
        context.Output(0, context.TypeOf(0), Shape.Of(dims));
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(0), y = context.OutputDims(), w = context.Dims(1);
        var axes = new WindowAxis[x.Length - 2];
        for (int i = 0; i < axes.Length; i++)
            axes[i] = new WindowAxis(y[i + 2], x[i + 2], w[i + 2], Window.Stride(i), Window.Dilation(i), Pads(i, x[i + 2], w[i + 2]).Begin);
        ConvolutionShape shape = ConvolutionOperators.Plan(Group, y, x, SlidingWindow.Spread(axes));
        Span<float> result = context.OutputFloats();
        Convolution.BackwardInput(shape, context.Floats(0), context.Floats(1), result, context.Workers);
        if (!context.Has(2) || result.IsEmpty) return;
        ReadOnlySpan<float> bias = context.Floats(2);
        int positions = shape.InputPositions;
        for (int plane = 0; plane * positions < result.Length; plane++)
        {
            Span<float> part = result.Slice(plane * positions, positions);
            TensorPrimitives.Add(part, bias[plane % bias.Length], part);
        }
    }

    /// <remarks>Null, so that nothing passes, where output_shape is given and the input's sizes are not known when the gradient is built.</remarks>
    public override Value?[]? Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), w = backward.Inputs(1), dy = backward.Upstream;
        Value?[] sent = new Value?[backward.Node.Inputs.Count];
        if (backward.Has(2) && backward.Needs(2)) sent[2] = graph.SumOfChannels(dy);
        if (!backward.Needs(0) && !backward.Needs(1)) return sent;
        if (GivenPads(x.Shape, w.Shape) is not { } window) return null;
        if (backward.Needs(0)) sent[0] = Convolved(graph, dy, w, window);
        if (backward.Needs(1)) sent[1] = graph.ConvolutionWeightGradient(dy, x, w, window, Group);
        return sent;
    }

    /// <summary>The convolution of what arrives. Outputs that no window reaches are cut off before: ONNX has no negative pads for it.</summary>
    private Value Convolved(GraphBuilder graph, Value dy, Value w, SlidingWindow window)
    {
        long[] pads = window.Pads;
        if (!Array.Exists(pads, p => p < 0)) return graph.Conv(dy, w, null, window, Group);
        long[] cut = Array.ConvertAll(pads, p => Math.Min(p, 0L)), kept = Array.ConvertAll(pads, p => Math.Max(p, 0L));
        int axes = pads.Length / 2;
        Value reached = graph.Pad(dy, [0, 0, .. cut[..axes], 0, 0, .. cut[axes..]]);
        return graph.Conv(reached, w, null, window with { Pads = kept }, Group);
    }

    /// <summary>The windows of the convolution of which this is the adjoint, with pads as numbers; null if they cannot be told yet.</summary>
    private SlidingWindow? GivenPads(Shape? x, Shape? w)
    {
        int? rank = x?.Rank ?? w?.Rank;
        if (rank is null) return null;
        int axes = rank.Value - 2;
        var pads = new long[2 * axes];
        for (int i = 0; i < axes; i++)
        {
            Dim kernel = Window.Kernel.Length > 0 ? Window.Kernel[i] : w is null ? Dim.Unknown : w[i + 2], input = x is null ? Dim.Unknown : x[i + 2];
            if ((Window.IsSame || OutputShape.Length > 0) && !kernel.IsKnown) return null;
            if (OutputShape.Length > 0 && !input.IsKnown) return null;
            var (begin, end) = Pads(i, input.IsKnown ? input.Value : 0, kernel.IsKnown ? kernel.Value : 0);
            // Rounding down takes care of outputs that were added, up to a whole stride of them.
            (pads[i], pads[axes + i]) = (begin, ExtraOutputs(i) < Window.Stride(i) ? end : end - ExtraOutputs(i));
        }
        return Window with { AutoPad = AutoPad.NotSet, Pads = pads };
    }

    /// <summary>The padding before and after an axis of the output. It depends on the input's size with <see cref="OutputShape"/> only.</summary>
    internal (int Begin, int End) Pads(int axis, int input, int kernel)
    {
        if (OutputShape.Length == 0 && !Window.IsSame) return (Window.GivenBegin(axis), Window.GivenEnd(axis));
        int stride = Window.Stride(axis), reach = Window.Extent(axis, kernel) + ExtraOutputs(axis);
        int total = OutputShape.Length == 0 ? reach - stride : checked(stride * (input - 1) + reach - (int)OutputShape[axis]);
        int half = Math.Max(0, total) / 2;
        int begin = Window.AutoPad == AutoPad.SameUpper ? half : Math.Max(0, total) - half;
        return (begin, total - begin);
    }

    internal int ExtraOutputs(int axis) => OutputPadding.Length == 0 ? 0 : (int)OutputPadding[axis];

    private Dim Outputs(int axis, Dim input, Dim kernel)
    {
        if (OutputShape.Length > 0) return OutputShape[axis];
        if (Window.IsSame) return input * Window.Stride(axis);
        if (!kernel.IsKnown || !input.IsKnown) return Dim.Unknown;
        return (long)Window.Stride(axis) * (input.Value - 1) + ExtraOutputs(axis) + Window.Extent(axis, kernel.Value) - Window.GivenBegin(axis) - Window.GivenEnd(axis);
    }
}
