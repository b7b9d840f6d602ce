using System.Numerics.Tensors;

namespace Limn.Games;

/// <summary>Widens each cell of a mask to a blob of a given size: a smooth maximum over its neighbours, weighted by their distance.</summary>
/// <remarks>
/// s_c = Σ_n softmax(T v)_n v_n, v_n = k(‖n − c‖ / σ) p_n, k(z) = exp(−2 max(0, z − ½)²), T = 20; beyond the edge p is zero.
/// Fong, Patrick, Vedaldi: Understanding Deep Networks via Extremal Perturbations and Smooth Masks, ICCV 2019, section 3.2 and eq. 7.
/// </remarks>
internal sealed class SmoothMaximum
{
    private const float Coldness = 20;

    private readonly int rows, columns, reach, wide;
    private readonly (int Offset, float Weight)[] around;
    private readonly float[] padded, paddedGradient, values, powers, totals, maxima, share;

    /// <param name="cells">The size of the mask.</param>
    /// <param name="sigma">The blobs' size in cells.</param>
    public SmoothMaximum((int Rows, int Columns) cells, double sigma)
    {
        (rows, columns) = cells;
        reach = 1 + (int)Math.Ceiling(sigma);
        wide = columns + 2 * reach;
        int[] reaches = [.. Enumerable.Range(-reach, 2 * reach + 1)];
        around = [.. reaches.SelectMany(d => reaches.Select(r => (d * wide + r, (float)Math.Exp(-2 * Math.Pow(Math.Max(0, Math.Sqrt(d * d + r * r) / sigma - 0.5), 2)))))];
        // Lines of the padded mask lie one after the other, so that a neighbour of all cells at once is a slice; what it computes beside the cells is not read.
        int span = rows * wide;
        (padded, paddedGradient) = (new float[(rows + 2 * reach) * wide + 2 * reach], new float[(rows + 2 * reach) * wide + 2 * reach]);
        (values, powers, totals, maxima, share) = (new float[around.Length * span], new float[around.Length * span], new float[span], new float[span], new float[span]);
    }

    /// <summary>From a mask to the widened one.</summary>
    public void Widen(ReadOnlySpan<float> mask, Span<float> widened)
    {
        int span = totals.Length;
        for (int y = 0; y < rows; y++) mask.Slice(y * columns, columns).CopyTo(padded.AsSpan((y + reach) * wide + reach));
        Array.Clear(totals);
        Array.Clear(maxima);
        for (int n = 0; n < around.Length; n++)
        {
            Span<float> v = values.AsSpan(n * span, span), power = powers.AsSpan(n * span, span);
            TensorPrimitives.Multiply(padded.AsSpan(reach * (wide + 1) + around[n].Offset, span), around[n].Weight, v);
            TensorPrimitives.Subtract(v, 1, power); // v is at most 1
            TensorPrimitives.Multiply(power, Coldness, power);
            TensorPrimitives.Exp(power, power);
            TensorPrimitives.Add(totals, power, totals);
            TensorPrimitives.MultiplyAdd(power, v, maxima, maxima);
        }
        TensorPrimitives.Divide(maxima, totals, maxima);
        for (int y = 0; y < rows; y++) maxima.AsSpan(y * wide, columns).CopyTo(widened[(y * columns)..]);
    }

    /// <summary>From the gradient at the mask that was widened last to that at the mask.</summary>
    public void Back(ReadOnlySpan<float> upstream, Span<float> gradient)
    {
        int span = totals.Length;
        Array.Clear(paddedGradient);
        Array.Clear(share);
        for (int y = 0; y < rows; y++) TensorPrimitives.Divide(upstream.Slice(y * columns, columns), totals.AsSpan(y * wide, columns), share.AsSpan(y * wide, columns));
        for (int n = 0; n < around.Length; n++)
        {
            // softmax · (1 + T (v − s)) · k · upstream
            Span<float> v = values.AsSpan(n * span, span), power = powers.AsSpan(n * span, span), to = paddedGradient.AsSpan(reach * (wide + 1) + around[n].Offset, span);
            TensorPrimitives.Subtract(v, maxima, v);
            TensorPrimitives.Multiply(v, Coldness * around[n].Weight, v);
            TensorPrimitives.Add(v, around[n].Weight, v);
            TensorPrimitives.Multiply(v, power, v);
            TensorPrimitives.MultiplyAdd(v, share, to, to);
        }
        for (int y = 0; y < rows; y++) paddedGradient.AsSpan((y + reach) * wide + reach, columns).CopyTo(gradient[(y * columns)..]);
    }
}
