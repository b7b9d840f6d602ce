using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels;

/// <summary>
/// Sums of gathered elements. All three are derivatives of the same form Σ y[n, c, p] · w[n, p, k] · x[n, c, index[n, p, k]] over everything:
/// by y, by x and by w.
/// </summary>
internal static class WeightedGathering
{
    /// <summary>y[n, c, p] = Σₖ w[n, p, k] · x[n, c, index[n, p, k]].</summary>
    public static void Gather(in GatheredShape s, ReadOnlyMemory<float> x, int[] index, ReadOnlyMemory<float> weights, Memory<float> y, Workers workers)
    {
        GatheredShape shape = s;
        workers.Ranges(shape.Samples * shape.Channels, Chunks.Items(Chunks.Cheap, (long)shape.Places * shape.Taps), (first, last) =>
        {
            for (int row = first; row < last; row++)
            {
                ReadOnlySpan<float> source = x.Span.Slice(row * shape.Length, shape.Length), weight = Of(shape, weights.Span, row);
                ReadOnlySpan<int> at = Of(shape, index, row);
                Span<float> target = y.Span.Slice(row * shape.Places, shape.Places);
                ref float start = ref MemoryMarshal.GetReference(source); // the indices have been checked
                if (shape.Taps == 4)
                {
                    for (int p = 0; p < target.Length; p++)
                    {
                        ReadOnlySpan<int> four = at.Slice(4 * p, 4);
                        ReadOnlySpan<float> much = weight.Slice(4 * p, 4);
                        target[p] = much[0] * Unsafe.Add(ref start, four[0]) + much[1] * Unsafe.Add(ref start, four[1])
                            + much[2] * Unsafe.Add(ref start, four[2]) + much[3] * Unsafe.Add(ref start, four[3]);
                    }
                    continue;
                }
                for (int p = 0, t = 0; p < target.Length; p++)
                {
                    float sum = 0;
                    for (int end = t + shape.Taps; t < end; t++) sum += weight[t] * Unsafe.Add(ref start, at[t]);
                    target[p] = sum;
                }
            }
        });
    }

    /// <summary>x[n, c, index[n, p, k]] += w[n, p, k] · y[n, c, p], from zeros.</summary>
    public static void Scatter(in GatheredShape s, ReadOnlyMemory<float> y, int[] index, ReadOnlyMemory<float> weights, Memory<float> x, Workers workers)
    {
        GatheredShape shape = s;
        workers.Ranges(shape.Samples * shape.Channels, Chunks.Items(Chunks.Cheap, (long)shape.Places * shape.Taps), (first, last) =>
        {
            for (int row = first; row < last; row++)
            {
                Span<float> target = x.Span.Slice(row * shape.Length, shape.Length);
                ReadOnlySpan<float> source = y.Span.Slice(row * shape.Places, shape.Places), weight = Of(shape, weights.Span, row);
                ReadOnlySpan<int> at = Of(shape, index, row);
                target.Clear();
                for (int p = 0, t = 0; p < source.Length; p++)
                    for (int end = t + shape.Taps; t < end; t++) target[at[t]] += weight[t] * source[p];
            }
        });
    }

    /// <summary>w[n, p, k] = Σ_c y[n, c, p] · x[n, c, index[n, p, k]].</summary>
    public static void Products(in GatheredShape s, ReadOnlyMemory<float> y, ReadOnlyMemory<float> x, int[] index, Memory<float> weights, Workers workers)
    {
        GatheredShape shape = s;
        for (int n = 0; n < shape.Samples; n++)
        {
            int sample = n;
            workers.Ranges(shape.Places, Chunks.Items(Chunks.Cheap, (long)shape.Channels * shape.Taps), (first, last) =>
            {
                int from = first * shape.Taps, count = (last - first) * shape.Taps;
                Span<float> target = weights.Span.Slice(sample * shape.Places * shape.Taps + from, count);
                ReadOnlySpan<int> at = index.AsSpan(sample * shape.Places * shape.Taps + from, count);
                target.Clear();
                for (int c = 0; c < shape.Channels; c++)
                {
                    int row = sample * shape.Channels + c;
                    ReadOnlySpan<float> arriving = y.Span.Slice(row * shape.Places + first, last - first), source = x.Span.Slice(row * shape.Length, shape.Length);
                    for (int p = 0, t = 0; p < arriving.Length; p++)
                        for (int end = t + shape.Taps; t < end; t++) target[t] += arriving[p] * source[at[t]];
                }
            });
        }
    }

    /// <summary>The indices, checked against the length that they point into.</summary>
    /// <exception cref="ShapeMismatchException">One points outside.</exception>
    public static int[] Checked(ReadOnlySpan<long> index, int length)
    {
        var result = new int[index.Length];
        for (int i = 0; i < result.Length; i++)
            result[i] = (ulong)index[i] < (ulong)length ? (int)index[i] : throw new ShapeMismatchException($"The index {index[i]} points outside of {length} elements.");
        return result;
    }

    private static ReadOnlySpan<T> Of<T>(in GatheredShape shape, ReadOnlySpan<T> perSample, int row) =>
        perSample.Slice(row / shape.Channels * shape.Places * shape.Taps, shape.Places * shape.Taps);
}

/// <summary>The sizes of x [samples, channels, length], y [samples, channels, places] and the weights [samples, places, taps].</summary>
internal readonly record struct GatheredShape(int Samples, int Channels, int Length, int Places, int Taps);
