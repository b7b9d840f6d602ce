using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The operator <c>TopK</c>.</summary>
public static class TopKOperator
{
    /// <summary>The k largest (or smallest) elements along an axis, in order, and where they are.</summary>
    public static (Value Values, Value Indices) TopK(this GraphBuilder graph, Value x, int k, int axis = -1, bool largest = true)
    {
        IReadOnlyList<Value> both = graph.Node(new TopK { Axis = axis, Largest = largest }, [x, graph.Integers(k)], 2);
        return (both[0], both[1]);
    }
}

/// <summary>The k largest (or smallest) elements along an axis, in order, and where they are. Inputs: x, k (a vector of one integer). Outputs: values, indices.</summary>
/// <remarks>
/// ONNX 1, 10, 11 and 24; in the first, k is an attribute. Of equal elements the first comes first; NaN counts as larger than all others, as in PyTorch. Always
/// sorted, which sorted = 0 allows. The gradient goes to the elements that were chosen.
/// </remarks>
public sealed class TopK : Operator
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("TopK", Import)];

    public long Axis { get; init; } = -1;

    public bool Largest { get; init; } = true;

    public override string Name => "TopK";

    public override int OpsetVersion => 11;

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis), new("largest", Largest ? 1L : 0L)];

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (shape is not null)
        {
            int axis = Shape.Axis(Axis, shape.Rank);
            Dim k = context.Integers(1) is [var count] ? Dim.Of(count) : Dim.Unknown;
            if (k.IsKnown && shape[axis].IsKnown && k.Value > shape[axis].Value) throw context.Error($"k is {k}, and the axis has {shape[axis]} elements.");
            shape = shape.With(axis, k);
        }
        if (context.TypeOf(0).Storage() is Storage.Boolean or Storage.String) throw context.Error($"elements of type {context.TypeOf(0)} have no order; numbers do.");
        context.Output(0, context.TypeOf(0), shape);
        context.Output(1, ElementType.Int64, shape);
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        (int outer, int length, int inner) = Dims.Split(x.Dims, (int)Axis);
        int k = checked((int)context.Integers(1)[0]);
        if (k > length) throw new ShapeMismatchException($"k is {k}, and the axis has {length} elements.");
        NdArray? values = context.Wants(0) ? context.Output(0) : null, indices = context.Wants(1) ? context.Output(1) : null;
        bool floats = x.Type.IsFloating();
        context.Workers.Ranges(outer * inner, Chunks.Items(Chunks.Cheap, 8L * length), (first, last) =>
        {
            var keys = new long[length];
            for (int item = first; item < last; item++)
            {
                (int o, int i) = Math.DivRem(item, inner);
                for (int j = 0; j < length; j++)
                {
                    int at = (o * length + j) * inner + i;
                    long key = floats ? Best.KeyOf(x.Floats[at]) : x.Integers[at];
                    keys[j] = Largest ? key : ~key;
                }
                int[] best = Best.Of(keys, k);
                for (int j = 0; j < k; j++)
                {
                    int from = (o * length + best[j]) * inner + i, to = (o * k + j) * inner + i;
                    if (indices is not null) indices.Integers[to] = best[j];
                    if (values is null) continue;
                    if (floats) values.Floats[to] = x.Floats[from];
                    else values.Integers[to] = x.Integers[from];
                }
            }
        });
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        if (!backward.Arrives(0)) return [null, null];
        Value indices = graph.Node(this, backward.Node.Inputs, outputCount: 2)[1]; // merged with the forward node when the graph is compiled
        Value zeros = graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(backward.Input.Type)), graph.ShapeOf(backward.Input));
        return [graph.ScatterElements(zeros, indices, backward.Upstream, Axis), null];
    }

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        import.Attributes.Ignore("sorted");
        var op = new TopK { Axis = import.Attributes.Int("axis", -1), Largest = import.Attributes.Flag("largest", true) };
        Value k = import.Opset < 10 ? import.Graph.Integers(import.Attributes.Int("k", 0)) : import.Input(1);
        return import.Emit(op, import.Input(0), k.Shape is { Rank: 0 } ? import.Graph.Reshape(k, 1) : k);
    }
}
