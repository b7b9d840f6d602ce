using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>
/// The product at one point of the transform: M = V U for a group of tiles and a panel of output channels, the sums held in registers
/// while the input channels run by.
/// </summary>
/// <remarks>
/// V lies in chunks of <see cref="Chunk"/> input channels, a chunk as [tile of the group][channel]: the transform writes whole cache
/// lines, and here a row is a constant away from the next, so that no register is spent on a stride. A row of the panel is one or two
/// vectors. Every element of M is one chain of multiply-adds over the input channels, whatever the group and the panel.
/// </remarks>
internal static unsafe class WinogradProduct<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>Input channels that lie together for one tile: a cache line.</summary>
    public const int Chunk = 16;

    /// <summary>The most tiles of a group: with two vectors a row, as many sums as the registers hold.</summary>
    public static int MaxRows => TLane.TileRows == 8 ? 14 : 6;

    /// <summary>M (rows of <paramref name="ldm"/> floats) = V U for 1 to <see cref="MaxRows"/> tiles and 1 or 2 vectors of output channels.</summary>
    /// <remarks>Weights are read once from far away; those at <paramref name="ahead"/>, which the caller needs next, are called for meanwhile.</remarks>
    public static void Run(int rows, int vectors, int depth, float* v, float* u, float* m, nint ldm, float* ahead, nint aheadStep)
    {
        if (vectors == 2) Run<N2>(rows, depth, v, u, m, ldm, ahead, aheadStep);
        else Run<N1>(rows, depth, v, u, m, ldm, ahead, aheadStep);
    }

    private static void Run<TVectors>(int rows, int depth, float* v, float* u, float* m, nint ldm, float* ahead, nint aheadStep)
        where TVectors : unmanaged, ICount
    {
        switch (rows)
        {
            case 1: Run<N1, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 2: Run<N2, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 3: Run<N3, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 4: Run<N4, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 5: Run<N5, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 6: Run<N6, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 7: Run<N7, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 8: Run<N8, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 9: Run<N9, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 10: Run<N10, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 11: Run<N11, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 12: Run<N12, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 13: Run<N13, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            case 14: Run<N14, TVectors>(depth, v, u, m, ldm, ahead, aheadStep); break;
            default: throw new ArgumentOutOfRangeException(nameof(rows), rows, "A group has 1 to 14 tiles.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TVectors>(int depth, float* v, float* u, float* m, nint ldm, float* ahead, nint aheadStep)
        where TRows : unmanaged, ICount
        where TVectors : unmanaged, ICount
    {
        TVector s0 = default, t0 = default;
        TVector s1 = default, t1 = default;
        TVector s2 = default, t2 = default;
        TVector s3 = default, t3 = default;
        TVector s4 = default, t4 = default;
        TVector s5 = default, t5 = default;
        TVector s6 = default, t6 = default;
        TVector s7 = default, t7 = default;
        TVector s8 = default, t8 = default;
        TVector s9 = default, t9 = default;
        TVector s10 = default, t10 = default;
        TVector s11 = default, t11 = default;
        TVector s12 = default, t12 = default;
        TVector s13 = default, t13 = default;
        while (depth > 0)
        {
            float* end = v + Math.Min(depth, Chunk);
            depth -= Chunk;
            float* next = v + sizeof(TRows) * Chunk;
            do
            {
                TVector u0 = TLane.Load(u), u1 = sizeof(TVectors) > 1 ? TLane.Load(u + TLane.Width) : u0;
                TVector x = TLane.Broadcast(v[0]);
                s0 = TLane.MultiplyAdd(x, u0, s0);
                if (sizeof(TVectors) > 1) t0 = TLane.MultiplyAdd(x, u1, t0);
                if (sizeof(TRows) > 1)
                {
                    x = TLane.Broadcast(v[1 * Chunk]);
                    s1 = TLane.MultiplyAdd(x, u0, s1);
                    if (sizeof(TVectors) > 1) t1 = TLane.MultiplyAdd(x, u1, t1);
                }
                if (sizeof(TRows) > 2)
                {
                    x = TLane.Broadcast(v[2 * Chunk]);
                    s2 = TLane.MultiplyAdd(x, u0, s2);
                    if (sizeof(TVectors) > 1) t2 = TLane.MultiplyAdd(x, u1, t2);
                }
                if (sizeof(TRows) > 3)
                {
                    x = TLane.Broadcast(v[3 * Chunk]);
                    s3 = TLane.MultiplyAdd(x, u0, s3);
                    if (sizeof(TVectors) > 1) t3 = TLane.MultiplyAdd(x, u1, t3);
                }
                if (sizeof(TRows) > 4)
                {
                    x = TLane.Broadcast(v[4 * Chunk]);
                    s4 = TLane.MultiplyAdd(x, u0, s4);
                    if (sizeof(TVectors) > 1) t4 = TLane.MultiplyAdd(x, u1, t4);
                }
                if (sizeof(TRows) > 5)
                {
                    x = TLane.Broadcast(v[5 * Chunk]);
                    s5 = TLane.MultiplyAdd(x, u0, s5);
                    if (sizeof(TVectors) > 1) t5 = TLane.MultiplyAdd(x, u1, t5);
                }
                if (sizeof(TRows) > 6)
                {
                    x = TLane.Broadcast(v[6 * Chunk]);
                    s6 = TLane.MultiplyAdd(x, u0, s6);
                    if (sizeof(TVectors) > 1) t6 = TLane.MultiplyAdd(x, u1, t6);
                }
                if (sizeof(TRows) > 7)
                {
                    x = TLane.Broadcast(v[7 * Chunk]);
                    s7 = TLane.MultiplyAdd(x, u0, s7);
                    if (sizeof(TVectors) > 1) t7 = TLane.MultiplyAdd(x, u1, t7);
                }
                if (sizeof(TRows) > 8)
                {
                    x = TLane.Broadcast(v[8 * Chunk]);
                    s8 = TLane.MultiplyAdd(x, u0, s8);
                    if (sizeof(TVectors) > 1) t8 = TLane.MultiplyAdd(x, u1, t8);
                }
                if (sizeof(TRows) > 9)
                {
                    x = TLane.Broadcast(v[9 * Chunk]);
                    s9 = TLane.MultiplyAdd(x, u0, s9);
                    if (sizeof(TVectors) > 1) t9 = TLane.MultiplyAdd(x, u1, t9);
                }
                if (sizeof(TRows) > 10)
                {
                    x = TLane.Broadcast(v[10 * Chunk]);
                    s10 = TLane.MultiplyAdd(x, u0, s10);
                    if (sizeof(TVectors) > 1) t10 = TLane.MultiplyAdd(x, u1, t10);
                }
                if (sizeof(TRows) > 11)
                {
                    x = TLane.Broadcast(v[11 * Chunk]);
                    s11 = TLane.MultiplyAdd(x, u0, s11);
                    if (sizeof(TVectors) > 1) t11 = TLane.MultiplyAdd(x, u1, t11);
                }
                if (sizeof(TRows) > 12)
                {
                    x = TLane.Broadcast(v[12 * Chunk]);
                    s12 = TLane.MultiplyAdd(x, u0, s12);
                    if (sizeof(TVectors) > 1) t12 = TLane.MultiplyAdd(x, u1, t12);
                }
                if (sizeof(TRows) > 13)
                {
                    x = TLane.Broadcast(v[13 * Chunk]);
                    s13 = TLane.MultiplyAdd(x, u0, s13);
                    if (sizeof(TVectors) > 1) t13 = TLane.MultiplyAdd(x, u1, t13);
                }
                if (Sse.IsSupported) Sse.Prefetch1(ahead);
                ahead += aheadStep;
                v++;
                u += sizeof(TVectors) * TLane.Width;
            }
            while (v < end);
            v = next;
        }
        Store<TVectors>(s0, t0, m);
        if (sizeof(TRows) > 1) Store<TVectors>(s1, t1, m + 1 * ldm);
        if (sizeof(TRows) > 2) Store<TVectors>(s2, t2, m + 2 * ldm);
        if (sizeof(TRows) > 3) Store<TVectors>(s3, t3, m + 3 * ldm);
        if (sizeof(TRows) > 4) Store<TVectors>(s4, t4, m + 4 * ldm);
        if (sizeof(TRows) > 5) Store<TVectors>(s5, t5, m + 5 * ldm);
        if (sizeof(TRows) > 6) Store<TVectors>(s6, t6, m + 6 * ldm);
        if (sizeof(TRows) > 7) Store<TVectors>(s7, t7, m + 7 * ldm);
        if (sizeof(TRows) > 8) Store<TVectors>(s8, t8, m + 8 * ldm);
        if (sizeof(TRows) > 9) Store<TVectors>(s9, t9, m + 9 * ldm);
        if (sizeof(TRows) > 10) Store<TVectors>(s10, t10, m + 10 * ldm);
        if (sizeof(TRows) > 11) Store<TVectors>(s11, t11, m + 11 * ldm);
        if (sizeof(TRows) > 12) Store<TVectors>(s12, t12, m + 12 * ldm);
        if (sizeof(TRows) > 13) Store<TVectors>(s13, t13, m + 13 * ldm);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TVectors>(TVector s, TVector t, float* m)
        where TVectors : unmanaged, ICount
    {
        TLane.Store(s, m);
        if (sizeof(TVectors) > 1) TLane.Store(t, m + TLane.Width);
    }
}
