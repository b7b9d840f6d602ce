using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Parts of tensors by ranges: <c>Slice</c>.</summary>
public static class SliceOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Slice", Import)];

    /// <summary>x[starts:ends:steps] along the given axes.</summary>
    public static Value Slice(this GraphBuilder graph, Value x, long[] starts, long[] ends, long[]? axes = null, long[]? steps = null) =>
        graph.Slice(x, graph.Integers(starts), graph.Integers(ends), axes is null ? null : graph.Integers(axes), steps is null ? null : graph.Integers(steps));

    /// <inheritdoc cref="Slice(GraphBuilder, Value, long[], long[], long[], long[])"/>
    public static Value Slice(this GraphBuilder graph, Value x, Value starts, Value ends, Value? axes = null, Value? steps = null) =>
        graph.Op(new Slice(), x, starts, ends, axes, steps);

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        if (import.Opset >= 10) return import.Emit(new Slice(), import.Inputs);
        long[]? starts = import.Attributes.Ints("starts"), ends = import.Attributes.Ints("ends"), axes = import.Attributes.Ints("axes");
        if (starts is null || ends is null) throw new InvalidModelException($"Node '{import.Node}' lacks the attributes 'starts' and 'ends'.");
        return import.Emit(new Slice(), [import.Input(0), import.Graph.Integers(starts), import.Graph.Integers(ends), axes is null ? null : import.Graph.Integers(axes)]);
    }
}

/// <summary>A part of each axis: from a start (inclusive) to an end (exclusive) in steps. Inputs: x, starts, ends, [axes], [steps].</summary>
/// <remarks>
/// ONNX 1 to newest (before 10, starts, ends and axes are attributes). As in numpy: negative places count from the back, places
/// outside are clamped, a negative step walks back, and a range without elements gives an empty tensor.
/// </remarks>
public sealed class Slice : MovementOperator
{
    public override string Name => "Slice";

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), SliceRange.ShapeOf(context, context.ShapeOf(0), 1));

    protected override void Move<T>(KernelContext context)
    {
        SliceRange range = SliceRange.Of(context, context.Dims(0), 1);
        Slicing.Slice<T>(context.Input(0).Elements<T>(), context.Dims(0), range.Starts, range.Steps, context.Output(0).Elements<T>(), range.Counts, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        IReadOnlyList<Value?> inputs = backward.Node.Inputs;
        var sent = new Value?[inputs.Count];
        sent[0] = backward.Graph.Op(new SliceGradient(), [backward.Upstream, backward.Graph.ShapeOf(backward.Input), .. inputs.Skip(1)]);
        return sent;
    }
}

/// <summary>The adjoint of <see cref="Slice"/>: dy at its places in a tensor of zeros. Inputs: dy, shape of x, starts, ends, [axes], [steps].</summary>
public sealed class SliceGradient : Operator
{
    public override string Name => "SliceGradient";

    public override string Domain => "limn";

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), context.Listed(1));

    public override void Execute(KernelContext context)
    {
        SliceRange range = SliceRange.Of(context, context.OutputDims(), 2);
        context.OutputFloats().Clear();
        Slicing.SetSlice<float>(context.Floats(0), range.Counts, range.Starts, range.Steps, context.OutputFloats(), context.OutputDims(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        IReadOnlyList<Value?> inputs = backward.Node.Inputs;
        var sent = new Value?[inputs.Count];
        sent[0] = backward.Graph.Op(new Slice(), [backward.Upstream, .. inputs.Skip(2)]);
        return sent;
    }

    /// <summary>The slice of the numbers 0, 1, 2, ... in the shape of x says where each element of dy goes.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value shape = node.Inputs[1]!;
        Value places = graph.Op(new Slice(), [graph.Places(shape), .. node.Inputs.Skip(2)]);
        return [graph.AddAtPlaces(node.Inputs[0]!, places, shape)];
    }
}

