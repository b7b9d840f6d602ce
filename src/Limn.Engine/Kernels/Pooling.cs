using System.Numerics.Tensors;

namespace Limn.Engine.Kernels;

/// <summary>Max and average pooling of float32 tensors.</summary>
internal static unsafe class Pooling
{
    /// <summary>Steps below which another thread costs more than it brings.</summary>
    internal const int WorthAThread = 1 << 15;

    /// <summary>y = the maximum of each window.</summary>
    /// <remarks>
    /// A NaN in a window wins, as in PyTorch. <paramref name="indices"/>, unless empty, receives where each maximum is, counted from the start of the
    /// whole input (ONNX MaxPool with storage_order 0); ties go to the first in row-major order, and so does a window with several NaN.
    /// A window wholly in the padding gives -infinity, and the index -1.
    /// </remarks>
    /// <exception cref="ArgumentException">A span does not have the length that the shape says.</exception>
    public static void Max(in PoolingShape shape, ReadOnlySpan<float> x, Span<float> y, Span<long> indices, Workers workers)
    {
        shape.Validate(x.Length, y.Length);
        if (!indices.IsEmpty && indices.Length != y.Length)
            throw new ArgumentException($"Max pooling gives {y.Length} indices, and the span for them has {indices.Length}.", nameof(indices));
        if (y.IsEmpty) return;
        fixed (float* px = x, py = y)
        fixed (long* pi = indices) MaxPooling.Run(shape, px, py, indices.IsEmpty ? null : pi, workers);
    }

    /// <summary>y = the sum of each window over its number of positions.</summary>
    /// <remarks>
    /// The divisor counts the positions of the window on the input, or with <paramref name="countIncludePad"/> on the padded input: what a window that was
    /// rounded up reaches beyond the padding never counts. A window without a position gives 0.
    /// </remarks>
    /// <exception cref="ArgumentException">A span does not have the length that the shape says.</exception>
    public static void Average(in PoolingShape shape, bool countIncludePad, ReadOnlySpan<float> x, Span<float> y, Workers workers)
    {
        shape.Validate(x.Length, y.Length);
        if (y.IsEmpty) return;
        PoolingShape copy = shape;
        fixed (float* fixedX = x, fixedY = y)
        {
            float* px = fixedX, py = fixedY;
            workers.Ranges(shape.Planes, PlanesPerThread(shape), (from, to) =>
            {
                float[] row = new float[copy.Width.Input];
                Window[] columns = Columns(copy.Width, countIncludePad);
                for (int plane = from; plane < to; plane++)
                {
                    AverageOfPlane(
                        copy, countIncludePad, new ReadOnlySpan<float>(px + (nint)plane * copy.InputPositions, copy.InputPositions),
                        new Span<float>(py + (nint)plane * copy.OutputPositions, copy.OutputPositions), columns, row);
                }
            });
        }
    }

    /// <summary>dx = the gradient of <see cref="Average"/>: each dy over its divisor, added to all positions of its window on the input.</summary>
    /// <exception cref="ArgumentException">A span does not have the length that the shape says.</exception>
    public static void AverageBackward(in PoolingShape shape, bool countIncludePad, ReadOnlySpan<float> dy, Span<float> dx, Workers workers)
    {
        shape.Validate(dx.Length, dy.Length);
        dx.Clear();
        if (dx.IsEmpty || dy.IsEmpty) return;
        PoolingShape copy = shape;
        fixed (float* fixedDy = dy, fixedDx = dx)
        {
            float* pdy = fixedDy, pdx = fixedDx;
            workers.Ranges(shape.Planes, PlanesPerThread(shape), (from, to) =>
            {
                float[] row = new float[copy.Width.Input];
                Window[] columns = Columns(copy.Width, countIncludePad);
                for (int plane = from; plane < to; plane++)
                {
                    SpreadOverPlane(
                        copy, countIncludePad, new ReadOnlySpan<float>(pdy + (nint)plane * copy.OutputPositions, copy.OutputPositions),
                        new Span<float>(pdx + (nint)plane * copy.InputPositions, copy.InputPositions), columns, row);
                }
            });
        }
    }

