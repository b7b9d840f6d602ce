using System.Numerics.Tensors;

namespace Limn.Games.Local;

/// <summary>Ridge regression with an intercept that is not penalised: minimise Σw (y − b − Σβᵢ zᵢ)² + α Σβᵢ², in closed form.</summary>
/// <remarks>
/// (G + αI) β = c by Cholesky, in double precision: as scikit-learn's Ridge with sample weights. With α = 0 a feature that is constant, or a combination of
/// those before it, gets zero. Hoerl, Kennard: Ridge Regression, 1970.
/// </remarks>
internal static class RidgeRegression
{
    /// <summary>The coefficients of all features, zero for those that are not kept, and for constant ones.</summary>
    public static double[] Fit(NormalEquations problem, int[] kept, double alpha)
    {
        kept = Array.FindAll(kept, f => !problem.IsConstant(f));
        int n = kept.Length;
        var matrix = new double[n * n];
        var right = new double[n];
        for (int i = 0; i < n; i++)
        {
            ReadOnlySpan<double> row = problem.Row(kept[i]);
            for (int j = 0; j <= i; j++) matrix[i * n + j] = row[kept[j]];
            matrix[i * n + i] += alpha;
            right[i] = problem.Right[kept[i]];
        }
        Solve(matrix, right);
        var coefficients = new double[problem.Features];
        for (int i = 0; i < n; i++) coefficients[kept[i]] = right[i];
        return coefficients;
    }

    /// <summary>Solves a symmetric positive semidefinite system in place, by its lower triangle, and leaves its factor there.</summary>
    /// <returns>Which rows were no combination of those before them; the others get zero.</returns>
    public static bool[] Solve(double[] matrix, double[] right)
    {
        int n = right.Length;
        var free = new bool[n];
        for (int i = 0; i < n; i++)
        {
            Span<double> row = matrix.AsSpan(i * n, n);
            double before = row[i];
            for (int j = 0; j < i; j++)
                row[j] = free[j] ? (row[j] - TensorPrimitives.Dot<double>(row[..j], matrix.AsSpan(j * n, j))) / matrix[j * n + j] : 0;
            double rest = before - TensorPrimitives.SumOfSquares<double>(row[..i]);
            free[i] = !NormalEquations.IsNothing(rest, before);
            row[i] = free[i] ? Math.Sqrt(rest) : 0;
        }
        Substitute(matrix, right, free);
        return free;
    }

    /// <summary>Solves for another right-hand side with a factor that <see cref="Solve"/> left.</summary>
    public static void Substitute(double[] factor, double[] right, bool[] free)
    {
        int n = right.Length;
        for (int i = 0; i < n; i++)
            right[i] = free[i] ? (right[i] - TensorPrimitives.Dot<double>(factor.AsSpan(i * n, i), right.AsSpan(0, i))) / factor[i * n + i] : 0;
        for (int i = n - 1; i >= 0; i--)
        {
            if (!free[i]) continue;
            right[i] /= factor[i * n + i];
            TensorPrimitives.MultiplyAdd(factor.AsSpan(i * n, i), -right[i], right.AsSpan(0, i), right.AsSpan(0, i));
        }
    }
}
