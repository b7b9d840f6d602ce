using System.Numerics.Tensors;

namespace Limn.Games.Local;

/// <summary>What a local surrogate is fitted to: features of changed copies of a row, how near each copy is, and its score.</summary>
/// <param name="features">The number of features.</param>
/// <param name="count">The number of samples.</param>
internal sealed class LocalSamples(int features, int count)
{
    // Column by column, the scores behind the features: every sum that a regression needs is one of products of two columns.
    private readonly double[] columns = GC.AllocateUninitializedArray<double>((features + 1) * count);
    private readonly double[] weights = new double[count];

    public int Features => features;

    public int Count => count;

    /// <summary>How much each sample counts.</summary>
    public Span<double> Weights => weights;

    public Span<double> Scores => Column(features);

    /// <summary>A feature in all samples; of number <see cref="Features"/>, the scores.</summary>
    public Span<double> Column(int feature) => columns.AsSpan(feature * count, count);

    /// <summary>The weighted sums of some samples.</summary>
    public WeightedSums Sums(int from, int some)
    {
        var sums = new WeightedSums(features);
        double[] weighted = new double[some];
        ReadOnlySpan<double> w = weights.AsSpan(from, some);
        for (int i = 0; i <= features; i++)
        {
            TensorPrimitives.Multiply(w, Column(i).Slice(from, some), weighted);
            sums.Totals[i] = TensorPrimitives.Sum<double>(weighted);
            for (int j = 0; j <= i; j++) sums.Products[i * (features + 1) + j] = TensorPrimitives.Dot<double>(weighted, Column(j).Slice(from, some));
        }
        sums.Weight = TensorPrimitives.Sum(w);
        return sums;
    }
}
