using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>x/(1 + |x|); ±∞ gives NaN (∞/∞), as in PyTorch.</summary>
internal readonly struct SoftsignFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => x / (V.Create(1) + V.Abs(x));
}

/// <summary>x·tanh(ln(1 + eˣ)).</summary>
internal readonly struct MishFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => x * VectorMath.Tanh(new SoftplusFunction().Invoke(x));
}

/// <summary>x where x > alpha, else 0; NaN stays NaN.</summary>
internal readonly struct ThresholdFunction(float alpha) : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => V.Select(V.LessOrEqual(x, V.Create(alpha)), V.Create(0), x);
}

/// <summary>x for x ≥ 0, slope·x below; NaN stays NaN.</summary>
internal readonly struct PReluFunction : IBinaryFunction<float, float>
{
    public static void Invoke(ReadOnlySpan<float> x, ReadOnlySpan<float> slope, Span<float> y)
    {
        int i = 0;
        for (; i + Vector<float>.Count <= y.Length; i += Vector<float>.Count)
            Select(new Vector<float>(x[i..]), new Vector<float>(slope[i..])).CopyTo(y[i..]);
        for (; i < y.Length; i++) y[i] = Select(x[i], slope[i]);
    }

    public static void Invoke(ReadOnlySpan<float> x, float slope, Span<float> y)
    {
        int i = 0;
        for (; i + Vector<float>.Count <= y.Length; i += Vector<float>.Count)
            Select(new Vector<float>(x[i..]), new Vector<float>(slope)).CopyTo(y[i..]);
        for (; i < y.Length; i++) y[i] = Select(x[i], slope);
    }

    public static void Invoke(float x, ReadOnlySpan<float> slope, Span<float> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = Select(x, slope[i]);
    }

    private static Vector<float> Select(Vector<float> x, Vector<float> slope) =>
        Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), x * slope, x);

    private static float Select(float x, float slope) => x < 0 ? x * slope : x;
}
