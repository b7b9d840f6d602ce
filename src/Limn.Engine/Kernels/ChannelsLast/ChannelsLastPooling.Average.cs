using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels.ChannelsLast;

internal static unsafe partial class ChannelsLastPooling
{
    /// <summary>y = the sum of each window over its number of positions.</summary>
    /// <remarks>
    /// The divisor counts the positions of the window on the input, or with <paramref name="countIncludePad"/> on the padded input, as in <see cref="Pooling.Average"/>.
    /// A window without a position gives 0.
    /// </remarks>
    /// <param name="shape">The windows.</param>
    /// <param name="countIncludePad">Whether padding counts.</param>
    /// <param name="x">The input, [N, H, W, C].</param>
    /// <param name="y">The output, [N, oH, oW, C].</param>
    /// <param name="workers">The threads.</param>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public static void Average(in PooledShape shape, bool countIncludePad, float* x, float* y, Workers workers) =>
        Average(VectorWidths.Best, shape, countIncludePad, x, y, workers);

    public static void Average(VectorWidth vectors, in PooledShape shape, bool countIncludePad, float* x, float* y, Workers workers)
    {
        switch (vectors)
        {
            case VectorWidth.Vector512: Average<Lane512, Vector512<float>>(shape, countIncludePad, x, y, workers); break;
            case VectorWidth.Vector256: Average<Lane256, Vector256<float>>(shape, countIncludePad, x, y, workers); break;
            case VectorWidth.Vector128: Average<Lane128, Vector128<float>>(shape, countIncludePad, x, y, workers); break;
            default: Average<LaneScalar, float>(shape, countIncludePad, x, y, workers); break;
        }
    }

    /// <summary>dx = epilogue(the gradient of <see cref="Average(in PooledShape, bool, float*, float*, Workers)"/>): the sum, over the windows of a position, of dy over the divisor.</summary>
    /// <param name="shape">The windows.</param>
    /// <param name="countIncludePad">Whether padding counts.</param>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as dx.</param>
    /// <param name="dx">The gradient of the input.</param>
    /// <param name="workers">The threads.</param>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public static void AverageGradient(in PooledShape shape, bool countIncludePad, float* dy, in Epilogue epilogue, float* dx, Workers workers) =>
        AverageGradient(VectorWidths.Best, shape, countIncludePad, dy, epilogue, dx, workers);

    public static void AverageGradient(VectorWidth vectors, in PooledShape shape, bool countIncludePad, float* dy, in Epilogue epilogue, float* dx, Workers workers)
    {
        switch (vectors)
        {
            case VectorWidth.Vector512: AverageGradient<Lane512, Vector512<float>>(shape, countIncludePad, dy, epilogue, dx, workers); break;
            case VectorWidth.Vector256: AverageGradient<Lane256, Vector256<float>>(shape, countIncludePad, dy, epilogue, dx, workers); break;
            case VectorWidth.Vector128: AverageGradient<Lane128, Vector128<float>>(shape, countIncludePad, dy, epilogue, dx, workers); break;
            default: AverageGradient<LaneScalar, float>(shape, countIncludePad, dy, epilogue, dx, workers); break;
        }
    }

    private static void Average<TLane, TVector>(PooledShape shape, bool countIncludePad, float* x, float* y, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        shape.Validate();
        if (shape.OutputLength == 0) return;
        int height = shape.Height.Output;
        GatherAxis columns = GatherAxis.Forward(shape.Width);
        int[] counts = Counts(shape.Width, countIncludePad), rowCounts = Counts(shape.Height, countIncludePad);
        workers.Ranges(checked(shape.Batch * height), shape.RowsPerThread(shape.Width.Output), (first, last) =>
        {
            for (int r = first; r < last; r++)
            {
                int batch = Math.DivRem(r, height, out int h);
                var (startH, fromH, toH) = shape.Height.Taps(h);
                float* row = x + ((nint)batch * shape.Height.Input + startH + (nint)fromH * shape.Height.Dilation) * shape.InputRow;
                for (int j = 0; j < shape.Width.Output; j++)
                {
                    var (startW, fromW, toW) = columns.TapsOf(j);
                    float* window = row + (startW + (nint)fromW * shape.Width.Dilation) * shape.Channels;
                    long count = (long)rowCounts[h] * counts[j];
                    // Nothing over one is the 0 of a window without a position.
                    Mean<TLane, TVector>(shape, window, count == 0 ? 0 : toH - fromH, toW - fromW, Math.Max(1, count), y + r * shape.OutputRow + (nint)j * shape.Channels);
                }
            }
        });
    }

