using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>The gradient of layer normalisation by its input, row by row: dx = d · (g − mean(g) − n · mean(g · n)) + residual with g = dy · scale and n = (x − μ) · d.</summary>
/// <remarks>Sums are in float over a few vectors at a time, and in double over those. dx may be dy or the residual.</remarks>
internal static unsafe class LayerNormalizationBackward
{
    private const int Together = 8;

    /// <param name="dy">What arrives, [rows, length].</param>
    /// <param name="x">The input, [rows, length].</param>
    /// <param name="mean">μ of each row.</param>
    /// <param name="inverse">d = 1/√(σ² + ε) of each row.</param>
    /// <param name="scale">A factor for each column; null for none.</param>
    /// <param name="residual">What is added to the result, [rows, length]; null for nothing.</param>
    /// <param name="dx">The result, [rows, length].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="length">Elements of a row.</param>
    /// <param name="workers">The threads that may be used.</param>
    public static void Run(float* dy, float* x, float* mean, float* inverse, float* scale, float* residual, float* dx, int rows, int length, Workers workers)
    {
        if (length == 0) return;
        workers.Ranges(rows, Chunks.Items(Chunks.Dear, length), (from, to) =>
        {
            for (int r = from; r < to; r++)
            {
                nint at = (nint)r * length;
                float* add = residual == null ? null : residual + at;
                if (Vector512.IsHardwareAccelerated) Row<Floats512>(dy + at, x + at, mean[r], inverse[r], scale, add, dx + at, length);
                else Row<NativeFloats>(dy + at, x + at, mean[r], inverse[r], scale, add, dx + at, length);
            }
        });
    }

    internal static void Row<V>(float* dy, float* x, float mean, float inverse, float* scale, float* residual, float* dx, int length)
        where V : struct, IFloats<V>
    {
        float* lanes = stackalloc float[V.Count];
        double sum = 0, along = 0;
        int i = 0;
        V mu = V.Create(mean), d = V.Create(inverse), one = V.Create(1);
        while (i <= length - V.Count)
        {
            V g = V.Create(0), gn = V.Create(0);
            for (int end = Math.Min(length - V.Count, i + (Together - 1) * V.Count); i <= end; i += V.Count)
            {
                V arriving = V.Load(ref dy[i], 0) * (scale == null ? one : V.Load(ref scale[i], 0));
                g += arriving;
                gn = V.MultiplyAdd(arriving, (V.Load(ref x[i], 0) - mu) * d, gn);
            }
            sum += Total(g, lanes);
            along += Total(gn, lanes);
        }
        for (; i < length; i++)
        {
            float g = dy[i] * (scale == null ? 1 : scale[i]);
            sum += g;
            along += g * ((x[i] - mean) * inverse);
        }
        float ofG = (float)(sum / length), ofGn = (float)(along / length);
        V m = V.Create(ofG), mn = V.Create(ofGn);
        for (i = 0; i <= length - V.Count; i += V.Count)
        {
            V arriving = V.Load(ref dy[i], 0) * (scale == null ? one : V.Load(ref scale[i], 0));
            V result = d * (arriving - m - (V.Load(ref x[i], 0) - mu) * d * mn);
            if (residual != null) result += V.Load(ref residual[i], 0);
            result.Store(ref dx[i], 0);
        }
        for (; i < length; i++)
        {
            float result = inverse * (dy[i] * (scale == null ? 1 : scale[i]) - ofG - (x[i] - mean) * inverse * ofGn);
            dx[i] = residual == null ? result : result + residual[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Total<V>(V vector, float* lanes)
        where V : struct, IFloats<V>
    {
        vector.Store(ref *lanes, 0);
        double even = 0, odd = 0;
        for (int l = 0; l < V.Count; l += 2)
        {
            even += lanes[l];
            if (l + 1 < V.Count) odd += lanes[l + 1];
        }
        return even + odd;
    }
}
