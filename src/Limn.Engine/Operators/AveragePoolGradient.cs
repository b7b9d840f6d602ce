using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The gradient of <see cref="AveragePool"/>, from what arrives (dy) and the input's shape: each output's share goes to every position that it averaged.</summary>
public sealed class AveragePoolGradient(SlidingWindow window, bool countIncludePad) : Operator
{
    public SlidingWindow Window { get; } = window;

    public bool CountIncludePad { get; } = countIncludePad;

    public override string Name => "AveragePoolGradient";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => CountIncludePad ? Window.Attributes.Append(new("count_include_pad", 1L)) : Window.Attributes;

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.Integers(1) is { } dims ? Shape.Of([.. dims.Select(d => (Dim)d)])
            : context.ShapeOf(0) is { } dy ? [dy[0], dy[1], .. new Dim[dy.Rank - 2]] : null;
        context.Output(0, context.TypeOf(0), shape);
    }

    public override void Execute(KernelContext context)
    {
        PoolingShape shape = PoolingOperators.Plan(Window, context.OutputDims(), context.Dims(0));
        Pooling.AverageBackward(shape, CountIncludePad, context.Floats(0), context.OutputFloats(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward) => [backward.Graph.AveragePool(backward.Upstream, Window, CountIncludePad), null];

    /// <summary>dy over the number of positions that each window counts (a convolution of ones), spread by a transposed convolution with ones.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value dy = node.Inputs[0]!, shape = node.Inputs[1]!;
        int axes = Window.Kernel.Length;
        Value spatial = ConvolutionGradients.Spatial(graph, shape, axes), outputs = graph.Op(new ShapeOf { Start = 2 }, dy);
        Value planes = graph.Reshape(dy, graph.Concat(0, graph.Integers(-1, 1), outputs));
        var ones = new float[NdArray.Count(Array.ConvertAll(Window.Kernel, k => (int)k))];
        Array.Fill(ones, 1);
        Value kernel = graph.Constant(new NdArray(ones, [1, 1, .. Window.Kernel.Select(k => (int)k)]).As(dy.Type));
        var bare = new SlidingWindow { Kernel = Window.Kernel, Strides = Window.Strides, Dilations = Window.Dilations };

        Value counted = graph.Op(new ConstantOfShape(NdArray.Vector(1f).As(dy.Type)), graph.Concat(0, graph.Integers(1, 1), spatial));
        Value sizes = graph.Integers(Window.Kernel);
        counted = ConvolutionGradients.PadToWindows(graph, counted, planes, sizes, Window, axes, CountIncludePad ? 1 : 0);
        Value counts = graph.Max(graph.Conv(counted, kernel, null, bare), graph.ScalarLike(dy, 1)); // a window without a position sends nothing
        Value full = graph.ConvTranspose(graph.Div(planes, counts), kernel, null, bare);
        return [graph.Reshape(ConvolutionGradients.CropTo(graph, full, spatial, Window, axes), shape)];
    }
}
