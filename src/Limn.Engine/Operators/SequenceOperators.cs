using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Made patterns and what counts along an axis: <c>Range</c>, <c>OneHot</c>, <c>EyeLike</c>, <c>Trilu</c>, <c>CumSum</c>.</summary>
public static class SequenceOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Range", _ => new RangeOf(), since: 11),
        OperatorDefinition.Of("OneHot", a => new OneHot { Axis = a.Int("axis", -1) }, since: 9),
        OperatorDefinition.Of("EyeLike", a => new EyeLike { Diagonal = a.Int("k", 0), Type = (ElementType)a.Int("dtype", 0) }, since: 9),
        OperatorDefinition.Of("Trilu", a => new Trilu { Upper = a.Flag("upper", true) }, since: 14),
        OperatorDefinition.Of("CumSum", a => new CumSum { Exclusive = a.Flag("exclusive", false), Reverse = a.Flag("reverse", false) }, since: 11),
    ];

    /// <summary>start, start + delta, ... below the limit (above it, for a negative delta), as a vector. All three are scalars.</summary>
    public static Value Range(this GraphBuilder graph, Value start, Value limit, Value delta) => graph.Op(new RangeOf(), start, limit, delta);

    /// <summary>Running sums along an axis.</summary>
    public static Value CumSum(this GraphBuilder graph, Value x, int axis, bool exclusive = false, bool reverse = false) =>
        graph.Op(new CumSum { Exclusive = exclusive, Reverse = reverse }, x, graph.Constant(NdArray.Scalar((long)axis)));

    /// <summary>The triangle of the last two axes on one side of a diagonal; zeros elsewhere.</summary>
    public static Value Trilu(this GraphBuilder graph, Value x, bool upper = true, long diagonal = 0) =>
        graph.Op(new Trilu { Upper = upper }, x, diagonal == 0 ? null : graph.Constant(NdArray.Scalar(diagonal)));
}

/// <summary><c>Range</c>: start + i·delta for i = 0, 1, ..., max(⌈(limit − start)/delta⌉, 0) − 1. Inputs: start, limit, delta, all scalars.</summary>
/// <remarks>ONNX 11 to newest. The limit decides how many numbers there are, and gets no gradient; the start gets Σ dy, and delta Σ i · dy.</remarks>
public sealed class RangeOf : Operator
{
    public override string Name => "Range";

    public override void Infer(InferenceContext context)
    {
        ElementType type = context.TypeOf(0);
        if (context.Constant(0) is not { } start || context.Constant(1) is not { } limit || context.Constant(2) is not { } delta)
        {
            context.Output(0, type, Shape.OfRank(1));
            return;
        }
        if (start.Length != 1 || limit.Length != 1 || delta.Length != 1) throw context.Error("start, limit and delta must be scalars.");
        bool zero = type.IsInteger() ? delta.Integers[0] == 0 : delta.Floats[0] == 0;
        if (zero) throw context.Error("delta is 0.");
        double count = type.IsInteger()
            ? Math.Ceiling(((double)limit.Integers[0] - start.Integers[0]) / delta.Integers[0])
            : Math.Ceiling(((double)limit.Floats[0] - start.Floats[0]) / delta.Floats[0]);
        if (!(count <= Array.MaxLength)) throw context.Error($"a range from {start.ToTensor()} to {limit.ToTensor()} has {count} elements, which is more than an array holds.");
        context.Output(0, type, [Dim.Of((long)Math.Max(0, count))]);
    }

