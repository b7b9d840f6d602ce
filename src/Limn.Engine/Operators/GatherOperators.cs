using System.Numerics;
using System.Runtime.InteropServices;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Reading and writing at places along one axis: <c>Gather</c>, <c>GatherElements</c>, <c>ScatterElements</c>.</summary>
public static class GatherOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Gather", a => new Gather { Axis = a.Int("axis", 0) }),
        OperatorDefinition.Of("GatherElements", a => new GatherElements { Axis = a.Int("axis", 0) }, since: 11),
        OperatorDefinition.Of("ScatterElements", ImportScatter, since: 11, notes: "Gradients of the reductions none and add."),
        OperatorDefinition.Of("Scatter", ImportScatter, since: 9),
    ];

    /// <summary>The slices of <paramref name="x"/> along an axis that the indices name.</summary>
    public static Value Gather(this GraphBuilder graph, Value x, Value indices, long axis = 0) => graph.Op(new Gather { Axis = axis }, x, indices);

    /// <summary>The adjoint of <see cref="Gather"/>: adds each slice of <paramref name="dy"/> at its place in zeros of the shape of <paramref name="like"/>.</summary>
    public static Value ScatterAddLike(this GraphBuilder graph, Value dy, Value indices, Value like, long axis = 0) =>
        graph.Op(new GatherGradient { Axis = axis, IndexRank = indices.Rank }, dy, indices, graph.ShapeOf(like));

    /// <summary>For each element of the indices the element of <paramref name="x"/> at that place along the axis.</summary>
    public static Value GatherElements(this GraphBuilder graph, Value x, Value indices, long axis = 0) => graph.Op(new GatherElements { Axis = axis }, x, indices);

    /// <summary><paramref name="data"/> with each update joined in at the place along the axis that its index names.</summary>
    public static Value ScatterElements(this GraphBuilder graph, Value data, Value indices, Value updates, long axis = 0, ScatterMode reduction = ScatterMode.None) =>
        graph.Op(new ScatterElements { Axis = axis, Reduction = reduction }, data, indices, updates);

    /// <summary>0, 1, 2, ... in a shape: the place of each element in memory.</summary>
    internal static Value Places(this GraphBuilder graph, Value shape)
    {
        Value count = graph.SizeOf(graph.Op(new ConstantOfShape(NdArray.Vector(0f)), shape));
        return graph.ReshapeExactly(graph.Range(graph.Constant(NdArray.Scalar(0L)), count, graph.Constant(NdArray.Scalar(1L))), shape);
    }

    /// <summary>A tensor of the given shape, to which each element of <paramref name="dy"/> is added at its place in memory.</summary>
    internal static Value AddAtPlaces(this GraphBuilder graph, Value dy, Value places, Value shape)
    {
        Value zeros = graph.Reshape(graph.Op(new ConstantOfShape(NdArray.Vector(0f)), shape), -1);
        return graph.ReshapeExactly(graph.ScatterElements(zeros, graph.Reshape(places, -1), graph.Reshape(dy, -1), 0, ScatterMode.Add), shape);
    }

    /// <summary>The shape that a vector input lists, as far as it is known.</summary>
    internal static Shape? Listed(this InferenceContext context, int input)
    {
        if (context.Integers(input) is { } dims) return Shape.Of([.. dims.Select(d => (Dim)d)]);
        return context.ShapeOf(input) is { Rank: 1 } length && length[0].IsKnown ? Shape.OfRank(length[0].Value) : null;
    }

    internal static ScatterMode Mode(OperatorImport import) => import.Attributes.String("reduction", "none") switch
    {
        "none" => ScatterMode.None,
        "add" => ScatterMode.Add,
        "mul" => ScatterMode.Multiply,
        "max" => ScatterMode.Max,
        "min" => ScatterMode.Min,
        string other => throw import.Unsupported($"reduction '{other}' is not known; none, add, mul, max and min are."),
    };

    internal static string NameOf(ScatterMode mode) => mode == ScatterMode.Multiply ? "mul" : mode.ToString().ToLowerInvariant();

    private static IReadOnlyList<Value> ImportScatter(OperatorImport import) =>
        import.Emit(new ScatterElements { Axis = import.Attributes.Int("axis", 0), Reduction = Mode(import) }, import.Inputs);
}

/// <summary>y[.., i, ..] = x[.., indices[i], ..] along <see cref="Axis"/>; the indices' axes stand where the axis was.</summary>
/// <remarks>ONNX 1 to newest. Negative indices count from the back; one out of range is an error. The gradient adds up where an index comes twice.</remarks>
public sealed class Gather : MovementOperator
{
    public long Axis { get; init; }