    internal static int PlanesPerThread(in PoolingShape shape) =>
        (int)(1 + WorthAThread / (1L + shape.InputPositions + (long)shape.OutputPositions * shape.Width.Kernel));

    private static void AverageOfPlane(
        in PoolingShape shape, bool countIncludePad, ReadOnlySpan<float> input, Span<float> output, ReadOnlySpan<Window> columns, Span<float> row)
    {
        int o = 0, width = shape.Width.Input;
        for (int d = 0; d < shape.Depth.Output; d++)
        {
            var depth = shape.Depth.Taps(d);
            for (int h = 0; h < shape.Height.Output; h++)
            {
                var height = shape.Height.Taps(h);
                long rows = (long)Count(shape.Depth, d, countIncludePad) * Count(shape.Height, h, countIncludePad);
                row.Clear();
                for (int i = depth.From; i < depth.To; i++)
                {
                    for (int j = height.From; j < height.To; j++)
                        TensorPrimitives.Add(row, input.Slice(RowAt(shape, depth.Start, i, height.Start, j), width), row);
                }
                for (int w = 0; w < shape.Width.Output; w++)
                {
                    var taps = columns[w];
                    float sum = 0;
                    for (int v = taps.From; v < taps.To; v++) sum += row[taps.Start + v * shape.Width.Dilation];
                    long count = rows * columns[w].Count;
                    output[o++] = count == 0 ? 0 : sum / count;
                }
            }
        }
    }

    private static void SpreadOverPlane(
        in PoolingShape shape, bool countIncludePad, ReadOnlySpan<float> dy, Span<float> dx, ReadOnlySpan<Window> columns, Span<float> row)
    {
        int o = 0, width = shape.Width.Input;
        for (int d = 0; d < shape.Depth.Output; d++)
        {
            var depth = shape.Depth.Taps(d);
            for (int h = 0; h < shape.Height.Output; h++)
            {
                var height = shape.Height.Taps(h);
                long rows = (long)Count(shape.Depth, d, countIncludePad) * Count(shape.Height, h, countIncludePad);
                row.Clear();
                for (int w = 0; w < shape.Width.Output; w++, o++)
                {
                    long count = rows * columns[w].Count;
                    if (count == 0) continue;
                    var taps = columns[w];
                    float share = dy[o] / count;
                    for (int v = taps.From; v < taps.To; v++) row[taps.Start + v * shape.Width.Dilation] += share;
                }
                for (int i = depth.From; i < depth.To; i++)
                {
                    for (int j = height.From; j < height.To; j++)
                    {
                        Span<float> line = dx.Slice(RowAt(shape, depth.Start, i, height.Start, j), width);
                        TensorPrimitives.Add(line, row, line);
                    }
                }
            }
        }
    }

    /// <summary>The windows along the rows, which are the same in every row.</summary>
    private static Window[] Columns(WindowAxis axis, bool countIncludePad)
    {
        var columns = new Window[axis.Output];
        for (int w = 0; w < columns.Length; w++)
        {
            var (start, from, to) = axis.Taps(w);
            columns[w] = new Window(start, from, to, Count(axis, w, countIncludePad));
        }
        return columns;
    }

    /// <summary>How many positions of the window count in the divisor along one axis.</summary>
    internal static int Count(WindowAxis axis, int output, bool countIncludePad)
    {
        if (!countIncludePad)
        {
            var (_, from, to) = axis.Taps(output);
            return to - from;
        }
        WindowAxis padded = axis with { Input = axis.Input + axis.PadBegin + axis.PadEnd, PadBegin = 0 };
        var taps = padded.Taps(output);
        return taps.To - taps.From;
    }

    /// <summary>Where in the plane the input row of a tap starts.</summary>
    private static int RowAt(in PoolingShape shape, int startD, int tapD, int startH, int tapH) =>
        ((startD + tapD * shape.Depth.Dilation) * shape.Height.Input + startH + tapH * shape.Height.Dilation) * shape.Width.Input;

    /// <summary>One window along one axis: where its tap 0 is, its taps on the input, and what it adds to the divisor.</summary>
    private readonly record struct Window(int Start, int From, int To, int Count);
}
