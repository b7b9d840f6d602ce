using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The adjoint of broadcasting.</summary>
public static class SumToOperator
{
    /// <summary>
    /// Sums <paramref name="x"/> over the axes along which a tensor of the shape of <paramref name="like"/> is repeated to reach
    /// that of x; x itself where the two shapes are known to be equal.
    /// </summary>
    public static Value SumTo(this GraphBuilder graph, Value x, Value like) =>
        x.Shape is { } shape && shape.Equals(like.Shape) ? x : graph.Op(new SumTo(), x, like);
}

/// <summary>x summed to the shape of a second input, which broadcasts to that of x.</summary>
/// <remarks>Where the shapes turn out to be equal, nothing is computed. Sums are accumulated in double.</remarks>
public sealed class SumTo : Operator
{
    public override string Name => "SumTo";

    public override string Domain => "limn";

    public override bool UsesShapeOnly(int input) => input == 1;

    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => NdArray.Count(input) == NdArray.Count(output) && Fits(input, output);

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } from && context.ShapeOf(1) is { } to)
        {
            if (to.Rank > from.Rank) throw context.Error($"the shape {to} does not broadcast to {from}.");
            for (int d = 1; d <= to.Rank; d++)
                if (to[^d].IsKnown && from[^d].IsKnown && to[^d] != 1 && to[^d] != from[^d]) throw context.Error($"the shape {to} does not broadcast to {from}.");
        }
        context.Output(0, context.TypeOf(0), context.ShapeOf(1));
    }

    public override void Execute(KernelContext context) =>
        Reduction.SumTo(context.Floats(0), context.Dims(0), context.OutputFloats(), context.OutputDims(), context.Workers);

    public override Value?[] Gradient(Backward backward) => [backward.Graph.ExpandLike(backward.Upstream, backward.Input), null];

    /// <summary>A sum over axes that are known now or, where a symbol may stand for 1, found by comparing the shapes, and a Reshape.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value x = node.Inputs[0]!, like = node.Inputs[1]!;
        if (KnownAxes(x.Shape, like.Shape) is { } axes) return [graph.ReshapeLike(graph.ReduceSum(x, axes), like)];
        Value from = graph.ShapeOf(x), to = graph.ShapeOf(like);
        Value missing = graph.Reshape(graph.Sub(graph.SizeOf(from), graph.SizeOf(to)), 1);
        Value padded = graph.Concat(0, graph.Op(new ConstantOfShape(NdArray.Vector(1L)), missing), to);
        Value differ = graph.Squeeze(graph.Op(new NonZero(), graph.Not(graph.Equal(from, padded))), 0);
        return [graph.ReshapeLike(graph.Op(new ReduceSum { NoopWithEmptyAxes = true }, x, differ), like)];
    }

    /// <summary>The axes to sum over; null where that depends on what a symbol stands for.</summary>
    private static long[]? KnownAxes(Shape? x, Shape? like)
    {
        if (x is null || like is null) return null;
        var axes = new List<long>();
        int added = x.Rank - like.Rank;
        for (int d = 0; d < x.Rank; d++)
        {
            if (d < added || like[d - added] == 1) axes.Add(d);
            else if (!like[d - added].IsKnown && like[d - added] != x[d]) return null;
        }
        return [.. axes];
    }

    private static bool Fits(ReadOnlySpan<int> x, ReadOnlySpan<int> y)
    {
        for (int d = 1; d <= y.Length; d++)
            if (y[^d] != x[^d]) return false;
        return true;
    }
}
