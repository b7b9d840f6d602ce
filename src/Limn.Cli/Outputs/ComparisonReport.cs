using System.Globalization;
using Limn.Reports;

namespace Limn.Cli.Outputs;

/// <summary>Several explanations as one page: side by side, how far they agree, what they cost, and each in detail.</summary>
internal static class ComparisonReport
{
    private const int MostPictures = 96;
    private const int MostRows = 8;
    private const int MostFeatures = 15;
    private const int MostWideColumns = 6;

    public static Report Of(ComparedExplanations compared)
    {
        Explanation first = compared.First;
        int rows = Math.Clamp(MostPictures / compared.Explanations.Count, 1, Math.Min(first.Rows, MostRows));
        ExplanationSection[] details = [.. compared.Explanations.Select(Detail)];
        List<ReportSection> sections = [.. Enumerable.Range(0, rows).Select(r => SideBySide(compared, r))];
        if (compared.Explanations.Count > 1) sections.Add(Agreements(compared));
        sections.Add(Costs(compared, details));
        sections.AddRange(details);
        string shown = first.Rows > rows ? $" The first {rows.ToString(CultureInfo.InvariantCulture)} of {first.Rows.ToString(CultureInfo.InvariantCulture)} rows are shown." : "";
        string count = compared.Explanations.Count == 1 ? "One method" : $"{compared.Explanations.Count.ToString(CultureInfo.InvariantCulture)} methods";
        return new Report($"{count} on {first.ModelName}", $"Input: {ExplanationReport.Files(first)}.{shown} {Total(compared)}", sections) { Footer = ExplanationReport.Footer };
    }

    private static string Total(ComparedExplanations compared)
    {
        Comparison c = compared.Comparison;
        return $"{Numbers.Count(c.ModelCalls)} model calls in {Seconds(c.Elapsed)}; one forward pass ({Numbers.Count(c.SharedModelCalls)} of the calls) served all methods.";
    }

    /// <summary>What each method says of a row: maps on the picture, or the strongest features with a column for each method.</summary>
    private static ComparisonSection SideBySide(ComparedExplanations compared, int row)
    {
        ExplanationSection[] sections = [.. compared.Explanations.Select(e => ExplanationReport.Section(e, row))];
        ReportPicture[] maps = [.. sections.SelectMany(s => s.HeatMaps.Select(m => m with { Caption = Caption(m) }))];
        string introduction = maps.Length == 0 ? $"Each method explains the {compared.First.TargetOf(row)}."
            : $"Each map explains the {compared.First.TargetOf(row)}. Methods measure in different units, so each map has its own scale: its strongest colour stands for the 99th percentile of its absolute "
              + "values, the number under it. Compare where the colours lie, not how strong they are from one map to another.";
        return new ComparisonSection(sections[0].Title, introduction, maps)
        {
            Input = sections[0].Input,
            TopClasses = sections[0].TopClasses,
            ScoresAreProbabilities = sections[0].ScoresAreProbabilities,
            Tables = Features(compared, sections),
        };
    }

    private static string Caption(ReportPicture map) => map.Legend is null ? "All of this map is zero or not finite: there is nothing to draw." : "";

    /// <summary>The features that matter most to the methods, each method's numbers in a column with its own colour scale.</summary>
    private static IReadOnlyList<ReportTable> Features(ComparedExplanations compared, ExplanationSection[] sections)
    {
        int[] chosen = [.. Enumerable.Range(0, sections.Length).Where(i => sections[i].Contributions.Count > 0)];
        if (chosen.Length == 0) return [];
        Dictionary<string, Contribution>[] byName = [.. chosen.Select(i => sections[i].Contributions.GroupBy(c => c.Feature).ToDictionary(g => g.Key, g => g.First()))];
        double[] limits = [.. byName.Select(m => m.Values.Select(c => Math.Abs(c.Attribution)).Where(double.IsFinite).DefaultIfEmpty(0).Max())];
        double Share(int m, string feature) => byName[m].TryGetValue(feature, out Contribution? c) && limits[m] > 0 ? c.Attribution / limits[m] : double.NaN;
        double Strength(string feature) => Enumerable.Range(0, chosen.Length).Select(m => Math.Abs(Share(m, feature))).Where(double.IsFinite).DefaultIfEmpty(0).Average();
        string[] features = [.. byName.SelectMany(m => m.Keys).Distinct().OrderByDescending(Strength)];
        ReportRow[] rows = [.. features.Take(MostFeatures).Select(f => new ReportRow(Label(f), [.. Enumerable.Range(0, chosen.Length).Select(m => Cell(byName[m].GetValueOrDefault(f), Share(m, f)))]))];
        return [new ReportTable(features.Length > MostFeatures ? $"The {MostFeatures} strongest of {features.Length.ToString(CultureInfo.InvariantCulture)} features" : "What each feature adds to the score",
            ["Feature", .. chosen.Select(i => TitleOf(compared.Explanations[i]))], rows)
        {
            Compact = chosen.Length > MostWideColumns,
            Caption = "Orange raises the score, blue lowers it. Methods measure in different units, so each column is coloured by its own largest absolute value; features are ordered by the mean of these shares.",
        }];

        string Label(string feature)
        {
            string value = byName.Select(m => m.GetValueOrDefault(feature)?.Value ?? "").FirstOrDefault(v => v.Length > 0) ?? "";
            return value.Length == 0 ? feature : $"{feature} = {value}";
        }
    }

    private static ReportCell Cell(Contribution? contribution, double share) => contribution is null ? new ReportCell("")
        : new ReportCell(Signed(contribution.Attribution)) { Shade = double.IsFinite(share) ? share : null };

