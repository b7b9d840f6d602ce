using System.Globalization;
using System.Text;
using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Engine;
using Limn.Reports;
using Limn.Trees;

namespace Limn.Cli.Outputs;

/// <summary>Charts of all rows of a table together, whatever method explained them.</summary>
internal static class GlobalViews
{
    /// <summary>Fewer rows are better read one by one.</summary>
    public const int FewestRows = 10;

    /// <summary>The rows as charts take them; null where they are few, or no table.</summary>
    public static ExplainedTable? TableOf(Explanation explanation)
    {
        Attribution attribution = explanation.Attribution;
        if (explanation.Features is not { Count: >= FewestRows } rows || rows.Any(r => r.Count != rows[0].Count || r.Count == 0) || explanation.Inputs.Any(i => PictureShape.Of(i.Array.Dims) is not null)) return null;
        if (explanation.Inputs.All(i => i.Columns is null && i.Words is null) && attribution.Players is null) return null;
        string[] names = [.. rows[0].Select(f => f.Feature)];
        if (rows.Any(r => !r.Select(f => f.Feature).SequenceEqual(names))) return null; // such as the words of texts
        Func<int, int, double> value = ValuesOf(explanation, names);
        ExplainedRow Row(int r) => new(explanation.RowTitle(r), attribution.ExpectedValue?[r] ?? double.NaN, attribution.Prediction[r], [.. names.Select((_, f) => value(r, f))], [.. rows[r].Select(f => f.Attribution)]);
        return new ExplainedTable(names, [.. Enumerable.Range(0, rows.Count).Select(Row)]) { Pairs = PairsOf(attribution, names.Length) };
    }

    /// <summary>The section of a page; null where there is none.</summary>
    public static GlobalSection? SectionOf(Explanation explanation) => TableOf(explanation) is not { } table ? null
        : new GlobalSection($"All {table.Rows.Count} rows", explanation.Attribution.TargetClasses is { } classes && classes.Distinct().Skip(1).Any()
            ? "Each row's attributions explain the class that was chosen for it, and the rows have several: colours and directions are easier to read for one class (--target K)." : "Together the rows show which features the model goes by.", GlobalCharts.Of(table, cohorts: ColumnOf(table, explanation.Cohorts)), [TableOf(table.Importance())]);

    /// <summary>The charts as files.</summary>
    public static IEnumerable<(string Name, byte[] Spec)> Files(GlobalSection section) =>
        section.Charts.Select(c => ($"{c.Name}.vl.json", Encoding.UTF8.GetBytes(Charts.Standalone(c.Spec))));

    /// <summary>The feature by whose values rows are put into cohorts; null where none is named.</summary>
    /// <exception cref="CommandException">There is no such feature.</exception>
    public static int? ColumnOf(ExplainedTable table, string? name)
    {
        if (name is null) return null;
        int at = Enumerable.Range(0, table.Features.Count).FirstOrDefault(f => table.Features[f] == name, -1);
        return at >= 0 ? at : throw new CommandException($"--cohorts names '{name}', which is no feature; there are {string.Join(", ", table.Features.Take(20))}.");
    }

    public static ReportTable TableOf(IReadOnlyList<FeatureImportance> importance) => new("The numbers", ["Feature", "Mean |attribution|", "Standard error"],
        [.. importance.OrderByDescending(f => f.MeanAbsolute).Take(100).Select(f => new ReportRow(f.Feature, [new ReportCell(Numbers.Text(f.MeanAbsolute)), new ReportCell(double.IsFinite(f.StandardError) ? Numbers.Text(f.StandardError) : "")]))]);

    /// <summary>The rows that were drawn from a stream.</summary>
    public static ExplainedTable TableOf(StreamedValues streamed, IReadOnlyList<string> names, IReadOnlyList<int[]> columns) => new(names,
        [.. streamed.Sample.Select(s => new ExplainedRow($"Row {s.Row.ToString(CultureInfo.InvariantCulture)}", double.IsNaN(streamed.LargestDelta) ? double.NaN : streamed.ExpectedValue[s.Output], s.Prediction,
            [.. columns.Select(c => c.Length == 1 ? s.Features[c[0]] : double.NaN)], s.Values))]);

    /// <summary>Numbers behind features: of those that are one column of one table of numbers.</summary>
    private static Func<int, int, double> ValuesOf(Explanation explanation, string[] names)
    {
        if (explanation.Inputs is not [{ Array: { Rank: 2 } array } only] || array.Type.Storage() != Storage.Float) return (_, _) => double.NaN;
        int width = array.Dims[1];
        int[] column = new int[names.Length];
        int[]? of = explanation.Attribution.Players?[0].Players.Of is [var owners] && owners.Length == width ? owners : null;
        for (int f = 0; f < names.Length; f++)
        {
            column[f] = explanation.Schema is { } schema && schema.Columns.Count == width ? (schema.Features.Count == names.Length && schema.ColumnsOf(f) is [var single] ? single : -1)
                : of is not null && of.Count(p => p == f) == 1 ? Array.IndexOf(of, f)
                : of is null && names.Length == width ? f : -1;
        }
        return (r, f) => column[f] < 0 ? double.NaN : array.Floats[r * width + column[f]];
    }

    private static double[]? PairsOf(Attribution attribution, int features)
    {
        if (attribution.Players is not { } players || players.Any(p => p.Solution.Interactions?.Length != features * features)) return null;
        var mean = new double[features * features];
        foreach (var played in players)
            for (int i = 0; i < mean.Length; i++) mean[i] += Math.Abs(played.Solution.Interactions![i]) / players.Count;
        return mean;
    }
}
