namespace Limn.Reports;

/// <summary>Charts of many rows, each with a heading and a sentence.</summary>
/// <param name="Title">The heading.</param>
/// <param name="Introduction">One or two sentences under it; may be empty.</param>
/// <param name="Charts">The charts, in this order.</param>
/// <param name="Tables">Tables after them.</param>
public sealed record GlobalSection(string Title, string Introduction, IReadOnlyList<ReportChart> Charts, IReadOnlyList<ReportTable> Tables) : ReportSection(Title);

/// <summary>A chart of a page.</summary>
/// <param name="Name">Its name in files: <c>beeswarm</c>.</param>
/// <param name="Title">The heading.</param>
/// <param name="Text">How to read it, in a sentence.</param>
/// <param name="Spec">The specification: of <see cref="Reports.Charts"/>.</param>
public sealed record ReportChart(string Name, string Title, string Text, string Spec);

/// <summary>The charts that there are of rows with their attributions.</summary>
public static class GlobalCharts
{
    private const int SwarmRows = 400, MapRows = 200, LineRows = 100, Scatters = 3;

    /// <summary>All charts that the table has data for: importance, beeswarm, violins, dependence of the strongest features, cohorts, heat map, decisions and forces.</summary>
    /// <param name="table">The rows; where there are more than a chart can show, it takes them evenly.</param>
    /// <param name="importance">The importance over more rows than the table has; that of the table when null.</param>
    /// <param name="cohorts">The feature by which rows are put into cohorts; the strongest that has numbers when null.</param>
    public static IReadOnlyList<ReportChart> Of(ExplainedTable table, IReadOnlyList<FeatureImportance>? importance = null, int? cohorts = null)
    {
        ArgumentNullException.ThrowIfNull(table);
        ExplainedTable swarm = table.Thinned(SwarmRows), map = table.Thinned(MapRows), lines = table.Thinned(LineRows);
        int[] numeric = [.. table.Ranking().Where(f => table.Rows.Any(r => double.IsFinite(r.Values[f])))];
        List<ReportChart> charts =
        [
            new("importance", "Which features matter", "The mean size of each feature's attribution over all rows; the whiskers are its 95 % confidence interval.", Charts.Importance(importance ?? table.Importance())),
            new("beeswarm", "How values of a feature push", "A point is a row. Right of zero the feature raises the score; the colour tells whether its value is low or high there, grey that it is missing.", Charts.Beeswarm(swarm)),
            new("violin", "How attributions are spread", "As wide as there are many rows of that attribution.", Charts.Violin(swarm)),
        ];
        foreach (int f in numeric.Take(Scatters))
        {
            string name = charts.Exists(c => c.Name == "dependence") ? $"dependence.{charts.Count(c => c.Name.StartsWith("dependence", StringComparison.Ordinal))}" : "dependence";
            charts.Add(new(name, $"{table.Features[f]}: attribution by value", "A point is a row; the colour is the value of the feature that interacts most with this one, so that bands of colour mean an interaction.", Charts.Dependence(swarm, f)));
        }
        if ((cohorts ?? numeric.Cast<int?>().FirstOrDefault()) is { } by && TableOrder.Cohorts(table, by) is { Count: > 1 } parts)
            charts.Add(new("cohorts", $"Whether {table.Features[by]} makes a difference", "The mean size of attributions for groups of rows.", Charts.Cohorts(table, parts)));
        charts.Add(new("heatmap", "All rows at once", "A column is a row of the table, like beside like; above it its score.", Charts.RowsByFeatures(map)));
        if (table.Rows.All(r => double.IsFinite(r.Expected)))
        {
            charts.Add(new("decisions", "The way to each score", "A line is a row: from the expected value at the bottom each feature moves it, up to its score.", Charts.Decisions(lines)));
            charts.Add(new("forces", "Forces, row by row", "What raises a score lies below it, what lowers it above; both meet at the score.", Charts.Forces(map)));
        }
        return charts;
    }
}
