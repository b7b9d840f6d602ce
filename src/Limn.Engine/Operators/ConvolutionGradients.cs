using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The gradient of <see cref="Conv"/> with respect to its input, from what arrives (dy), the weights and the input's shape.</summary>
/// <remarks>
/// dx(n, c, i) = Σ over o, k, p with p·stride + k·dilation − pad = i of w(o, c, k) · dy(n, o, p); zero where no window reaches. A transposed convolution
/// whose size is given, which <see cref="ConvTranspose"/> cannot express before sizes are known.
/// </remarks>
public sealed class ConvolutionInputGradient(SlidingWindow window, int group) : Operator
{
    public SlidingWindow Window { get; } = window;

    public int Group { get; } = group;

    public override string Name => "ConvolutionInputGradient";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => ConvolutionOperators.Attributes(Window, Group);

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), ConvolutionGradients.Shape(context, () =>
        context.ShapeOf(0) is { } dy && context.ShapeOf(1) is { } w ? [dy[0], w[1] * Group, .. new Dim[dy.Rank - 2]] : null));

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.OutputDims(), y = context.Dims(0);
        ConvolutionShape shape = ConvolutionOperators.Plan(Group, x, y, Window.Axes(x[2..], y[2..], context.Dims(1)[2..]));
        Convolution.BackwardInput(shape, context.Floats(0), context.Floats(1), context.OutputFloats(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        Value dy = backward.Inputs(0), w = backward.Inputs(1), arriving = backward.Upstream;
        return
        [
            backward.Needs(0) ? backward.Graph.Conv(arriving, w, null, Window, Group) : null,
            backward.Needs(1) ? backward.Graph.ConvolutionWeightGradient(arriving, dy, w, Window, Group) : null,
            null,
        ];
    }

    /// <summary>A ConvTranspose with the output_padding that the sizes ask for, or where they are not known one without pads that is cropped or filled to the shape.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value dy = node.Inputs[0]!, w = node.Inputs[1]!, shape = node.Inputs[2]!;
        int axes = w.Rank - 2;
        if (graph.ConstantOf(shape) is { } known && dy.Shape is { } from && w.Shape is { } weights
            && from.Skip(2).All(d => d.IsKnown) && weights.Skip(2).All(d => d.IsKnown))
        {
            var begins = new long[axes];
            var ends = new long[axes];
            var extra = new long[axes];
            for (int i = 0; i < axes; i++)
            {
                WindowAxis axis = Window.Axis(i, (int)known.Integers[i + 2], from[i + 2].Value, weights[i + 2].Value);
                (begins[i], ends[i]) = (axis.PadBegin, axis.PadEnd);
                extra[i] = axis.Input + axis.PadBegin + axis.PadEnd - axis.Extent;
            }
            if (Enumerable.Range(0, axes).All(i => extra[i] >= 0 && extra[i] < Window.Stride(i) && begins[i] >= 0 && ends[i] >= 0))
            {
                SlidingWindow padded = Window with { AutoPad = AutoPad.NotSet, Pads = [.. begins, .. ends] };
                return [graph.ConvTranspose(dy, w, null, padded, Group, Array.Exists(extra, e => e != 0) ? extra : null)];
            }
        }
        Value full = graph.ConvTranspose(dy, w, null, Window with { AutoPad = AutoPad.NotSet, Pads = [] }, Group);
        return [ConvolutionGradients.CropTo(graph, full, ConvolutionGradients.Spatial(graph, shape, axes), Window, axes)];
    }
}

/// <summary>The gradient of <see cref="Conv"/> with respect to its weights, from its input, what arrives (dy) and the weights' shape.</summary>
/// <remarks>dw(o, c, k) = Σ over n, p of dy(n, o, p) · x(n, c, p·stride + k·dilation − pad): a convolution in which batch and channels, and stride and dilation, change places.</remarks>
public sealed class ConvolutionWeightGradient(SlidingWindow window, int group) : Operator
{
    public SlidingWindow Window { get; } = window;

    public int Group { get; } = group;

    public override string Name => "ConvolutionWeightGradient";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => ConvolutionOperators.Attributes(Window, Group);

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), ConvolutionGradients.Shape(context, () =>
        context.ShapeOf(0) is { } x && context.ShapeOf(1) is { } dy ? [dy[1], x[1] / Group, .. new Dim[dy.Rank - 2]] : null));

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(0), y = context.Dims(1), w = context.OutputDims();
        ConvolutionShape shape = ConvolutionOperators.Plan(Group, x, y, Window.Axes(x[2..], y[2..], w[2..]));
        Convolution.BackwardWeight(shape, context.Floats(0), context.Floats(1), context.OutputFloats(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        Value x = backward.Inputs(0), dy = backward.Inputs(1), arriving = backward.Upstream;
        return
        [
            backward.Needs(0) ? backward.Graph.ConvolutionInputGradient(dy, arriving, x, Window, Group) : null,
            backward.Needs(1) ? backward.Graph.Conv(x, arriving, null, Window, Group) : null,
            null,
        ];
    }

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value x = node.Inputs[0]!, dy = node.Inputs[1]!, shape = node.Inputs[2]!;
        int axes = dy.Rank - 2;
        Value padded = ConvolutionGradients.PadToWindows(graph, x, dy, ConvolutionGradients.Spatial(graph, shape, axes), Window, axes);
        int[] swap = [1, 0, .. Enumerable.Range(2, axes)];
        Value turned = Group == 1 ? graph.Transpose(padded, swap) : ChannelsFirst(graph, padded, axes);
        var exchanged = new SlidingWindow { Strides = Window.Dilations, Dilations = Window.Strides };
        return [graph.Transpose(graph.Conv(turned, graph.Transpose(dy, swap), null, exchanged, Group), swap)];
    }

    /// <summary>[N, G·c, ...] as [c, G·N, ...].</summary>
    private Value ChannelsFirst(GraphBuilder graph, Value x, int axes)
    {
        Value batch = graph.Op(new ShapeOf { Start = 0, End = 1 }, x), spatial = graph.Op(new ShapeOf { Start = 2 }, x);
        Value grouped = graph.Reshape(x, graph.Concat(0, batch, graph.Integers(Group, -1), spatial));
        Value turned = graph.Transpose(grouped, [2, 1, 0, .. Enumerable.Range(3, axes)]);
        return graph.Reshape(turned, graph.Concat(0, graph.Integers(0, -1), spatial));
    }
}

