namespace Limn.Engine.Kernels;

/// <summary>The place of the largest or smallest element along an axis.</summary>
/// <remarks>
/// Ties go to the first, or to the last where asked. NaN counts as the most extreme element, as in numpy: the first NaN wins
/// (or the last). Equality is IEEE's: −0 ties with +0.
/// </remarks>
internal static unsafe class ArgExtremes
{
    public static void ArgMax(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, int axis, bool last, Span<long> y, Workers workers) =>
        Run<float, Greater>(x, dims, axis, last, y, workers);

    public static void ArgMin(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, int axis, bool last, Span<long> y, Workers workers) =>
        Run<float, Less>(x, dims, axis, last, y, workers);

    public static void ArgMax(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, int axis, bool last, Span<long> y, Workers workers) =>
        Run<long, Greater>(x, dims, axis, last, y, workers);

    public static void ArgMin(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, int axis, bool last, Span<long> y, Workers workers) =>
        Run<long, Less>(x, dims, axis, last, y, workers);

    private interface IBeats<T>
    {
        static abstract bool Beats(T candidate, T best);
    }

    private readonly struct Greater : IBeats<float>, IBeats<long>
    {
        public static bool Beats(float candidate, float best) => candidate > best || (float.IsNaN(candidate) && !float.IsNaN(best));
        public static bool Beats(long candidate, long best) => candidate > best;
    }

    private readonly struct Less : IBeats<float>, IBeats<long>
    {
        public static bool Beats(float candidate, float best) => candidate < best || (float.IsNaN(candidate) && !float.IsNaN(best));
        public static bool Beats(long candidate, long best) => candidate < best;
    }

    /// <exception cref="ShapeMismatchException">The axis does not exist or is empty, or an array has a wrong length.</exception>
    private static void Run<T, TOrder>(ReadOnlySpan<T> x, ReadOnlySpan<int> dims, int axis, bool last, Span<long> y, Workers workers)
        where T : unmanaged
        where TOrder : struct, IBeats<T>
    {
        Dims.Check(nameof(x), x.Length, dims);
        (int outer, int length, int inner) = Dims.Split(dims, axis);
        Dims.CheckSame(nameof(y), y.Length, outer * inner);
        if (y.IsEmpty) return;
        if (length == 0) Fail.Shape($"Axis {axis} of shape {Dims.Text(dims)} is empty: nothing is the largest or smallest of nothing.");

        // From the back, the first to win among ties is the last in order.
        int start = last ? length - 1 : 0, step = last ? -1 : 1;
        fixed (T* px = x)
        fixed (long* py = y)
        {
            T* source = px;
            long* target = py;
            workers.Ranges(outer, Chunks.Items(Chunks.Dear, (long)length * inner), (from, to) =>
            {
                Span<T> strip = stackalloc T[Strip];
                for (int o = from; o < to; o++)
                {
                    T* block = source + (long)o * length * inner;
                    if (inner == 1)
                    {
                        T best = block[start];
                        int place = start;
                        for (int k = start + step; (uint)k < (uint)length; k += step)
                        {
                            if (!TOrder.Beats(block[k], best)) continue;
                            (best, place) = (block[k], k);
                        }
                        target[o] = place;
                        continue;
                    }
                    for (int i = 0; i < inner; i += Strip)
                    {
                        int width = Math.Min(Strip, inner - i);
                        long* places = target + (long)o * inner + i;
                        new ReadOnlySpan<T>(block + (long)start * inner + i, width).CopyTo(strip);
                        new Span<long>(places, width).Fill(start);
                        for (int k = start + step; (uint)k < (uint)length; k += step)
                        {
                            T* row = block + (long)k * inner + i;
                            for (int j = 0; j < width; j++)
                            {
                                if (!TOrder.Beats(row[j], strip[j])) continue;
                                strip[j] = row[j];
                                places[j] = k;
                            }
                        }
                    }
                }
            });
        }
    }

    private const int Strip = 256;
}
