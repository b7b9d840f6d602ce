using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Σ |x|, with the derivative sign(x), 0 at 0.</summary>
public sealed class ReduceL1() : ReduceOperator("ReduceL1")
{
    private protected override Value Derive(Backward backward, Value upstream, Value output) =>
        backward.Graph.Mul(upstream, backward.Graph.Sign(backward.Input));

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.L1(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Apply<MagnitudesInt, long, long>(x, dims, axes, y, workers);
}

/// <summary>√Σ x², with the derivative x/y, and 0 where the norm is 0, as in PyTorch.</summary>
public sealed class ReduceL2() : ReduceOperator("ReduceL2")
{
    private protected override Value Derive(Backward backward, Value upstream, Value output)
    {
        GraphBuilder graph = backward.Graph;
        Value divisor = graph.Where(graph.Equal(output, graph.ScalarLike(output, 0)), graph.ScalarLike(output, 1), output);
        return graph.Mul(graph.Div(upstream, divisor), backward.Input);
    }

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.L2(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Apply<DoublesInt<SquareTerm, FinishRoot>, long, double>(x, dims, axes, y, workers);
}

/// <summary>Σ x².</summary>
public sealed class ReduceSumSquare() : ReduceOperator("ReduceSumSquare")
{
    private protected override Value Derive(Backward backward, Value upstream, Value output) =>
        backward.Graph.Mul(backward.Graph.Scale(upstream, 2), backward.Input);

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.SumOfSquares(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Apply<SquaresInt, long, long>(x, dims, axes, y, workers);
}

/// <summary>ln Σ x, with the derivative e^−y.</summary>
public sealed class ReduceLogSum() : ReduceOperator("ReduceLogSum")
{
    private protected override Value Derive(Backward backward, Value upstream, Value output)
    {
        GraphBuilder graph = backward.Graph;
        return graph.ExpandLike(graph.Mul(upstream, graph.Exp(graph.Neg(output))), backward.Input);
    }

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.LogSum(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Apply<DoublesInt<ItselfTerm, FinishLog>, long, double>(x, dims, axes, y, workers);
}

/// <summary>ln Σ eˣ without overflow, with the derivative e^(x − y).</summary>
public sealed class ReduceLogSumExp() : ReduceOperator("ReduceLogSumExp")
{
    private protected override Value Derive(Backward backward, Value upstream, Value output)
    {
        GraphBuilder graph = backward.Graph;
        return graph.Mul(upstream, graph.Exp(graph.Sub(backward.Input, output)));
    }

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.LogSumExp(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Apply<LogSumExpInt, long, (long, double)>(x, dims, axes, y, workers);
}
