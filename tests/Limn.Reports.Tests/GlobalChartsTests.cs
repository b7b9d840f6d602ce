using System.Text.Json;

namespace Limn.Reports.Tests;

public class GlobalChartsTests
{
    private static readonly ExplainedTable Table = Of(60);

    private static ExplainedTable Of(int rows)
    {
        var random = new Random(1);
        return new ExplainedTable(["a", "b", "c <x>"], [.. Enumerable.Range(0, rows).Select(r =>
        {
            double a = random.NextDouble(), b = random.NextDouble(), c = r % 7 == 0 ? double.NaN : r % 3;
            double[] phi = [2 * a - 1 + (b - 0.5), 0.2 * b, -0.01];
            return new ExplainedRow($"Row {r}", 0.5, 0.5 + phi.Sum(), [a, b, c], phi);
        })]);
    }

    private static JsonElement Root(string spec) => JsonDocument.Parse(spec).RootElement;

    private static JsonElement[] Rows(string spec) => [.. Root(spec).GetProperty("data").GetProperty("values").EnumerateArray()];

    [Fact]
    public void Importance_is_the_mean_size_with_a_confidence_interval()
    {
        FeatureImportance of = FeatureImportance.Of("f", [1, -3, double.NaN]);
        Assert.Equal((2, 1), (of.MeanAbsolute, of.StandardError));
        JsonElement[] bars = Rows(Charts.Importance([new("small", 0.5, 0.1), of, new("third", 0.25, double.NaN)]));
        Assert.Equal(["f", "small", "third"], bars.Select(b => b.GetProperty("label").GetString()));
        Assert.Equal(2 - 1.96, bars[0].GetProperty("low").GetDouble(), 1e-12);
        Assert.False(bars[2].TryGetProperty("low", out _));
        Assert.Equal("2 other features", Rows(Charts.Importance([new("a", 3, 0), new("b", 2, 0), new("c", 1, 0)], 1))[1].GetProperty("label").GetString());
        Assert.Throws<InvalidOptionException>(() => Charts.Importance([of], 0));
    }

    [Fact]
    public void A_beeswarm_has_a_point_for_each_row_and_feature_and_keeps_to_its_strip()
    {
        JsonElement[] points = Root(Charts.Beeswarm(Table)).GetProperty("data").GetProperty("values").EnumerateArray().ToArray();
        Assert.Equal(180, points.Length);
        foreach (var strip in points.GroupBy(p => Math.Round(p.GetProperty("y").GetDouble()))) Assert.Equal(60, strip.Count());
        Assert.Equal(9, points.Count(p => p.GetProperty("c").ValueKind == JsonValueKind.Null)); // c is missing in every seventh row
        Assert.DoesNotContain("<", Charts.Beeswarm(Table), StringComparison.Ordinal);
    }

    [Fact]
    public void The_partner_of_a_feature_is_the_one_that_its_attributions_follow_beside_its_value()
    {
        Assert.Equal(1, TableOrder.StrongestPartner(Of(400), 0));
        Assert.Equal(2, TableOrder.StrongestPartner(Of(400) with { Pairs = [0, 0.1, 0.2, 0.1, 0, 0, 0.2, 0, 0] }, 0));
        Assert.Equal(-1, TableOrder.StrongestPartner(new ExplainedTable(["only"], [new("r", 0, 1, [1], [1])]), 0));
        JsonElement scatter = Root(Charts.Dependence(Table, 0, partner: 2));
        Assert.Equal("c <x>", scatter.GetProperty("encoding").GetProperty("color").GetProperty("title").GetString());
        Assert.Throws<InvalidOptionException>(() => Charts.Dependence(Table, 3));
    }

