using System.Numerics.Tensors;

namespace Limn.Games.Local;

/// <summary>The lasso with an intercept that is not penalised: minimise Σw (y − b − Σβᵢ zᵢ)² / (2Σw) + α Σ|βᵢ|.</summary>
/// <remarks>
/// Cyclic coordinate descent on the Gram matrix: each step costs as many operations as there are features, however many samples. Scaled as scikit-learn's Lasso
/// with sample weights. Friedman, Hastie, Tibshirani: Regularization Paths for Generalized Linear Models via Coordinate Descent, 2010, section 2.2.
/// </remarks>
internal static class LassoRegression
{
    private const int MostSweeps = 100_000;
    private const double Still = 1e-10; // of the standard deviation of the scores

    /// <summary>The coefficients of all features, zero for those that are not kept.</summary>
    /// <exception cref="InvalidOptionException">The descent does not come to rest.</exception>
    public static double[] Fit(NormalEquations problem, ReadOnlySpan<int> kept, double alpha)
    {
        int n = problem.Features;
        double[] coefficients = new double[n], left = [.. problem.Right];
        double threshold = alpha * problem.Weight, still = Still * Math.Sqrt(problem.Total);
        for (int sweep = 0; sweep < MostSweeps; sweep++)
        {
            double moved = 0;
            foreach (int j in kept)
            {
                double own = problem.Gram[j * n + j];
                if (problem.IsConstant(j)) continue;
                double towards = left[j] + own * coefficients[j], next = Math.Sign(towards) * Math.Max(0, Math.Abs(towards) - threshold) / own, step = next - coefficients[j];
                if (step == 0) continue;
                coefficients[j] = next;
                TensorPrimitives.MultiplyAdd(problem.Row(j), -step, left, left);
                moved = Math.Max(moved, Math.Abs(step) * Math.Sqrt(own));
            }
            if (moved <= still) return coefficients;
        }
        throw new InvalidOptionException($"The lasso did not come to rest within {MostSweeps} sweeps: some features are nearly combinations of others. Raise alpha ({alpha} was given), or use --set surrogate=ridge.");
    }
}
