using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Normalisations by neighbours: across channels (LRN) and by the norm along an axis (LpNormalization).</summary>
public static class LocalNormalizationOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("LRN", i => i.Emit(
            new LocalResponseNormalization(Size(i))
            {
                Alpha = i.Attributes.Float("alpha", 1e-4f), Beta = i.Attributes.Float("beta", 0.75f), Bias = i.Attributes.Float("bias", 1),
            },
            i.Inputs)),
        OperatorDefinition.Of("LpNormalization", i => i.Emit(new LpNormalization(Power(i)) { Axis = i.Attributes.Int("axis", -1) }, i.Inputs)),
    ];

    private static int Size(OperatorImport import) => import.Attributes.Int("size", 0) is var size && size is > 0 and < int.MaxValue / 2 ? (int)size
        : throw import.Unsupported($"size is {import.Attributes.Int("size", 0)}, and at least 1 is expected.");

    private static int Power(OperatorImport import) => import.Attributes.Int("p", 2) is var p && p is 1 or 2 ? (int)p
        : throw import.Unsupported($"the norm p = {import.Attributes.Int("p", 2)} is not defined; 1 and 2 are.");
}

/// <summary>LRN: y = x / (bias + alpha/size · Σ x²)^beta, the sum over the channels from c − ⌊(size − 1)/2⌋ to c + ⌈(size − 1)/2⌉.</summary>
/// <remarks>X [N, C, ...]. ONNX 1 and 13. Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012, section 3.3.</remarks>
public sealed class LocalResponseNormalization(int size) : Operator
{
    public int Size { get; } = size;

    public float Alpha { get; init; } = 1e-4f;

    public float Beta { get; init; } = 0.75f;

    public float Bias { get; init; } = 1;

    public override string Name => "LRN";

    public override IEnumerable<OperatorAttribute> Attributes => [new("size", (long)Size), new("alpha", Alpha), new("beta", Beta), new("bias", Bias)];

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { Rank: < 2 } x) throw context.Error($"the input {x} is expected as [N, C, ...].");
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        var (samples, channels, inner) = NormalizationOperators.Sizes(context.Dims(0));
        ReadOnlySpan<float> x = context.Floats(0);
        Span<float> y = context.OutputFloats();
        var sums = new double[inner];
        for (int row = 0; row < samples * channels; row++)
        {
            int c = row % channels, first = Math.Max(0, c - (Size - 1) / 2), last = Math.Min(channels - 1, c + Size / 2);
            Array.Clear(sums);
            for (int other = first; other <= last; other++)
            {
                ReadOnlySpan<float> from = x.Slice((row - c + other) * inner, inner);
                for (int i = 0; i < inner; i++) sums[i] += (double)from[i] * from[i];
            }
            for (int i = 0; i < inner; i++)
                y[row * inner + i] = (float)(x[row * inner + i] / Math.Pow(Bias + Alpha / Size * sums[i], Beta));
        }
    }

    /// <remarks>dx = dy · s^(−β) − 2αβ · x · meanᵀ(dy · x · s^(−β−1)) with s = bias + α · mean(x²), the mean over the window of channels and meanᵀ its adjoint.</remarks>
    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, dy = backward.Upstream;
        Value rows = graph.Concat(0, graph.Op(new ShapeOf { End = 1 }, x), graph.Integers(1), graph.Op(new ShapeOf { Start = 1, End = 2 }, x), graph.Positions(x));
        Value s = graph.Add(graph.Scale(Mean(graph.Mul(x, x), (Size - 1) / 2, Size / 2), Alpha), graph.ScalarLike(x, Bias));
        Value direct = graph.Mul(dy, graph.Pow(s, -Beta));
        Value around = Mean(graph.Mul(graph.Mul(dy, x), graph.Pow(s, -Beta - 1)), Size / 2, (Size - 1) / 2);
        return [graph.Sub(direct, graph.Scale(graph.Mul(x, around), 2 * Alpha * Beta))];

        Value Mean(Value values, int before, int after)
        {
            var window = new SlidingWindow { Kernel = [Size, 1], Pads = [before, 0, after, 0] };
            return graph.ReshapeLike(graph.AveragePool(graph.Reshape(values, rows), window, countIncludePad: true), x);
        }
    }
}

/// <summary>LpNormalization: y = x / (Σ |x|ᵖ)^(1/p) along an axis, for p = 1 or 2; where the norm is zero, y is zero and so is the gradient. ONNX 1 and 22.</summary>
public sealed class LpNormalization(int p) : Operator
{
    public int P { get; } = p;

    public long Axis { get; init; } = -1;

    public override string Name => "LpNormalization";

    public override int OpsetVersion => 1;

    public override IEnumerable<OperatorAttribute> Attributes => [new("p", (long)P), new("axis", Axis)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } x) Shape.Axis(Axis, x.Rank);
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        var (outer, length, inner) = Dims.Split(context.Dims(0), (int)Axis);
        ReadOnlySpan<float> x = context.Floats(0);
        Span<float> y = context.OutputFloats();
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                int start = o * length * inner + i;
                double norm = 0;
                for (int j = 0; j < length; j++)
                {
                    double value = x[start + j * inner];
                    norm += P == 1 ? Math.Abs(value) : value * value;
                }
                if (P == 2) norm = Math.Sqrt(norm);
                for (int j = 0; j < length; j++) y[start + j * inner] = norm == 0 ? 0 : (float)(x[start + j * inner] / norm);
            }
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, dy = backward.Upstream;
        Value sum = graph.ReduceSum(P == 1 ? graph.Abs(x) : graph.Mul(x, x), [Axis]);
        Value some = graph.Greater(sum, graph.ScalarLike(x, 0));
        Value safe = graph.Where(some, sum, graph.ScalarLike(x, 1)); // so that no derivative is infinite where the norm is zero
        Value inverse = graph.Where(some, graph.Reciprocal(P == 1 ? safe : graph.Sqrt(safe)), graph.ScalarLike(x, 0));
        Value y = graph.Mul(x, inverse), direction = P == 1 ? graph.Sign(x) : y;
        return [graph.Mul(inverse, graph.Sub(dy, graph.Mul(direction, graph.ReduceSum(graph.Mul(dy, y), [Axis]))))];
    }
}
