using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Several tensors as one, one as several, and one repeated: <c>Concat</c>, <c>Split</c>, <c>Expand</c>, <c>Tile</c>.</summary>
public static class JoinOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Concat", a => new Concat { Axis = a.Int("axis", 1) }, since: 4),
        OperatorDefinition.Of("Split", ImportSplit, since: 2),
        OperatorDefinition.Of("Expand", _ => new Expand(), since: 8),
        OperatorDefinition.Of("Tile", _ => new Tile(), since: 6),
    ];

    /// <summary>The values one after the other along an axis.</summary>
    public static Value Concat(this GraphBuilder graph, int axis, params Value[] values) => graph.Op(new Concat { Axis = axis }, values);

    /// <summary>Parts of the given sizes along an axis.</summary>
    public static IReadOnlyList<Value> Split(this GraphBuilder graph, Value x, int axis, params long[] sizes) =>
        graph.Node(new Split { Axis = axis }, [x, graph.Integers(sizes)], sizes.Length);

    /// <summary><paramref name="count"/> parts along an axis, of which all but the last are equally large.</summary>
    public static IReadOnlyList<Value> SplitEvenly(this GraphBuilder graph, Value x, int axis, int count) =>
        graph.Node(new Split { Axis = axis, Parts = count }, [x], count);

    /// <summary><paramref name="x"/> repeated to what it and the shape broadcast to.</summary>
    public static Value Expand(this GraphBuilder graph, Value x, Value shape) => graph.Op(new Expand(), x, shape);

    /// <summary><paramref name="x"/> repeated to the shape of <paramref name="like"/>.</summary>
    public static Value ExpandLike(this GraphBuilder graph, Value x, Value like) => graph.Expand(x, graph.ShapeOf(like));

    /// <summary><paramref name="x"/> repeated along each axis.</summary>
    public static Value Tile(this GraphBuilder graph, Value x, params long[] repeats) => graph.Op(new Tile(), x, graph.Integers(repeats));

    private static IReadOnlyList<Value> ImportSplit(OperatorImport import)
    {
        long axis = import.Attributes.Int("axis", 0);
        long parts = import.Attributes.Int("num_outputs", 0);
        Value? sizes = import.Has(1) ? import.Input(1) : null;
        if (import.Opset < 13 && import.Attributes.Ints("split") is { } listed) sizes = import.Graph.Integers(listed);
        if (sizes is not null) return import.Emit(new Split { Axis = axis }, [import.Input(0), sizes]);
        return import.Emit(new Split { Axis = axis, Parts = parts > 0 ? parts : import.OutputNames.Count }, [import.Input(0)]);
    }
}

/// <summary>The inputs one after the other along <see cref="Axis"/>.</summary>
/// <remarks>ONNX 4 to newest; a negative axis counts from the back. Inputs that are empty along the axis are allowed.</remarks>
public sealed class Concat : MovementOperator
{
    public long Axis { get; init; }

