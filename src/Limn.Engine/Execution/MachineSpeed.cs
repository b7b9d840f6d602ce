using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Limn.Engine.Kernels;

namespace Limn.Engine.Execution;

/// <summary>What this machine can do at most, measured: nothing that runs on it can be faster than both of its roofs allow.</summary>
/// <param name="FlopsPerSecond">Multiplications and additions of single precision in registers alone.</param>
/// <param name="BytesPerSecond">Bytes read and written by copying memory that no cache holds.</param>
/// <remarks>Williams, Waterman, Patterson: Roofline, 2009. What lies in a cache may be read faster than <see cref="BytesPerSecond"/>.</remarks>
public sealed record MachineSpeed(double FlopsPerSecond, double BytesPerSecond)
{
    private const int Chains = 12; // independent sums: more than a processor's latency times its units
    private const int CopyBytes = 64 << 20;

    /// <summary>Measures for a fraction of a second.</summary>
    /// <param name="threads">How many threads work; 0 for all processors.</param>
    /// <param name="milliseconds">How long each of the two is measured; the best of what was seen counts.</param>
    public static MachineSpeed Measure(int threads = 0, int milliseconds = 100)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(milliseconds, 1);
        var workers = new Workers(threads);
        return new MachineSpeed(Peak(workers, milliseconds), Copying(workers, milliseconds));
    }

    /// <summary>The least seconds that so much work takes.</summary>
    public double SecondsFor(long flops, long bytes) => Math.Max(flops / FlopsPerSecond, bytes / BytesPerSecond);

    private static double Peak(Workers workers, int milliseconds)
    {
        const int Turns = 200_000;
        var (chains, width) = VectorWidths.Best switch
        {
            VectorWidth.Vector512 => ((Func<int, float>)Multiply<Lane512, Vector512<float>>, 16),
            VectorWidth.Vector256 => (Multiply<Lane256, Vector256<float>>, 8),
            VectorWidth.Vector128 => (Multiply<Lane128, Vector128<float>>, 4),
            _ => (Multiply<LaneScalar, float>, 1),
        };
        return workers.Count * Best(milliseconds, 2.0 * Turns * Chains * width, () => workers.For(workers.Count, _ => GC.KeepAlive(chains(Turns))));
    }

    private static double Copying(Workers workers, int milliseconds)
    {
        byte[] from = GC.AllocateUninitializedArray<byte>(CopyBytes), to = GC.AllocateUninitializedArray<byte>(CopyBytes);
        from.AsSpan().Fill(1);
        return Best(milliseconds, 2.0 * CopyBytes, () => workers.Ranges(CopyBytes, CopyBytes / workers.Count, (start, end) => from.AsSpan(start..end).CopyTo(to.AsSpan(start))));
    }

    /// <summary>Units a second: the best of at least three.</summary>
    private static double Best(int milliseconds, double units, Action work)
    {
        double least = double.PositiveInfinity;
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < 3 || Stopwatch.GetElapsedTime(began).TotalMilliseconds < milliseconds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            work();
            least = Math.Min(least, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return units / least;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Multiply<TLane, TVector>(int turns)
        where TLane : ILane<TVector>
        where TVector : unmanaged
    {
        TVector factor = TLane.Broadcast(0.999f), term = TLane.Broadcast(0.001f);
        TVector a = term, b = term, c = term, d = term, e = term, f = term, g = term, h = term, i = term, j = term, k = term, l = term;
        for (int turn = 0; turn < turns; turn++)
        {
            a = TLane.MultiplyAdd(a, factor, term);
            b = TLane.MultiplyAdd(b, factor, term);
            c = TLane.MultiplyAdd(c, factor, term);
            d = TLane.MultiplyAdd(d, factor, term);
            e = TLane.MultiplyAdd(e, factor, term);
            f = TLane.MultiplyAdd(f, factor, term);
            g = TLane.MultiplyAdd(g, factor, term);
            h = TLane.MultiplyAdd(h, factor, term);
            i = TLane.MultiplyAdd(i, factor, term);
            j = TLane.MultiplyAdd(j, factor, term);
            k = TLane.MultiplyAdd(k, factor, term);
            l = TLane.MultiplyAdd(l, factor, term);
        }
        return TLane.Sum(a) + TLane.Sum(b) + TLane.Sum(c) + TLane.Sum(d) + TLane.Sum(e) + TLane.Sum(f)
            + TLane.Sum(g) + TLane.Sum(h) + TLane.Sum(i) + TLane.Sum(j) + TLane.Sum(k) + TLane.Sum(l);
    }
}
