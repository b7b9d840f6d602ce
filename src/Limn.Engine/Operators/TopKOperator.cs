using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>TopK</c> of ONNX operator sets 1 to 25; before 10, k is an attribute and becomes an input.</summary>
public static class TopKOperator
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("TopK", import => import.Emit(
            new TopK { Axis = import.Attributes.Int("axis", -1), Largest = import.Attributes.Flag("largest", true), Sorted = import.Attributes.Flag("sorted", true) },
            import.Opset >= 10 ? import.Inputs : [import.Input(0), import.Graph.Integers(import.Attributes.Int("k", 0))])),
    ];

    /// <summary>The k largest (or smallest) elements along an axis, in order, and their places.</summary>
    public static (Value Values, Value Indices) TopK(this GraphBuilder graph, Value x, int k, int axis = -1, bool largest = true)
    {
        IReadOnlyList<Value> both = graph.Node(new TopK { Axis = axis, Largest = largest }, [x, graph.Integers(k)], 2);
        return (both[0], both[1]);
    }
}

/// <summary>The k largest or smallest elements along an axis in order, the best first, and their places as int64. Inputs: x, k as a vector of one.</summary>
/// <remarks>Of equal elements the first comes first. NaN counts as the largest, as in numpy. What is not asked to be sorted is sorted all the same.</remarks>
public sealed class TopK : Operator
{
    public long Axis { get; init; } = -1;

    public bool Largest { get; init; } = true;

    public bool Sorted { get; init; } = true;

    public override string Name => "TopK";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis), new("largest", Largest ? 1L : 0L), new("sorted", Sorted ? 1L : 0L)];

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsFloating() && !context.TypeOf(0).IsInteger()) throw context.Error($"it takes numbers, and its input is {context.TypeOf(0)}.");
        Shape? shape = context.ShapeOf(0), result = null;
        if (shape is not null)
        {
            int axis = Shape.Axis(Axis, shape.Rank);
            Dim k = context.Integers(1) is { } given ? Dim.Of(given[0]) : Dim.Unknown;
            if (k.IsKnown && shape[axis].IsKnown && k.Value > shape[axis].Value) throw context.Error($"the first {k} elements of an axis of {shape[axis]} are asked for.");
            result = shape.With(axis, k);
        }
        context.Output(0, context.TypeOf(0), result);
        context.Output(1, ElementType.Int64, result);
    }

    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Choose<float>(context, (a, b) => float.IsNaN(a) || float.IsNaN(b) ? float.IsNaN(a).CompareTo(float.IsNaN(b)) : a.CompareTo(b));
        else Choose<long>(context, (a, b) => a.CompareTo(b));
    }

    private void Choose<T>(KernelContext context, Comparison<T> compare)
        where T : unmanaged
    {
        (int outer, int had, int inner) = Dims.Split(context.Dims(0), (int)Axis);
        int k = checked((int)context.Integers(1)[0]);
        NdArray x = context.Input(0);
        context.Workers.Ranges(outer * inner, 1, (from, to) =>
        {
            ReadOnlySpan<T> all = x.Elements<T>();
            var line = new T[had];
            var places = new int[had];
            for (int i = from; i < to; i++)
            {
                int start = i / inner * had * inner + i % inner, result = i / inner * k * inner + i % inner;
                for (int j = 0; j < had; j++) (line[j], places[j]) = (all[start + j * inner], j);
                Array.Sort(places, (a, b) => Order(line[a], line[b]) is not 0 and var order ? order : a.CompareTo(b));
                for (int j = 0; j < k; j++)
                {
                    if (context.Wants(0)) context.Output(0).Elements<T>()[result + j * inner] = line[places[j]];
                    if (context.Wants(1)) context.OutputIntegers(1)[result + j * inner] = places[j];
                }
            }
        });

        int Order(T a, T b) => Largest ? compare(b, a) : compare(a, b);
    }

    /// <summary>What arrives at a chosen element goes to its place.</summary>
    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.ScatterElements(backward.Graph.Filled(backward.Input, 0), backward.Node.Outputs[1], backward.Upstream, Axis), null];
}