    [Fact]
    public void Cohorts_are_the_values_of_a_feature_or_the_sides_of_its_best_split()
    {
        Assert.Equal(["c <x> = 0", "c <x> = 1", "c <x> = 2", "c <x> missing"], TableOrder.Cohorts(Table, 2).Select(c => c.Name));
        var step = new ExplainedTable(["x"], [.. Enumerable.Range(0, 20).Select(i => new ExplainedRow("", 0, i < 13 ? 0 : 5, [i], [i < 13 ? 0 : 5]))]);
        Assert.Equal(["x < 12.5", "x ≥ 12.5"], TableOrder.Cohorts(step, 0).Select(c => c.Name));
        JsonElement[] bars = Rows(Charts.Cohorts(step, TableOrder.Cohorts(step, 0)));
        Assert.Equal([0, 5], bars.Select(b => b.GetProperty("x").GetDouble()));
        Assert.Throws<InvalidOptionException>(() => Charts.Cohorts(step, []));
    }

    [Fact]
    public void Rows_that_are_alike_stand_together()
    {
        var mixed = new ExplainedTable(["x"], [.. new double[] { 0, 9, 0.1, 9.1, 0.2, 9.3 }.Select(v => new ExplainedRow("", 0, v, [v], [v]))]);
        int[] order = TableOrder.Clustered(mixed);
        Assert.Equal([0, 1, 2, 3, 4, 5], order.Order());
        Assert.Equal(1, Enumerable.Range(1, 5).Count(i => order[i] % 2 != order[i - 1] % 2));
        Assert.Empty(TableOrder.Clustered(new ExplainedTable(["x"], [])));
    }

    [Fact]
    public void Decisions_lead_from_the_expected_value_to_the_score()
    {
        foreach (var line in Rows(Charts.Decisions(Table, top: 2)).GroupBy(p => p.GetProperty("r").GetInt32()))
        {
            ExplainedRow row = Table.Rows[line.Key];
            Assert.Equal(row.Expected + row.Attributions[2], line.MaxBy(p => p.GetProperty("y").GetDouble()).GetProperty("x").GetDouble(), 1e-4);
            Assert.Equal(row.Score, line.MinBy(p => p.GetProperty("y").GetDouble()).GetProperty("x").GetDouble(), 1e-4);
        }
        Assert.Throws<InvalidOptionException>(() => Charts.Decisions(new ExplainedTable(["x"], [new("r", double.NaN, 1, [1], [1])])));
    }

    [Fact]
    public void Forces_and_heat_maps_have_a_cell_for_each_attribution()
    {
        Assert.Equal(180, Rows(Charts.RowsByFeatures(Table)).Length);
        JsonElement[] bands = Rows(Charts.Forces(Table));
        foreach (var row in bands.GroupBy(b => b.GetProperty("i").GetInt32()))
            Assert.Contains(Table.Rows, r => Math.Abs(r.Score - row.Where(b => b.GetProperty("c").GetString() == Charts.Positive).Select(b => b.GetProperty("y2").GetDouble()).DefaultIfEmpty(r.Score).Max()) < 1e-3);
    }

    [Fact]
    public void All_charts_of_a_table_are_there_and_stand_on_a_page()
    {
        IReadOnlyList<ReportChart> charts = GlobalCharts.Of(Table);
        Assert.Equal(["importance", "beeswarm", "violin", "dependence", "dependence.1", "dependence.2", "cohorts", "heatmap", "decisions", "forces"], charts.Select(c => c.Name));
        foreach (ReportChart chart in charts) Assert.Equal(640, Root(Charts.Standalone(chart.Spec)).GetProperty("width").GetInt32());
        string page = HtmlReport.ToText(new Report("t", "", [new GlobalSection("All", "", charts, [])]));
        Assert.Equal(charts.Count, page.Split("class=\"chart\"").Length - 1);
        // Methods that do not add up have no expected value to start from; one row alone has charts too.
        Assert.DoesNotContain(GlobalCharts.Of(Table with { Rows = [.. Table.Rows.Select(r => r with { Expected = double.NaN })] }), c => c.Name is "decisions" or "forces");
        Assert.NotEmpty(GlobalCharts.Of(Table with { Rows = [Table.Rows[0]] }));
        Assert.Throws<InvalidOptionException>(() => GlobalCharts.Of(Table with { Rows = [] }));
    }
}
