using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Poolings over one to three spatial axes.</summary>
public static class PoolingOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("MaxPool", i => i.Emit(
            new MaxPool(SlidingWindow.Read(i, pooling: true)) { ColumnMajor = i.Attributes.Flag("storage_order", false) }, i.Inputs), notes: "One to three spatial axes."),
        OperatorDefinition.Of("AveragePool", i => i.Emit(
            new AveragePool(SlidingWindow.Read(i, pooling: true)) { CountIncludePad = i.Attributes.Flag("count_include_pad", false) }, i.Inputs), notes: "One to three spatial axes."),
        OperatorDefinition.Of("GlobalAveragePool", _ => new GlobalAveragePool()),
        OperatorDefinition.Of("GlobalMaxPool", _ => new GlobalMaxPool()),
    ];

    /// <summary>The maximum of each window.</summary>
    public static Value MaxPool(this GraphBuilder graph, Value x, SlidingWindow window) => graph.Op(new MaxPool(window), x);

    /// <summary>The mean of each window.</summary>
    public static Value AveragePool(this GraphBuilder graph, Value x, SlidingWindow window, bool countIncludePad = false) =>
        graph.Op(new AveragePool(window) { CountIncludePad = countIncludePad }, x);

    public static Value GlobalAveragePool(this GraphBuilder graph, Value x) => graph.Op(new GlobalAveragePool(), x);

    public static Value GlobalMaxPool(this GraphBuilder graph, Value x) => graph.Op(new GlobalMaxPool(), x);

    /// <summary>The number of spatial positions of x [N, C, ...], as a vector of length one.</summary>
    internal static Value Positions(this GraphBuilder graph, Value x)
    {
        Value product = graph.Integers(1);
        for (int i = 2; i < x.Rank; i++) product = graph.Mul(product, graph.Op(new ShapeOf { Start = i, End = i + 1 }, x));
        return product;
    }

    /// <summary>The number of elements of <paramref name="few"/> over that of <paramref name="many"/>, as a scalar: one over how many are averaged.</summary>
    /// <remarks>In float whatever the type of the values: a count may be beyond what half precision holds.</remarks>
    internal static Value Share(this GraphBuilder graph, Value few, Value many) =>
        graph.Div(graph.Cast(graph.SizeOf(few), ElementType.Float), graph.Cast(graph.SizeOf(many), ElementType.Float));

    /// <summary>The shape of a pooling's output, as far as it is known.</summary>
    internal static Shape? Infer(InferenceContext context, SlidingWindow window)
    {
        int? rank = context.ShapeOf(0)?.Rank ?? (window.Kernel.Length > 0 ? window.Kernel.Length + 2 : null);
        if (rank is null) return null;
        window.Validate(context, rank.Value);
        if (window.Kernel.Length == 0) throw context.Error("kernel_shape is missing.");
        Shape x = context.ShapeOf(0) ?? Shape.OfRank(rank.Value);
        var dims = new Dim[rank.Value];
        (dims[0], dims[1]) = (x[0], x[1]);
        for (int i = 0; i < dims.Length - 2; i++)
        {
            int extent = window.Extent(i, (int)window.Kernel[i]);
            if (window.GivenBegin(i) < 0 || window.GivenEnd(i) < 0 || Math.Max(window.GivenBegin(i), window.GivenEnd(i)) >= extent)
                throw context.Error($"the pads of a pooling must be at least 0 and less than the window's reach, {extent} on spatial axis {i}, and are {window.GivenBegin(i)} and {window.GivenEnd(i)}.");
            dims[i + 2] = window.Outputs(i, x[i + 2], window.Kernel[i]);
        }
        return Shape.Of(dims);
    }

    internal static PoolingShape Plan(SlidingWindow window, ReadOnlySpan<int> x, ReadOnlySpan<int> y)
    {
        var (depth, height, width) = window.Axes(x[2..], y[2..], Array.ConvertAll(window.Kernel, k => (int)k));
        return new PoolingShape { Planes = checked(x[0] * x[1]), Depth = depth, Height = height, Width = width };
    }
}

/// <summary>The maximum of each window, and as an optional second output where it is in the flattened input.</summary>
/// <remarks>
/// Padding never wins; a window without any input gives −∞ and the index −1. Ties go to the first in row-major order and a NaN wins, as in PyTorch.
/// The gradient goes to the maximum that the index names. ONNX 1 to 22 have this one meaning (8 added the indices, 10 dilations and ceil_mode);
/// that a window which would start beyond the input is dropped under ceil_mode follows the text of 22.
/// </remarks>
public sealed class MaxPool(SlidingWindow window) : Operator
{
    public SlidingWindow Window { get; } = window;

    /// <summary>Whether the indices count the spatial positions in column-major order (storage_order 1).</summary>
    public bool ColumnMajor { get; init; }

    public override string Name => "MaxPool";

    public override bool KeepsMeaning => true;

    public override int OpsetVersion => 12;

    public override IEnumerable<OperatorAttribute> Attributes => ColumnMajor ? Window.Attributes.Append(new("storage_order", 1L)) : Window.Attributes;

