using System.Numerics;
using System.Runtime.InteropServices;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Reading and writing at places that tuples of indices name: <c>GatherND</c>, <c>ScatterND</c>.</summary>
public static class GatherNDOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("GatherND", ImportGather, since: 11),
        OperatorDefinition.Of("ScatterND", import => import.Emit(new ScatterND { Reduction = GatherOperators.Mode(import) }, import.Inputs), since: 11,
            notes: "Gradients of the reductions none and add."),
    ];

    /// <summary>For each tuple along the last axis of the indices the block of <paramref name="x"/> that it names.</summary>
    public static Value GatherND(this GraphBuilder graph, Value x, Value indices) => graph.Op(new GatherND(), x, indices);

    /// <summary><paramref name="data"/> with each block of updates joined in where its tuple of indices says.</summary>
    public static Value ScatterND(this GraphBuilder graph, Value data, Value indices, Value updates, ScatterMode reduction = ScatterMode.None) =>
        graph.Op(new ScatterND { Reduction = reduction }, data, indices, updates);

    /// <summary>Batch axes become indices of their own, before the others.</summary>
    private static IReadOnlyList<Value> ImportGather(OperatorImport import)
    {
        int batch = checked((int)import.Attributes.Int("batch_dims", 0));
        if (batch == 0) return import.Emit(new GatherND(), import.Inputs);
        GraphBuilder graph = import.Graph;
        Value indices = import.Input(1);
        int rank = indices.Rank;
        if (batch < 0 || batch >= rank) throw new InvalidModelException($"batch_dims is {batch}, and the indices have {rank} dimensions.");
        Value one = graph.Integers(1);
        Value tuples = graph.Concat(0, graph.Op(new ShapeOf { End = rank - 1 }, indices), one);
        var columns = new List<Value>();
        for (int axis = 0; axis < batch; axis++)
        {
            Value count = graph.Op(new ShapeOf { Start = axis, End = axis + 1 }, indices);
            Value numbers = graph.Range(graph.Constant(NdArray.Scalar(0L)), graph.Squeeze(count, 0), graph.Constant(NdArray.Scalar(1L)));
            var shape = new long[rank];
            Array.Fill(shape, 1);
            shape[axis] = -1;
            columns.Add(graph.Expand(graph.Reshape(numbers, shape), tuples));
        }
        return import.Emit(new GatherND(), [import.Input(0), graph.Concat(rank - 1, [.. columns, indices])]);
    }
}

/// <summary>y[k] = x[indices[k, 0], indices[k, 1], ..]: the last axis of the indices holds tuples, each of which names a block.</summary>
/// <remarks>ONNX 11 to newest; batch_dims is rewritten to indices. Negative indices count from the back; one out of range is an error.</remarks>
public sealed class GatherND : MovementOperator
{
    public override string Name => "GatherND";

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0), indices = context.ShapeOf(1);
        if (shape is null || indices is null || (indices.Rank > 0 && !indices[^1].IsKnown))
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        if (indices.Rank == 0 || indices[^1].Value > shape.Rank) throw context.Error($"indices of shape {indices} do not fit an input of shape {shape}.");
        context.Output(0, context.TypeOf(0), [.. indices.Take(indices.Rank - 1), .. shape.Skip(indices[^1].Value)]);
    }

    protected override void Move<T>(KernelContext context) => IndexingND.Gather<T>(
        context.Input(0).Elements<T>(), context.Dims(0), context.Integers(1), context.Dims(1)[^1], context.Output(0).Elements<T>(), context.Workers);

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.ScatterND(backward.Graph.Filled(backward.Input, 0), backward.Inputs(1), backward.Upstream, ScatterMode.Add), null];
}

/// <summary>y = x; y[indices[k, 0], indices[k, 1], ..] ⟵ updates[k], joined by <see cref="Reduction"/>. Inputs: x, indices, updates.</summary>
/// <remarks>
/// ONNX 11 to newest. Updates that meet at one place join in order, so without a reduction the last stays; the gradient assumes, as
/// ONNX does, that without a reduction no place is named twice. Reductions mul, max and min have no gradient here.
/// </remarks>
public sealed class ScatterND : ScatterOperator
{
    public override string Name => "ScatterND";

    public override int OpsetVersion => Reduction switch { ScatterMode.None => 13, ScatterMode.Add or ScatterMode.Multiply => 16, _ => 18 };

    public override IEnumerable<OperatorAttribute> Attributes => [new("reduction", GatherOperators.NameOf(Reduction))];

    private protected override void Check(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } shape && context.ShapeOf(1) is { } indices && (indices.Rank == 0 || (indices[^1].IsKnown && indices[^1].Value > shape.Rank)))
            throw context.Error($"indices of shape {indices} do not fit an input of shape {shape}.");
    }

    private protected override void Scatter<T>(KernelContext context, Span<T> y, ReadOnlySpan<T> updates) =>
        IndexingND.Scatter(y, context.OutputDims(), context.Integers(1), context.Dims(1)[^1], updates, Reduction);

    private protected override Value Overwrite(GraphBuilder graph, Value x, Value indices, Value values) => graph.ScatterND(x, indices, values);

    private protected override Value Collect(GraphBuilder graph, Value x, Value indices) => graph.GatherND(x, indices);
}
