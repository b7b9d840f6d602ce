namespace Limn.Games;

/// <summary>The weighted mean of strata that are sampled in turn, and its error, for several quantities at once.</summary>
/// <remarks>
/// mean = Σ_h w_h · mean_h with the error √(Σ_h w_h² s_h² / n) after n samples of each stratum, s_h² being the variance within it: what lies between strata is no error
/// (Cochran: Sampling Techniques, 1977, equation 5.9). It is widened for ν = (n − 1) (Σ_h g_h)² / Σ_h g_h² degrees of freedom, g_h = w_h² s_h² (Satterthwaite: An Approximate Distribution of
/// Estimates of Variance Components, 1946), which are too few, and the errors a little too wide, where a stratum has only two samples.
/// </remarks>
internal sealed class StratifiedMoments(int quantities, double[] weights)
{
    private readonly double[] means = new double[quantities * weights.Length];
    private readonly double[] squares = new double[quantities * weights.Length];

    /// <summary>All samples so far; sample k is of stratum k mod the number of strata.</summary>
    public long Samples { get; private set; }

    /// <summary>The samples of each stratum.</summary>
    private long Each => Samples / weights.Length;

    public void Add(ReadOnlySpan<double> sample)
    {
        int stratum = (int)(Samples % weights.Length);
        long count = Samples++ / weights.Length + 1;
        Span<double> mean = means.AsSpan(stratum * quantities, quantities), square = squares.AsSpan(stratum * quantities, quantities);
        for (int i = 0; i < mean.Length; i++)
        {
            double before = sample[i] - mean[i];
            mean[i] += before / count;
            square[i] += before * (sample[i] - mean[i]);
        }
    }

    public double[] Mean()
    {
        var mean = new double[quantities];
        for (int h = 0; h < weights.Length; h++)
            for (int i = 0; i < quantities; i++) mean[i] += weights[h] * means[h * quantities + i];
        return mean;
    }

    /// <summary>The standard error of each mean, widened for few samples; NaN for fewer than two of each stratum.</summary>
    public double[] Errors()
    {
        var errors = new double[quantities];
        if (Each < 2)
        {
            Array.Fill(errors, double.NaN);
            return errors;
        }
        for (int i = 0; i < quantities; i++)
        {
            double sum = 0, squared = 0;
            for (int h = 0; h < weights.Length; h++)
            {
                double g = weights[h] * weights[h] * squares[h * quantities + i] / (Each - 1);
                sum += g;
                squared += g * g;
            }
            double freedom = squared == 0 ? Each - 1 : (Each - 1) * sum * sum / squared;
            errors[i] = Math.Sqrt(sum / Each) * StandardError.Widening(freedom);
        }
        return errors;
    }
}
