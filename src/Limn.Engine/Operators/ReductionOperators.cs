using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Sums, means, extremes, products and norms along axes.</summary>
/// <remarks>ONNX operator sets 1 to 25: axes that are an attribute (before 13 for ReduceSum, before 18 for the others) become an input.</remarks>
public static class ReductionOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        Of("ReduceSum", 13, (keep, noop) => new ReduceSum { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceMean", 18, (keep, noop) => new ReduceMean { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceMax", 18, (keep, noop) => new ReduceMax { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceMin", 18, (keep, noop) => new ReduceMin { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceProd", 18, (keep, noop) => new ReduceProd { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceL1", 18, (keep, noop) => new ReduceL1 { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceL2", 18, (keep, noop) => new ReduceL2 { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceSumSquare", 18, (keep, noop) => new ReduceSumSquare { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceLogSum", 18, (keep, noop) => new ReduceLogSum { KeepDims = keep, NoopWithEmptyAxes = noop }),
        Of("ReduceLogSumExp", 18, (keep, noop) => new ReduceLogSumExp { KeepDims = keep, NoopWithEmptyAxes = noop }),
    ];

    /// <summary>The sum along <paramref name="axes"/>; along all where they are null.</summary>
    public static Value ReduceSum(this GraphBuilder graph, Value x, long[]? axes, bool keepDims = true) => graph.Reduce(new ReduceSum { KeepDims = keepDims }, x, axes);

    public static Value ReduceMean(this GraphBuilder graph, Value x, long[]? axes, bool keepDims = true) => graph.Reduce(new ReduceMean { KeepDims = keepDims }, x, axes);

    public static Value ReduceMax(this GraphBuilder graph, Value x, long[]? axes, bool keepDims = true) => graph.Reduce(new ReduceMax { KeepDims = keepDims }, x, axes);

    public static Value ReduceMin(this GraphBuilder graph, Value x, long[]? axes, bool keepDims = true) => graph.Reduce(new ReduceMin { KeepDims = keepDims }, x, axes);

    /// <summary>Adds a reduction along <paramref name="axes"/>: along all where they are null, x itself where they are none.</summary>
    public static Value Reduce(this GraphBuilder graph, ReduceOperator op, Value x, long[]? axes) => axes switch
    {
        null => graph.Op(op, x),
        [] => x,
        _ => graph.Op(op, x, graph.Integers(axes)),
    };

    private static OperatorDefinition Of(string name, int axesAreInputSince, Func<bool, bool, ReduceOperator> create) => OperatorDefinition.Of(name, import =>
    {
        bool keep = import.Attributes.Flag("keepdims", true);
        if (import.Opset >= axesAreInputSince) return import.Emit(create(keep, import.Attributes.Flag("noop_with_empty_axes", false)), import.Inputs);
        long[] axes = import.Attributes.Ints("axes") ?? [];
        return import.Emit(create(keep, false), axes.Length == 0 ? [import.Input(0)] : [import.Input(0), import.Graph.Integers(axes)]);
    });
}

/// <summary>Σ x; of integers, wrapping around.</summary>
public sealed class ReduceSum() : ReduceOperator("ReduceSum")
{
    public override int OpsetVersion => 13;

    private protected override Value Derive(Backward backward, Value upstream, Value output) => backward.Graph.ExpandLike(upstream, backward.Input);

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.Sum(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Sum(x, dims, axes, y, workers);
}

/// <summary>Σ x / n; of integers, truncated towards 0.</summary>
public sealed class ReduceMean() : ReduceOperator("ReduceMean")
{
    private protected override Value Derive(Backward backward, Value upstream, Value output)
    {
        GraphBuilder graph = backward.Graph;
        Value share = graph.Div(graph.Cast(graph.SizeOf(output), ElementType.Float), graph.Cast(graph.SizeOf(backward.Input), ElementType.Float)); // a count may not fit into a half
        return graph.ExpandLike(graph.Mul(upstream, share), backward.Input);
    }

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.Mean(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Mean(x, dims, axes, y, workers);
}

/// <summary>The largest or smallest; NaN if any is NaN. Of booleans, whether any or whether all are true.</summary>
/// <remarks>Where several elements tie, the gradient is shared evenly among them, as by PyTorch's amax.</remarks>
public abstract class ReduceExtremeOperator(string name) : ReduceOperator(name)
{
    private protected override bool Takes(Storage storage) => storage != Storage.String;

    private protected sealed override Value Derive(Backward backward, Value upstream, Value output)
    {
        GraphBuilder graph = backward.Graph;
        Value wins = graph.Cast(graph.Equal(backward.Input, output), upstream.Type);
        return graph.Mul(wins, graph.Div(upstream, graph.SumTo(wins, output)));
    }
}

/// <inheritdoc cref="ReduceExtremeOperator"/>
public sealed class ReduceMax() : ReduceExtremeOperator("ReduceMax")
{
    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.Max(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Max(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<bool> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<bool> y, Workers workers) =>
        Reduction.Apply<AnyReduction, bool, bool>(x, dims, axes, y, workers);
}

/// <inheritdoc cref="ReduceExtremeOperator"/>
public sealed class ReduceMin() : ReduceExtremeOperator("ReduceMin")
{
    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.Min(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Min(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<bool> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<bool> y, Workers workers) =>
        Reduction.Apply<AllReduction, bool, bool>(x, dims, axes, y, workers);
}

/// <summary>Π x; of integers, wrapping around.</summary>
/// <remarks>The gradient is exact where factors are 0; a second derivative counts only pairs of factors of which at most one is 0.</remarks>
public sealed class ReduceProd() : ReduceOperator("ReduceProd")
{
    /// <summary>The product of the other factors: y/xᵢ without zeros, the product of the rest for the only zero, 0 beside two.</summary>
    private protected override Value Derive(Backward backward, Value upstream, Value output)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, isZero = graph.Equal(x, graph.ScalarLike(x, 0));
        Value nonzero = graph.Where(isZero, graph.ScalarLike(x, 1), x);
        Value[] operands = backward.Has(1) ? [nonzero, backward.Inputs(1)] : [nonzero];
        Value rest = graph.Op(new ReduceProd { NoopWithEmptyAxes = NoopWithEmptyAxes }, operands);
        Value zeros = graph.SumTo(graph.Cast(isZero, x.Type), output);
        Value others = graph.Div(rest, nonzero);
        Value single = graph.And(isZero, graph.Equal(zeros, graph.ScalarLike(x, 1)));
        Value counts = graph.Or(single, graph.Equal(zeros, graph.ScalarLike(x, 0)));
        return graph.WhereOrZero(counts, graph.Mul(upstream, others));
    }

    private protected override void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Reduction.Product(x, dims, axes, y, workers);

    private protected override void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Reduction.Product(x, dims, axes, y, workers);
}
