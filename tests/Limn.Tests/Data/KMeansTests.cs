using Limn.Data;
using Limn.Engine;

namespace Limn.Tests.Data;

public sealed class KMeansTests
{
    [Fact]
    public void Centres_are_made_of_values_that_occur_and_weigh_as_much_as_their_clusters()
    {
        var rows = new NdArray([0f, 1000, 0.1f, 1010, 0.2f, 990, 9, 5000, 9.1f, 5100, 5, 3000], 6, 2);
        RowSummary summary = KMeans.Summary(rows, 3);
        Assert.Equal([3, 2], summary.Rows.Dims.ToArray());
        Assert.Equal(1, summary.Weights.Sum(), 1e-12);
        (float X, float Y, double Weight)[] centres = [.. Enumerable.Range(0, 3).Select(k => (summary.Rows.Floats[2 * k], summary.Rows.Floats[2 * k + 1], summary.Weights[k])).OrderBy(c => c.Item1)];
        Assert.Equal((0.1f, 1000f), (centres[0].X, centres[0].Y)); // the means are 0.1 and 1000
        Assert.Equal(0.5, centres[0].Weight, 1e-12);
        Assert.Equal((5f, 3000f, 1 / 6.0), centres[1]);
        Assert.Equal((9f, 5000f), (centres[2].X, centres[2].Y)); // between two, the lower row
        Assert.Equal(summary.Rows.Floats.ToArray(), KMeans.Summary(rows, 3).Rows.Floats.ToArray());
    }

    [Fact]
    public void Columns_of_a_group_stay_a_value_that_occurs_together()
    {
        float[] cells = new float[60];
        for (int r = 0; r < 20; r++) cells[3 * r + r % 3] = 1;
        for (ulong seed = 0; seed < 5; seed++)
        {
            RowSummary summary = KMeans.Summary(new NdArray(cells, 20, 3), 2, seed, [0, 0, 0]);
            for (int k = 0; k < summary.Rows.Dims[0]; k++) Assert.Equal(1, summary.Rows.Rows(k, 1).Floats.ToArray().Sum());
        }
    }

    [Fact]
    public void Few_or_equal_rows_are_all_there_is()
    {
        var rows = new NdArray([1f, 2, 1, 2, 1, 2], 3, 2);
        RowSummary same = KMeans.Summary(rows, 2);
        Assert.Equal([1f, 2], same.Rows.Floats.ToArray());
        Assert.Equal([1.0], same.Weights);
        Assert.Equal(3, KMeans.Summary(rows, 3).Weights.Count);
        Assert.Equal([0, 1, 2], KMeans.Sample(3, 9));
        int[] sample = KMeans.Sample(100, 10, seed: 4);
        Assert.Equal(10, sample.Distinct().Count());
        Assert.Equal(sample.Order(), sample);
        Assert.NotEqual(sample, KMeans.Sample(100, 10, seed: 5));
    }

    [Fact]
    public void What_cannot_be_summarised_is_refused()
    {
        Assert.Throws<InvalidOptionException>(() => KMeans.Summary(new NdArray(new float[4], 2, 2), 0));
        Assert.Throws<InvalidOptionException>(() => KMeans.Sample(4, 0));
        Assert.Throws<ShapeMismatchException>(() => KMeans.Summary(new NdArray(new float[4], 4), 2));
        Assert.Throws<ShapeMismatchException>(() => KMeans.Summary(new NdArray(new float[4], 2, 2), 1, groups: [0]));
        Assert.Throws<Limn.InvalidDataException>(() => KMeans.Summary(new NdArray(["a", "b"], 2, 1), 1));
        Assert.Throws<Limn.InvalidDataException>(() => KMeans.Summary(new NdArray([1f, float.NaN], 2, 1), 1));
        Assert.Throws<Limn.InvalidDataException>(() => KMeans.Summary(new NdArray(System.Array.Empty<float>(), 0, 1), 1));
    }
}