    public override string Name => "Concat";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis)];

    /// <summary>All others are empty where the first has the result's size.</summary>
    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => input.SequenceEqual(output);

    public override void Infer(InferenceContext context)
    {
        Shape? first = null;
        for (int i = 0; i < context.InputCount; i++) first ??= context.ShapeOf(i);
        if (first is null)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        int axis = Shape.Axis(Axis, first.Rank);
        Dim[] dims = [.. first];
        dims[axis] = 0;
        for (int i = 0; i < context.InputCount; i++)
        {
            if (context.TypeOf(i).Storage() != context.TypeOf(0).Storage()) throw context.Error($"input {i} is of type {context.TypeOf(i)} and input 0 of {context.TypeOf(0)}; all must be of one type.");
            if (context.ShapeOf(i) is not { } shape)
            {
                dims[axis] = Dim.Unknown;
                continue;
            }
            if (shape.Rank != first.Rank) throw context.Error($"input {i} has the shape {shape}, and another {first}; all must have the same number of dimensions.");
            for (int d = 0; d < dims.Length; d++)
            {
                if (d == axis) continue;
                if (dims[d].IsKnown && shape[d].IsKnown && dims[d] != shape[d])
                    throw context.Error($"input {i} has the shape {shape}, and another {first}; apart from axis {axis} they must agree.");
                if (!dims[d].IsKnown && (shape[d].IsKnown || dims[d].Symbol is null)) dims[d] = shape[d];
            }
            dims[axis] = i > 0 && dims[axis] == Dim.Unknown ? Dim.Unknown : dims[axis] + shape[axis];
        }
        context.Output(0, context.TypeOf(0), Shape.Of(dims));
    }

    protected override void Move<T>(KernelContext context)
    {
        (int outer, int total, int inner) = Dims.Split(context.OutputDims(), (int)Axis);
        int axis = Dims.Axis((int)Axis, context.OutputDims().Length), start = 0;
        for (int i = 0; i < context.InputCount; i++)
        {
            int size = context.Dims(i)[axis];
            Joining.ConcatPart<T>(context.Input(i).Elements<T>(), size, context.Output(0).Elements<T>(), outer, total, start, inner, context.Workers);
            start += size;
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        int count = backward.Node.Inputs.Count, axis = Shape.Axis(Axis, backward.Output.Rank);
        Value sizes = graph.Concat(0, [.. backward.Node.Inputs.Select(x => graph.Op(new ShapeOf { Start = axis, End = axis + 1 }, x))]);
        IReadOnlyList<Value> parts = graph.Node(new Split { Axis = axis }, [backward.Upstream, sizes], count);
        return [.. parts];
    }
}

/// <summary>Parts of the input along <see cref="Axis"/>: of the sizes that the second input lists, or <see cref="Parts"/> equal ones.</summary>
/// <remarks>ONNX 2 to newest (before 13 the sizes are an attribute). Where the equal parts do not come out even, the last is smaller.</remarks>
public sealed class Split : MovementOperator
{
    public long Axis { get; init; }

    /// <summary>How many equal parts; 0 where the sizes are an input.</summary>
    public long Parts { get; init; }

    public override string Name => "Split";

    public override int OpsetVersion => Parts > 0 ? 18 : 13;

    public override IEnumerable<OperatorAttribute> Attributes => Parts > 0 ? [new("axis", Axis), new("num_outputs", Parts)] : [new("axis", Axis)];

    public override void Infer(InferenceContext context)
    {
        ElementType type = context.TypeOf(0);
        Shape? shape = context.ShapeOf(0);
        int axis = shape is null ? 0 : Shape.Axis(Axis, shape.Rank);
        const long MostParts = 1 << 16;
        if (!context.Has(1) && Parts is < 1 or > MostParts) throw context.Error($"it splits into {Parts} parts; 1 to {MostParts} are possible.");
        long[]? sizes = context.Has(1) ? context.Integers(1) : shape is not null && shape[axis].IsKnown ? EqualParts(shape[axis].Value) : null;
        if (sizes is not null)
        {
            if (sizes.Length < context.OutputCount) throw context.Error($"{sizes.Length} parts are listed, and {context.OutputCount} outputs are used.");
            if (sizes.Any(s => s < 0)) throw context.Error($"the sizes [{string.Join(',', sizes)}] hold a negative one.");
            if (shape is not null && shape[axis].IsKnown && sizes.Sum() != shape[axis].Value)
                throw context.Error($"the sizes [{string.Join(',', sizes)}] do not add up to axis {axis} of an input of shape {shape}.");
        }
        for (int i = 0; i < context.OutputCount; i++)
            context.Output(i, type, shape?.With(axis, sizes is null ? Dim.Unknown : sizes[i]));
    }

