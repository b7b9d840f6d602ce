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

    private static bool Fits(ReadOnlySpan<int> x, ReadOnlySpan<int> y)
    {
        for (int d = 1; d <= y.Length; d++)
            if (y[^d] != x[^d]) return false;
        return true;
    }
}
