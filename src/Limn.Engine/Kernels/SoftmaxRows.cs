using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>Softmax and its vector-Jacobian product on rows that lie in one piece, with vectors as wide as the processor has.</summary>
/// <remarks>Sums are in float over <see cref="Together"/> vectors at a time, and in double over those.</remarks>
internal static class SoftmaxRows
{
    private const int Together = 32;

    /// <summary>yᵢ = e^(xᵢ − max) / Σⱼ e^(xⱼ − max); y may be x.</summary>
    public static void Forward(ReadOnlySpan<float> x, Span<float> y)
    {
        if (Vector512.IsHardwareAccelerated) Forward<Floats512>(x, y);
        else Forward<NativeFloats>(x, y);
    }

    /// <summary>Σⱼ yⱼ·dyⱼ, and whether some y is more than one half.</summary>
    public static (double Total, bool HasWinner) Dot(ReadOnlySpan<float> y, ReadOnlySpan<float> dy) =>
        Vector512.IsHardwareAccelerated ? Dot<Floats512>(y, dy) : Dot<NativeFloats>(y, dy);

    internal static void Forward<V>(ReadOnlySpan<float> x, Span<float> y)
        where V : struct, IFloats<V>
    {
        float max = TensorPrimitives.Max(x);
        ref float from = ref MemoryMarshal.GetReference(x);
        ref float to = ref MemoryMarshal.GetReference(y);
        Span<float> lanes = stackalloc float[V.Count];
        ref float lane = ref MemoryMarshal.GetReference(lanes);
        V shift = V.Create(max);
        nuint length = (nuint)x.Length, width = (nuint)V.Count, i = 0;
        double sum = 0;
        while (i + width <= length)
        {
            V some = V.Create(0);
            for (nuint end = Math.Min(length - width, i + (Together - 1) * width); i <= end; i += width)
            {
                V e = VectorMath.Exp(V.Load(ref from, i) - shift);
                e.Store(ref to, i);
                some += e;
            }
            some.Store(ref lane, 0);
            foreach (float value in lanes) sum += value;
        }
        if (i < length)
        {
            int rest = (int)(length - i);
            lanes.Fill(max);
            x[(int)i..].CopyTo(lanes);
            VectorMath.Exp(V.Load(ref lane, 0) - shift).Store(ref lane, 0);
            lanes[..rest].CopyTo(y[(int)i..]);
            foreach (float value in lanes[..rest]) sum += value;
        }
        TensorPrimitives.Multiply(y, (float)(1 / sum), y);
    }

    internal static (double Total, bool HasWinner) Dot<V>(ReadOnlySpan<float> y, ReadOnlySpan<float> dy)
        where V : struct, IFloats<V>
    {
        ref float p = ref MemoryMarshal.GetReference(y);
        ref float d = ref MemoryMarshal.GetReference(dy);
        Span<float> lanes = stackalloc float[V.Count];
        ref float lane = ref MemoryMarshal.GetReference(lanes);
        V greatest = V.Create(float.NegativeInfinity);
        nuint length = (nuint)y.Length, width = (nuint)V.Count, i = 0;
        double total = 0;
        while (i + width <= length)
        {
            V some = V.Create(0);
            for (nuint end = Math.Min(length - width, i + (Together - 1) * width); i <= end; i += width)
            {
                V probability = V.Load(ref p, i);
                some = V.MultiplyAdd(probability, V.Load(ref d, i), some);
                greatest = V.Max(probability, greatest);
            }
            some.Store(ref lane, 0);
            foreach (float value in lanes) total += value;
        }
        greatest.Store(ref lane, 0);
        bool hasWinner = false;
        foreach (float value in lanes) hasWinner |= value > 0.5f;
        for (; i < length; i++)
        {
            total += y[(int)i] * dy[(int)i];
            hasWinner |= y[(int)i] > 0.5f;
        }
        return (total, hasWinner);
    }
}
