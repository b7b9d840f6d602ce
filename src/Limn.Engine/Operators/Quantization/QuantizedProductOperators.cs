using System.Numerics.Tensors;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Products of small integers: <c>MatMulInteger</c>, <c>ConvInteger</c>, and <c>QLinearMatMul</c>, <c>QLinearConv</c>, which are rewritten to these.</summary>
/// <remarks>
/// Sums are exact in 32-bit integers (and wrap around beyond them, as ONNX says nothing of it). Backwards the integers count as real numbers.
/// The results of the QLinear operators are scaled by x_scale · w_scale / y_scale in float, rounded to the nearest, ties to even, and saturated.
/// </remarks>
public static class QuantizedProductOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("MatMulInteger", import => import.Emit(new MatMulInteger(), [import.Input(0), import.Input(1), Zero(import, 2, 0), ZeroOfColumns(import, 3)]), since: 10, notes: "Straight-through gradient."),
        OperatorDefinition.Of("ConvInteger", import => import.Emit(ReadConv(import), import.Inputs), since: 10, notes: "Straight-through gradient to the input. One to three spatial axes."),
        OperatorDefinition.Of("QLinearMatMul", ImportMatMul, since: 10, notes: "Straight-through gradient."),
        OperatorDefinition.Of("QLinearConv", ImportConv, since: 10, notes: "Straight-through gradient to the input. One to three spatial axes."),
    ];

    private static IReadOnlyList<Value> ImportMatMul(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value sums = g.Op(new MatMulInteger(), import.Input(0), import.Input(3), Zero(import, 2, 0), ZeroOfColumns(import, 5));
        Value scale = g.Div(g.Mul(Column(import, 1, import.Input(0)), import.Input(4)), Column(import, 6, import.Input(0)));
        return [Requantized(g, sums, scale, import.Input(7), -2)];
    }

    private static IReadOnlyList<Value> ImportConv(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value x = import.Input(0), sums = g.Op(ReadConv(import), x, import.Input(3), import.Input(2), import.Input(5));
        int rank = sums.Rank;
        if (import.Has(8)) sums = g.Add(sums, g.PerChannel(import.Input(8), rank));
        Value scale = g.Div(g.Mul(import.Input(1), import.Input(4)), import.Input(6));
        if (scale.Rank == 1) scale = scale.Shape![0] == 1 ? g.Reshape(scale, []) : g.PerChannel(scale, rank);
        return [Requantized(g, sums, scale, import.Input(7), 1)];
    }

    /// <summary>Sums of products as the integers of the output.</summary>
    private static Value Requantized(GraphBuilder g, Value sums, Value scale, Value zero, long axis)
    {
        Value scaled = g.Mul(g.Cast(sums, ElementType.Float), scale);
        Value one = zero.Rank == 0 ? g.Constant(1f) : g.Add(g.Scale(g.Cast(zero, ElementType.Float), 0), g.Constant(1f)); // a scale for each zero point
        return g.QuantizeLinear(scaled, one, zero, axis);
    }

    /// <summary>A zero point: one, or one a row, which broadcasts as a column.</summary>
    private static Value? Zero(OperatorImport import, int input, int of) => import.Has(input) ? Column(import, input, import.Input(of)) : null;

    private static Value Column(OperatorImport import, int input, Value of)
    {
        Value v = import.Input(input);
        return v.Shape is { Rank: 1 } shape && shape[0] != 1 && of.Rank > 1 ? import.Graph.Unsqueeze(v, 1) : v;
    }

    private static Value? ZeroOfColumns(OperatorImport import, int input) => import.Has(input) ? import.Input(input) : null;

    private static ConvInteger ReadConv(OperatorImport import) => new(SlidingWindow.Read(import, pooling: false)) { Group = checked((int)import.Attributes.Int("group", 1)) };
}

/// <summary>(A − a₀) · (B − b₀) in 32-bit integers, with the shapes of <see cref="MatMul"/>. Inputs: A, B, [a₀], [b₀], which broadcast to A and B.</summary>
/// <remarks>ONNX 10. Gradients as of the product of real numbers.</remarks>
public sealed class MatMulInteger : Operator
{
    public override string Name => "MatMulInteger";

    public override int OpsetVersion => 10;

    public override bool Quantizes => true;

    public override string GradientNote => QuantizeOperators.Note;

    public override void Infer(InferenceContext context) => context.Output(0, ElementType.Int32, MatrixProduct.Infer(context, false, false));

    public override void Execute(KernelContext context)
    {
        NdArray a = Shifted(context, 0, 2), b = Shifted(context, 1, 3), y = context.Output(0);
        MatrixProduct.Execute(new KernelContext(context.Workers, [a, b, y], [0, 1], [2]), false, false);
        IntegerTypes.Wrap(y.Integers, ElementType.Int32);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder g = backward.Graph;
        var sent = new Value?[backward.Node.Inputs.Count];
        for (int i = 0; i < 2; i++)
        {
            if (!backward.Needs(i)) continue;
            // The rule of MatMul, on the other factor as real numbers; the own one is only asked for its shape.
            Value[] factors = [.. Enumerable.Range(0, 2).Select(k => Real(g, backward, k))];
            sent[i] = backward.At(factors, new MatMul()).Calculus(backward.Upstream)[i];
        }
        return sent;
    }

    private static Value Real(GraphBuilder g, Backward backward, int factor)
    {
        Value x = g.Cast(backward.Inputs(factor), ElementType.Float);
        return backward.Has(factor + 2) ? g.Sub(x, g.Cast(backward.Inputs(factor + 2), ElementType.Float)) : x;
    }

