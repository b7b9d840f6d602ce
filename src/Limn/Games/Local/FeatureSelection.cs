namespace Limn.Games.Local;

/// <summary>Which features a local surrogate keeps.</summary>
public enum FeatureSelection
{
    /// <summary>Forward selection for up to 6 features, highest weights for more.</summary>
    Auto,

    /// <summary>One after another, always the one with which a least-squares fit explains most.</summary>
    Forward,

    /// <summary>Those with the largest |coefficient · the row's feature| in a ridge regression (α = 0.01) on all.</summary>
    HighestWeights,

    /// <summary>Those that are not zero where the path of lasso solutions last has so few.</summary>
    LassoPath,

    /// <summary>All.</summary>
    None,
}

/// <summary>Selects features for a surrogate, from the sums of its samples alone: no fit goes over the samples again.</summary>
internal static class Selecting
{
    private const int FewFeatures = 6;
    private const double SmallAlpha = 0.01;

    /// <summary>The features to keep, in their order.</summary>
    /// <param name="problem">The sums of the samples.</param>
    /// <param name="selection">How they are selected.</param>
    /// <param name="keep">How many.</param>
    /// <param name="row">The features of the row itself.</param>
    public static int[] Of(NormalEquations problem, FeatureSelection selection, int keep, ReadOnlySpan<double> row)
    {
        if (keep >= problem.Features || selection == FeatureSelection.None) return All(problem.Features);
        if (selection == FeatureSelection.Auto) selection = keep <= FewFeatures ? FeatureSelection.Forward : FeatureSelection.HighestWeights;
        int[] chosen = selection switch
        {
            FeatureSelection.Forward => Forward(problem, keep),
            FeatureSelection.HighestWeights => HighestWeights(problem, keep, row),
            _ => LassoPath(problem, keep),
        };
        Array.Sort(chosen);
        return chosen;
    }

    public static int[] All(int features) => [.. Enumerable.Range(0, features)];

    /// <remarks>
    /// A feature j that joins the chosen S explains (cⱼ − G_jS G_SS⁻¹ c_S)² / (Gⱼⱼ − G_jS G_SS⁻¹ G_Sj) more: both are kept up to date by one step of elimination, O(M²), for each choice.
    /// </remarks>
    private static int[] Forward(NormalEquations problem, int keep)
    {
        int n = problem.Features;
        double[] gram = [.. problem.Gram], right = [.. problem.Right];
        var chosen = new List<int>();
        while (chosen.Count < keep)
        {
            int best = -1;
            double most = -1;
            for (int j = 0; j < n; j++)
            {
                if (chosen.Contains(j)) continue;
                double own = gram[j * n + j], gain = problem.IsConstant(j) || NormalEquations.IsNothing(own, problem.Gram[j * n + j]) ? 0 : right[j] * right[j] / own;
                if (gain > most) (best, most) = (j, gain);
            }
            chosen.Add(best);
            double pivot = gram[best * n + best];
            if (most <= 0) continue;
            double[] row = [.. gram.AsSpan(best * n, n)];
            double by = right[best] / pivot;
            for (int i = 0; i < n; i++)
            {
                right[i] -= row[i] * by;
                double factor = row[i] / pivot;
                for (int j = 0; j < n; j++) gram[i * n + j] -= factor * row[j];
            }
        }
        return [.. chosen];
    }

    private static int[] HighestWeights(NormalEquations problem, int keep, ReadOnlySpan<double> row)
    {
        double[] strength = RidgeRegression.Fit(problem, All(problem.Features), SmallAlpha);
        for (int i = 0; i < strength.Length; i++) strength[i] = Math.Abs(strength[i] * row[i]);
        return Strongest(strength, keep);
    }

    private static int[] LassoPath(NormalEquations problem, int keep)
    {
        int[] chosen = [];
        double[] right = [.. problem.Right.Select((c, i) => problem.IsConstant(i) ? 0 : c)];
        foreach (var (coefficients, _) in LeastAngle.Path(problem.Gram, right, 8 * problem.Features, drops: true))
        {
            int[] some = [.. Enumerable.Range(0, coefficients.Length).Where(i => coefficients[i] != 0)];
            if (some.Length <= keep) chosen = some;
        }
        return chosen;
    }

    /// <summary>The features with the largest strengths, of equal ones the first.</summary>
    public static int[] Strongest(double[] strength, int count)
    {
        int[] order = All(strength.Length);
        Array.Sort(order, (a, b) => strength[b].CompareTo(strength[a]) is var c && c != 0 ? c : a - b);
        return order[..Math.Min(count, order.Length)];
    }
}
