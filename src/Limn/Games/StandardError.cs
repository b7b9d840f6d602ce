using MathNet.Numerics.Distributions;

namespace Limn.Games;

/// <summary>How far a mean of samples may lie from what it estimates.</summary>
internal static class StandardError
{
    private const double TwoSigmas = 0.977249868051821; // Φ(2)

    /// <summary>The standard error of a mean of independent samples, widened for few of them; NaN for fewer than two.</summary>
    /// <param name="variance">The unbiased variance of a single sample.</param>
    /// <param name="samples">How many there are.</param>
    public static double OfMean(double variance, long samples) => samples < 2 ? double.NaN : Math.Sqrt(Math.Max(0, variance) / samples) * Widening(samples - 1);

    /// <summary>
    /// By how much two standard errors from <paramref name="freedom"/> degrees of freedom must be widened to hold as much as two of a normal distribution:
    /// t₀.₉₇₇(freedom) / 2 (Student: The Probable Error of a Mean, 1908).
    /// </summary>
    /// <remarks>From 20 degrees on by the expansion in 1/ν (Abramowitz, Stegun 26.7.5) at z = 2, whose terms from the fifth on are below 10⁻⁶.</remarks>
    public static double Widening(double freedom)
    {
        if (freedom < 20) return StudentT.InvCDF(0, 1, freedom, TwoSigmas) / 2;
        double r = 1 / freedom;
        return 1 + r * (1.25 + r * (1.53125 + r * (1.4296875 + r * 0.92204)));
    }
}

/// <summary>Mean and variance of numbers that come one by one (Welford 1962), for several quantities at once.</summary>
internal sealed class RunningMoments(int quantities)
{
    private readonly double[] mean = new double[quantities];
    private readonly double[] squares = new double[quantities];

    public long Count { get; private set; }

    public ReadOnlySpan<double> Mean => mean;

    public void Add(ReadOnlySpan<double> sample)
    {
        Count++;
        for (int i = 0; i < mean.Length; i++)
        {
            double before = sample[i] - mean[i];
            mean[i] += before / Count;
            squares[i] += before * (sample[i] - mean[i]);
        }
    }

    /// <summary>The standard deviation of each quantity.</summary>
    public double[] Deviations() => Array.ConvertAll(squares, s => Math.Sqrt(s / (Count - 1)));

    /// <summary>The standard error of each mean.</summary>
    public double[] Errors() => Array.ConvertAll(squares, s => StandardError.OfMean(s / (Count - 1), Count));
}
