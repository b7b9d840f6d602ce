namespace Limn.Engine.Kernels;

/// <summary>Normalisations by neighbours: across channels, and by the norm of each line along an axis. Sums are in double.</summary>
internal static unsafe class LocalNormalization
{
    /// <summary>
    /// y = x / (bias + alpha/size · Σ x²)^beta for x of [samples, channels, inner], the sum over the channels from c − ⌊(size − 1)/2⌋ to c + ⌊size/2⌋.
    /// </summary>
    public static void AcrossChannels(
        ReadOnlySpan<float> x, Span<float> y, int samples, int channels, int inner, int size, float alpha, float beta, float bias, Workers workers)
    {
        int length = checked(samples * channels * inner);
        Dims.CheckSame(nameof(x), x.Length, length);
        Dims.CheckSame(nameof(y), y.Length, length);
        fixed (float* px = x, py = y)
        {
            float* source = px, target = py;
            workers.Ranges(samples * channels, Chunks.Items(Chunks.Dear, inner), (from, to) =>
            {
                var sums = new double[inner];
                for (int row = from; row < to; row++)
                {
                    int c = row % channels, first = Math.Max(0, c - (size - 1) / 2), last = Math.Min(channels - 1, c + size / 2);
                    Array.Clear(sums);
                    for (int other = first; other <= last; other++)
                    {
                        float* values = source + ((long)row - c + other) * inner;
                        for (int i = 0; i < sums.Length; i++) sums[i] += (double)values[i] * values[i];
                    }
                    float* own = source + (long)row * inner, result = target + (long)row * inner;
                    for (int i = 0; i < sums.Length; i++) result[i] = (float)(own[i] * Math.Pow(bias + (double)alpha / size * sums[i], -beta));
                }
            });
        }
    }

    /// <summary>y = x over the norm of its line, for lines along the middle axis of [outer, length, inner]; 0 where the norm is 0. y may be x.</summary>
    public static void ByNorm(ReadOnlySpan<float> x, Span<float> y, int outer, int length, int inner, bool absolute, Workers workers)
    {
        Dims.CheckSame(nameof(x), x.Length, checked(outer * length * inner));
        Dims.CheckSame(nameof(y), y.Length, x.Length);
        fixed (float* px = x, py = y)
        {
            float* source = px, target = py;
            workers.Ranges(outer * inner, Chunks.Items(Chunks.Cheap, length), (from, to) =>
            {
                for (int line = from; line < to; line++)
                {
                    long start = (long)(line / inner) * length * inner + line % inner;
                    double norm = 0;
                    for (int j = 0; j < length; j++)
                    {
                        double value = source[start + (long)j * inner];
                        norm += absolute ? Math.Abs(value) : value * value;
                    }
                    if (!absolute) norm = Math.Sqrt(norm);
                    for (int j = 0; j < length; j++)
                    {
                        long at = start + (long)j * inner;
                        target[at] = norm == 0 ? 0 : (float)(source[at] / norm);
                    }
                }
            });
        }
    }
}