    private static TableSection Agreements(ComparedExplanations compared)
    {
        string[] titles = [.. compared.Explanations.Select(TitleOf)];
        Comparison comparison = compared.Comparison;
        Agreement[] defined = [.. comparison.Agreements.Where(a => double.IsFinite(a.Correlation))];
        string summary = "No two of them can be compared by rank; the remarks below say why.";
        if (defined.Length > 0)
        {
            Agreement most = defined.MaxBy(a => a.Correlation)!, least = defined.MinBy(a => a.Correlation)!;
            summary = $"The mean rank correlation is {Fixed(defined.Average(a => a.Correlation))}."
                + (defined.Length == 1 ? "" : $" {titles[most.First]} and {titles[most.Second]} agree most ({Fixed(most.Correlation)}), {titles[least.First]} and {titles[least.Second]} least ({Fixed(least.Correlation)}).");
        }
        ReportTable Matrix(string title, string caption, Func<Agreement, double> of) => new(title, ["", .. titles],
            [.. titles.Select((t, a) => new ReportRow(t, [.. titles.Select((u, b) => a == b ? new ReportCell("1") { Shade = 1 } : Entry(comparison.Between(a, b), of, $"{t} and {u}"))]))])
        {
            Caption = caption,
            Compact = true,
        };
        List<ReportTable> tables =
        [
            Matrix("Rank correlation", "Spearman's rank correlation of the attributions, the mean over the rows: 1 the same order, 0 none in common, −1 the opposite order.", a => a.Correlation),
            Matrix("Rank correlation of absolute values", "Whether they agree on what matters, whatever the sign.", a => a.AbsoluteCorrelation),
            Matrix("Overlap of the strongest 5 %", "The share of the elements of largest absolute value that both have; two random choices would share 0.05.", a => a.TopOverlap),
        ];
        IGrouping<string, Agreement>[] notes = [.. comparison.Agreements.Where(a => a.Note.Length > 0).GroupBy(a => a.Note)];
        if (notes.Length > 0)
            tables.Add(new ReportTable("What could not be measured", ["Methods", "Why"], [.. notes.Select(n => new ReportRow(
                n.Count() <= 3 ? string.Join("; ", n.Select(a => $"{titles[a.First]} and {titles[a.Second]}")) : $"{n.Count().ToString(CultureInfo.InvariantCulture)} pairs", [new ReportCell(n.Key) { IsWords = true }]))]));
        return new TableSection("How far the methods agree", summary
            + " Methods that disagree cannot all be right about the model; methods that agree can be wrong together. Maps of different sizes are compared after summing over channels and bringing the smaller to the size of the larger.", tables);
    }

    private static ReportCell Entry(Agreement agreement, Func<Agreement, double> of, string pair)
    {
        double value = of(agreement);
        return double.IsFinite(value) ? new ReportCell(Fixed(value)) { Shade = value, Hint = pair } : new ReportCell("–") { Hint = agreement.Note };
    }

    /// <summary>What each method took and what is to be said of it, with a link to its section; then those left out.</summary>
    private static TableSection Costs(ComparedExplanations compared, ExplanationSection[] details)
    {
        ReportTable methods = new("", ["Method", "Largest delta", "Model calls", "Time", "Flags", "Remarks"], [.. compared.Explanations.Select((e, i) =>
        {
            Attribution a = e.Attribution;
            string delta = a.ConvergenceDelta is { } d ? Signed(d.MaxBy(Math.Abs)) : "–";
            string flags = string.Join(", ", ExplanationFiles.FlagsOf(a));
            string remarks = string.Join(" ", ExplanationReport.Findings(a, 0).Where(f => f.Kind != DiagnosticKind.Passed).Select(f => f.Text));
            return new ReportRow(TitleOf(e),
            [
                new ReportCell(delta), new ReportCell(Numbers.Count(a.ModelCalls)), new ReportCell(Seconds(a.Elapsed)),
                new ReportCell(flags.Length > 0 ? flags : "none") { IsWords = true }, new ReportCell(remarks) { IsWords = true },
            ]) { Section = details[i] };
        })]);
        List<ReportTable> tables = [methods];
        if (compared.LeftOut.Count > 0)
            tables.Add(new ReportTable("Left out", ["Method", "Why"], [.. compared.LeftOutTogether.Select(f => new ReportRow(f.Methods, [new ReportCell(f.Reason) { IsWords = true }]))]));
        return new TableSection("Checks and cost", "The delta is the sum of the attributions minus the change of the score that they should add up to, for methods that promise a sum. "
            + "Model calls do not count the shared forward pass. Each name leads to the method's own section.", tables);
    }

    /// <summary>A method's own section about the first row. The picture itself is shown above.</summary>
    private static ExplanationSection Detail(Explanation explanation)
    {
        ExplanationSection section = ExplanationReport.Section(explanation, 0);
        return section with { Title = TitleOf(explanation) + (explanation.Rows > 1 ? $": {explanation.RowTitle(0)}" : ""), Input = null, TopClasses = [] };
    }

    private static string TitleOf(Explanation explanation) => MethodTexts.For(explanation.Attribution.Method).Title;

    private static string Fixed(double value) => (Math.Abs(value) < 0.005 ? 0 : value).ToString("F2", CultureInfo.InvariantCulture).Replace('-', '\u2212');

    private static string Signed(double value) => (value > 0 ? "+" : "")
        + value.ToString(Math.Abs(value) switch { 0 => "0", < 1e-3 => "0.#e0", < 10 => "0.###", < 1e5 => "0.#", _ => "0.#e0" }, CultureInfo.InvariantCulture).Replace('-', '\u2212');

    private static string Seconds(TimeSpan time) => time.TotalSeconds < 1 ? $"{time.TotalMilliseconds.ToString("F0", CultureInfo.InvariantCulture)} ms" : $"{time.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture)} s";
}
