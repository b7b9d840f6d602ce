using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>An operator that makes one number of all elements along some axes. Input 1, which may be left out, lists the axes.</summary>
/// <remarks>
/// Without axes (left out or an empty list) everything is reduced, or nothing, as <see cref="NoopWithEmptyAxes"/> says; with
/// nothing reduced the output is the input. Sums and products of floats are accumulated in double. Of nothing, a sum is 0, a
/// product 1, a maximum −∞ (the least integer), a minimum +∞ (the greatest), a mean NaN, and the logarithm of a sum −∞.
/// </remarks>
public abstract class ReduceOperator(string name) : Operator
{
    public sealed override string Name => name;

    public override int OpsetVersion => 18;

    /// <summary>Whether reduced axes stay, with size 1.</summary>
    public bool KeepDims { get; init; } = true;

    /// <summary>Whether an empty list of axes means none rather than all.</summary>
    public bool NoopWithEmptyAxes { get; init; }

    public override IEnumerable<OperatorAttribute> Attributes =>
        [new("keepdims", KeepDims ? 1L : 0L), .. NoopWithEmptyAxes ? new OperatorAttribute[] { new("noop_with_empty_axes", 1L) } : []];

    /// <summary>Whether elements of this storage are taken.</summary>
    private protected virtual bool Takes(Storage storage) => storage is Storage.Float or Storage.Integer;

    public override void Infer(InferenceContext context)
    {
        ElementType type = context.TypeOf(0);
        if (!Takes(type.Storage())) throw context.Error($"it does not take elements of type {type}.");
        context.Output(0, type, ShapeOf(context));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        int[] axes = AxesOf(context, x.Rank);
        if (axes.Length == 0 && NoopWithEmptyAxes)
        {
            context.Output(0).CopyFrom(x);
            return;
        }
        switch (x.Type.Storage())
        {
            case Storage.Float:
                Reduce(x.Floats, x.Dims, axes, context.OutputFloats(), context.Workers);
                break;
            case Storage.Integer:
                Reduce(x.Integers, x.Dims, axes, context.OutputIntegers(), context.Workers);
                if (x.Length == 0) IntegerTypes.Clamp(context.OutputIntegers(), x.Type);
                else IntegerTypes.Wrap(context.OutputIntegers(), x.Type);
                break;
            default:
                Reduce(x.Booleans, x.Dims, axes, context.OutputBooleans(), context.Workers);
                break;
        }
    }

    public sealed override Value?[]? Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        var sent = new Value?[backward.Node.Inputs.Count];
        NdArray? known = backward.Has(1) ? graph.ConstantOf(backward.Inputs(1)) : NdArray.Vector(Array.Empty<long>());
        if (NoopWithEmptyAxes && known is { Length: 0 })
        {
            sent[0] = backward.Upstream;
            return sent;
        }
        // Whether anything is reduced is known only when it runs; the rule of the sum holds either way.
        if (NoopWithEmptyAxes && known is null && this is not ReduceSum { KeepDims: true }) return null;
        (Value upstream, Value output) = KeepDims ? (backward.Upstream, backward.Output) : (Kept(backward.Upstream), Kept(backward.Output));
        sent[0] = Derive(backward, upstream, output);
        return sent;

        // With the reduced axes back in place, so that it broadcasts against the input.
        Value Kept(Value value)
        {
            if (known is { Length: > 0 }) return graph.Unsqueeze(value, known.Integers.ToArray());
            if (known is { Length: 0 }) return graph.Reshape(value, [.. Enumerable.Repeat(1L, backward.Input.Rank)]);
            return graph.ReshapeLike(value, graph.Op(new ReduceMax { NoopWithEmptyAxes = NoopWithEmptyAxes }, backward.Input, backward.Inputs(1)));
        }
    }

    /// <summary>What is sent to the input, of its shape.</summary>
    /// <param name="backward">The node.</param>
    /// <param name="upstream">What arrives, with the reduced axes as 1.</param>
    /// <param name="output">The output, with the reduced axes as 1.</param>
    private protected abstract Value Derive(Backward backward, Value upstream, Value output);

    private protected abstract void Reduce(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers);

    private protected abstract void Reduce(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers);

    private protected virtual void Reduce(ReadOnlySpan<bool> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<bool> y, Workers workers) =>
        throw new UnsupportedOperatorException($"{Name} is not defined for booleans.");

    private int[] AxesOf(KernelContext context, int rank)
    {
        ReadOnlySpan<long> listed = context.Has(1) ? context.Integers(1) : [];
        if (listed.IsEmpty) return NoopWithEmptyAxes ? [] : [.. Enumerable.Range(0, rank)];
        var axes = new int[listed.Length];
        for (int i = 0; i < axes.Length; i++) axes[i] = Shape.Axis(listed[i], rank);
        return axes;
    }

    private Shape? ShapeOf(InferenceContext context)
    {
        long[]? listed = context.Has(1) ? context.Integers(1) : [];
        if (context.ShapeOf(0) is not { } shape) return listed is { Length: 0 } && !NoopWithEmptyAxes && !KeepDims ? Shape.Scalar : null;
        if (listed is null)
        {
            if (KeepDims) return Shape.OfRank(shape.Rank);
            return context.ShapeOf(1) is { Rank: 1 } list && list[0].IsKnown && list[0].Value is > 0 and int count && count <= shape.Rank
                ? Shape.OfRank(shape.Rank - count) : null;
        }
        if (listed.Length == 0 && NoopWithEmptyAxes) return shape;
        var reduced = new bool[shape.Rank];
        if (listed.Length == 0) Array.Fill(reduced, true);
        foreach (long axis in listed)
        {
            int a = Shape.Axis(axis, shape.Rank);
            if (reduced[a]) throw context.Error($"axis {axis} occurs twice among its axes.");
            reduced[a] = true;
        }
        return KeepDims ? Shape.Of([.. shape.Select((d, i) => reduced[i] ? 1 : d)]) : Shape.Of([.. shape.Where((_, i) => !reduced[i])]);
    }
}
