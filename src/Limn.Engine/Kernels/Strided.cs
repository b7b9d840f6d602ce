namespace Limn.Engine.Kernels;

/// <summary>
/// One walk over an N-dimensional box that reads or writes several arrays at once, each by its own strides. Dimensions of
/// one are dropped and neighbours that every array steps through as one are merged, so that the innermost dimension is as
/// long as it can be.
/// </summary>
internal sealed class Strided
{
    private readonly int[] dims;
    private readonly long[][] strides;

    /// <param name="dims">The sizes of the box.</param>
    /// <param name="strides">For each array, the step in elements along each dimension (0 repeats, negative walks back).</param>
    public Strided(ReadOnlySpan<int> dims, params ReadOnlySpan<long[]> strides)
    {
        var keptDims = new List<int>();
        var kept = new List<long[]>();
        for (int d = dims.Length - 1; d >= 0; d--)
        {
            if (dims[d] == 1) continue;
            if (keptDims.Count > 0 && (long)keptDims[^1] * dims[d] <= int.MaxValue && Continues(strides, d, kept[^1], keptDims[^1]))
            {
                keptDims[^1] *= dims[d];
                continue;
            }
            keptDims.Add(dims[d]);
            var step = new long[strides.Length];
            for (int k = 0; k < step.Length; k++) step[k] = strides[k][d];
            kept.Add(step);
        }
        if (keptDims.Count == 0)
        {
            keptDims.Add(1);
            kept.Add(new long[strides.Length]);
        }

        // Collected from the innermost outwards: index 0 is the innermost.
        this.dims = [.. keptDims];
        this.strides = [.. kept];
        long rows = 1;
        for (int d = 1; d < this.dims.Length; d++) rows = checked(rows * this.dims[d]);
        Rows = checked((int)rows);
    }

    /// <summary>The length of the innermost dimension.</summary>
    public int Inner => dims[0];

    /// <summary>How many innermost rows there are (0 where the box is empty).</summary>
    public int Rows { get; }

    /// <summary>The number of elements of the box.</summary>
    public long Count => (long)Rows * Inner;

    /// <summary>The step of array <paramref name="array"/> along the innermost dimension.</summary>
    public long InnerStride(int array) => strides[0][array];

    /// <summary>The dimensions that are left, innermost first.</summary>
    public ReadOnlySpan<int> Dims => dims;

    /// <summary>The step of <paramref name="array"/> along dimension <paramref name="dimension"/>, counted from the innermost.</summary>
    public long Stride(int dimension, int array) => strides[dimension][array];

    /// <summary>Sets <paramref name="offsets"/> (one an array) and <paramref name="index"/> (one a dimension) to the start of a row.</summary>
    public void Seek(int row, Span<int> index, Span<long> offsets)
    {
        offsets.Clear();
        index[0] = 0;
        for (int d = 1; d < dims.Length; d++)
        {
            (row, int i) = Math.DivRem(row, dims[d]);
            index[d] = i;
            for (int k = 0; k < offsets.Length; k++) offsets[k] += i * strides[d][k];
        }
    }

    /// <summary>Moves on to the next row.</summary>
    public void Next(Span<int> index, Span<long> offsets)
    {
        for (int d = 1; d < dims.Length; d++)
        {
            long[] step = strides[d];
            if (++index[d] < dims[d])
            {
                for (int k = 0; k < offsets.Length; k++) offsets[k] += step[k];
                return;
            }
            index[d] = 0;
            for (int k = 0; k < offsets.Length; k++) offsets[k] -= step[k] * (dims[d] - 1);
        }
    }

    /// <summary>The steps of a dense row-major array.</summary>
    public static long[] RowMajor(ReadOnlySpan<int> dims)
    {
        var steps = new long[dims.Length];
        long step = 1;
        for (int d = dims.Length - 1; d >= 0; d--)
        {
            steps[d] = step;
            step *= dims[d];
        }
        return steps;
    }

    /// <summary>The steps that repeat a dense array of <paramref name="dims"/> over the box <paramref name="to"/>, aligned at the right.</summary>
    public static long[] Broadcast(ReadOnlySpan<int> dims, ReadOnlySpan<int> to)
    {
        var steps = new long[to.Length];
        long step = 1;
        for (int d = dims.Length - 1; d >= 0; d--)
        {
            steps[to.Length - dims.Length + d] = dims[d] == 1 ? 0 : step;
            step *= dims[d];
        }
        return steps;
    }

    private static bool Continues(ReadOnlySpan<long[]> strides, int d, long[] inner, int innerDim)
    {
        for (int k = 0; k < inner.Length; k++)
        {
            if (strides[k][d] != inner[k] * innerDim) return false;
        }
        return true;
    }
}
