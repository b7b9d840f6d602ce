namespace Limn.Reports;

/// <summary>Rows of a table with their attributions, by any method: what global charts are made of.</summary>
/// <param name="Features">The names of the features.</param>
/// <param name="Rows">The rows.</param>
public sealed record ExplainedTable(IReadOnlyList<string> Features, IReadOnlyList<ExplainedRow> Rows)
{
    /// <summary>[features, features] How strong pairs of features interact, on average over the rows; null where it is not known and has to be guessed.</summary>
    public IReadOnlyList<double>? Pairs { get; init; }

    /// <summary>The importance of all features, in their own order.</summary>
    public IReadOnlyList<FeatureImportance> Importance() => [.. Features.Select((name, f) => FeatureImportance.Of(name, [.. Rows.Select(r => r.Attributions[f])]))];

    /// <summary>The features by their mean |attribution|, largest first; ties by order.</summary>
    public int[] Ranking() => [.. Importance().Select((f, i) => (f.MeanAbsolute, i)).OrderByDescending(f => f.MeanAbsolute).Select(f => f.i)];

    /// <summary>The same with at most so many rows, taken evenly.</summary>
    public ExplainedTable Thinned(int most) => Rows.Count <= most ? this : this with { Rows = [.. Enumerable.Range(0, most).Select(i => Rows[(int)((long)i * Rows.Count / most)])] };
}

/// <summary>A row and its attributions.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Expected">Where the attributions start; NaN where they lead from nowhere to <paramref name="Score"/>.</param>
/// <param name="Score">Where they lead.</param>
/// <param name="Values">[features] The features as numbers; NaN where one is missing or no number.</param>
/// <param name="Attributions">[features].</param>
public sealed record ExplainedRow(string Name, double Expected, double Score, IReadOnlyList<double> Values, IReadOnlyList<double> Attributions);

/// <summary>How important a feature is over many rows.</summary>
/// <param name="Feature">Its name.</param>
/// <param name="MeanAbsolute">The mean of |attribution|.</param>
/// <param name="StandardError">The standard error of that mean; NaN for a single row.</param>
public sealed record FeatureImportance(string Feature, double MeanAbsolute, double StandardError)
{
    /// <summary>Of a feature's attributions; those that are not finite do not count.</summary>
    public static FeatureImportance Of(string feature, IReadOnlyList<double> attributions)
    {
        double[] sizes = [.. attributions.Where(double.IsFinite).Select(Math.Abs)];
        if (sizes.Length == 0) return new FeatureImportance(feature, 0, double.NaN);
        double mean = sizes.Average();
        return new FeatureImportance(feature, mean, sizes.Length == 1 ? double.NaN : Math.Sqrt(sizes.Sum(s => (s - mean) * (s - mean)) / (sizes.Length - 1) / sizes.Length));
    }
}

/// <summary>Some of the rows, by a rule on one feature.</summary>
/// <param name="Name">The rule, in words.</param>
/// <param name="Rows">Which rows keep to it.</param>
public sealed record Cohort(string Name, IReadOnlyList<int> Rows);
