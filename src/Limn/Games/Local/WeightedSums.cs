using System.Numerics.Tensors;

namespace Limn.Games.Local;

/// <summary>Weighted sums over samples: all that a linear regression needs to know of them. Sums of disjoint samples add up.</summary>
internal sealed class WeightedSums(int features)
{
    /// <summary>Σw.</summary>
    public double Weight { get; set; }

    /// <summary>Σw zᵢ, and Σw y at the end.</summary>
    public double[] Totals { get; } = new double[features + 1];

    /// <summary>Σw zᵢ zⱼ for j ≤ i, row by row, with y as the last feature.</summary>
    public double[] Products { get; } = new double[(features + 1) * (features + 1)];

    public void Add(WeightedSums other, double times)
    {
        Weight += times * other.Weight;
        TensorPrimitives.MultiplyAdd(other.Totals, times, Totals, Totals);
        TensorPrimitives.MultiplyAdd(other.Products, times, Products, Products);
    }

    /// <summary>The same about the weighted means, so that an intercept need not be fitted.</summary>
    public NormalEquations Centred()
    {
        int n = features, wide = n + 1;
        var gram = new double[n * n];
        var right = new double[n];
        double[] means = Array.ConvertAll(Totals, t => Weight > 0 ? t / Weight : 0); // all weights may vanish
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++) gram[i * n + j] = gram[j * n + i] = Products[i * wide + j] - Totals[i] * means[j];
            right[i] = Products[n * wide + i] - Totals[n] * means[i];
        }
        return new NormalEquations(n, gram, right, Products[n * wide + n] - Totals[n] * means[n], Weight, means[..n], means[n]);
    }
}

/// <summary>A weighted least-squares problem about its means: minimise Σw (y − ȳ − Σβᵢ (zᵢ − z̄ᵢ))² = Y − 2βᵀc + βᵀGβ.</summary>
/// <param name="Features">The number of features.</param>
/// <param name="Gram">G = Σw (z − z̄)(z − z̄)ᵀ, row by row.</param>
/// <param name="Right">c = Σw (z − z̄)(y − ȳ).</param>
/// <param name="Total">Y = Σw (y − ȳ)².</param>
/// <param name="Weight">Σw.</param>
/// <param name="Means">z̄.</param>
/// <param name="MeanScore">ȳ.</param>
internal sealed record NormalEquations(int Features, double[] Gram, double[] Right, double Total, double Weight, double[] Means, double MeanScore)
{
    // A feature whose variance, or what others leave of it, is less than this share of its square is constant (or their combination).
    private const double Nothing = 1e-12;

    public ReadOnlySpan<double> Row(int feature) => Gram.AsSpan(feature * Features, Features);

    /// <summary>Whether a feature has no variance to speak of.</summary>
    public bool IsConstant(int feature) => IsNothing(Gram[feature * Features + feature], Weight * Means[feature] * Means[feature] + Gram[feature * Features + feature]);

    public static bool IsNothing(double rest, double of) => !(rest > Nothing * of);

    /// <summary>The intercept that goes with coefficients.</summary>
    public double Intercept(ReadOnlySpan<double> coefficients) => MeanScore - TensorPrimitives.Dot(coefficients, Means);

    /// <summary>The weighted sum of squares that coefficients leave unexplained.</summary>
    public double Residual(ReadOnlySpan<double> coefficients)
    {
        double rest = Total - 2 * TensorPrimitives.Dot(coefficients, Right);
        for (int i = 0; i < Features; i++)
            if (coefficients[i] != 0) rest += coefficients[i] * TensorPrimitives.Dot(coefficients, Row(i));
        return Math.Max(0, rest);
    }
}
