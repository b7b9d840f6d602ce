using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>What one call of a tile kernel computes: two groups of rows of a product, each row a step after the one before.</summary>
internal unsafe struct TileWork
{
    /// <summary>The first row of each group of A; the second group is unused where the kernel has one.</summary>
    public float* A, SecondA;

    /// <summary>Bytes from a row of A to the next.</summary>
    public nint AStep;

    /// <summary>Where the parts of a row of A lie: bytes from the row's start.</summary>
    public nint* Segments;

    public int SegmentCount, SegmentLength;

    /// <summary>A panel of packed weights, from the first row that is wanted.</summary>
    public float* B;

    public float* Y, SecondY;

    /// <summary>Floats from a row of the result to the next.</summary>
    public nint YStep;

    /// <summary>What each group's sums start from; with a step of 0 it is one row for all.</summary>
    public float* Start, SecondStart;

    public nint StartStep;

    /// <summary>Floats from an element of the result to the same of the residual and of the gate, where there are such.</summary>
    public nint Residual, Gate;

    /// <summary>Floats of the last vector of a row that belong to the result, where it is not whole.</summary>
    public int LastCount;

    public bool HasResidual, HasGate, IsClipped;

    public float Low, High, GateLow, GateHigh;

    /// <summary>What the next calls will read, to be brought into the second-level cache.</summary>
    public byte* Next;

    /// <summary>Bytes of that for each row of the panel.</summary>
    public nint NextStep;
}

