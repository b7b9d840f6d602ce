using System.Numerics.Tensors;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Normalisation by the root mean square: y = x / √(mean(x²) + ε) · scale, where the mean is over the axes from <see cref="Axis"/> on.</summary>
/// <remarks>
/// Zhang, Sennrich: Root Mean Square Layer Normalization, 2019. The scale broadcasts to x. ONNX 23; stash_type has no effect, as the mean square
/// is computed in double. ONNX Runtime's SimplifiedLayerNormalization is the same.
/// </remarks>
public sealed class RmsNormalization : Operator
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("RMSNormalization", Import, since: 23)];

    public long Axis { get; init; } = -1;

    public float Epsilon { get; init; } = 1e-5f;

    public override string Name => "RMSNormalization";

    public override int OpsetVersion => 23;

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis), new("epsilon", Epsilon)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } x)
        {
            Shape.Axis(Axis, x.Rank);
            if (context.ShapeOf(1) is { } scale && (scale.Rank > x.Rank || Shape.Broadcast(x, scale).Zip(x, (joint, own) => own.IsKnown && joint != own).Any(grows => grows)))
                throw context.Error($"a scale of shape {scale} does not broadcast to {x}.");
        }
        context.Output(0, context.TypeOf(1), context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), scale = context.Input(1), y = context.Output(0);
        int axis = Shape.Axis(Axis, x.Rank), rows = NdArray.Count(x.Dims[..axis]), length = NdArray.Count(x.Dims[axis..]);
        bool perRow = scale.Length == length && scale.Rank <= x.Rank - axis;
        ReadOnlyMemory<float> factors = scale.FloatMemory;
        if (!perRow)
        {
            var full = new float[x.Length];
            Broadcast.Expand(scale.Floats, scale.Dims, full, x.Dims, context.Workers);
            factors = full;
        }
        float epsilon = Epsilon;
        Memory<float> source = x.FloatMemory, target = y.FloatMemory;
        context.Workers.Ranges(rows, Chunks.Items(Chunks.Cheap, length), (first, last) =>
        {
            for (int r = first; r < last; r++)
            {
                ReadOnlySpan<float> from = source.Span.Slice(r * length, length);
                Span<float> to = target.Span.Slice(r * length, length);
                double square = 0;
                foreach (float v in from) square += (double)v * v;
                TensorPrimitives.Multiply(from, (float)(1 / Math.Sqrt(square / length + epsilon)), to);
                TensorPrimitives.Multiply(to, factors.Span.Slice(perRow ? 0 : r * length, length), to);
            }
        });
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), scale = backward.Inputs(1), dy = backward.Upstream;
        Value inverse = Inverse(graph, x, Axis, Epsilon), normalised = graph.Mul(x, inverse);
        var sent = new Value?[2];
        if (backward.Needs(0))
        {
            Value g = graph.Cast(graph.Mul(dy, scale), x.Type);
            Value along = graph.ReduceMean(graph.Mul(g, normalised), Axes(x, Axis));
            sent[0] = graph.Mul(inverse, graph.Sub(g, graph.Mul(normalised, along)));
        }
        if (backward.Needs(1)) sent[1] = graph.SumTo(graph.Mul(dy, graph.Cast(normalised, dy.Type)), scale);
        return sent;
    }

    /// <summary>1 / √(mean(x²) + ε).</summary>
    internal static Value Inverse(GraphBuilder graph, Value x, long axis, float epsilon) =>
        graph.Reciprocal(graph.Sqrt(graph.Add(graph.ReduceMean(graph.Mul(x, x), Axes(x, axis)), graph.ScalarLike(x, epsilon))));

    private static long[] Axes(Value x, long axis) => [.. Enumerable.Range(Shape.Axis(axis, x.Rank), x.Rank - Shape.Axis(axis, x.Rank)).Select(d => (long)d)];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        import.Attributes.Ignore("stash_type");
        return import.Emit(new RmsNormalization { Axis = import.Attributes.Int("axis", -1), Epsilon = import.Attributes.Float("epsilon", 1e-5f) }, import.Inputs);
    }
}
