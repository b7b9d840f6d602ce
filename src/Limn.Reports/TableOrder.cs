namespace Limn.Reports;

/// <summary>What charts of many rows need to know of them: which belong together, and which features play together.</summary>
public static class TableOrder
{
    private const int MostKinds = 5;

    /// <summary>The rows in an order that puts like beside like: the leaves of a tree of clusters (average linkage) of their attributions, branches turned so that near ends meet.</summary>
    /// <remarks>Ties by index. It takes time with the cube of the rows: meant for some hundreds.</remarks>
    public static int[] Clustered(ExplainedTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        int n = table.Rows.Count;
        var near = new double[n, n];
        for (int a = 0; a < n; a++)
            for (int b = 0; b < a; b++) near[a, b] = near[b, a] = Distance(table.Rows[a].Attributions, table.Rows[b].Attributions);
        var between = (double[,])near.Clone();
        var clusters = Enumerable.Range(0, n).Select(i => new List<int> { i }).ToList();
        List<int> alive = [.. Enumerable.Range(0, n)];
        while (alive.Count > 1)
        {
            (int a, int b, double best) = (alive[0], alive[1], double.PositiveInfinity);
            for (int i = 0; i < alive.Count; i++)
                for (int j = i + 1; j < alive.Count; j++)
                    if (between[alive[i], alive[j]] < best) (a, b, best) = (alive[i], alive[j], between[alive[i], alive[j]]);
            foreach (int c in alive)
                between[a, c] = between[c, a] = (between[a, c] * clusters[a].Count + between[b, c] * clusters[b].Count) / (clusters[a].Count + clusters[b].Count);
            Join(clusters[a], clusters[b], near);
            alive.Remove(b);
        }
        return n == 0 ? [] : [.. clusters[alive[0]]];
    }

    /// <summary>
    /// The feature that goes most with what a feature's attributions do not owe to its own value: of the known <see cref="ExplainedTable.Pairs"/>, or else the one whose
    /// values correlate most with them among rows of nearly the same value (as shap's <c>approximate_interactions</c> guesses). −1 where there is no other.
    /// </summary>
    public static int StrongestPartner(ExplainedTable table, int feature)
    {
        ArgumentNullException.ThrowIfNull(table);
        int count = table.Features.Count;
        double[] strength = new double[count];
        int[] order = [.. Enumerable.Range(0, table.Rows.Count).Where(r => double.IsFinite(table.Rows[r].Values[feature])).OrderBy(r => table.Rows[r].Values[feature])];
        int window = Math.Clamp(order.Length / 10, 1, 50);
        for (int other = 0; other < count; other++)
        {
            if (other == feature) continue;
            if (table.Pairs is { } pairs) strength[other] = Math.Abs(pairs[feature * count + other]);
            else
                for (int from = 0; from < order.Length; from += window)
                    strength[other] += Math.Abs(Correlation([.. order.Skip(from).Take(window).Select(r => (table.Rows[r].Attributions[feature], table.Rows[r].Values[other])).Where(p => double.IsFinite(p.Item2))]));
        }
        int best = Enumerable.Range(0, count).Where(f => f != feature).DefaultIfEmpty(-1).MaxBy(f => f < 0 ? 0 : strength[f]);
        return best >= 0 && strength[best] > 0 ? best : -1;
    }

    /// <summary>
    /// The rows by a feature: one cohort for each value where it has at most five, else the two sides of the split of it that parts the scores best (a regression tree of depth 1),
    /// and those where it is missing.
    /// </summary>
    public static IReadOnlyList<Cohort> Cohorts(ExplainedTable table, int feature)
    {
        ArgumentNullException.ThrowIfNull(table);
        string name = table.Features[feature];
        double ValueOf(int r) => table.Rows[r].Values[feature];
        int[] known = [.. Enumerable.Range(0, table.Rows.Count).Where(r => double.IsFinite(ValueOf(r))).OrderBy(ValueOf)];
        int[] missing = [.. Enumerable.Range(0, table.Rows.Count).Where(r => !double.IsFinite(ValueOf(r)))];
        double[] kinds = [.. known.Select(ValueOf).Distinct().Take(MostKinds + 1)];
        List<Cohort> cohorts = [];
        if (kinds.Length <= MostKinds)
        {
            cohorts.AddRange(kinds.Select(k => new Cohort($"{name} = {NumberText.Printed(k)}", [.. known.Where(r => ValueOf(r) == k)])));
        }
        else
        {
            double[] scores = [.. known.Select(r => table.Rows[r].Score)];
            double total = scores.Sum(), left = 0, best = double.NegativeInfinity;
            int at = 1;
            for (int i = 1; i < known.Length; i++)
            {
                left += scores[i - 1];
                double gain = left * left / i + (total - left) * (total - left) / (known.Length - i);
                if (gain > best && ValueOf(known[i - 1]) < ValueOf(known[i])) (best, at) = (gain, i);
            }
            string threshold = NumberText.Printed((ValueOf(known[at - 1]) + ValueOf(known[at])) / 2);
            cohorts.Add(new Cohort($"{name} < {threshold}", known[..at]));
            cohorts.Add(new Cohort($"{name} ≥ {threshold}", known[at..]));
        }
        if (missing.Length > 0) cohorts.Add(new Cohort($"{name} missing", missing));
        return cohorts;
    }

    private static double Distance(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Count; i++)
            if (double.IsFinite(a[i]) && double.IsFinite(b[i])) sum += (a[i] - b[i]) * (a[i] - b[i]);
        return Math.Sqrt(sum);
    }

    private static void Join(List<int> a, List<int> b, double[,] near)
    {
        (double d, bool turnA, bool turnB)[] ways = [(near[a[^1], b[0]], false, false), (near[a[^1], b[^1]], false, true), (near[a[0], b[0]], true, false), (near[a[0], b[^1]], true, true)];
        (_, bool turnA, bool turnB) = ways.MinBy(w => w.d);
        if (turnA) a.Reverse();
        if (turnB) b.Reverse();
        a.AddRange(b);
    }

    private static double Correlation((double X, double Y)[] pairs)
    {
        if (pairs.Length < 3) return 0;
        double mx = pairs.Average(p => p.X), my = pairs.Average(p => p.Y), xy = 0, xx = 0, yy = 0;
        foreach (var (x, y) in pairs)
        {
            xy += (x - mx) * (y - my);
            xx += (x - mx) * (x - mx);
            yy += (y - my) * (y - my);
        }
        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }
}
