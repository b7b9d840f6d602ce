using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class NormalizationTests
{
    private const float Epsilon = 1e-5f;

    [Fact]
    public void Batch_norm_as_scale_and_shift_matches_its_formula_at_every_length()
    {
        var random = new Random(31);
        for (int n = 0; n <= 70; n++)
        {
            foreach ((int outer, int channels, int inner) in new[] { (2, 3, n), (2, n, 1), (n, 2, 2) })
            {
                float[] x = Naive.Floats(random, outer * channels * inner), y = new float[x.Length];
                float[] scale = Naive.Floats(random, channels), bias = Naive.Floats(random, channels), mean = Naive.Floats(random, channels);
                float[] variance = [.. Naive.Floats(random, channels).Select(v => v * v + 0.1f)];
                double[] a = new double[channels], b = new double[channels];
                Normalization.BatchNormFactors(scale, bias, mean, variance, Epsilon, a, b);
                Normalization.ScaleShift(x, a, b, y, outer, channels, inner, Naive.Three);
                for (int i = 0; i < x.Length; i++)
                {
                    int c = i / inner % channels;
                    Naive.Close((x[i] - (double)mean[c]) / Math.Sqrt(variance[c] + (double)Epsilon) * scale[c] + bias[c], y[i], 5e-6);
                }
            }
        }
    }

    [Fact]
    public void Layer_norm_matches_double_at_every_length_and_reports_its_statistics()
    {
        var random = new Random(32);
        for (int n = 1; n <= 70; n++)
        {
            foreach (bool affine in new[] { true, false })
            {
                float[] x = [.. Naive.Floats(random, 3 * n).Select(v => v + 100)], y = new float[x.Length], means = new float[3], inverse = new float[3];
                float[] scale = affine ? Naive.Floats(random, n) : [], bias = affine ? Naive.Floats(random, n) : [];
                Normalization.LayerNorm(x, scale, bias, Epsilon, y, means, inverse, 3, n, Naive.Three);
                for (int r = 0; r < 3; r++)
                {
                    (double mean, double deviation) = Statistics(x.AsSpan(r * n, n));
                    Naive.Close(mean, means[r], 1e-7);
                    Naive.Close(1 / deviation, inverse[r], 1e-6);
                    for (int i = 0; i < n; i++)
                    {
                        Naive.Close((x[r * n + i] - mean) / deviation * (affine ? scale[i] : 1) + (affine ? bias[i] : 0), y[r * n + i], 2e-5 / Math.Min(1, deviation));
                    }
                }
                Normalization.LayerNorm(x, scale, bias, Epsilon, x, [], [], 3, n, Workers.Single);
                Naive.SameBits(y, x);
            }
        }
        float[] nothing = new float[2];
        Normalization.LayerNorm([], [], [], Epsilon, [], nothing, [], 2, 0, Workers.Single);
        Assert.All(nothing, v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void A_constant_row_is_normalised_to_its_bias()
    {
        float[] x = new float[33], y = new float[33], bias = new float[33];
        Array.Fill(x, 1234.5f);
        Array.Fill(bias, 0.5f);
        Normalization.LayerNorm(x, [], bias, Epsilon, y, [], [], 1, 33, Workers.Single);
        Assert.All(y, v => Assert.Equal(0.5f, v));
    }

    [Fact]
    public void Group_and_instance_norm_match_double()
    {
        var random = new Random(33);
        foreach ((int samples, int channels, int inner, int groups) in new[] { (2, 6, 5, 3), (1, 4, 17, 1), (3, 4, 16, 4), (2, 2, 1, 1), (1, 8, 70, 2), (0, 4, 3, 2) })
        {
            float[] x = Naive.Floats(random, samples * channels * inner), y = new float[x.Length];
            float[] scale = Naive.Floats(random, channels), bias = Naive.Floats(random, channels);
            Normalization.GroupNorm(x, scale, bias, Epsilon, y, samples, channels, inner, groups, Naive.Three);
            int length = channels / groups * inner;
            for (int i = 0; i < x.Length; i++)
            {
                (double mean, double deviation) = Statistics(x.AsSpan(i / length * length, length));
                int c = i / inner % channels;
                Naive.Close((x[i] - mean) / deviation * scale[c] + bias[c], y[i], 5e-6);
            }
            if (groups != channels) continue;
            var instance = new float[x.Length];
            Normalization.InstanceNorm(x, scale, bias, Epsilon, instance, samples, channels, inner, Naive.Three);
            Naive.SameBits(y, instance);
        }
        Assert.Throws<ShapeMismatchException>(() => Normalization.GroupNorm(new float[6], new float[3], new float[3], Epsilon, new float[6], 1, 3, 2, 2, Workers.Single));
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_bits()
    {
        var random = new Random(34);
        float[] x = Naive.Floats(random, 400 * 777), one = new float[x.Length], three = new float[x.Length], channel = Naive.Floats(random, 400);
        Normalization.LayerNorm(x, [], [], Epsilon, one, [], [], 400, 777, Workers.Single);
        Normalization.LayerNorm(x, [], [], Epsilon, three, [], [], 400, 777, Naive.Three);
        Naive.SameBits(one, three);
        Normalization.GroupNorm(x, channel, channel, Epsilon, one, 1, 400, 777, 100, Workers.Single);
        Normalization.GroupNorm(x, channel, channel, Epsilon, three, 1, 400, 777, 100, Naive.Three);
        Naive.SameBits(one, three);
        double[] factors = Array.ConvertAll(channel, v => (double)v);
        Normalization.ScaleShift(x, factors, factors, one, 1, 400, 777, Workers.Single);
        Normalization.ScaleShift(x, factors, factors, three, 1, 400, 777, Naive.Three);
        Naive.SameBits(one, three);
    }

    private static (double Mean, double Deviation) Statistics(ReadOnlySpan<float> x)
    {
        double[] values = [.. x.ToArray().Select(v => (double)v)];
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Average(v => (v - mean) * (v - mean)) + Epsilon));
    }
}
