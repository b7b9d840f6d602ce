namespace Limn;

/// <summary>Spearman's rank correlation.</summary>
/// <remarks>
/// ρ = Pearson's correlation of the ranks, equal values sharing the mean of their ranks. Spearman: The Proof and Measurement of Association between Two
/// Things, 1904; for attributions: Adebayo et al.: Sanity Checks for Saliency Maps, 2018, section 3.
/// </remarks>
public static class RankCorrelation
{
    /// <summary>The correlation of two lists of the same length: from −1 to 1; NaN where one is constant, is shorter than 2, or holds a value that is not finite.</summary>
    /// <exception cref="ShapeMismatchException">The lists have different lengths.</exception>
    public static double Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length) throw new ShapeMismatchException($"A correlation is of two lists of the same length; {a.Length} and {b.Length} values were given.");
        return OfRanks(Ranks(a), Ranks(b));
    }

    /// <summary>The rank of each value from 1 on, ties sharing their mean; null where a value is not finite.</summary>
    internal static double[]? Ranks(ReadOnlySpan<float> values)
    {
        foreach (float v in values)
            if (!float.IsFinite(v)) return null;
        float[] sorted = values.ToArray();
        int[] order = new int[sorted.Length];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(sorted, order);
        var ranks = new double[order.Length];
        for (int from = 0; from < order.Length;)
        {
            int to = from + 1;
            while (to < order.Length && sorted[to] == sorted[from]) to++;
            double rank = (from + to + 1) / 2.0; // the mean of from + 1 .. to
            for (int i = from; i < to; i++) ranks[order[i]] = rank;
            from = to;
        }
        return ranks;
    }

    /// <summary>Pearson's correlation of ranks. Their mean is (n + 1) / 2, whatever the ties.</summary>
    internal static double OfRanks(double[]? a, double[]? b)
    {
        if (a is null || b is null) return double.NaN;
        double mean = (a.Length + 1) / 2.0, ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double x = a[i] - mean, y = b[i] - mean;
            ab += x * y;
            aa += x * x;
            bb += y * y;
        }
        return aa > 0 && bb > 0 ? Math.Clamp(ab / Math.Sqrt(aa) / Math.Sqrt(bb), -1, 1) : double.NaN;
    }
}
