namespace Limn.Engine.Kernels;

/// <summary>Sums, means, extremes and products over any set of axes.</summary>
/// <remarks>
/// Axes may be negative; no axes at all means that every element is its own group. The result is dense and its shape is
/// <see cref="ReducedDims"/>. Sums and products of floats are accumulated in double. Of nothing, a sum is 0, a product 1, a
/// maximum −∞, a minimum +∞, a mean NaN and a log-sum-exp −∞. A result is never split among threads.
/// </remarks>
internal static unsafe class Reduction
{
    public static void Sum(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<SumReduction<ItselfTerm, FinishSum>, float, double>(x, dims, axes, y, workers);

    /// <summary>Wraps around on overflow.</summary>
    public static void Sum(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Apply<SumInt, long, long>(x, dims, axes, y, workers);

    public static void Mean(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<SumReduction<ItselfTerm, FinishMean>, float, double>(x, dims, axes, y, workers);

    /// <summary>Truncated towards 0.</summary>
    public static void Mean(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Apply<MeanInt, long, long>(x, dims, axes, y, workers);

    /// <summary>The largest; NaN if any is NaN.</summary>
    public static void Max(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<MaxReduction, float, float>(x, dims, axes, y, workers);

    public static void Max(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Apply<MaxInt, long, long>(x, dims, axes, y, workers);

    /// <summary>The smallest; NaN if any is NaN.</summary>
    public static void Min(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<MinReduction, float, float>(x, dims, axes, y, workers);

    public static void Min(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Apply<MinInt, long, long>(x, dims, axes, y, workers);

    public static void Product(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<ProductReduction, float, double>(x, dims, axes, y, workers);

    /// <summary>Wraps around on overflow.</summary>
    public static void Product(ReadOnlySpan<long> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<long> y, Workers workers) =>
        Apply<ProductInt, long, long>(x, dims, axes, y, workers);

    /// <summary>Σ x².</summary>
    public static void SumOfSquares(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<SumReduction<SquareTerm, FinishSum>, float, double>(x, dims, axes, y, workers);

    /// <summary>Σ |x|.</summary>
    public static void L1(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<SumReduction<MagnitudeTerm, FinishSum>, float, double>(x, dims, axes, y, workers);

    /// <summary>√Σ x², without overflow half-way.</summary>
    public static void L2(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<SumReduction<SquareTerm, FinishRoot>, float, double>(x, dims, axes, y, workers);

    /// <summary>ln Σ x.</summary>
    public static void LogSum(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<SumReduction<ItselfTerm, FinishLog>, float, double>(x, dims, axes, y, workers);

    /// <summary>ln Σ eˣ, without overflow.</summary>
    public static void LogSumExp(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<float> y, Workers workers) =>
        Apply<LogSumExpReduction, float, (float, double)>(x, dims, axes, y, workers);

    /// <summary>
    /// The adjoint of broadcasting: sums x over every axis along which an array of shape <paramref name="yDims"/> was repeated
    /// to reach <paramref name="xDims"/> (aligned at the right).
    /// </summary>
    /// <exception cref="ShapeMismatchException"><paramref name="yDims"/> does not broadcast to <paramref name="xDims"/>.</exception>
    public static void SumTo(ReadOnlySpan<float> x, ReadOnlySpan<int> xDims, Span<float> y, ReadOnlySpan<int> yDims, Workers workers)
    {
        Dims.Check(nameof(y), y.Length, yDims);
        if (!Broadcast.BroadcastDims(xDims, yDims).AsSpan().SequenceEqual(xDims))
        {
            Fail.Shape($"Shape {Dims.Text(yDims)} does not broadcast to {Dims.Text(xDims)}, so a sum cannot take it back.");
        }
        var axes = new List<int>();
        int added = xDims.Length - yDims.Length;
        for (int d = 0; d < xDims.Length; d++)
        {
            if (d < added || (yDims[d - added] == 1 && xDims[d] != 1)) axes.Add(d);
        }
        Sum(x, xDims, axes.ToArray(), y, workers);
    }

    /// <summary>The shape without the axes, or, where <paramref name="keep"/>, with 1 in their places.</summary>
    public static int[] ReducedDims(ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, bool keep)
    {
        Span<bool> reduced = stackalloc bool[dims.Length];
        Mark(axes, reduced);
        var kept = new List<int>();
        for (int d = 0; d < dims.Length; d++)
        {
            if (!reduced[d]) kept.Add(dims[d]);
            else if (keep) kept.Add(1);
        }
        return [.. kept];
    }

    /// <summary>Reduces x of shape <paramref name="dims"/> over <paramref name="axes"/>.</summary>
    /// <exception cref="ShapeMismatchException">An axis does not exist or occurs twice, or an array has a wrong length.</exception>
    public static void Apply<TReduction, T, TAccumulator>(
        ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<T> y, Workers workers)
        where TReduction : struct, IReduction<T, TAccumulator>
        where T : unmanaged
        where TAccumulator : unmanaged
    {
        Dims.Check(nameof(x), x.Length, dims);
        Dims.CheckSame(nameof(y), y.Length, Dims.Count(ReducedDims(dims, axes, keep: false)));
        if (y.IsEmpty) return;
        if (x.IsEmpty)
        {
            y.Fill(TReduction.Finish(TReduction.Identity, 0));
            return;
        }

        Span<bool> reduced = stackalloc bool[dims.Length];
        Mark(axes, reduced);
        long[] steps = Strided.RowMajor(dims);
        var (keptDims, keptSteps, overDims, overSteps) = (new List<int>(), new List<long>(), new List<int>(), new List<long>());
        for (int d = 0; d < dims.Length; d++)
        {
            (reduced[d] ? overDims : keptDims).Add(dims[d]);
            (reduced[d] ? overSteps : keptSteps).Add(steps[d]);
        }
        var kept = new Strided(keptDims.ToArray(), keptSteps.ToArray());
        var over = new Strided(overDims.ToArray(), overSteps.ToArray());
        fixed (T* px = x, py = y)
        {
            if (over.InnerStride(0) == 1 || over.Count == 1) Rows<TReduction, T, TAccumulator>(px, kept, over, py, workers);
            else Columns<TReduction, T, TAccumulator>(px, kept, over, py, workers);
        }
    }

    /// <summary>The innermost axis is reduced: each result is a few contiguous rows.</summary>
    private static void Rows<TReduction, T, TAccumulator>(T* x, Strided kept, Strided over, T* y, Workers workers)
        where TReduction : struct, IReduction<T, TAccumulator>
        where T : unmanaged
    {
        long inner = kept.InnerStride(0);
        workers.Ranges((int)kept.Count, Chunks.Items(Chunks.Cheap, over.Count), (first, last) =>
        {
            Span<int> index = stackalloc int[kept.Dims.Length], overIndex = stackalloc int[over.Dims.Length];
            Span<long> offset = stackalloc long[1], overOffset = stackalloc long[1];
            (int row, int column) = Math.DivRem(first, kept.Inner);
            kept.Seek(row, index, offset);
            for (int item = first; item < last; item++)
            {
                T* source = x + offset[0] + column * inner;
                TAccumulator accumulator = TReduction.Row(TReduction.Identity, new ReadOnlySpan<T>(source, over.Inner));
                if (over.Rows > 1) over.Seek(1, overIndex, overOffset);
                for (int r = 1; r < over.Rows; r++)
                {
                    accumulator = TReduction.Row(accumulator, new ReadOnlySpan<T>(source + overOffset[0], over.Inner));
                    over.Next(overIndex, overOffset);
                }
                y[item] = TReduction.Finish(accumulator, over.Count);
                if (++column < kept.Inner) continue;
                column = 0;
                kept.Next(index, offset);
            }
        });
    }

    /// <summary>The innermost axis stays: rows are added onto a strip of accumulators.</summary>
    private static void Columns<TReduction, T, TAccumulator>(T* x, Strided kept, Strided over, T* y, Workers workers)
        where TReduction : struct, IReduction<T, TAccumulator>
        where T : unmanaged
        where TAccumulator : unmanaged
    {
        const int Strip = 256;
        int strips = (kept.Inner + Strip - 1) / Strip;
        workers.Ranges(checked(kept.Rows * strips), Chunks.Items(Chunks.Cheap, over.Count * Math.Min(Strip, kept.Inner)), (first, last) =>
        {
            Span<TAccumulator> strip = stackalloc TAccumulator[Strip];
            Span<int> index = stackalloc int[kept.Dims.Length], overIndex = stackalloc int[over.Dims.Length];
            Span<long> offset = stackalloc long[1], overOffset = stackalloc long[1];
            for (int item = first; item < last; item++)
            {
                (int row, int piece) = Math.DivRem(item, strips);
                int from = piece * Strip, width = Math.Min(Strip, kept.Inner - from);
                kept.Seek(row, index, offset);
                Span<TAccumulator> accumulators = strip[..width];
                accumulators.Fill(TReduction.Identity);
                over.Seek(0, overIndex, overOffset);
                for (int r = 0; r < over.Rows; r++)
                {
                    T* source = x + offset[0] + from + overOffset[0];
                    for (int k = 0; k < over.Inner; k++, source += over.InnerStride(0)) TReduction.Columns(accumulators, new ReadOnlySpan<T>(source, width));
                    over.Next(overIndex, overOffset);
                }
                T* target = y + (long)row * kept.Inner + from;
                for (int i = 0; i < width; i++) target[i] = TReduction.Finish(accumulators[i], over.Count);
            }
        });
    }

    private static void Mark(ReadOnlySpan<int> axes, Span<bool> reduced)
    {
        foreach (int axis in axes)
        {
            int a = Dims.Axis(axis, reduced.Length);
            if (reduced[a]) Fail.Shape($"Axis {axis} occurs twice among the axes {Dims.Text(axes)}.");
            reduced[a] = true;
        }
    }
}
