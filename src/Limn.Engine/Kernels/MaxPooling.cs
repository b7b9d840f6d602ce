using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>Max pooling, a vector of neighbouring windows at once, over a copy of each plane with -infinity around it.</summary>
internal static unsafe class MaxPooling
{
    public static void Run(PoolingShape shape, float* x, float* y, long* indices, Workers workers)
    {
        var patches = new Patches(shape.Depth, shape.Height, shape.Width);
        int[] padded = patches.TapOffsets(1), inPlane = InputOffsets(shape);
        int[] firstColumns = new int[shape.Width.Output + Patches.Overrun];
        for (int w = 0; w < shape.Width.Output; w++)
        {
            var (_, from, to) = shape.Width.Taps(w);
            firstColumns[w] = from < to ? from : -1;
        }
        workers.Ranges(shape.Planes, Pooling.PlanesPerThread(shape), (from, to) =>
        {
            using var scratch = new Scratch(patches.ChannelLength + Patches.Overrun);
            fixed (int* taps = padded, offsets = inPlane, columns = firstColumns)
            {
                for (int plane = from; plane < to; plane++)
                {
                    patches.Pad(x + (nint)plane * shape.InputPositions, 1, scratch.Pointer, float.NegativeInfinity);
                    nint output = (nint)plane * shape.OutputPositions;
                    long* planeIndices = indices == null ? null : indices + output;
                    long start = (long)plane * shape.InputPositions;
                    Plane(shape, patches, scratch.Pointer, taps, padded.Length, offsets, columns, y + output, planeIndices, start);
                }
            }
        });
    }

    private static void Plane(
        in PoolingShape shape, in Patches patches, float* padded, int* taps, int tapCount, int* offsets, int* firstColumns,
        float* y, long* indices, long planeStart)
    {
        int width = shape.Width.Output;
        float* best = stackalloc float[Vector256<float>.Count];
        int* at = stackalloc int[Vector256<int>.Count];
        for (int d = 0; d < shape.Depth.Output; d++)
        {
            var depth = shape.Depth.Taps(d);
            for (int h = 0; h < shape.Height.Output; h++)
            {
                var height = shape.Height.Taps(h);
                // The taps before the first on the input, for windows of this row.
                int firstRow = (depth.From * shape.Height.Kernel + height.From) * shape.Width.Kernel;
                bool empty = depth.From == depth.To || height.From == height.To;
                float* row = padded + patches.RowOffset(d, h);
                long rowStart = planeStart + ((long)depth.Start * shape.Height.Input + height.Start) * shape.Width.Input;
                for (int w = 0; w < width; w += Vector256<float>.Count)
                {
                    int count = Math.Min(Vector256<float>.Count, width - w);
                    if (indices == null)
                    {
                        Values(row + w, taps, tapCount).Store(best);
                        new ReadOnlySpan<float>(best, count).CopyTo(new Span<float>(y, count));
                        y += count;
                        continue;
                    }
                    First(row + w, taps, tapCount, Vector256.Load(firstColumns + w) + Vector256.Create(firstRow), best, at);
                    for (int i = 0; i < count; i++)
                    {
                        long start = rowStart + (w + i) * shape.Width.Stride - shape.Width.PadBegin;
                        *y++ = best[i];
                        *indices++ = empty || firstColumns[w + i] < 0 ? -1 : start + offsets[at[i]];
                    }
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Values(float* from, int* taps, int tapCount)
    {
        // A NaN is neither less nor equal, so it replaces what is there, and what is there stays once it is NaN.
        Vector256<float> best = Vector256.Create(float.NegativeInfinity);
        for (int t = 0; t < tapCount; t++)
        {
            Vector256<float> value = Vector256.Load(from + taps[t]);
            best = Vector256.ConditionalSelect(Better(value, best), value, best);
        }
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void First(float* from, int* taps, int tapCount, Vector256<int> at, float* bestTo, int* atTo)
    {
        Vector256<float> best = Vector256.Create(float.NegativeInfinity);
        for (int t = 0; t < tapCount; t++)
        {
            Vector256<float> value = Vector256.Load(from + taps[t]), better = Better(value, best);
            best = Vector256.ConditionalSelect(better, value, best);
            at = Vector256.ConditionalSelect(better.AsInt32(), Vector256.Create(t), at);
        }
        best.Store(bestTo);
        at.Store(atTo);
    }

    /// <summary>Greater, or the first NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Better(Vector256<float> value, Vector256<float> best) =>
        Vector256.AndNot(Vector256.Equals(best, best), Vector256.LessThanOrEqual(value, best));

    /// <summary>Where each tap of a window is in the input, counted from the tap at 0.</summary>
    private static int[] InputOffsets(in PoolingShape shape)
    {
        int[] offsets = new int[shape.Depth.Kernel * shape.Height.Kernel * shape.Width.Kernel];
        int i = 0;
        for (int d = 0; d < shape.Depth.Kernel; d++)
        {
            for (int h = 0; h < shape.Height.Kernel; h++)
            {
                for (int w = 0; w < shape.Width.Kernel; w++)
                    offsets[i++] = (d * shape.Depth.Dilation * shape.Height.Input + h * shape.Height.Dilation) * shape.Width.Input + w * shape.Width.Dilation;
            }
        }
        return offsets;
    }
}