    /// <summary>An input without its zero point.</summary>
    private static NdArray Shifted(KernelContext context, int input, int zero)
    {
        NdArray x = context.Input(input);
        if (!context.Has(zero)) return x;
        NdArray z = context.Input(zero);
        NdArray shifted = NdArray.Create(ElementType.Int64, x.Dims.ToArray());
        if (z.Length == 1) TensorPrimitives.Subtract(x.Integers, z.Integers[0], shifted.Integers);
        else Broadcast.Apply<SubtractFunction<long>, long, long>(x.Integers, x.Dims, z.Integers, z.Dims, shifted.Integers, x.Dims, context.Workers);
        return shifted;
    }
}

/// <summary>Convolution of x − x₀ with w − w₀ in 32-bit integers. Inputs: x [N, C, ...], w [M, C / group, ...], [x₀] (one), [w₀] (one, or one for each of M).</summary>
/// <remarks>ONNX 10. Padding counts as x₀. Gradients as of <see cref="Conv"/> on real numbers.</remarks>
public sealed class ConvInteger(SlidingWindow window) : Operator
{
    private readonly Conv real = new(window);

    public SlidingWindow Window { get; } = window;

    public int Group { get; init; } = 1;

    public override string Name => "ConvInteger";

    public override int OpsetVersion => 10;

    public override IEnumerable<OperatorAttribute> Attributes => ConvolutionOperators.Attributes(Window, Group);

    public override bool Quantizes => true;

    public override string GradientNote => QuantizeOperators.Note;

    public override void Infer(InferenceContext context)
    {
        var inner = new InferenceContext(Real, Name, 2, 1, i => (context.TypeOf(i), context.ShapeOf(i)), _ => null);
        Real.Infer(inner);
        context.Output(0, ElementType.Int32, inner.Outputs[0].Shape);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> dims = context.Dims(0), kernel = context.Dims(1)[2..], output = context.OutputDims()[2..];
        int axes = kernel.Length, channels = context.Dims(1)[1], outChannels = context.Dims(1)[0], inChannels = dims[1], taps = NdArray.Count(kernel), positions = NdArray.Count(output), plane = NdArray.Count(dims[2..]);
        int[] places = Places(dims[2..], output, kernel, axes, taps, positions); // for each tap and output position the input position; -1 in the padding
        long xZero = context.Has(2) ? context.Integers(2)[0] : 0;
        NdArray x = context.Input(0), w = context.Input(1), y = context.Output(0);
        NdArray? wZero = context.Has(3) ? context.Input(3) : null;
        if (wZero is not null && wZero.Length != 1 && wZero.Length != outChannels) throw new ShapeMismatchException($"{wZero.Length} zero points are given for {outChannels} channels.");
        context.Workers.For(dims[0] * outChannels, item =>
        {
            (int n, int m) = Math.DivRem(item, outChannels);
            long zero = wZero is null ? 0 : wZero.Integers[wZero.Length == 1 ? 0 : m];
            Span<long> sums = y.Integers.Slice(item * positions, positions);
            sums.Clear();
            for (int c = 0; c < channels; c++)
            {
                ReadOnlySpan<long> source = x.Integers.Slice((n * inChannels + m / (outChannels / Group) * channels + c) * plane, plane);
                for (int t = 0; t < taps; t++)
                {
                    long weight = w.Integers[(m * channels + c) * taps + t] - zero;
                    if (weight == 0) continue;
                    ReadOnlySpan<int> at = places.AsSpan(t * positions, positions);
                    for (int p = 0; p < at.Length; p++)
                        if (at[p] >= 0) sums[p] += weight * (source[at[p]] - xZero);
                }
            }
            IntegerTypes.Wrap(sums, ElementType.Int32);
        });
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder g = backward.Graph;
        var sent = new Value?[backward.Node.Inputs.Count];
        if (!backward.Needs(0)) return sent;
        Value x = g.Cast(backward.Inputs(0), ElementType.Float), w = g.Cast(backward.Inputs(1), ElementType.Float);
        if (backward.Has(3))
        {
            Value zero = g.Cast(backward.Inputs(3), ElementType.Float);
            w = g.Sub(w, zero.Rank == 1 && zero.Shape![0] != 1 ? g.Unsqueeze(zero, [.. Enumerable.Range(1, w.Rank - 1).Select(a => (long)a)]) : zero);
        }
        sent[0] = backward.At([x, w], Real).Calculus(backward.Upstream)[0];
        return sent;
    }

    private Conv Real => Group == 1 ? real : new Conv(Window) { Group = Group };

    private int[] Places(ReadOnlySpan<int> input, ReadOnlySpan<int> output, ReadOnlySpan<int> kernel, int axes, int taps, int positions)
    {
        var places = new int[checked(taps * positions)];
        for (int a = 0; a < axes; a++)
        {
            WindowAxis axis = Window.Axis(a, input[a], output[a], kernel[a]);
            int tapInner = NdArray.Count(kernel[(a + 1)..]), positionInner = NdArray.Count(output[(a + 1)..]);
            for (int t = 0; t < taps; t++)
                for (int p = 0; p < positions; p++)
                {
                    ref int place = ref places[t * positions + p];
                    int at = p / positionInner % output[a] * axis.Stride - axis.PadBegin + t / tapInner % kernel[a] * axis.Dilation;
                    place = place < 0 || at < 0 || at >= input[a] ? -1 : place * input[a] + at;
                }
        }
        return places;
    }
}
