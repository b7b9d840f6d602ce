using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

/// <summary>The product of a matrix and a vector, both with the depth contiguous: four rows at once.</summary>
/// <remarks>Each element is computed in the same order wherever it stands, and in that of <see cref="DotKernel{TLane, TVector}"/>.</remarks>
internal static unsafe class VectorDot<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>c[i * step] = alpha * Σₚ a[i * lda + p] * b[p] + beta * c[i * step].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(int rows, int depth, float* a, nint lda, float* b, float* c, nint step, float alpha, float beta)
    {
        int left = depth % TLane.Width, whole = depth - left, i = 0;
        TVector tail = TLane.LoadFirst(b + whole, left);
        for (; i + 4 <= rows; i += 4, a += 4 * lda, c += 4 * step)
        {
            float* a1 = a + lda, a2 = a + 2 * lda, a3 = a + 3 * lda;
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            for (int p = 0; p < whole; p += TLane.Width)
            {
                TVector x = TLane.Load(b + p);
                s0 = TLane.MultiplyAdd(TLane.Load(a + p), x, s0);
                s1 = TLane.MultiplyAdd(TLane.Load(a1 + p), x, s1);
                s2 = TLane.MultiplyAdd(TLane.Load(a2 + p), x, s2);
                s3 = TLane.MultiplyAdd(TLane.Load(a3 + p), x, s3);
            }
            if (left > 0)
            {
                s0 = TLane.MultiplyAdd(TLane.LoadFirst(a + whole, left), tail, s0);
                s1 = TLane.MultiplyAdd(TLane.LoadFirst(a1 + whole, left), tail, s1);
                s2 = TLane.MultiplyAdd(TLane.LoadFirst(a2 + whole, left), tail, s2);
                s3 = TLane.MultiplyAdd(TLane.LoadFirst(a3 + whole, left), tail, s3);
            }
            Finish(s0, c, alpha, beta);
            Finish(s1, c + step, alpha, beta);
            Finish(s2, c + 2 * step, alpha, beta);
            Finish(s3, c + 3 * step, alpha, beta);
        }
        for (; i < rows; i++, a += lda, c += step)
        {
            TVector sum = default;
            for (int p = 0; p < whole; p += TLane.Width) sum = TLane.MultiplyAdd(TLane.Load(a + p), TLane.Load(b + p), sum);
            if (left > 0) sum = TLane.MultiplyAdd(TLane.LoadFirst(a + whole, left), tail, sum);
            Finish(sum, c, alpha, beta);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TVector sum, float* c, float alpha, float beta)
    {
        float scaled = alpha * TLane.Sum(sum);
        *c = beta == 0 ? scaled : float.MultiplyAddEstimate(beta, *c, scaled);
    }
}
