namespace Limn.Engine.Kernels;

/// <summary>Several arrays as one along an axis, one as several, and one repeated.</summary>
internal static unsafe class Joining
{
    /// <summary>
    /// Writes one argument of a concatenation: x of [outer, size, inner] to the places [.., start .. start + size, ..] of y, which
    /// is [outer, total, inner]. Called once for every argument.
    /// </summary>
    /// <exception cref="ShapeMismatchException">The part leaves the axis, or an array has a wrong length.</exception>
    public static void ConcatPart<T>(ReadOnlySpan<T> x, int size, Span<T> y, int outer, int total, int start, int inner, Workers workers)
        where T : unmanaged
    {
        CheckPart(x.Length, size, y.Length, outer, total, start, inner);
        CopyBlocks(x, y, outer, (long)size * inner, 0, (long)size * inner, (long)total * inner, (long)start * inner, workers);
    }

    /// <summary>Reads one result of a split: y of [outer, size, inner] from the places [.., start .. start + size, ..] of x, which is [outer, total, inner].</summary>
    /// <exception cref="ShapeMismatchException">The part leaves the axis, or an array has a wrong length.</exception>
    public static void SplitPart<T>(ReadOnlySpan<T> x, int total, int start, Span<T> y, int size, int outer, int inner, Workers workers)
        where T : unmanaged
    {
        CheckPart(y.Length, size, x.Length, outer, total, start, inner);
        CopyBlocks(x, y, outer, (long)size * inner, (long)start * inner, (long)total * inner, (long)size * inner, 0, workers);
    }

    /// <summary>x repeated <c>repeats[d]</c> times along each axis.</summary>
    /// <exception cref="ShapeMismatchException">There is not one count an axis, a count is negative, or an array has a wrong length.</exception>
    public static void Tile<T>(ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> repeats, Span<T> y, Workers workers)
        where T : unmanaged
    {
        if (repeats.Length != dims.Length) Fail.Shape($"Tiling shape {Dims.Text(dims)} takes {dims.Length} counts; got {repeats.Length}.");

        // Each axis as two, (repeat, size), the first of which is broadcast.
        int[] from = new int[2 * dims.Length], to = new int[2 * dims.Length];
        for (int d = 0; d < dims.Length; d++)
        {
            if (repeats[d] < 0) Fail.Shape($"An axis cannot be repeated {repeats[d]} times.");
            from[2 * d] = 1;
            to[2 * d] = repeats[d];
            from[2 * d + 1] = to[2 * d + 1] = dims[d];
        }
        Broadcast.Expand(x, from, y, to, workers);
    }

    private static void CopyBlocks<T>(
        ReadOnlySpan<T> x, Span<T> y, int blocks, long length, long xStart, long xStep, long yStep, long yStart, Workers workers)
        where T : unmanaged
    {
        if (length == 0 || blocks == 0) return;
        fixed (T* px = x, py = y)
        {
            T* source = px + xStart, target = py + yStart;
            int pieces = Chunks.Of((int)length);
            workers.Ranges(checked(blocks * pieces), Chunks.Items(Chunks.Cheap, Math.Min(length, Chunks.Size)), (first, last) =>
            {
                for (int item = first; item < last; item++)
                {
                    (int block, int piece) = Math.DivRem(item, pieces);
                    long from = (long)piece * Chunks.Size;
                    int count = (int)Math.Min(Chunks.Size, length - from);
                    new ReadOnlySpan<T>(source + block * xStep + from, count).CopyTo(new Span<T>(target + block * yStep + from, count));
                }
            });
        }
    }

    private static void CheckPart(int part, int size, int whole, int outer, int total, int start, int inner)
    {
        if ((long)outer * size * inner != part) Fail.Shape($"A part of {part} elements is not [{outer}, {size}, {inner}].");
        if ((long)outer * total * inner != whole) Fail.Shape($"A whole of {whole} elements is not [{outer}, {total}, {inner}].");
        if (start < 0 || size < 0 || (long)start + size > total) Fail.Shape($"A part from {start} of size {size} leaves an axis of {total}.");
    }
}