/// <summary>
/// The innermost loop of channels-last convolutions and of products with packed weights: up to two groups of 7 rows by 3 vectors of results stay in
/// registers while all segments of A's rows are multiplied with a panel that is read straight through.
/// </summary>
/// <remarks>
/// The accumulators are locals written out one by one because the compiler keeps only locals in registers. Every result is one chain of multiply-adds,
/// in the order of the panel's rows, whatever the tile: cutting the work differently does not change a bit.
/// </remarks>
internal static unsafe class RegisterTile<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>The most vectors that a panel is wide.</summary>
    public const int MostVectors = 3;

    /// <summary>The most rows in a group.</summary>
    public const int MostRows = 7;

    /// <summary>Rows of a group that two groups of them, a row of the panel and a broadcast leave room for in the registers.</summary>
    public static int GroupRows(int vectors) => TLane.TileRows == 8 ? (vectors < 3 ? 7 : 4) : vectors switch { 1 => 6, 2 => 3, _ => 2 };

    /// <summary>The kernel for 1 or 2 groups of 1 to 7 rows by 1 to 3 vectors, the last of which is whole or not.</summary>
    public static delegate*<TileWork*, void> Kernel(int groups, int rows, int vectors, bool whole) =>
        whole ? groups == 1 ? Kernel<N1, N1>(rows, vectors) : Kernel<N1, N2>(rows, vectors) : groups == 1 ? Kernel<N0, N1>(rows, vectors) : Kernel<N0, N2>(rows, vectors);

    private static delegate*<TileWork*, void> Kernel<TWhole, TGroups>(int rows, int vectors)
        where TWhole : unmanaged, ICount
        where TGroups : unmanaged, ICount => rows switch
    {
        1 => Kernel<TWhole, TGroups, N1>(vectors),
        2 => Kernel<TWhole, TGroups, N2>(vectors),
        3 => Kernel<TWhole, TGroups, N3>(vectors),
        4 => Kernel<TWhole, TGroups, N4>(vectors),
        5 => Kernel<TWhole, TGroups, N5>(vectors),
        6 => Kernel<TWhole, TGroups, N6>(vectors),
        7 => Kernel<TWhole, TGroups, N7>(vectors),
        _ => throw new ArgumentOutOfRangeException(nameof(rows), rows, "A group has 1 to 7 rows."),
    };

    private static delegate*<TileWork*, void> Kernel<TWhole, TGroups, TRows>(int vectors)
        where TWhole : unmanaged, ICount
        where TGroups : unmanaged, ICount
        where TRows : unmanaged, ICount => vectors switch
    {
        1 => &Run<TWhole, TGroups, TRows, N1>,
        2 => &Run<TWhole, TGroups, TRows, N2>,
        3 => &Run<TWhole, TGroups, TRows, N3>,
        _ => throw new ArgumentOutOfRangeException(nameof(vectors), vectors, "A panel is 1 to 3 vectors wide."),
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TWhole, TGroups, TRows, TVectors>(TileWork* work)
        where TWhole : unmanaged, ICount
        where TGroups : unmanaged, ICount
        where TRows : unmanaged, ICount
        where TVectors : unmanaged, ICount
    {
        TVector a00 = default, a01 = default, a02 = default;
        TVector a10 = default, a11 = default, a12 = default;
        TVector a20 = default, a21 = default, a22 = default;
        TVector a30 = default, a31 = default, a32 = default;
        TVector a40 = default, a41 = default, a42 = default;
        TVector a50 = default, a51 = default, a52 = default;
        TVector a60 = default, a61 = default, a62 = default;
        TVector b00 = default, b01 = default, b02 = default;
        TVector b10 = default, b11 = default, b12 = default;
        TVector b20 = default, b21 = default, b22 = default;
        TVector b30 = default, b31 = default, b32 = default;
        TVector b40 = default, b41 = default, b42 = default;
        TVector b50 = default, b51 = default, b52 = default;
        TVector b60 = default, b61 = default, b62 = default;
        float* start = work->Start;
        nint step = work->StartStep;
        Begin<TVectors>(start, out a00, out a01, out a02);
        if (sizeof(TRows) > 1) Begin<TVectors>(start + step, out a10, out a11, out a12);
        if (sizeof(TRows) > 2) Begin<TVectors>(start + 2 * step, out a20, out a21, out a22);
        if (sizeof(TRows) > 3) Begin<TVectors>(start + 3 * step, out a30, out a31, out a32);
        if (sizeof(TRows) > 4) Begin<TVectors>(start + 4 * step, out a40, out a41, out a42);
        if (sizeof(TRows) > 5) Begin<TVectors>(start + 5 * step, out a50, out a51, out a52);
        if (sizeof(TRows) > 6) Begin<TVectors>(start + 6 * step, out a60, out a61, out a62);
        if (sizeof(TGroups) > 1) start = work->SecondStart;
        if (sizeof(TGroups) > 1) Begin<TVectors>(start, out b00, out b01, out b02);
        if (sizeof(TGroups) > 1 && sizeof(TRows) > 1) Begin<TVectors>(start + step, out b10, out b11, out b12);
        if (sizeof(TGroups) > 1 && sizeof(TRows) > 2) Begin<TVectors>(start + 2 * step, out b20, out b21, out b22);
        if (sizeof(TGroups) > 1 && sizeof(TRows) > 3) Begin<TVectors>(start + 3 * step, out b30, out b31, out b32);
        if (sizeof(TGroups) > 1 && sizeof(TRows) > 4) Begin<TVectors>(start + 4 * step, out b40, out b41, out b42);
        if (sizeof(TGroups) > 1 && sizeof(TRows) > 5) Begin<TVectors>(start + 5 * step, out b50, out b51, out b52);
        if (sizeof(TGroups) > 1 && sizeof(TRows) > 6) Begin<TVectors>(start + 6 * step, out b60, out b61, out b62);
        nint* segment = work->Segments;
        float* b = work->B;
        byte* next = work->Next;
        nint nextStep = work->NextStep;
        nint s = work->AStep, s3 = 3 * s, s5 = 5 * s;
        for (int left = work->SegmentCount; left > 0; left--)
        {
            byte* p = (byte*)work->A + *segment, q = (byte*)work->SecondA + *segment;
            segment++;
            float* end = b + (nint)work->SegmentLength * (sizeof(TVectors) * TLane.Width);
            while (b < end)
            {
                TVector b0 = TLane.Load(b);
                TVector b1 = sizeof(TVectors) > 1 ? TLane.Load(b + TLane.Width) : b0;
                TVector b2 = sizeof(TVectors) > 2 ? TLane.Load(b + 2 * TLane.Width) : b0;
                if (Sse.IsSupported) Sse.Prefetch1(next);
                next += nextStep;
                TVector x = TLane.Broadcast(*(float*)p);
                a00 = TLane.MultiplyAdd(x, b0, a00);
                if (sizeof(TVectors) > 1) a01 = TLane.MultiplyAdd(x, b1, a01);
                if (sizeof(TVectors) > 2) a02 = TLane.MultiplyAdd(x, b2, a02);
                if (sizeof(TRows) > 1)
                {
                    x = TLane.Broadcast(*(float*)(p + s));
                    a10 = TLane.MultiplyAdd(x, b0, a10);
                    if (sizeof(TVectors) > 1) a11 = TLane.MultiplyAdd(x, b1, a11);
                    if (sizeof(TVectors) > 2) a12 = TLane.MultiplyAdd(x, b2, a12);
                }
                if (sizeof(TRows) > 2)
                {
                    x = TLane.Broadcast(*(float*)(p + 2 * s));
                    a20 = TLane.MultiplyAdd(x, b0, a20);
                    if (sizeof(TVectors) > 1) a21 = TLane.MultiplyAdd(x, b1, a21);
                    if (sizeof(TVectors) > 2) a22 = TLane.MultiplyAdd(x, b2, a22);
                }
                if (sizeof(TRows) > 3)
                {
                    x = TLane.Broadcast(*(float*)(p + s3));
                    a30 = TLane.MultiplyAdd(x, b0, a30);
                    if (sizeof(TVectors) > 1) a31 = TLane.MultiplyAdd(x, b1, a31);
                    if (sizeof(TVectors) > 2) a32 = TLane.MultiplyAdd(x, b2, a32);
                }
                if (sizeof(TRows) > 4)
                {
                    x = TLane.Broadcast(*(float*)(p + 4 * s));
                    a40 = TLane.MultiplyAdd(x, b0, a40);
                    if (sizeof(TVectors) > 1) a41 = TLane.MultiplyAdd(x, b1, a41);
                    if (sizeof(TVectors) > 2) a42 = TLane.MultiplyAdd(x, b2, a42);
                }
                if (sizeof(TRows) > 5)
                {
                    x = TLane.Broadcast(*(float*)(p + s5));
                    a50 = TLane.MultiplyAdd(x, b0, a50);
                    if (sizeof(TVectors) > 1) a51 = TLane.MultiplyAdd(x, b1, a51);
                    if (sizeof(TVectors) > 2) a52 = TLane.MultiplyAdd(x, b2, a52);
                }
                if (sizeof(TRows) > 6)
                {
                    x = TLane.Broadcast(*(float*)(p + 2 * s3));
                    a60 = TLane.MultiplyAdd(x, b0, a60);
                    if (sizeof(TVectors) > 1) a61 = TLane.MultiplyAdd(x, b1, a61);
                    if (sizeof(TVectors) > 2) a62 = TLane.MultiplyAdd(x, b2, a62);
                }
                if (sizeof(TGroups) > 1)
                {
                    x = TLane.Broadcast(*(float*)q);
                    b00 = TLane.MultiplyAdd(x, b0, b00);
                    if (sizeof(TVectors) > 1) b01 = TLane.MultiplyAdd(x, b1, b01);
                    if (sizeof(TVectors) > 2) b02 = TLane.MultiplyAdd(x, b2, b02);
                }
                if (sizeof(TGroups) > 1 && sizeof(TRows) > 1)
                {
                    x = TLane.Broadcast(*(float*)(q + s));
                    b10 = TLane.MultiplyAdd(x, b0, b10);
                    if (sizeof(TVectors) > 1) b11 = TLane.MultiplyAdd(x, b1, b11);
                    if (sizeof(TVectors) > 2) b12 = TLane.MultiplyAdd(x, b2, b12);
                }
                if (sizeof(TGroups) > 1 && sizeof(TRows) > 2)
                {
                    x = TLane.Broadcast(*(float*)(q + 2 * s));
                    b20 = TLane.MultiplyAdd(x, b0, b20);
                    if (sizeof(TVectors) > 1) b21 = TLane.MultiplyAdd(x, b1, b21);
                    if (sizeof(TVectors) > 2) b22 = TLane.MultiplyAdd(x, b2, b22);
                }
                if (sizeof(TGroups) > 1 && sizeof(TRows) > 3)
                {
                    x = TLane.Broadcast(*(float*)(q + s3));
                    b30 = TLane.MultiplyAdd(x, b0, b30);
                    if (sizeof(TVectors) > 1) b31 = TLane.MultiplyAdd(x, b1, b31);
                    if (sizeof(TVectors) > 2) b32 = TLane.MultiplyAdd(x, b2, b32);
                }
                if (sizeof(TGroups) > 1 && sizeof(TRows) > 4)
                {
                    x = TLane.Broadcast(*(float*)(q + 4 * s));
                    b40 = TLane.MultiplyAdd(x, b0, b40);
                    if (sizeof(TVectors) > 1) b41 = TLane.MultiplyAdd(x, b1, b41);
                    if (sizeof(TVectors) > 2) b42 = TLane.MultiplyAdd(x, b2, b42);
                }
                if (sizeof(TGroups) > 1 && sizeof(TRows) > 5)
                {
                    x = TLane.Broadcast(*(float*)(q + s5));
                    b50 = TLane.MultiplyAdd(x, b0, b50);
                    if (sizeof(TVectors) > 1) b51 = TLane.MultiplyAdd(x, b1, b51);
                    if (sizeof(TVectors) > 2) b52 = TLane.MultiplyAdd(x, b2, b52);
                }
                if (sizeof(TGroups) > 1 && sizeof(TRows) > 6)
                {
                    x = TLane.Broadcast(*(float*)(q + 2 * s3));
                    b60 = TLane.MultiplyAdd(x, b0, b60);
                    if (sizeof(TVectors) > 1) b61 = TLane.MultiplyAdd(x, b1, b61);
                    if (sizeof(TVectors) > 2) b62 = TLane.MultiplyAdd(x, b2, b62);
                }
                b += sizeof(TVectors) * TLane.Width;
                p += sizeof(float);
                if (sizeof(TGroups) > 1) q += sizeof(float);
            }
        }
        float* y = work->Y;
        nint row = work->YStep;
        Finish<TWhole, TVectors>(work, y, a00, a01, a02);
        if (sizeof(TRows) > 1) Finish<TWhole, TVectors>(work, y + row, a10, a11, a12);
        if (sizeof(TRows) > 2) Finish<TWhole, TVectors>(work, y + 2 * row, a20, a21, a22);
        if (sizeof(TRows) > 3) Finish<TWhole, TVectors>(work, y + 3 * row, a30, a31, a32);
        if (sizeof(TRows) > 4) Finish<TWhole, TVectors>(work, y + 4 * row, a40, a41, a42);
        if (sizeof(TRows) > 5) Finish<TWhole, TVectors>(work, y + 5 * row, a50, a51, a52);
        if (sizeof(TRows) > 6) Finish<TWhole, TVectors>(work, y + 6 * row, a60, a61, a62);
        if (sizeof(TGroups) == 1) return;
        y = work->SecondY;
        Finish<TWhole, TVectors>(work, y, b00, b01, b02);
        if (sizeof(TRows) > 1) Finish<TWhole, TVectors>(work, y + row, b10, b11, b12);
        if (sizeof(TRows) > 2) Finish<TWhole, TVectors>(work, y + 2 * row, b20, b21, b22);
        if (sizeof(TRows) > 3) Finish<TWhole, TVectors>(work, y + 3 * row, b30, b31, b32);
        if (sizeof(TRows) > 4) Finish<TWhole, TVectors>(work, y + 4 * row, b40, b41, b42);
        if (sizeof(TRows) > 5) Finish<TWhole, TVectors>(work, y + 5 * row, b50, b51, b52);
        if (sizeof(TRows) > 6) Finish<TWhole, TVectors>(work, y + 6 * row, b60, b61, b62);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Begin<TVectors>(float* start, out TVector c0, out TVector c1, out TVector c2)
        where TVectors : unmanaged, ICount
    {
        c0 = TLane.Load(start);
        c1 = sizeof(TVectors) > 1 ? TLane.Load(start + TLane.Width) : c0;
        c2 = sizeof(TVectors) > 2 ? TLane.Load(start + 2 * TLane.Width) : c0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TWhole, TVectors>(TileWork* work, float* y, TVector c0, TVector c1, TVector c2)
        where TWhole : unmanaged, ICount
        where TVectors : unmanaged, ICount
    {
        if (typeof(TWhole) == typeof(N0))
        {
            FinishFirst<TVectors>(work, y, c0, c1, c2);
            return;
        }
        if (work->HasResidual)
        {
            float* residual = y + work->Residual;
            c0 = TLane.Add(c0, TLane.Load(residual));
            if (sizeof(TVectors) > 1) c1 = TLane.Add(c1, TLane.Load(residual + TLane.Width));
            if (sizeof(TVectors) > 2) c2 = TLane.Add(c2, TLane.Load(residual + 2 * TLane.Width));
        }
        if (work->IsClipped)
        {
            TVector low = TLane.Broadcast(work->Low), high = TLane.Broadcast(work->High);
            c0 = TLane.Clip(c0, low, high);
            if (sizeof(TVectors) > 1) c1 = TLane.Clip(c1, low, high);
            if (sizeof(TVectors) > 2) c2 = TLane.Clip(c2, low, high);
        }
        if (work->HasGate)
        {
            float* gate = y + work->Gate;
            TVector gateLow = TLane.Broadcast(work->GateLow), gateHigh = TLane.Broadcast(work->GateHigh);
            c0 = TLane.Gate(c0, TLane.Load(gate), gateLow, gateHigh);
            if (sizeof(TVectors) > 1) c1 = TLane.Gate(c1, TLane.Load(gate + TLane.Width), gateLow, gateHigh);
            if (sizeof(TVectors) > 2) c2 = TLane.Gate(c2, TLane.Load(gate + 2 * TLane.Width), gateLow, gateHigh);
        }
        TLane.Store(c0, y);
        if (sizeof(TVectors) > 1) TLane.Store(c1, y + TLane.Width);
        if (sizeof(TVectors) > 2) TLane.Store(c2, y + 2 * TLane.Width);
    }

    /// <summary>The same where the last vector is not whole. Types are compared, not counts, because the compiler inlines only so many calls in a method.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FinishFirst<TVectors>(TileWork* work, float* y, TVector c0, TVector c1, TVector c2)
        where TVectors : unmanaged, ICount
    {
        if (typeof(TVectors) != typeof(N1))
        {
            FinishVector(work, y, c0);
            y += TLane.Width;
            if (typeof(TVectors) != typeof(N2))
            {
                FinishVector(work, y, c1);
                y += TLane.Width;
            }
        }
        int count = work->LastCount;
        TVector last = typeof(TVectors) == typeof(N1) ? c0 : typeof(TVectors) == typeof(N2) ? c1 : c2;
        if (work->HasResidual) last = TLane.Add(last, TLane.LoadFirst(y + work->Residual, count));
        if (work->IsClipped) last = TLane.Clip(last, TLane.Broadcast(work->Low), TLane.Broadcast(work->High));
        if (work->HasGate) last = TLane.Gate(last, TLane.LoadFirst(y + work->Gate, count), TLane.Broadcast(work->GateLow), TLane.Broadcast(work->GateHigh));
        TLane.StoreFirst(last, y, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FinishVector(TileWork* work, float* y, TVector sum)
    {
        if (work->HasResidual) sum = TLane.Add(sum, TLane.Load(y + work->Residual));
        if (work->IsClipped) sum = TLane.Clip(sum, TLane.Broadcast(work->Low), TLane.Broadcast(work->High));
        if (work->HasGate) sum = TLane.Gate(sum, TLane.Load(y + work->Gate), TLane.Broadcast(work->GateLow), TLane.Broadcast(work->GateHigh));
        TLane.Store(sum, y);
    }
}
