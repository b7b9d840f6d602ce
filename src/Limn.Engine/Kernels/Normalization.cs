using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>Normalisations: by given statistics a channel (batch norm), and by a row's or a group's own (layer, instance, group norm).</summary>
/// <remarks>Mean and variance (biased: divided by the count) are computed in double in two passes. Results may be written over x.</remarks>
internal static unsafe class Normalization
{
    /// <summary>The factors of batch normalisation as one multiplication and addition: a = scale/√(variance + epsilon), b = bias − mean·a.</summary>
    public static void BatchNormFactors(
        ReadOnlySpan<float> scale, ReadOnlySpan<float> bias, ReadOnlySpan<float> mean, ReadOnlySpan<float> variance, float epsilon, Span<double> a, Span<double> b)
    {
        int channels = scale.Length;
        Dims.CheckSame(nameof(bias), bias.Length, channels);
        Dims.CheckSame(nameof(mean), mean.Length, channels);
        Dims.CheckSame(nameof(variance), variance.Length, channels);
        Dims.CheckSame(nameof(a), a.Length, channels);
        Dims.CheckSame(nameof(b), b.Length, channels);
        for (int c = 0; c < channels; c++)
        {
            double factor = scale[c] / Math.Sqrt((double)variance[c] + epsilon);
            a[c] = factor;
            b[c] = bias[c] - mean[c] * factor;
        }
    }

    /// <summary>y[n, c, i] = a[c]·x[n, c, i] + b[c] for x of [outer, channels, inner], rounded once.</summary>
    /// <remarks>The factors are double: rounding them first would shift a whole channel, and with it every kink that follows.</remarks>
    public static void ScaleShift(
        ReadOnlySpan<float> x, ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<float> y, int outer, int channels, int inner, Workers workers)
    {
        Check(x.Length, y.Length, (long)outer * channels * inner);
        Dims.CheckSame(nameof(a), a.Length, channels);
        Dims.CheckSame(nameof(b), b.Length, channels);
        if (x.IsEmpty) return;
        fixed (float* px = x, py = y)
        fixed (double* pa = a, pb = b)
        {
            float* source = px, target = py;
            double* scale = pa, shift = pb;
            if (inner == 1)
            {
                workers.Ranges(outer, Chunks.Items(Chunks.Cheap, channels), (first, last) =>
                {
                    for (int o = first; o < last; o++)
                        for (int c = 0; c < channels; c++) target[(long)o * channels + c] = (float)(scale[c] * source[(long)o * channels + c] + shift[c]);
                });
                return;
            }
            workers.Ranges(checked(outer * channels), Chunks.Items(Chunks.Cheap, inner), (first, last) =>
            {
                for (int row = first; row < last; row++)
                {
                    int c = row % channels;
                    Affine(new(source + (long)row * inner, inner), scale[c], shift[c], new(target + (long)row * inner, inner));
                }
            });
        }
    }

    /// <summary>
    /// y = (x − mean)/√(variance + epsilon)·scale + bias over each row of [rows, length]. <paramref name="scale"/> and
    /// <paramref name="bias"/> have the row's length, or are empty for 1 and 0; <paramref name="means"/> and
    /// <paramref name="inverseDeviations"/> (1/√(variance + epsilon)) receive one number a row, or are empty if not wanted.
    /// </summary>
    /// <remarks>Rows of no elements leave NaN in <paramref name="means"/> and in <paramref name="inverseDeviations"/>.</remarks>
    public static void LayerNorm(
        ReadOnlySpan<float> x, ReadOnlySpan<float> scale, ReadOnlySpan<float> bias, float epsilon, Span<float> y,
        Span<float> means, Span<float> inverseDeviations, int rows, int length, Workers workers)
    {
        Check(x.Length, y.Length, (long)rows * length);
        if (!scale.IsEmpty) Dims.CheckSame(nameof(scale), scale.Length, length);
        if (!bias.IsEmpty) Dims.CheckSame(nameof(bias), bias.Length, length);
        if (!means.IsEmpty) Dims.CheckSame(nameof(means), means.Length, rows);
        if (!inverseDeviations.IsEmpty) Dims.CheckSame(nameof(inverseDeviations), inverseDeviations.Length, rows);
        fixed (float* px = x, ps = scale, pb = bias, py = y, pm = means, pd = inverseDeviations)
        {
            float* source = px, factor = ps, shift = pb, target = py, mean = pm, inverse = pd;
            workers.Ranges(rows, Chunks.Items(Chunks.Dear, length), (first, last) =>
            {
                for (int r = first; r < last; r++)
                {
                    float* row = source + (long)r * length, result = target + (long)r * length;
                    (double m, double d) = Statistics(row, length, epsilon);
                    if (mean != null) mean[r] = (float)m;
                    if (inverse != null) inverse[r] = (float)d;
                    Centre(row, (float)m, (float)d, result, length);
                    if (factor != null || shift != null) Affine(result, factor, shift, result, length);
                }
            });
        }
    }

