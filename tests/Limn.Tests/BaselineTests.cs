using Limn.Engine;

namespace Limn.Tests;

public sealed class BaselineTests
{
    private static readonly NdArray Table = new([1f, 5, 3, -7, 2, 0], 3, 2);
    private static readonly NdArray Picture = Networks.Random(3, 2, 3, 4, 5);

    [Fact]
    public void Of_a_table_are_statistics_of_its_columns()
    {
        Assert.Equal([2f, -2 / 3f, 2, -2 / 3f, 2, -2 / 3f], Fill(Baseline.Mean, Table));
        Assert.Equal([1f, -7, 1, -7, 1, -7], Fill(Baseline.Black, Table));
        Assert.Equal([3f, 5, 3, 5, 3, 5], Fill(Baseline.White, Table));
    }

    [Fact]
    public void Of_a_picture_are_statistics_of_each_rows_channels()
    {
        float[] black = Fill(Baseline.Black, Picture), white = Fill(Baseline.White, Picture), mean = Fill(Baseline.Mean, Picture);
        for (int plane = 0; plane < 6; plane++)
        {
            float[] values = Picture.Floats.Slice(plane * 20, 20).ToArray();
            for (int i = 0; i < 20; i++)
            {
                Assert.Equal(values.Min(), black[plane * 20 + i]);
                Assert.Equal(values.Max(), white[plane * 20 + i]);
                Assert.Equal(values.Average(v => (double)v), mean[plane * 20 + i], 1e-6);
            }
        }
    }

    [Fact]
    public void Uniform_draws_lie_in_the_range_of_the_channel_and_follow_the_seed()
    {
        float[] black = Fill(Baseline.Black, Picture), white = Fill(Baseline.White, Picture), drawn = Fill(Baseline.Uniform(5), Picture);
        for (int i = 0; i < drawn.Length; i++) Assert.InRange(drawn[i], black[i], white[i]);
        Assert.Equal(drawn, Fill(Baseline.Uniform(5), Picture));
        Assert.NotEqual(drawn, Fill(Baseline.Uniform(6), Picture));
        Assert.Equal(20, drawn.Take(20).Distinct().Count());
    }

    [Fact]
    public void Gaussian_noise_has_the_width_asked_for()
    {
        NdArray wide = NdArray.Create(ElementType.Float, 1, 1, 100, 100);
        wide.Floats[0] = 2; // the range is 2
        float[] noisy = Fill(Baseline.Gaussian(0.25, seed: 3), wide)[1..];
        double mean = noisy.Average(v => (double)v), stdev = Math.Sqrt(noisy.Average(v => (v - mean) * (v - mean)));
        Assert.Equal(0, mean, 0.02);
        Assert.Equal(0.5, stdev, 0.02);
        Assert.Throws<InvalidOptionException>(() => Baseline.Gaussian(0));
    }

    [Fact]
    public void Of_tokens_are_refused_where_they_have_no_meaning() =>
        Assert.Throws<Limn.InvalidDataException>(() => Fill(Baseline.Black, new NdArray([1L, 2], 1, 2)));

    private static float[] Fill(Baseline baseline, NdArray input) => baseline.Resolve([input]).Single()[0].Floats.ToArray();
}