/// <summary>The places that a slice takes, axis by axis.</summary>
internal sealed record SliceRange(int[] Starts, int[] Steps, int[] Counts)
{
    /// <summary>From the inputs at <paramref name="from"/>: starts, ends, axes, steps.</summary>
    public static SliceRange Of(KernelContext context, ReadOnlySpan<int> dims, int from)
    {
        ReadOnlySpan<long> starts = context.Integers(from), ends = context.Integers(from + 1);
        ReadOnlySpan<long> axes = context.Has(from + 2) ? context.Integers(from + 2) : [];
        ReadOnlySpan<long> steps = context.Has(from + 3) ? context.Integers(from + 3) : [];
        var range = new SliceRange(new int[dims.Length], new int[dims.Length], dims.ToArray());
        Array.Fill(range.Steps, 1);
        for (int i = 0; i < starts.Length; i++)
        {
            int axis = Shape.Axis(axes.IsEmpty ? i : axes[i], dims.Length);
            (range.Starts[axis], range.Steps[axis], range.Counts[axis]) = Resolve(dims[axis], starts[i], ends[i], steps.IsEmpty ? 1 : steps[i]);
        }
        return range;
    }

    /// <summary>The shape of a slice, as far as it is known.</summary>
    public static Shape? ShapeOf(InferenceContext context, Shape? shape, int from)
    {
        long[]? starts = context.Integers(from), ends = context.Integers(from + 1);
        long[]? axes = context.Integers(from + 2), steps = context.Integers(from + 3);
        if (shape is null) return null;
        int? count = starts?.Length ?? ends?.Length ?? (context.ShapeOf(from) is { Rank: 1 } s && s[0].IsKnown ? s[0].Value : null);
        if (!context.Has(from + 2) && count is { } n) axes = [.. Enumerable.Range(0, n).Select(i => (long)i)];
        if (axes is null) return Shape.OfRank(shape.Rank); // any axis may be cut
        if (starts is not null && (starts.Length != axes.Length || (ends is not null && ends.Length != starts.Length) || (steps is not null && steps.Length != starts.Length)))
            throw context.Error("starts, ends, axes and steps must be equally many.");
        bool stepsKnown = steps is not null || !context.Has(from + 3);
        if (axes.Select(a => Shape.Axis(a, shape.Rank)).Distinct().Count() < axes.Length) throw context.Error($"the axes [{string.Join(',', axes)}] name one twice.");
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = Shape.Axis(axes[i], shape.Rank);
            Dim dim = Dim.Unknown;
            if (starts is not null && ends is not null && stepsKnown)
            {
                long step = steps?[i] ?? 1;
                if (step == 0) throw context.Error($"the step of axis {axis} is 0.");
                if (shape[axis].IsKnown) dim = Resolve(shape[axis].Value, starts[i], ends[i], step).Count;
                else if (IsWhole(starts[i], ends[i], step)) dim = shape[axis];
            }
            shape = shape.With(axis, dim);
        }
        return shape;
    }

    /// <summary>Whether an axis is taken whole, whatever its size.</summary>
    private static bool IsWhole(long start, long end, long step) =>
        (step == 1 && start == 0 && end >= int.MaxValue) || (step == -1 && (start == -1 || start >= int.MaxValue) && end <= -int.MaxValue);

    private static (int Start, int Step, int Count) Resolve(int size, long start, long end, long step)
    {
        if (size == 0) return (0, 1, 0);
        if (start < 0) start += size;
        if (end < 0) end += size;
        long first = step > 0 ? Math.Clamp(start, 0, size) : Math.Clamp(start, 0, size - 1);
        long last = step > 0 ? Math.Clamp(end, 0, size) : Math.Clamp(end, -1, size - 1);
        // Steps longer than the axis take one element; as ints they cannot overflow.
        long stride = Math.Clamp(step, -size, size);
        long count = stride > 0 ? (last - first + stride - 1) / stride : (first - last - stride - 1) / -stride;
        return count <= 0 ? (0, 1, 0) : ((int)first, (int)stride, (int)count);
    }
}
