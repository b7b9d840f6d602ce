using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

/// <summary>A number known when the kernel is compiled, so that what it rules out leaves no trace in the machine code.</summary>
internal interface ICount
{
    static abstract int Value { get; }
}

internal readonly struct N0 : ICount { public static int Value => 0; }
internal readonly struct N1 : ICount { public static int Value => 1; }
internal readonly struct N2 : ICount { public static int Value => 2; }
internal readonly struct N3 : ICount { public static int Value => 3; }
internal readonly struct N4 : ICount { public static int Value => 4; }
internal readonly struct N5 : ICount { public static int Value => 5; }
internal readonly struct N6 : ICount { public static int Value => 6; }
internal readonly struct N7 : ICount { public static int Value => 7; }
internal readonly struct N8 : ICount { public static int Value => 8; }

/// <summary>
/// The innermost loop of the matrix product: a tile of C, at most 8 rows by 3 vectors, held in registers while the depth runs by.
/// </summary>
/// <remarks>
/// The accumulators are locals written out one by one because the compiler keeps only locals in registers. Every element of C is
/// one chain of multiply-adds over the depth, whatever the size of its tile, so cutting C differently does not change a bit.
/// </remarks>
internal static unsafe class TileKernel<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>C = alpha * A * B + beta * S for one tile; S is not read where beta is 0.</summary>
    /// <remarks>
    /// S, at <paramref name="start"/>, may be C itself; with a step of 0 from row to row it is one row for all: a bias.
    /// The tile has 1 to 8 rows of 1 to 3 vectors, and each sum <paramref name="depth"/> terms. A(i, p) is at a[i * aRow + p * aStep],
    /// and row p of B starts at b[p * bStep].
    /// </remarks>
    public static void Run(
        int rows, int vectors, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, float* start, nint ldStart, float alpha, float beta)
    {
        switch (rows)
        {
            case 1: Run<N1>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 2: Run<N2>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 3: Run<N3>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 4: Run<N4>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 5: Run<N5>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 6: Run<N6>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 7: Run<N7>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 8: Run<N8>(vectors, depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, "A tile has 1 to 8 rows.");
        }
    }

    private static void Run<TRows>(
        int vectors, int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, float* start, nint ldStart, float alpha, float beta)
        where TRows : struct, ICount
    {
        switch (vectors)
        {
            case 1: Run<TRows, N1>(depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 2: Run<TRows, N2>(depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            case 3: Run<TRows, N3>(depth, a, aRow, aStep, b, bStep, c, ldc, start, ldStart, alpha, beta); break;
            default: throw new ArgumentOutOfRangeException(nameof(vectors), vectors, "A tile is 1 to 3 vectors wide.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TVectors>(
        int depth, float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint ldc, float* start, nint ldStart, float alpha, float beta)
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        TVector c00 = default, c01 = default, c02 = default;
        TVector c10 = default, c11 = default, c12 = default;
        TVector c20 = default, c21 = default, c22 = default;
        TVector c30 = default, c31 = default, c32 = default;
        TVector c40 = default, c41 = default, c42 = default;
        TVector c50 = default, c51 = default, c52 = default;
        TVector c60 = default, c61 = default, c62 = default;
        TVector c70 = default, c71 = default, c72 = default;
        nint a2 = 2 * aRow, a3 = 3 * aRow, a4 = 4 * aRow, a5 = 5 * aRow, a6 = 6 * aRow, a7 = 7 * aRow;
        for (int p = 0; p < depth; p++)
        {
            TVector b0 = TLane.Load(b);
            TVector b1 = TVectors.Value > 1 ? TLane.Load(b + TLane.Width) : b0;
            TVector b2 = TVectors.Value > 2 ? TLane.Load(b + 2 * TLane.Width) : b0;
            TVector x = TLane.Broadcast(a[0]);
            c00 = TLane.MultiplyAdd(x, b0, c00);
            if (TVectors.Value > 1) c01 = TLane.MultiplyAdd(x, b1, c01);
            if (TVectors.Value > 2) c02 = TLane.MultiplyAdd(x, b2, c02);
            if (TRows.Value > 1)
            {
                x = TLane.Broadcast(a[aRow]);
                c10 = TLane.MultiplyAdd(x, b0, c10);
                if (TVectors.Value > 1) c11 = TLane.MultiplyAdd(x, b1, c11);
                if (TVectors.Value > 2) c12 = TLane.MultiplyAdd(x, b2, c12);
            }
            if (TRows.Value > 2)
            {
                x = TLane.Broadcast(a[a2]);
                c20 = TLane.MultiplyAdd(x, b0, c20);
                if (TVectors.Value > 1) c21 = TLane.MultiplyAdd(x, b1, c21);
                if (TVectors.Value > 2) c22 = TLane.MultiplyAdd(x, b2, c22);
            }
            if (TRows.Value > 3)
            {
                x = TLane.Broadcast(a[a3]);
                c30 = TLane.MultiplyAdd(x, b0, c30);
                if (TVectors.Value > 1) c31 = TLane.MultiplyAdd(x, b1, c31);
                if (TVectors.Value > 2) c32 = TLane.MultiplyAdd(x, b2, c32);
            }
            if (TRows.Value > 4)
            {
                x = TLane.Broadcast(a[a4]);
                c40 = TLane.MultiplyAdd(x, b0, c40);
                if (TVectors.Value > 1) c41 = TLane.MultiplyAdd(x, b1, c41);
                if (TVectors.Value > 2) c42 = TLane.MultiplyAdd(x, b2, c42);
            }
            if (TRows.Value > 5)
            {
                x = TLane.Broadcast(a[a5]);
                c50 = TLane.MultiplyAdd(x, b0, c50);
                if (TVectors.Value > 1) c51 = TLane.MultiplyAdd(x, b1, c51);
                if (TVectors.Value > 2) c52 = TLane.MultiplyAdd(x, b2, c52);
            }
            if (TRows.Value > 6)
            {
                x = TLane.Broadcast(a[a6]);
                c60 = TLane.MultiplyAdd(x, b0, c60);
                if (TVectors.Value > 1) c61 = TLane.MultiplyAdd(x, b1, c61);
                if (TVectors.Value > 2) c62 = TLane.MultiplyAdd(x, b2, c62);
            }
            if (TRows.Value > 7)
            {
                x = TLane.Broadcast(a[a7]);
                c70 = TLane.MultiplyAdd(x, b0, c70);
                if (TVectors.Value > 1) c71 = TLane.MultiplyAdd(x, b1, c71);
                if (TVectors.Value > 2) c72 = TLane.MultiplyAdd(x, b2, c72);
            }
            a += aStep;
            b += bStep;
        }
        Finish<TVectors>(c00, c01, c02, c, start, alpha, beta);
        if (TRows.Value > 1) Finish<TVectors>(c10, c11, c12, c + ldc, start + ldStart, alpha, beta);
        if (TRows.Value > 2) Finish<TVectors>(c20, c21, c22, c + 2 * ldc, start + 2 * ldStart, alpha, beta);
        if (TRows.Value > 3) Finish<TVectors>(c30, c31, c32, c + 3 * ldc, start + 3 * ldStart, alpha, beta);
        if (TRows.Value > 4) Finish<TVectors>(c40, c41, c42, c + 4 * ldc, start + 4 * ldStart, alpha, beta);
        if (TRows.Value > 5) Finish<TVectors>(c50, c51, c52, c + 5 * ldc, start + 5 * ldStart, alpha, beta);
        if (TRows.Value > 6) Finish<TVectors>(c60, c61, c62, c + 6 * ldc, start + 6 * ldStart, alpha, beta);
        if (TRows.Value > 7) Finish<TVectors>(c70, c71, c72, c + 7 * ldc, start + 7 * ldStart, alpha, beta);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TVectors>(TVector c0, TVector c1, TVector c2, float* c, float* start, float alpha, float beta)
        where TVectors : struct, ICount
    {
        Finish(c0, c, start, alpha, beta);
        if (TVectors.Value > 1) Finish(c1, c + TLane.Width, start + TLane.Width, alpha, beta);
        if (TVectors.Value > 2) Finish(c2, c + 2 * TLane.Width, start + 2 * TLane.Width, alpha, beta);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TVector sum, float* c, float* start, float alpha, float beta)
    {
        TVector scaled = TLane.Multiply(TLane.Broadcast(alpha), sum);
        if (beta != 0) scaled = TLane.MultiplyAdd(TLane.Broadcast(beta), TLane.Load(start), scaled);
        TLane.Store(scaled, c);
    }
}
