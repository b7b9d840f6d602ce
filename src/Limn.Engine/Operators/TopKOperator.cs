using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

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
        context.Output(0, context.TypeOf(0), shape);
        context.Output(1, ElementType.Int64, shape);
    }

    public override void Execute(KernelContext context)
    {
        switch (context.Input(0).Type.Storage())
        {
            case Storage.Float: Choose<float>(context, (a, b) => a.CompareTo(b)); break; // NaN is below all for CompareTo
            case Storage.Integer: Choose<long>(context, (a, b) => a.CompareTo(b)); break;
            default: throw new UnsupportedOperatorException($"{Name} takes numbers.");
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        if (!backward.Arrives(0)) return [null, null];
        Value indices = graph.Node(this, backward.Node.Inputs, outputCount: 2)[1]; // merged with the forward node when the graph is compiled
        Value zeros = graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(backward.Input.Type)), graph.ShapeOf(backward.Input));
        return [graph.ScatterElements(zeros, indices, backward.Upstream, Axis), null];
    }

    private void Choose<T>(KernelContext context, Comparison<T> compare)
        where T : unmanaged
    {
        NdArray x = context.Input(0);
        (int outer, int length, int inner) = Dims.Split(x.Dims, (int)Axis);
        int k = checked((int)context.Integers(1)[0]);
        NdArray? values = context.Wants(0) ? context.Output(0) : null, indices = context.Wants(1) ? context.Output(1) : null;
        int sign = Largest ? -1 : 1;
        context.Workers.Ranges(outer * inner, Chunks.Items(Chunks.Cheap, 8L * length), (first, last) =>
        {
            ReadOnlySpan<T> source = x.Elements<T>();
            var lane = new T[length];
            var order = new int[length];
            for (int item = first; item < last; item++)
            {
                (int o, int i) = Math.DivRem(item, inner);
                for (int j = 0; j < length; j++) (lane[j], order[j]) = (source[(o * length + j) * inner + i], j);
                Array.Sort(order, (a, b) => Order(lane[a], lane[b]) is var c and not 0 ? sign * c : a.CompareTo(b));
                for (int j = 0; j < k; j++)
                {
                    int at = (o * k + j) * inner + i;
                    if (values is not null) values.Elements<T>()[at] = lane[order[j]];
                    if (indices is not null) indices.Integers[at] = order[j];
                }
            }
        });

        // Numbers in order, and NaN above them.
        int Order(T a, T b) => a is float f && b is float g && (float.IsNaN(f) || float.IsNaN(g)) ? float.IsNaN(f).CompareTo(float.IsNaN(g)) : compare(a, b);
    }

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        import.Attributes.Ignore("sorted");
        var op = new TopK { Axis = import.Attributes.Int("axis", -1), Largest = import.Attributes.Flag("largest", true) };
        Value k = import.Opset < 10 ? import.Graph.Integers(import.Attributes.Int("k", 0)) : import.Input(1);
        return import.Emit(op, import.Input(0), k.Shape is { Rank: 0 } ? import.Graph.Reshape(k, 1) : k);
    }
}