    public override string Name => "Gather";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis)];

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0), indices = context.ShapeOf(1);
        if (shape is null || indices is null)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        int axis = Shape.Axis(Axis, shape.Rank);
        context.Output(0, context.TypeOf(0), [.. shape.Take(axis), .. indices, .. shape.Skip(axis + 1)]);
    }

    protected override void Move<T>(KernelContext context)
    {
        (int outer, int axis, int inner) = Dims.Split(context.Dims(0), (int)Axis);
        Indexing.Gather<T>(context.Input(0).Elements<T>(), outer, axis, inner, context.Integers(1), context.Output(0).Elements<T>(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.ScatterAddLike(backward.Upstream, backward.Inputs(1), backward.Input, Shape.Axis(Axis, backward.Input.Rank)), null];
}

/// <summary>The adjoint of <see cref="Gather"/>. Inputs: dy, indices, shape of x.</summary>
public sealed class GatherGradient : Operator
{
    /// <summary>The axis of x, from the front.</summary>
    public long Axis { get; init; }

    /// <summary>How many axes the indices have.</summary>
    public long IndexRank { get; init; }

    public override string Name => "GatherGradient";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis)];

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), context.Listed(2));

    public override void Execute(KernelContext context)
    {
        (int outer, int axis, int inner) = Dims.Split(context.OutputDims(), (int)Axis);
        context.OutputFloats().Clear();
        Indexing.ScatterAdd(context.Floats(0), context.Integers(1), context.OutputFloats(), outer, axis, inner, context.Workers);
    }

    public override Value?[] Gradient(Backward backward) => [backward.Graph.Gather(backward.Upstream, backward.Inputs(1), Axis), null, null];

    /// <summary>With the gathered axis in front, ScatterND adds whole slices.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value dy = node.Inputs[0]!, indices = node.Inputs[1]!, shape = node.Inputs[2]!;
        int axis = (int)Axis, q = (int)IndexRank, rank = dy.Rank - q + 1;
        int[] front = [axis, .. Enumerable.Range(0, rank).Where(d => d != axis)];
        int[] back = [.. Enumerable.Range(1, axis), 0, .. Enumerable.Range(axis + 1, rank - axis - 1)];
        int[] rows = [.. Enumerable.Range(axis, q), .. Enumerable.Range(0, axis), .. Enumerable.Range(axis + q, rank - axis - 1)];
        Value zeros = graph.Transpose(graph.Op(new ConstantOfShape(NdArray.Vector(0f)), shape), front);
        Value updates = rows.Length == 0 ? dy : graph.Transpose(dy, rows);
        return [graph.Transpose(graph.ScatterND(zeros, graph.Unsqueeze(indices, -1), updates, ScatterMode.Add), back)];
    }
}

/// <summary>y[i, j, ..] = x[.., indices[i, j, ..] at <see cref="Axis"/>, ..]: every element of the indices names its own place.</summary>
/// <remarks>ONNX 11 to newest. Negative indices count from the back; one out of range is an error.</remarks>
public sealed class GatherElements : MovementOperator
{
    public long Axis { get; init; }

    public override string Name => "GatherElements";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis)];

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } shape && context.ShapeOf(1) is { } indices && shape.Rank != indices.Rank)
            throw context.Error($"indices of shape {indices} for an input of shape {shape}; they must have the same number of dimensions.");
        context.Output(0, context.TypeOf(0), context.ShapeOf(1));
    }

    protected override void Move<T>(KernelContext context) => Indexing.GatherElements<T>(
        context.Input(0).Elements<T>(), context.Dims(0), (int)Axis, context.Integers(1), context.Dims(1), context.Output(0).Elements<T>(), context.Workers);

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.ScatterElements(backward.Graph.Filled(backward.Input, 0), backward.Inputs(1), backward.Upstream, Axis, ScatterMode.Add), null];
}

/// <summary>y = x; y[.., indices[i, j, ..] at <see cref="Axis"/>, ..] ⟵ updates[i, j, ..], joined by <see cref="Reduction"/>. Inputs: x, indices, updates.</summary>
/// <remarks>
/// ONNX 9 to newest (Scatter before 11). Updates that meet at one place join in row-major order, so without a reduction the last stays;
/// the gradient assumes, as ONNX does, that without a reduction no place is named twice. Reductions mul, max and min have no gradient here.
/// </remarks>
public sealed class ScatterElements : ScatterOperator
{
    public long Axis { get; init; }

    public override string Name => "ScatterElements";

    public override int OpsetVersion => Reduction == ScatterMode.None ? 13 : 18;

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis), new("reduction", GatherOperators.NameOf(Reduction))];

    private protected override void Check(InferenceContext context)
    {
        if (context.ShapeOf(1) is { } indices && context.ShapeOf(2) is { } updates)
        {
            if (indices.TryToArray(out int[]? a) && updates.TryToArray(out int[]? b) && !a.SequenceEqual(b)) throw context.Error($"indices of shape {indices} and updates of shape {updates} must agree.");
            if (context.ShapeOf(0) is { } shape && shape.Rank != indices.Rank) throw context.Error($"indices of shape {indices} for an input of shape {shape}; they must have the same number of dimensions.");
        }
    }

    private protected override void Scatter<T>(KernelContext context, Span<T> y, ReadOnlySpan<T> updates) =>
        Indexing.ScatterElements(y, context.OutputDims(), (int)Axis, context.Integers(1), context.Dims(1), updates, Reduction);

    private protected override Value Overwrite(GraphBuilder graph, Value x, Value indices, Value values) => graph.ScatterElements(x, indices, values, Axis);

    private protected override Value Collect(GraphBuilder graph, Value x, Value indices) => graph.GatherElements(x, indices, Axis);
}
