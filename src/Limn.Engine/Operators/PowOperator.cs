using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The <c>Pow</c> of ONNX operator sets 7 to 25.</summary>
public static class PowOperator
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Pow", _ => new Pow(), since: 7)];

    public static Value Pow(this GraphBuilder graph, Value x, Value exponent) => graph.Op(new Pow(), x, exponent);

    /// <summary>x to a constant power.</summary>
    public static Value Pow(this GraphBuilder graph, Value x, float exponent) => graph.Pow(x, graph.ScalarLike(x, exponent));
}

/// <summary>y = xᵖ with broadcasting, in the type of x, which may differ from that of p.</summary>
/// <remarks>
/// Floats follow C's pow: x⁰ = 1 even for NaN, and a negative x to a broken power is NaN. Integers to integer powers wrap around;
/// to floating powers they are computed in double and truncated towards 0.
/// </remarks>
public sealed class Pow() : BroadcastOperator("Pow")
{
    public override bool MayOverwrite(int input) => input == 0;

    protected override ElementType TypeOf(InferenceContext context)
    {
        for (int i = 0; i < 2; i++)
            if (!context.TypeOf(i).IsFloating() && !context.TypeOf(i).IsInteger()) throw context.Error($"it takes numbers, and its input {i} is {context.TypeOf(i)}.");
        return context.TypeOf(0);
    }

    public override void Execute(KernelContext context)
    {
        NdArray exponent = context.Input(1);
        switch (context.Input(0).Type.IsFloating(), exponent.Type.IsFloating())
        {
            case (true, true):
                Floats<PowFunction>(context);
                break;
            case (true, false):
                Broadcast.Apply<PowFunction, float, float>(context.Floats(0), context.Dims(0), Array.ConvertAll(exponent.Integers.ToArray(), p => (float)p), exponent.Dims,
                    context.OutputFloats(), context.OutputDims(), context.Workers);
                break;
            case (false, false):
                Integers<Scalars<long, PowInt>>(context);
                break;
            default:
                // The exponents travel as the bits of doubles, so that both operands are arrays of one type.
                Broadcast.Apply<Scalars<long, PowOfBits>, long, long>(context.Integers(0), context.Dims(0),
                    Array.ConvertAll(exponent.Floats.ToArray(), p => BitConverter.DoubleToInt64Bits(p)), exponent.Dims,
                    context.OutputIntegers(), context.OutputDims(), context.Workers);
                IntegerTypes.Wrap(context.OutputIntegers(), context.Output(0).Type);
                break;
        }
    }

    /// <summary>∂y/∂x = p·xᵖ⁻¹, which is 0 for p = 0 even at x = 0; ∂y/∂p = y·ln x, which is 0 at x = 0 for p ≥ 0: both as in PyTorch.</summary>
    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), p = graph.Cast(backward.Inputs(1), x.Type), upstream = backward.Upstream;
        return Send(backward, () => graph.ConstantOf(backward.Inputs(1)) is { Length: 1 } known ? ByBase(known) : graph.Mul(upstream, graph.Mul(p, PowerBelow())), ByExponent);

        // Where p is 0 the exponent stays 0: 0·x⁰ is 0, where 0·x⁻¹ would be NaN at x = 0.
        Value PowerBelow() => graph.Pow(x, graph.Sub(p, graph.Cast(graph.Not(graph.Equal(p, graph.ScalarLike(p, 0))), x.Type)));

        Value ByBase(NdArray known)
        {
            float constant = known.Type.IsFloating() ? known.Floats[0] : known.Integers[0];
            return constant switch
            {
                0 => graph.Filled(upstream, 0),
                1 => upstream,
                2 => graph.Mul(upstream, graph.Scale(x, 2)),
                _ => graph.Mul(upstream, graph.Scale(graph.Pow(x, constant - 1), constant)),
            };
        }

        Value ByExponent()
        {
            Value zero = graph.ScalarLike(x, 0);
            Value flat = graph.And(graph.Equal(x, zero), graph.GreaterOrEqual(p, zero));
            return graph.Mul(upstream, graph.Mul(backward.Output, graph.Log(graph.Where(flat, graph.ScalarLike(x, 1), x))));
        }
    }

    /// <summary>An integer to a power that comes as the bits of a double.</summary>
    private readonly struct PowOfBits : IScalarFunction<long>
    {
        public static long Invoke(long a, long b) => (long)Math.Pow(a, BitConverter.Int64BitsToDouble(b));
    }
}