/// <summary>What the gradients of convolutions and average poolings share.</summary>
internal static class ConvolutionGradients
{
    public static Value ConvolutionInputGradient(this GraphBuilder graph, Value dy, Value w, Value x, SlidingWindow window, int group) =>
        graph.Op(new ConvolutionInputGradient(window, group), dy, w, graph.ShapeOf(x));

    public static Value ConvolutionWeightGradient(this GraphBuilder graph, Value x, Value dy, Value w, SlidingWindow window, int group) =>
        graph.Op(new ConvolutionWeightGradient(window, group), x, dy, graph.ShapeOf(w));

    /// <summary>The sum over everything but the channels.</summary>
    public static Value SumOfChannels(this GraphBuilder graph, Value dy) =>
        graph.ReduceSum(dy, [0, .. Enumerable.Range(2, dy.Rank - 2).Select(i => (long)i)], keepDims: false);

    /// <summary>The shape that input 2 lists, or else what can be told of it.</summary>
    public static Shape? Shape(InferenceContext context, Func<Shape?> otherwise) =>
        context.Integers(2) is { } dims ? Graphs.Shape.Of([.. dims.Select(d => (Dim)d)]) : otherwise();

    /// <summary>The spatial part of a shape [N, C, ...].</summary>
    public static Value Spatial(GraphBuilder graph, Value shape, int axes) => graph.Slice(shape, [2], [2 + axes], [0]);

    /// <summary>Crops a transposed convolution without pads to the input that the windows were laid over; fills with zeros what no window reaches.</summary>
    public static Value CropTo(GraphBuilder graph, Value full, Value spatial, SlidingWindow window, int axes)
    {
        Value extent = graph.Op(new ShapeOf { Start = 2 }, full);
        Value begin = Begin(graph, extent, spatial, window, axes), none = Numbers(graph, axes, _ => 0), outside = graph.Integers(0, 0);
        return graph.Pad(full, graph.Concat(0, outside, graph.Sub(none, begin), outside, graph.Sub(graph.Add(spatial, begin), extent)));
    }

    /// <summary>Pads (or crops) x to exactly what the windows that made dy read.</summary>
    /// <param name="graph">Where nodes are added.</param>
    /// <param name="x">The input of the windows.</param>
    /// <param name="dy">A tensor of the outputs' sizes.</param>
    /// <param name="kernel">The sizes of the window.</param>
    /// <param name="window">How it slides.</param>
    /// <param name="axes">The number of spatial axes.</param>
    /// <param name="padding">What the padding is filled with; what lies beyond the padding is 0.</param>
    public static Value PadToWindows(GraphBuilder graph, Value x, Value dy, Value kernel, SlidingWindow window, int axes, float padding = 0)
    {
        Value one = Numbers(graph, axes, _ => 1), none = Numbers(graph, axes, _ => 0), outside = graph.Integers(0, 0);
        Value outputs = graph.Op(new ShapeOf { Start = 2 }, dy), inputs = graph.Op(new ShapeOf { Start = 2 }, x);
        Value steps = graph.Mul(graph.Sub(outputs, one), Numbers(graph, axes, window.Stride));
        Value reach = graph.Mul(graph.Sub(kernel, one), Numbers(graph, axes, window.Dilation));
        Value extent = graph.Add(graph.Add(steps, reach), one);
        Value begin = Begin(graph, extent, inputs, window, axes);
        if (padding == 0) return graph.Pad(x, graph.Concat(0, outside, begin, outside, graph.Sub(graph.Sub(extent, inputs), begin)));
        Value end = window.IsSame ? graph.Max(graph.Sub(graph.Sub(extent, inputs), begin), none) : Numbers(graph, axes, window.GivenEnd);
        Value padded = graph.Pad(x, graph.Concat(0, outside, begin, outside, end), PadMode.Constant, graph.ScalarLike(x, padding));
        Value rest = graph.Sub(graph.Sub(graph.Sub(extent, inputs), begin), end);
        return graph.Pad(padded, graph.Concat(0, outside, none, outside, rest));
    }

    /// <summary>The padding before each axis, computed in the graph.</summary>
    private static Value Begin(GraphBuilder graph, Value extent, Value input, SlidingWindow window, int axes)
    {
        if (!window.IsSame) return Numbers(graph, axes, window.GivenBegin);
        Value total = graph.Max(graph.Sub(extent, input), Numbers(graph, axes, _ => 0));
        Value half = graph.Div(total, Numbers(graph, axes, _ => 2));
        return window.AutoPad == AutoPad.SameUpper ? half : graph.Sub(total, half);
    }

    private static Value Numbers(GraphBuilder graph, int axes, Func<int, int> of) => graph.Integers([.. Enumerable.Range(0, axes).Select(i => (long)of(i))]);
}
