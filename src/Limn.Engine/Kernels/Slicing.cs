namespace Limn.Engine.Kernels;

/// <summary>How padding fills the border.</summary>
public enum PadMode
{
    /// <summary>A given value.</summary>
    Constant,

    /// <summary>Mirrored about the outermost element, which is not repeated: c b | a b c | b a.</summary>
    Reflect,

    /// <summary>The outermost element, repeated: a a | a b c | c c.</summary>
    Edge,

    /// <summary>Periodic: b c | a b c | a b.</summary>
    Wrap,
}

/// <summary>Parts of an array, and arrays with a border.</summary>
internal static unsafe class Slicing
{
    /// <summary>y[i] = x[starts + i·steps], axis by axis. Starts are resolved indices; steps may be negative. The count along each axis is <paramref name="yDims"/>.</summary>
    /// <exception cref="ShapeMismatchException">The slice leaves the array, a step is zero, or an array has a wrong length.</exception>
    public static void Slice<T>(
        ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> starts, ReadOnlySpan<int> steps, Span<T> y, ReadOnlySpan<int> yDims, Workers workers)
        where T : unmanaged
    {
        (long start, long[] strides) = Part(x.Length, dims, starts, steps, y.Length, yDims);
        if (y.IsEmpty) return;
        Transpose.Copy(x, new Strided(yDims, strides, Strided.RowMajor(yDims)), start, y, workers);
    }

    /// <summary>The adjoint of <see cref="Slice"/> that also serves to write into a part: x[starts + i·steps] = y[i], the rest of x left as it is.</summary>
    /// <exception cref="ShapeMismatchException">The slice leaves the array, a step is zero, or an array has a wrong length.</exception>
    public static void SetSlice<T>(
        ReadOnlySpan<T> y, ReadOnlySpan<int> yDims, ReadOnlySpan<int> starts, ReadOnlySpan<int> steps, Span<T> x, ReadOnlySpan<int> dims, Workers workers)
        where T : unmanaged
    {
        (long start, long[] strides) = Part(x.Length, dims, starts, steps, y.Length, yDims);
        if (y.IsEmpty) return;
        fixed (T* px = x)
        {
            // With negative steps the walk runs back from the start, so the target begins there.
            var target = new Span<T>(px + start, (int)(x.Length - start));
            Transpose.Copy(y, new Strided(yDims, Strided.RowMajor(yDims), strides), 0, target, workers);
        }
    }