    public override void Execute(KernelContext context)
    {
        if (context.Output(0).Type.IsInteger())
        {
            Span<long> y = context.OutputIntegers();
            for (int i = 0; i < y.Length; i++) y[i] = context.Integers(0)[0] + i * context.Integers(2)[0];
        }
        else
        {
            Span<float> y = context.OutputFloats();
            for (int i = 0; i < y.Length; i++) y[i] = context.Floats(0)[0] + i * context.Floats(2)[0];
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        (GraphBuilder graph, Value dy) = (backward.Graph, backward.Upstream);
        Value Sent(Value terms, int to) => graph.ReshapeLike(graph.ReduceSum(terms, [0]), backward.Inputs(to));
        Value Steps() => graph.Cast(graph.CountTo(graph.DimOf(dy, 0)), dy.Type);
        return [backward.Needs(0) ? Sent(dy, 0) : null, null, backward.Needs(2) ? Sent(graph.Mul(dy, Steps()), 2) : null];
    }
}

/// <summary>A new axis of size depth that holds the on-value at the index and the off-value elsewhere. Inputs: indices, depth, [off, on].</summary>
/// <remarks>ONNX 9 to newest. Indices may be negative and then count from the back; one outside [−depth, depth) gives off-values only. The two values get the sums of what arrives where they are.</remarks>
public sealed class OneHot : Operator
{
    public long Axis { get; init; } = -1;

    public override string Name => "OneHot";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis)];

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (shape is null)
        {
            context.Output(0, context.TypeOf(2), null);
            return;
        }
        int axis = Shape.Axis(Axis, shape.Rank + 1);
        Dim depth = context.Constant(1) is { } d ? Dim.Of(Whole(d, 0)) : Dim.Unknown;
        context.Output(0, context.TypeOf(2), [.. shape.Take(axis), depth, .. shape.Skip(axis)]);
    }

    public override void Execute(KernelContext context)
    {
        switch (context.Input(2).Type.Storage())
        {
            case Storage.Float: Fill<float>(context); break;
            case Storage.Integer: Fill<long>(context); break;
            case Storage.Boolean: Fill<bool>(context); break;
            default: throw new UnsupportedOperatorException($"{Name} of strings is not supported; numbers and booleans are.");
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        if (!backward.Needs(2)) return [null, null, null];
        (GraphBuilder graph, Value dy) = (backward.Graph, backward.Upstream);
        Value at = graph.Op(new OneHot { Axis = Axis }, backward.Inputs(0), backward.Inputs(1), graph.Constant(NdArray.Vector(0f, 1).As(dy.Type)));
        Value on = graph.Reshape(graph.ReduceSum(graph.Reshape(graph.Mul(dy, at), -1), [0]), 1), all = graph.Reshape(graph.ReduceSum(graph.Reshape(dy, -1), [0]), 1);
        return [null, null, graph.Concat(0, graph.Sub(all, on), on)];
    }

    private void Fill<T>(KernelContext context)
        where T : unmanaged
    {
        (_, int depth, int inner) = Dims.Split(context.OutputDims(), (int)Axis);
        Span<T> y = context.Output(0).Elements<T>();
        ReadOnlySpan<T> values = context.Input(2).Elements<T>();
        NdArray indices = context.Input(0);
        y.Fill(values[0]);
        if (y.IsEmpty) return;
        for (int i = 0; i < indices.Length; i++)
        {
            long index = Whole(indices, i);
            if (index < 0) index += depth;
            if (index < 0 || index >= depth) continue;
            (int outer, int column) = Math.DivRem(i, inner);
            y[(int)((outer * (long)depth + index) * inner) + column] = values[1];
        }
    }

    private static long Whole(NdArray array, int i) => array.Type.IsInteger() ? array.Integers[i] : (long)array.Floats[i];
}

/// <summary>Ones on a diagonal of a matrix of the input's shape, zeros elsewhere.</summary>
/// <remarks>ONNX 9 to newest. Without a type of its own the result has the input's.</remarks>
public sealed class EyeLike : Operator
{
    /// <summary>Which diagonal: 0 the main one, positive above it.</summary>
    public long Diagonal { get; init; }

    /// <summary>The type of the result; undefined for the input's.</summary>
    public ElementType Type { get; init; }

    public override string Name => "EyeLike";

    public override IEnumerable<OperatorAttribute> Attributes => Type == ElementType.Undefined ? [new("k", Diagonal)] : [new("k", Diagonal), new("dtype", (long)Type)];