    public override void Infer(InferenceContext context)
    {
        Shape? shape = PoolingOperators.Infer(context, Window);
        context.Output(0, context.TypeOf(0), shape);
        context.Output(1, ElementType.Int64, shape);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(0), y = context.Wants(0) ? context.OutputDims() : context.OutputDims(1);
        PoolingShape shape = PoolingOperators.Plan(Window, x, y);
        Span<long> indices = context.Wants(1) ? context.OutputIntegers(1) : [];
        if (context.Input(0).Type.IsFloating())
        {
            Span<float> values = context.Wants(0) ? context.OutputFloats() : new float[indices.Length];
            Pooling.Max(shape, context.Floats(0), values, indices, context.Workers);
        }
        else
        {
            // Only 8-bit integers may be pooled, and floats hold those exactly.
            var values = new float[checked((int)shape.OutputLength)];
            Pooling.Max(shape, Array.ConvertAll(context.Integers(0).ToArray(), v => (float)v), values, indices, context.Workers);
            if (context.Wants(0))
                for (int i = 0; i < values.Length; i++) context.OutputIntegers()[i] = (long)values[i];
        }
        if (ColumnMajor) ToColumnMajor(indices, x[2..]);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, dy = backward.Upstream;
        Value indices = graph.Node(new MaxPool(Window), [x], outputCount: 2)[1]; // merged with the forward node when the graph is compiled
        if (MayMissTheInput)
        {
            Value hit = graph.GreaterOrEqual(indices, graph.Integers(0));
            dy = graph.Mul(dy, graph.Cast(hit, dy.Type));
        }
        Value flat = graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(dy.Type)), graph.Reshape(graph.SizeOf(x), 1));
        Value scattered = graph.ScatterElements(flat, graph.Reshape(indices, -1), graph.Reshape(dy, -1), 0, ScatterMode.Add);
        return [graph.ReshapeLike(scattered, x)];
    }

    /// <summary>Whether a window could lie wholly in the padding: only if its taps have gaps.</summary>
    private bool MayMissTheInput => Array.Exists(Window.Dilations, d => d > 1) && (Window.IsSame || Window.CeilMode || Array.Exists(Window.Pads, p => p > 0));

    private static void ToColumnMajor(Span<long> indices, ReadOnlySpan<int> spatial)
    {
        long positions = 1;
        foreach (int size in spatial) positions *= size;
        foreach (ref long index in indices)
        {
            if (index < 0) continue;
            long plane = index / positions, rest = index % positions, turned = 0;
            long step = positions;
            for (int axis = spatial.Length - 1; axis >= 0; axis--)
            {
                step /= spatial[axis];
                turned += rest % spatial[axis] * step;
                rest /= spatial[axis];
            }
            index = plane * positions + turned;
        }
    }
}

/// <summary>The mean of each window.</summary>
/// <remarks>
/// The divisor counts the positions of the window on the input, or with <see cref="CountIncludePad"/> on the padded input; what a window that was rounded up
/// reaches beyond the padding never counts, as in PyTorch and ONNX 19. ONNX 7 to 22 (10 added ceil_mode, 19 dilations).
/// </remarks>
public sealed class AveragePool(SlidingWindow window) : Operator
{
    public SlidingWindow Window { get; } = window;

    public bool CountIncludePad { get; init; }

    public override string Name => "AveragePool";

    public override int OpsetVersion => Array.Exists(Window.Dilations, d => d != 1) ? 19 : 11;

    public override IEnumerable<OperatorAttribute> Attributes => CountIncludePad ? Window.Attributes.Append(new("count_include_pad", 1L)) : Window.Attributes;

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), PoolingOperators.Infer(context, Window));

    public override void Execute(KernelContext context)
    {
        PoolingShape shape = PoolingOperators.Plan(Window, context.Dims(0), context.OutputDims());
        Pooling.Average(shape, CountIncludePad, context.Floats(0), context.OutputFloats(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.Op(new AveragePoolGradient(Window, CountIncludePad), backward.Upstream, backward.Graph.ShapeOf(backward.Input))];
}

/// <summary>The mean over all spatial axes, which stay as axes of length one; NaN when they are empty. ONNX 1 and 22.</summary>
public sealed class GlobalAveragePool : Operator
{
    public override string Name => "GlobalAveragePool";

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), GlobalShape(context));

    public override void Execute(KernelContext context) =>
        Reduction.Mean(context.Floats(0), context.Dims(0), SpatialAxes(context.Dims(0).Length), context.OutputFloats(), context.Workers);

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value share = graph.Mul(backward.Upstream, graph.Share(backward.Output, backward.Input));
        return [graph.ExpandLike(share, backward.Input)];
    }

    internal static Shape? GlobalShape(InferenceContext context)
    {
        if (context.ShapeOf(0) is not { } x) return null;
        if (x.Rank < 2) throw context.Error($"the input {x} is expected as [N, C, ...].");
        return Shape.Of([.. x.Select((d, i) => i < 2 ? d : 1)]);
    }

    internal static int[] SpatialAxes(int rank) => [.. Enumerable.Range(2, rank - 2)];
}

/// <summary>The maximum over all spatial axes, which stay as axes of length one; NaN if there is one, −∞ when they are empty. ONNX 1 and 22.</summary>
/// <remarks>The gradient goes to the first maximum in row-major order, as that of <see cref="MaxPool"/>.</remarks>
public sealed class GlobalMaxPool : Operator
{
    public override string Name => "GlobalMaxPool";

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), GlobalAveragePool.GlobalShape(context));

    public override void Execute(KernelContext context) =>
        Reduction.Max(context.Floats(0), context.Dims(0), GlobalAveragePool.SpatialAxes(context.Dims(0).Length), context.OutputFloats(), context.Workers);

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, outer = graph.Op(new ShapeOf { End = 2 }, x);
        Value rows = graph.Reshape(x, graph.Concat(0, outer, graph.Positions(x)));
        Value first = graph.ArgMax(rows, 2);
        Value sent = graph.Reshape(backward.Upstream, graph.Concat(0, outer, graph.Integers(1)));
        Value zeros = graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(x.Type)), graph.ShapeOf(rows));
        return [graph.ReshapeLike(graph.ScatterElements(zeros, first, sent, 2, ScatterMode.Add), x)];
    }
}