    /// <summary>
    /// x with <c>pads[d]</c> elements before and <c>pads[rank + d]</c> after along axis d; negative counts crop instead (before
    /// the border is filled). <paramref name="value"/> is for <see cref="PadMode.Constant"/>.
    /// </summary>
    /// <remarks>Reflect and wrap repeat as often as the border needs; reflecting an axis of one element repeats it.</remarks>
    /// <exception cref="ShapeMismatchException">A border must be filled from an axis without elements, more is cropped than there is, or an array has a wrong length.</exception>
    public static void Pad<T>(ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> pads, PadMode mode, T value, Span<T> y, Workers workers)
        where T : unmanaged
    {
        int rank = dims.Length;
        Dims.Check(nameof(x), x.Length, dims);
        int[] yDims = PaddedDims(dims, pads);
        Dims.CheckSame(nameof(y), y.Length, Dims.Count(yDims));
        if (y.IsEmpty) return;

        // For every axis, where each index of the result comes from; −1 is the border of constants.
        var sources = new int[rank][];
        for (int d = 0; d < rank; d++) sources[d] = Sources(dims[d], pads[d], pads[rank + d], yDims[d], mode);
        if (rank == 0)
        {
            y[0] = x[0];
            return;
        }

        long[] strides = Strided.RowMajor(dims);
        int inner = yDims[rank - 1], rows = y.Length / inner;
        int[] columns = sources[rank - 1];
        (int body, int bodyLength) = Body(columns);
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            workers.Ranges(rows, Chunks.Items(Chunks.Cheap, inner), (first, last) =>
            {
                for (int r = first; r < last; r++)
                {
                    long offset = 0;
                    int rest = r;
                    for (int d = rank - 2; d >= 0 && offset >= 0; d--)
                    {
                        (rest, int i) = Math.DivRem(rest, sources[d].Length);
                        int from = sources[d][i];
                        offset = from < 0 ? -1 : offset + from * strides[d];
                    }
                    var row = new Span<T>(target + (long)r * inner, inner);
                    if (offset < 0)
                    {
                        row.Fill(value);
                        continue;
                    }
                    T* line = source + offset;
                    for (int i = 0; i < body; i++) row[i] = columns[i] < 0 ? value : line[columns[i]];
                    if (bodyLength > 0) new ReadOnlySpan<T>(line + columns[body], bodyLength).CopyTo(row[body..]);
                    for (int i = body + bodyLength; i < inner; i++) row[i] = columns[i] < 0 ? value : line[columns[i]];
                }
            });
        }
    }

    /// <summary>The adjoint of <see cref="Pad"/> for the modes that repeat elements: adds each element of dy to the place in dx that it came from, in row-major order.</summary>
    public static void AddPadded(ReadOnlySpan<float> dy, ReadOnlySpan<int> pads, PadMode mode, Span<float> dx, ReadOnlySpan<int> dims)
    {
        int rank = dims.Length;
        int[] yDims = PaddedDims(dims, pads);
        Dims.CheckSame(nameof(dy), dy.Length, Dims.Count(yDims));
        if (dy.IsEmpty) return;
        if (rank == 0)
        {
            dx[0] += dy[0];
            return;
        }
        var sources = new int[rank][];
        for (int d = 0; d < rank; d++) sources[d] = Sources(dims[d], pads[d], pads[rank + d], yDims[d], mode);
        long[] strides = Strided.RowMajor(dims);
        int[] columns = sources[rank - 1];
        int inner = columns.Length;
        for (int r = 0; r < dy.Length / inner; r++)
        {
            long offset = 0;
            int rest = r;
            for (int d = rank - 2; d >= 0; d--)
            {
                (rest, int i) = Math.DivRem(rest, sources[d].Length);
                offset += sources[d][i] * strides[d];
            }
            Span<float> line = dx.Slice((int)offset, dims[rank - 1]);
            ReadOnlySpan<float> row = dy.Slice(r * inner, inner);
            for (int i = 0; i < inner; i++) line[columns[i]] += row[i];
        }
    }

    /// <summary>The shape after padding.</summary>
    /// <exception cref="ShapeMismatchException">There are not two counts an axis, or more is cropped than there is.</exception>
    public static int[] PaddedDims(ReadOnlySpan<int> dims, ReadOnlySpan<int> pads)
    {
        if (pads.Length != 2 * dims.Length) Fail.Shape($"Padding shape {Dims.Text(dims)} takes {2 * dims.Length} counts (all before, then all after); got {pads.Length}.");
        var padded = new int[dims.Length];
        for (int d = 0; d < padded.Length; d++)
        {
            int size = checked(dims[d] + pads[d] + pads[dims.Length + d]);
            if (size < 0 || dims[d] + Math.Min(pads[d], 0) + Math.Min(pads[dims.Length + d], 0) < 0)
            {
                Fail.Shape($"Padding axis {d} of size {dims[d]} by {pads[d]} and {pads[dims.Length + d]} crops more than there is.");
            }
            padded[d] = size;
        }
        return padded;
    }

    /// <summary>For each index of a padded axis the index that it comes from; −1 for the border of constants.</summary>
    private static int[] Sources(int size, int before, int after, int padded, PadMode mode)
    {
        int crop = Math.Max(0, -before), length = size - crop - Math.Max(0, -after), border = Math.Max(0, before);
        if (length == 0 && padded > 0 && mode != PadMode.Constant) Fail.Shape($"An axis without elements cannot be padded in mode {mode}; use a constant.");
        var sources = new int[padded];
        for (int i = 0; i < padded; i++)
        {
            int at = i - border;
            bool inside = (uint)at < (uint)length;
            int from = mode switch
            {
                _ when inside => at,
                PadMode.Constant => -1,
                PadMode.Edge => Math.Clamp(at, 0, length - 1),
                PadMode.Wrap => Modulo(at, length),
                _ => Mirror(at, length),
            };
            sources[i] = from < 0 ? -1 : from + crop;
        }
        return sources;
    }

    private static int Mirror(int at, int length)
    {
        if (length == 1) return 0;
        int period = 2 * (length - 1), phase = Modulo(at, period);
        return phase < length ? phase : period - phase;
    }

    private static int Modulo(int a, int n) => (a % n + n) % n;

    /// <summary>The first and longest stretch that comes from consecutive elements.</summary>
    private static (int Start, int Length) Body(int[] sources)
    {
        (int best, int length) = (0, 0);
        for (int i = 0; i < sources.Length;)
        {
            int j = i + 1;
            if (sources[i] >= 0)
            {
                while (j < sources.Length && sources[j] == sources[j - 1] + 1) j++;
                if (j - i > length) (best, length) = (i, j - i);
            }
            i = j;
        }
        return (best, length);
    }

    private static (long Start, long[] Strides) Part(
        int length, ReadOnlySpan<int> dims, ReadOnlySpan<int> starts, ReadOnlySpan<int> steps, int yLength, ReadOnlySpan<int> yDims)
    {
        Dims.Check("x", length, dims);
        Dims.Check("y", yLength, yDims);
        if (starts.Length != dims.Length || steps.Length != dims.Length || yDims.Length != dims.Length)
        {
            Fail.Shape($"A slice of shape {Dims.Text(dims)} takes a start, a step and a size for each axis.");
        }
        long[] strides = Strided.RowMajor(dims);
        long start = 0;
        for (int d = 0; d < dims.Length; d++)
        {
            long end = starts[d] + (yDims[d] - 1L) * steps[d];
            if (steps[d] == 0 || (yLength > 0 && ((uint)starts[d] >= (uint)dims[d] || end < 0 || end >= dims[d])))
            {
                Fail.Shape($"A slice of {yDims[d]} from {starts[d]} by {steps[d]} leaves axis {d}, which has {dims[d]} elements.");
            }
            start += starts[d] * strides[d];
            strides[d] *= steps[d];
        }
        return (start, strides);
    }
}
