using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>y[n, c, p] = Σₖ w[n, p, k] · x[n, c, index[n, p, k]]: interpolation at places that data say. Inputs: x, index, weights.</summary>
/// <remarks>The core of GridSample, RoiAlign and DeformConv, which compute index and weights by standard operators. No gradient is sent to the index.</remarks>
public sealed class WeightedGather : Operator
{
    public override string Name => "WeightedGather";

    public override string Domain => "limn";

    public override void Infer(InferenceContext context)
    {
        Dim samples = Dim.Unknown, channels = Dim.Unknown;
        if (context.ShapeOf(0) is { Rank: 3 } x) (samples, channels) = (x[0], x[1]);
        context.Output(0, context.TypeOf(0), [samples, channels, context.ShapeOf(1) is { Rank: 3 } index ? index[1] : Dim.Unknown]);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(0), index = context.Dims(1);
        WeightedGathering.Gather(new(x[0], x[1], x[2], index[1], index[2]), context.Input(0).FloatMemory, WeightedGathering.Checked(context.Integers(1), x[2]),
            context.Input(2).FloatMemory, context.Output(0).FloatMemory, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), index = backward.Inputs(1), weights = backward.Inputs(2), dy = backward.Upstream;
        return
        [
            backward.Needs(0) ? graph.Op(new WeightedScatter(), dy, index, weights, graph.DimOf(x, 2)) : null,
            null,
            backward.Needs(2) ? graph.Op(new WeightedGatherProducts(), dy, x, index) : null,
        ];
    }

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node) =>
        [graph.ReduceSum(graph.Mul(Gathered(graph, node.Inputs[0]!, node.Inputs[1]!), graph.Unsqueeze(node.Inputs[2]!, 1)), [3], keepDims: false)];

    /// <summary>x[n, c, index[n, p, k]] as [n, c, p, k].</summary>
    internal static Value Gathered(GraphBuilder graph, Value x, Value index) => Spread(graph, graph.GatherElements(x, FlatIndex(graph, index, graph.DimOf(x, 1)), 2), index);

    /// <summary>The index as [n, channels, p · k].</summary>
    internal static Value FlatIndex(GraphBuilder graph, Value index, Value channels)
    {
        Value samples = graph.DimOf(index, 0), taps = graph.Mul(graph.DimOf(index, 1), graph.DimOf(index, 2));
        return graph.Expand(graph.ReshapeExactly(index, graph.Concat(0, samples, graph.Integers(1), taps)), graph.Concat(0, samples, channels, taps));
    }

    private static Value Spread(GraphBuilder graph, Value flat, Value index) =>
        graph.ReshapeExactly(flat, graph.Concat(0, graph.DimOf(flat, 0), graph.DimOf(flat, 1), graph.DimOf(index, 1), graph.DimOf(index, 2)));
}

/// <summary>The adjoint of <see cref="WeightedGather"/> in x: x[n, c, index[n, p, k]] += w[n, p, k] · y[n, c, p]. Inputs: y, index, weights, the length of x.</summary>
public sealed class WeightedScatter : Operator
{
    public override string Name => "WeightedScatter";

    public override string Domain => "limn";

    public override void Infer(InferenceContext context)
    {
        Dim samples = Dim.Unknown, channels = Dim.Unknown;
        if (context.ShapeOf(0) is { Rank: 3 } y) (samples, channels) = (y[0], y[1]);
        context.Output(0, context.TypeOf(0), [samples, channels, context.Integers(3) is [var length] ? Dim.Of(length) : Dim.Unknown]);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.OutputDims(), index = context.Dims(1);
        WeightedGathering.Scatter(new(x[0], x[1], x[2], index[1], index[2]), context.Input(0).FloatMemory, WeightedGathering.Checked(context.Integers(1), x[2]),
            context.Input(2).FloatMemory, context.Output(0).FloatMemory, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value y = backward.Inputs(0), index = backward.Inputs(1), weights = backward.Inputs(2), dx = backward.Upstream;
        return
        [
            backward.Needs(0) ? graph.Op(new WeightedGather(), dx, index, weights) : null,
            null,
            backward.Needs(2) ? graph.Op(new WeightedGatherProducts(), y, dx, index) : null,
            null,
        ];
    }

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value y = node.Inputs[0]!, index = WeightedGather.FlatIndex(graph, node.Inputs[1]!, graph.DimOf(y, 1));
        Value updates = graph.ReshapeLike(graph.Mul(graph.Unsqueeze(y, 3), graph.Unsqueeze(node.Inputs[2]!, 1)), index);
        Value zeros = graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(y.Type)), graph.Concat(0, graph.DimOf(y, 0), graph.DimOf(y, 1), node.Inputs[3]!));
        return [graph.ScatterElements(zeros, index, updates, 2, ScatterMode.Add)];
    }
}

/// <summary>The derivative of <see cref="WeightedGather"/> by its weights: Σ_c y[n, c, p] · x[n, c, index[n, p, k]]. Inputs: y, x, index.</summary>
public sealed class WeightedGatherProducts : Operator
{
    public override string Name => "WeightedGatherProducts";

    public override string Domain => "limn";

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), context.ShapeOf(2));

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(1), index = context.Dims(2);
        WeightedGathering.Products(new(x[0], x[1], x[2], index[1], index[2]), context.Input(0).FloatMemory, context.Input(1).FloatMemory,
            WeightedGathering.Checked(context.Integers(2), x[2]), context.Output(0).FloatMemory, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value y = backward.Inputs(0), x = backward.Inputs(1), index = backward.Inputs(2), arriving = backward.Upstream;
        return
        [
            backward.Needs(0) ? graph.Op(new WeightedGather(), x, index, arriving) : null,
            backward.Needs(1) ? graph.Op(new WeightedScatter(), y, index, arriving, graph.DimOf(x, 2)) : null,
            null,
        ];
    }

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node) =>
        [graph.ReduceSum(graph.Mul(graph.Unsqueeze(node.Inputs[0]!, 3), WeightedGather.Gathered(graph, node.Inputs[1]!, node.Inputs[2]!)), [1], keepDims: false)];
}