    /// <summary>One mean, a row of the window at a time, so that the sums stay short.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mean<TLane, TVector>(in PooledShape shape, float* window, int rows, int taps, float count, float* y)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int channels = shape.Channels, c = 0;
        nint tapStep = (nint)shape.Width.Dilation * channels, rowStep = shape.Height.Dilation * shape.InputRow;
        TVector divisor = TLane.Broadcast(count);
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector sum = default;
            float* row = window + c;
            for (int r = 0; r < rows; r++, row += rowStep)
            {
                TVector line = default;
                float* x = row;
                for (int t = 0; t < taps; t++, x += tapStep) line = TLane.Add(line, TLane.Load(x));
                sum = TLane.Add(sum, line);
            }
            TLane.Store(TLane.Divide(sum, divisor), y + c);
        }
        int some = channels - c;
        if (some == 0) return;
        TVector last = default;
        for (int r = 0; r < rows; r++)
        {
            TVector line = default;
            float* x = window + c + r * rowStep;
            for (int t = 0; t < taps; t++, x += tapStep) line = TLane.Add(line, TLane.LoadFirst(x, some));
            last = TLane.Add(last, line);
        }
        TLane.StoreFirst(TLane.Divide(last, divisor), y + c, some);
    }

    private static void AverageGradient<TLane, TVector>(PooledShape shape, bool countIncludePad, float* dy, Epilogue epilogue, float* dx, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        shape.Validate();
        if (shape.InputLength == 0) return;
        int height = shape.Height.Input;
        GatherAxis[] rows = GatherAxis.AllBackward(shape.Height), columns = GatherAxis.AllBackward(shape.Width);
        float[] shares = Shares(shape.Width, countIncludePad), rowShares = Shares(shape.Height, countIncludePad);
        workers.Ranges(checked(shape.Batch * height), shape.RowsPerThread(shape.Width.Input), (first, last) =>
        {
            fixed (float* rowShare = rowShares, share = shares)
            {
                for (int r = first; r < last; r++)
                {
                    int batch = Math.DivRem(r, height, out int h);
                    GatherAxis row = rows[h % rows.Length];
                    var (atH, fromH, toH) = row.TapsOf(h / rows.Length);
                    for (int w = 0; w < shape.Width.Input; w++)
                    {
                        GatherAxis column = columns[w % columns.Length];
                        var (atW, fromW, toW) = column.TapsOf(w / columns.Length);
                        nint firstRow = atH + (nint)fromH * row.TapStep, firstColumn = atW + (nint)fromW * column.TapStep;
                        var taps = new Meeting
                        {
                            Rows = toH - fromH, Columns = toW - fromW, RowStep = row.TapStep, ColumnStep = column.TapStep,
                            RowShare = rowShare + firstRow, ColumnShare = share + firstColumn,
                            From = dy + ((nint)batch * shape.Height.Output + firstRow) * shape.OutputRow + firstColumn * shape.Channels,
                        };
                        Gather<TLane, TVector>(shape, taps, epilogue, dx, r * shape.InputRow + (nint)w * shape.Channels);
                    }
                }
            }
        });
    }

    /// <summary>The gradient of one position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather<TLane, TVector>(in PooledShape shape, in Meeting taps, in Epilogue epilogue, float* dx, nint at)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(epilogue);
        int channels = shape.Channels, rows = taps.Rows, columns = taps.Columns, c = 0;
        nint rowStep = taps.RowStep * shape.OutputRow, columnStep = (nint)taps.ColumnStep * channels, nextRow = taps.RowStep, nextColumn = taps.ColumnStep;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector sum = finish.Start(c);
            float* row = taps.From + c, rowShare = taps.RowShare;
            for (int i = 0; i < rows; i++, row += rowStep, rowShare += nextRow)
            {
                float* from = row, share = taps.ColumnShare;
                for (int j = 0; j < columns; j++, from += columnStep, share += nextColumn)
                    sum = TLane.MultiplyAdd(TLane.Load(from), TLane.Broadcast(*rowShare * *share), sum);
            }
            finish.Store(sum, dx, at + c);
        }
        int some = channels - c;
        if (some == 0) return;
        TVector last = finish.StartFirst(c, some);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
                last = TLane.MultiplyAdd(
                    TLane.LoadFirst(taps.From + c + i * rowStep + j * columnStep, some), TLane.Broadcast(taps.RowShare[i * nextRow] * taps.ColumnShare[j * nextColumn]), last);
        }
        finish.StoreFirst(last, dx, at + c, some);
    }

    /// <summary>What each window along an axis adds to the divisor.</summary>
    private static int[] Counts(in WindowAxis axis, bool countIncludePad)
    {
        var counts = new int[axis.Output];
        for (int o = 0; o < counts.Length; o++) counts[o] = Pooling.Count(axis, o, countIncludePad);
        return counts;
    }

    /// <summary>One over that; 0 for a window that lies wholly in what negative padding cuts off.</summary>
    private static float[] Shares(in WindowAxis axis, bool countIncludePad) => Array.ConvertAll(Counts(axis, countIncludePad), c => c == 0 ? 0 : 1f / c);

    /// <summary>The windows that one position is in.</summary>
    private readonly struct Meeting
    {
        public required int Rows { get; init; }
        public required int Columns { get; init; }
        public required int RowStep { get; init; }
        public required int ColumnStep { get; init; }

        /// <summary>A window's share of its gradient for each position is the product of the two.</summary>
        public required float* RowShare { get; init; }

        public required float* ColumnShare { get; init; }

        /// <summary>The gradient of the first window.</summary>
        public required float* From { get; init; }
    }
}
