using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

/// <summary>
/// The product of A and a transposed B, both with the depth contiguous: scalar products of rows, a tile of at most 4 by 4 at once.
/// </summary>
/// <remarks>
/// Needs no packing, so it serves where C is too narrow to pay for it, and where both operands arrive in this order
/// (the gradient of a convolution's weights). Each element is computed in the same order whatever the size of its tile.
/// </remarks>
internal static unsafe class DotKernel<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>C(i, j) = alpha * Σₚ a[i * lda + p] * b[j * ldb + p] + beta * C(i, j); C(i, j) is at c[i * cRow + j * cColumn].</summary>
    public static void Run(
        int m, int n, int depth, float* a, nint lda, float* b, nint ldb, float* c, nint cRow, nint cColumn, float alpha, float beta)
    {
        // Wide register files hold 16 sums, narrow ones 8.
        int most = TLane.TileRows / 2;
        for (int i = 0; i < m; i += most)
        {
            int rows = Math.Min(most, m - i);
            for (int j = 0; j < n; j += 4)
            {
                int columns = Math.Min(4, n - j);
                float* at = a + i * lda, bt = b + j * ldb, ct = c + i * cRow + j * cColumn;
                switch (rows)
                {
                    case 1: Run<N1>(columns, depth, at, lda, bt, ldb, ct, cRow, cColumn, alpha, beta); break;
                    case 2: Run<N2>(columns, depth, at, lda, bt, ldb, ct, cRow, cColumn, alpha, beta); break;
                    case 3: Run<N3>(columns, depth, at, lda, bt, ldb, ct, cRow, cColumn, alpha, beta); break;
                    default: Run<N4>(columns, depth, at, lda, bt, ldb, ct, cRow, cColumn, alpha, beta); break;
                }
            }
        }
    }

    private static void Run<TRows>(
        int columns, int depth, float* a, nint lda, float* b, nint ldb, float* c, nint cRow, nint cColumn, float alpha, float beta)
        where TRows : unmanaged, ICount
    {
        switch (columns)
        {
            case 1: Run<TRows, N1>(depth, a, lda, b, ldb, c, cRow, cColumn, alpha, beta); break;
            case 2: Run<TRows, N2>(depth, a, lda, b, ldb, c, cRow, cColumn, alpha, beta); break;
            case 3: Run<TRows, N3>(depth, a, lda, b, ldb, c, cRow, cColumn, alpha, beta); break;
            default: Run<TRows, N4>(depth, a, lda, b, ldb, c, cRow, cColumn, alpha, beta); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TColumns>(
        int depth, float* a, nint lda, float* b, nint ldb, float* c, nint cRow, nint cColumn, float alpha, float beta)
        where TRows : unmanaged, ICount
        where TColumns : unmanaged, ICount
    {
        TVector c00 = default, c01 = default, c02 = default, c03 = default;
        TVector c10 = default, c11 = default, c12 = default, c13 = default;
        TVector c20 = default, c21 = default, c22 = default, c23 = default;
        TVector c30 = default, c31 = default, c32 = default, c33 = default;
        // What is left after whole vectors is padded with zeros here, and then goes through the same loop once more.
        float* tail = stackalloc float[8 * TLane.Width];
        int left = depth % TLane.Width;
        for (int end = depth - left, pass = 0; pass < 2; pass++)
        {
            for (int p = 0; p < end; p += TLane.Width)
            {
                TVector b0 = TLane.Load(b + p);
                TVector b1 = sizeof(TColumns) > 1 ? TLane.Load(b + ldb + p) : b0;
                TVector b2 = sizeof(TColumns) > 2 ? TLane.Load(b + 2 * ldb + p) : b0;
                TVector b3 = sizeof(TColumns) > 3 ? TLane.Load(b + 3 * ldb + p) : b0;
                TVector x = TLane.Load(a + p);
                c00 = TLane.MultiplyAdd(x, b0, c00);
                if (sizeof(TColumns) > 1) c01 = TLane.MultiplyAdd(x, b1, c01);
                if (sizeof(TColumns) > 2) c02 = TLane.MultiplyAdd(x, b2, c02);
                if (sizeof(TColumns) > 3) c03 = TLane.MultiplyAdd(x, b3, c03);
                if (sizeof(TRows) > 1)
                {
                    x = TLane.Load(a + lda + p);
                    c10 = TLane.MultiplyAdd(x, b0, c10);
                    if (sizeof(TColumns) > 1) c11 = TLane.MultiplyAdd(x, b1, c11);
                    if (sizeof(TColumns) > 2) c12 = TLane.MultiplyAdd(x, b2, c12);
                    if (sizeof(TColumns) > 3) c13 = TLane.MultiplyAdd(x, b3, c13);
                }
                if (sizeof(TRows) > 2)
                {
                    x = TLane.Load(a + 2 * lda + p);
                    c20 = TLane.MultiplyAdd(x, b0, c20);
                    if (sizeof(TColumns) > 1) c21 = TLane.MultiplyAdd(x, b1, c21);
                    if (sizeof(TColumns) > 2) c22 = TLane.MultiplyAdd(x, b2, c22);
                    if (sizeof(TColumns) > 3) c23 = TLane.MultiplyAdd(x, b3, c23);
                }
                if (sizeof(TRows) > 3)
                {
                    x = TLane.Load(a + 3 * lda + p);
                    c30 = TLane.MultiplyAdd(x, b0, c30);
                    if (sizeof(TColumns) > 1) c31 = TLane.MultiplyAdd(x, b1, c31);
                    if (sizeof(TColumns) > 2) c32 = TLane.MultiplyAdd(x, b2, c32);
                    if (sizeof(TColumns) > 3) c33 = TLane.MultiplyAdd(x, b3, c33);
                }
            }
            if (left == 0 || pass == 1) break;
            for (int i = 0; i < 4; i++)
            {
                for (int p = 0; p < TLane.Width; p++)
                {
                    tail[i * TLane.Width + p] = i < sizeof(TRows) && p < left ? a[i * lda + end + p] : 0;
                    tail[(4 + i) * TLane.Width + p] = i < sizeof(TColumns) && p < left ? b[i * ldb + end + p] : 0;
                }
            }
            a = tail;
            b = tail + 4 * TLane.Width;
            lda = ldb = end = TLane.Width;
        }
        Finish<TColumns>(c00, c01, c02, c03, c, cColumn, alpha, beta);
        if (sizeof(TRows) > 1) Finish<TColumns>(c10, c11, c12, c13, c + cRow, cColumn, alpha, beta);
        if (sizeof(TRows) > 2) Finish<TColumns>(c20, c21, c22, c23, c + 2 * cRow, cColumn, alpha, beta);
        if (sizeof(TRows) > 3) Finish<TColumns>(c30, c31, c32, c33, c + 3 * cRow, cColumn, alpha, beta);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TColumns>(TVector c0, TVector c1, TVector c2, TVector c3, float* c, nint cColumn, float alpha, float beta)
        where TColumns : unmanaged, ICount
    {
        Finish(c0, c, alpha, beta);
        if (sizeof(TColumns) > 1) Finish(c1, c + cColumn, alpha, beta);
        if (sizeof(TColumns) > 2) Finish(c2, c + 2 * cColumn, alpha, beta);
        if (sizeof(TColumns) > 3) Finish(c3, c + 3 * cColumn, alpha, beta);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TVector sum, float* c, float alpha, float beta)
    {
        float scaled = alpha * TLane.Sum(sum);
        *c = beta == 0 ? scaled : float.MultiplyAddEstimate(beta, *c, scaled);
    }
}