    protected override void Move<T>(KernelContext context)
    {
        (int outer, int total, int inner) = Dims.Split(context.Dims(0), (int)Axis);
        long[] sizes = context.Has(1) ? context.Integers(1).ToArray() : EqualParts(total);
        int start = 0;
        for (int i = 0; i < context.OutputCount; i++)
        {
            int size = (int)sizes[i];
            if (context.Wants(i)) Joining.SplitPart<T>(context.Input(0).Elements<T>(), total, start, context.Output(i).Elements<T>(), size, outer, inner, context.Workers);
            start += size;
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        var sent = new Value?[backward.Node.Inputs.Count];
        Value[] parts = [.. Enumerable.Range(0, backward.Node.Outputs.Count).Select(backward.UpstreamOf)];
        sent[0] = backward.Graph.Concat(Shape.Axis(Axis, backward.Output.Rank), parts);
        return sent;
    }

    private long[] EqualParts(int size)
    {
        long each = (size + Parts - 1) / Parts;
        var sizes = new long[Parts];
        for (int i = 0; i < sizes.Length; i++) sizes[i] = Math.Clamp(size - i * each, 0, each);
        return sizes;
    }
}

/// <summary>The input repeated to the shape that it and the listed one broadcast to.</summary>
/// <remarks>ONNX 8 to newest. Broadcasting goes both ways: a 1 in the list keeps the input's dimension.</remarks>
public sealed class Expand : MovementOperator
{
    public override string Name => "Expand";

    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => NdArray.Count(input) == NdArray.Count(output);

    public override void Infer(InferenceContext context)
    {
        Shape? from = context.ShapeOf(0), result = null;
        if (context.Integers(1) is { } wanted)
        {
            if (from is not null) result = Shape.Broadcast(from, Shape.Of([.. wanted.Select(d => (Dim)d)]));
        }
        else if (from is not null && context.ShapeOf(1) is { Rank: 1 } length && length[0].IsKnown)
            result = Shape.OfRank(Math.Max(from.Rank, length[0].Value));
        context.Output(0, context.TypeOf(0), result);
    }

    protected override void Move<T>(KernelContext context) =>
        Broadcast.Expand<T>(context.Input(0).Elements<T>(), context.Dims(0), context.Output(0).Elements<T>(), context.OutputDims(), context.Workers);

    public override Value?[] Gradient(Backward backward) => [backward.Graph.SumTo(backward.Upstream, backward.Input), null];
}

/// <summary>The input repeated along each axis as often as the second input lists.</summary>
/// <remarks>ONNX 6 to newest. A count of 0 gives an empty tensor.</remarks>
public sealed class Tile : MovementOperator
{
    public override string Name => "Tile";

    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => NdArray.Count(input) == NdArray.Count(output);

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (context.Integers(1) is { } repeats)
        {
            if (shape is not null && shape.Rank != repeats.Length) throw context.Error($"{repeats.Length} counts are given for an input of shape {shape}; one for each axis is expected.");
            context.Output(0, context.TypeOf(0), shape is null ? Shape.OfRank(repeats.Length) : [.. shape.Select((d, i) => d * repeats[i])]);
        }
        else context.Output(0, context.TypeOf(0), shape is null ? null : Shape.OfRank(shape.Rank));
    }

    protected override void Move<T>(KernelContext context) => Joining.Tile<T>(
        context.Input(0).Elements<T>(), context.Dims(0), Array.ConvertAll(context.Integers(1).ToArray(), r => checked((int)r)), context.Output(0).Elements<T>(), context.Workers);

    public override Value?[] Gradient(Backward backward)
    {
        // Each axis as two, (repeat, size), and the sum over the first.
        GraphBuilder graph = backward.Graph;
        int rank = backward.Input.Rank;
        if (rank == 0) return [backward.Upstream, null];
        Value pairs = graph.Concat(1, graph.Unsqueeze(backward.Inputs(1), 1), graph.Unsqueeze(graph.ShapeOf(backward.Input), 1));
        Value apart = graph.ReshapeExactly(backward.Upstream, graph.Reshape(pairs, 2L * rank));
        return [graph.ReduceSum(apart, [.. Enumerable.Range(0, rank).Select(i => 2L * i)], keepDims: false), null];
    }
}