    public override bool UsesShapeOnly(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { Rank: not 2 } shape) throw context.Error($"an input of shape {shape} is not a matrix.");
        context.Output(0, Type == ElementType.Undefined ? context.TypeOf(0) : Type, context.ShapeOf(0) ?? Shape.OfRank(2));
    }

    public override void Execute(KernelContext context)
    {
        NdArray y = context.Output(0);
        switch (y.Type.Storage())
        {
            case Storage.Float: Fill(y.Floats, y.Dims, 1f); break;
            case Storage.Integer: Fill(y.Integers, y.Dims, 1L); break;
            default: Fill(y.Booleans, y.Dims, true); break;
        }
    }

    private void Fill<T>(Span<T> y, ReadOnlySpan<int> dims, T one)
    {
        y.Clear();
        for (int row = 0; row < dims[0]; row++)
        {
            long column = row + Diagonal;
            if (column >= 0 && column < dims[1]) y[row * dims[1] + (int)column] = one;
        }
    }
}

/// <summary>The elements of the last two axes on and above a diagonal (or on and below it), zeros elsewhere. Inputs: x, [diagonal].</summary>
/// <remarks>ONNX 14 to newest.</remarks>
public sealed class Trilu : MovementOperator
{
    public bool Upper { get; init; } = true;

    public override string Name => "Trilu";

    public override int OpsetVersion => 14;

    public override IEnumerable<OperatorAttribute> Attributes => [new("upper", Upper ? 1L : 0L)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { Rank: < 2 } shape) throw context.Error($"an input of shape {shape} has no matrices.");
        context.SameAs(0);
    }

    protected override void Move<T>(KernelContext context)
    {
        ReadOnlySpan<int> dims = context.Dims(0);
        int rows = dims[^2], columns = dims[^1];
        long diagonal = context.Has(1) ? context.Integers(1)[0] : 0;
        ReadOnlySpan<T> x = context.Input(0).Elements<T>();
        Span<T> y = context.Output(0).Elements<T>();
        for (int at = 0, row = 0; at < y.Length; at += columns, row = row + 1 == rows ? 0 : row + 1)
        {
            // The first column that is kept above the diagonal, and the first that is not kept below it.
            int cut = (int)Math.Clamp(Upper ? row + diagonal : row + diagonal + 1, 0, columns);
            Span<T> to = y.Slice(at, columns);
            x.Slice(at, columns).CopyTo(to);
            if (Upper) to[..cut].Clear();
            else to[cut..].Clear();
        }
    }

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.Op(new Trilu { Upper = Upper }, [backward.Upstream, .. backward.Node.Inputs.Skip(1)]), .. backward.Node.Inputs.Skip(1).Select(_ => (Value?)null)];
}

/// <summary>Running sums along an axis: y_k = Σ x_j over j ≤ k; j &lt; k if <see cref="Exclusive"/>; from the other end if <see cref="Reverse"/>. Inputs: x, axis.</summary>
/// <remarks>ONNX 11 to newest.</remarks>
public sealed class CumSum : Operator
{
    public bool Exclusive { get; init; }

    public bool Reverse { get; init; }

    public override string Name => "CumSum";

    public override IEnumerable<OperatorAttribute> Attributes => [new("exclusive", Exclusive ? 1L : 0L), new("reverse", Reverse ? 1L : 0L)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } shape && context.Integers(1) is { } axis) Shape.Axis(axis[0], shape.Rank);
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        (int outer, int axis, int inner) = Dims.Split(context.Dims(0), (int)context.Integers(1)[0]);
        switch (context.Input(0).Type.Storage())
        {
            case Storage.Float: Scan.CumulativeSum(context.Floats(0), context.OutputFloats(), outer, axis, inner, Exclusive, Reverse, context.Workers); break;
            case Storage.Integer: Scan.CumulativeSum(context.Integers(0), context.OutputIntegers(), outer, axis, inner, Exclusive, Reverse, context.Workers); break;
            default: throw new UnsupportedOperatorException($"{Name} takes numbers.");
        }
    }

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.Op(new CumSum { Exclusive = Exclusive, Reverse = !Reverse }, backward.Upstream, backward.Inputs(1)), null];
}
