namespace Limn.Engine.Kernels;

/// <summary>Permutations of the axes of an array.</summary>
internal static unsafe class Transpose
{
    /// <summary>Rows and columns of the square that is moved at once: both sides of it stay in the first-level cache.</summary>
    private const int Tile = 32;

    /// <summary>The shape of the result: <c>yDims[d] = dims[permutation[d]]</c>.</summary>
    /// <exception cref="ShapeMismatchException"><paramref name="permutation"/> is not a permutation of the axes.</exception>
    public static int[] PermutedDims(ReadOnlySpan<int> dims, ReadOnlySpan<int> permutation)
    {
        var result = new int[dims.Length];
        Span<bool> seen = stackalloc bool[dims.Length];
        bool valid = permutation.Length == dims.Length;
        for (int d = 0; valid && d < result.Length; d++)
        {
            int p = permutation[d];
            valid = (uint)p < (uint)dims.Length && !seen[p];
            if (!valid) break;
            seen[p] = true;
            result[d] = dims[p];
        }
        if (!valid) Fail.Shape($"{Dims.Text(permutation)} is not a permutation of the {dims.Length} axes of shape {Dims.Text(dims)}.");
        return result;
    }

    /// <summary>Writes x, of shape <paramref name="dims"/>, with its axes in the order of <paramref name="permutation"/> (axis d of the result is axis permutation[d] of x).</summary>
    /// <exception cref="ShapeMismatchException"><paramref name="permutation"/> is not one of the axes, or an array has a wrong length.</exception>
    public static void Apply<T>(ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> permutation, Span<T> y, Workers workers)
        where T : unmanaged
    {
        Dims.Check(nameof(x), x.Length, dims);
        Dims.CheckSame(nameof(y), y.Length, x.Length);
        int[] yDims = PermutedDims(dims, permutation);
        if (x.IsEmpty) return;
        long[] xSteps = Strided.RowMajor(dims);
        var steps = new long[yDims.Length];
        for (int d = 0; d < steps.Length; d++) steps[d] = xSteps[permutation[d]];
        Copy(x, new Strided(yDims, steps, Strided.RowMajor(yDims)), 0, y, workers);
    }

    /// <summary>Copies a strided box of x (array 0 of <paramref name="walk"/>, from <paramref name="start"/>) to its places in y (array 1).</summary>
    internal static void Copy<T>(ReadOnlySpan<T> x, Strided walk, long start, Span<T> y, Workers workers)
        where T : unmanaged
    {
        // Where x is contiguous along another dimension than y, the two are moved as a matrix, in tiles.
        int column = 0;
        for (int d = 1; d < walk.Dims.Length; d++)
        {
            if (walk.Stride(d, 0) == 1) column = d;
        }
        fixed (T* px = x, py = y)
        {
            if (column == 0 || walk.InnerStride(0) == 1) CopyRows(px + start, walk, py, workers);
            else CopyTiles(px + start, walk, column, py, workers);
        }
    }

    private static void CopyRows<T>(T* x, Strided walk, T* y, Workers workers)
        where T : unmanaged
    {
        int pieces = Chunks.Of(walk.Inner);
        workers.Ranges(checked(walk.Rows * pieces), Chunks.Items(Chunks.Cheap, Math.Min(Chunks.Size, walk.Inner)), (first, last) =>
        {
            Span<int> index = stackalloc int[walk.Dims.Length];
            Span<long> offsets = stackalloc long[2];
            (int row, int piece) = Math.DivRem(first, pieces);
            walk.Seek(row, index, offsets);
            long from = walk.InnerStride(0), to = walk.InnerStride(1);
            for (int item = first; item < last; item++)
            {
                int at = piece * Chunks.Size, count = Math.Min(Chunks.Size, walk.Inner - at);
                T* source = x + offsets[0] + at * from, target = y + offsets[1] + at * to;
                if (from == 1 && to == 1) new ReadOnlySpan<T>(source, count).CopyTo(new Span<T>(target, count));
                else for (int i = 0; i < count; i++) target[i * to] = source[i * from];
                if (++piece < pieces) continue;
                piece = 0;
                walk.Next(index, offsets);
            }
        });
    }

    private static void CopyTiles<T>(T* x, Strided walk, int column, T* y, Workers workers)
        where T : unmanaged
    {
        int rank = walk.Dims.Length, rows = walk.Dims[column], columns = walk.Inner;
        long xStep = walk.InnerStride(0), yStep = walk.Stride(column, 1), yInner = walk.InnerStride(1);

        // The other dimensions, outermost first, as Strided takes them.
        var dims = new List<int>();
        var (xSteps, ySteps) = (new List<long>(), new List<long>());
        for (int d = rank - 1; d > 0; d--)
        {
            if (d == column) continue;
            dims.Add(walk.Dims[d]);
            xSteps.Add(walk.Stride(d, 0));
            ySteps.Add(walk.Stride(d, 1));
        }
        var others = new Strided(dims.ToArray(), xSteps.ToArray(), ySteps.ToArray());
        int strips = (rows + Tile - 1) / Tile;
        workers.Ranges(checked((int)(others.Count * strips)), Chunks.Items(Chunks.Cheap, (long)columns * Math.Min(rows, Tile)), (first, last) =>
        {
            Span<int> index = stackalloc int[others.Dims.Length];
            Span<long> offsets = stackalloc long[2];
            for (int item = first; item < last; item++)
            {
                (int matrix, int strip) = Math.DivRem(item, strips);
                (int outer, int inner) = Math.DivRem(matrix, others.Inner);
                others.Seek(outer, index, offsets);
                T* source = x + offsets[0] + inner * others.InnerStride(0), target = y + offsets[1] + inner * others.InnerStride(1);
                int top = strip * Tile, bottom = Math.Min(rows, top + Tile);
                for (int left = 0; left < columns; left += Tile)
                {
                    int right = Math.Min(columns, left + Tile);
                    for (int r = top; r < bottom; r++)
                    {
                        T* from = source + r + left * xStep, to = target + r * yStep + left * yInner;
                        for (int c = left; c < right; c++, from += xStep, to += yInner) *to = *from;
                    }
                }
            }
        });
    }
}