    /// <summary>
    /// Each group of channels of each sample of [samples, channels, inner] by its own mean and variance, then
    /// y = normalised·scale[c] + bias[c]. With as many groups as channels this is instance normalisation.
    /// </summary>
    /// <exception cref="ShapeMismatchException">The channels do not divide into the groups, or an array has a wrong length.</exception>
    public static void GroupNorm(
        ReadOnlySpan<float> x, ReadOnlySpan<float> scale, ReadOnlySpan<float> bias, float epsilon, Span<float> y,
        int samples, int channels, int inner, int groups, Workers workers)
    {
        Check(x.Length, y.Length, (long)samples * channels * inner);
        Dims.CheckSame(nameof(scale), scale.Length, channels);
        Dims.CheckSame(nameof(bias), bias.Length, channels);
        if (groups <= 0 || channels % groups != 0) Fail.Shape($"{channels} channels do not divide into {groups} groups.");
        if (x.IsEmpty) return;
        int each = channels / groups, length = checked(each * inner);
        fixed (float* px = x, ps = scale, pb = bias, py = y)
        {
            float* source = px, factor = ps, shift = pb, target = py;
            workers.Ranges(checked(samples * groups), Chunks.Items(Chunks.Dear, length), (first, last) =>
            {
                for (int item = first; item < last; item++)
                {
                    float* row = source + (long)item * length, result = target + (long)item * length;
                    (double mean, double inverse) = Statistics(row, length, epsilon);
                    Centre(row, (float)mean, (float)inverse, result, length);
                    for (int k = 0; k < each; k++)
                    {
                        int c = item % groups * each + k;
                        Affine(result + k * inner, factor[c], shift[c], result + k * inner, inner);
                    }
                }
            });
        }
    }

    /// <summary>Each channel of each sample by its own mean and variance: <see cref="GroupNorm"/> with groups of one channel.</summary>
    public static void InstanceNorm(
        ReadOnlySpan<float> x, ReadOnlySpan<float> scale, ReadOnlySpan<float> bias, float epsilon, Span<float> y,
        int samples, int channels, int inner, Workers workers)
    {
        if (channels > 0) GroupNorm(x, scale, bias, epsilon, y, samples, channels, inner, channels, workers);
        else Check(x.Length, y.Length, 0);
    }

    private static (double Mean, double InverseDeviation) Statistics(float* x, int length, float epsilon)
    {
        var row = new ReadOnlySpan<float>(x, length);
        double mean = SumReduction<ItselfTerm, FinishSum>.Row(0, row) / length;

        Vector<double> centre = Vector.Create(mean), low = Vector<double>.Zero, high = Vector<double>.Zero;
        int i = 0, width = Vector<float>.Count;
        for (; i + width <= length; i += width)
        {
            Vector.Widen(Vector.Load(x + i), out Vector<double> a, out Vector<double> b);
            a -= centre;
            b -= centre;
            low += a * a;
            high += b * b;
        }
        double squares = Vector.Sum(low + high);
        for (; i < length; i++) squares += (x[i] - mean) * (x[i] - mean);
        return (mean, 1 / Math.Sqrt(squares / length + epsilon));
    }

    private static void Centre(float* x, float mean, float inverse, float* y, int length)
    {
        Vector<float> m = Vector.Create(mean), d = Vector.Create(inverse);
        int i = 0;
        for (; i + Vector<float>.Count <= length; i += Vector<float>.Count) ((Vector.Load(x + i) - m) * d).Store(y + i);
        for (; i < length; i++) y[i] = (x[i] - mean) * inverse;
    }

    private static void Affine(float* x, float scale, float shift, float* y, int length)
    {
        Vector<float> a = Vector.Create(scale), b = Vector.Create(shift);
        int i = 0;
        for (; i + Vector<float>.Count <= length; i += Vector<float>.Count) (Vector.Load(x + i) * a + b).Store(y + i);
        for (; i < length; i++) y[i] = x[i] * scale + shift;
    }

    /// <summary>Scale and shift element by element; null stands for 1 and 0.</summary>
    private static void Affine(float* x, float* scale, float* shift, float* y, int length)
    {
        int i = 0;
        for (; i + Vector<float>.Count <= length; i += Vector<float>.Count)
        {
            Vector<float> v = Vector.Load(x + i);
            if (scale != null) v *= Vector.Load(scale + i);
            if (shift != null) v += Vector.Load(shift + i);
            v.Store(y + i);
        }
        for (; i < length; i++) y[i] = x[i] * (scale != null ? scale[i] : 1) + (shift != null ? shift[i] : 0);
    }

    private static void Affine(ReadOnlySpan<float> x, double scale, double shift, Span<float> y)
    {
        Vector<double> a = Vector.Create(scale), b = Vector.Create(shift);
        int i = 0;
        for (; i + Vector<float>.Count <= x.Length; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(x[i..]), out Vector<double> low, out Vector<double> high);
            Vector.Narrow(a * low + b, a * high + b).CopyTo(y[i..]);
        }
        for (; i < x.Length; i++) y[i] = (float)(scale * x[i] + shift);
    }

    private static void Check(int x, int y, long expected)
    {
        if (x != expected) Fail.Shape($"An array of {x} elements does not have the {expected} that its sizes say.");
        Dims.CheckSame(nameof(y), y, x);
    }
}
