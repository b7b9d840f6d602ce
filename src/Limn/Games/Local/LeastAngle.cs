namespace Limn.Games.Local;

/// <summary>Least-angle regression on a Gram matrix: features enter one by one, always those that correlate most with what is not explained yet.</summary>
/// <remarks>
/// With the active features A and the signs s of their correlations, coefficients move along G_AA⁻¹ s, at which all active correlations fall alike, until another
/// feature correlates as much; with <c>drops</c>, also until a coefficient gets zero, whose feature then leaves: this is the path of all lasso solutions.
/// Features that are combinations of active ones never enter. Of equal correlations the first feature enters.
/// Efron, Hastie, Johnstone, Tibshirani: Least Angle Regression, 2004, section 2 and equation 3.6.
/// </remarks>
internal static class LeastAngle
{
    /// <summary>The coefficients after each step.</summary>
    /// <param name="gram">G, row by row.</param>
    /// <param name="right">c: the right-hand side of Gβ = c.</param>
    /// <param name="steps">The most steps.</param>
    /// <param name="drops">Whether features may leave.</param>
    /// <returns>For each step the coefficients at its end and the features that were active in it, in the order in which they came.</returns>
    public static IEnumerable<(double[] Coefficients, int[] Active)> Path(double[] gram, double[] right, int steps, bool drops)
    {
        int n = right.Length;
        double[] coefficients = new double[n], left = [.. right];
        var active = new List<int>();
        var never = new bool[n];
        double first = right.Length == 0 ? 0 : right.Max(Math.Abs);
        int gone = -1;
        bool enter = true;
        for (int step = 0; step < steps; step++)
        {
            int enters = enter ? Strongest(left, active, never) : -1;
            if (enters >= 0) active.Add(enters);
            if (active.Count == 0 || Math.Abs(left[active[^1]]) <= 1e-14 * first) yield break;
            double most = Math.Abs(left[active[^1]]);
            if (Direction(gram, left, active) is not { } direction)
            {
                never[active[^1]] = true;
                active.RemoveAt(active.Count - 1);
                enter = active.Count == 0;
                continue;
            }
            double length = most;
            var falls = new double[n];
            for (int j = 0; j < n; j++)
                for (int a = 0; a < active.Count; a++) falls[j] += gram[j * n + active[a]] * direction[a];
            for (int j = 0; j < n; j++)
            {
                if (never[j] || active.Contains(j)) continue;
                double least = j == gone ? 1e-9 * first : -1e-12 * first; // one that has just left correlates as much still
                foreach (double reach in (ReadOnlySpan<double>)[(most - left[j]) / (1 - falls[j]), (most + left[j]) / (1 + falls[j])])
                    if (reach > least && reach < length) length = Math.Max(0, reach);
            }
            int leaves = -1;
            for (int a = 0; drops && a < active.Count; a++)
                if (-coefficients[active[a]] / direction[a] is var reach && reach > 0 && reach < length) (length, leaves) = (reach, a);
            for (int a = 0; a < active.Count; a++) coefficients[active[a]] += length * direction[a];
            for (int j = 0; j < n; j++) left[j] -= length * falls[j];
            int[] moved = [.. active];
            (enter, gone) = (leaves < 0, -1);
            if (leaves >= 0)
            {
                gone = active[leaves];
                coefficients[gone] = 0;
                active.RemoveAt(leaves);
            }
            yield return ([.. coefficients], moved);
        }
    }

    private static int Strongest(double[] left, List<int> active, bool[] never)
    {
        int best = -1;
        for (int j = 0; j < left.Length; j++)
            if (!never[j] && !active.Contains(j) && (best < 0 || Math.Abs(left[j]) > Math.Abs(left[best]) * (1 + 1e-12))) best = j;
        return best;
    }

    /// <summary>G_AA⁻¹ s; null where the last feature is a combination of the others.</summary>
    private static double[]? Direction(double[] gram, double[] left, List<int> active)
    {
        int n = left.Length, k = active.Count;
        var matrix = new double[k * k];
        var signs = new double[k];
        for (int a = 0; a < k; a++)
        {
            signs[a] = Math.Sign(left[active[a]]);
            for (int b = 0; b <= a; b++) matrix[a * k + b] = gram[active[a] * n + active[b]];
        }
        return Array.TrueForAll(RidgeRegression.Solve(matrix, signs), f => f) ? signs : null;
    }
}
