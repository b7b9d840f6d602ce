using System.Text.Json;
using Limn.Data;

namespace Limn.Reports.Tests;

public class AdditiveChartsTests
{
    private static readonly Contribution[] Three = [new("income", "52,000 EUR", 0.5) { StandardError = 0.1 }, new("job", "nurse", -0.25), new("age", "", 0.125) { StandardError = 0 }];

    private static JsonElement[] Rows(string spec) => [.. JsonDocument.Parse(spec).RootElement.GetProperty("data").GetProperty("values").EnumerateArray()];

    private static double[] Of(JsonElement[] rows, string field) => [.. rows.Select(r => r.GetProperty(field).GetDouble())];

    [Fact]
    public void A_waterfall_leads_from_the_expected_value_to_the_score()
    {
        JsonElement[] rows = Rows(Charts.Waterfall(Three, 1, 1.375));
        Assert.Equal(["expected value", "income = 52,000 EUR", "job = nurse", "age", "score"], rows.Select(r => r.GetProperty("label").GetString()));
        Assert.Equal([1, 1, 1.5, 1.25, 1.375], Of(rows, "from"));
        Assert.Equal([1, 1.5, 1.25, 1.375, 1.375], Of(rows, "to"));
        Assert.Equal([1, 1.5, 1.5, 1.375, 1.375], Of(rows, "textAt"));
        Assert.Equal(Charts.Negative, rows[2].GetProperty("color").GetString());
    }

    [Fact]
    public void The_rest_of_a_waterfall_is_one_bar_and_what_is_missing_another()
    {
        JsonElement[] rows = Rows(Charts.Waterfall([.. Three, new("x", "", 0.0625), new("y", "", double.NaN)], 0, 1, top: 2));
        Assert.Equal("2 other features", rows[3].GetProperty("label").GetString());
        Assert.Equal(0.1875, rows[3].GetProperty("to").GetDouble() - rows[3].GetProperty("from").GetDouble(), 1e-12);
        Assert.Equal("not accounted for", rows[4].GetProperty("label").GetString());
        Assert.Equal(1, rows[4].GetProperty("to").GetDouble(), 1e-12);
        Assert.Equal(2, Rows(Charts.Waterfall([], 3, 3)).Length);
        Assert.Throws<InvalidOptionException>(() => Charts.Waterfall(Three, 0, 1, 0));
        Assert.Throws<InvalidOptionException>(() => Charts.Waterfall(Three, double.NaN, 1));
    }

    [Fact]
    public void Whiskers_reach_two_standard_errors()
    {
        JsonElement[] rows = Rows(Charts.Contributions(Three));
        Assert.Equal((0.3, 0.7), (Math.Round(rows[0].GetProperty("low").GetDouble(), 9), Math.Round(rows[0].GetProperty("high").GetDouble(), 9)));
        Assert.False(rows[1].TryGetProperty("low", out _));
        Assert.Equal(0.125, rows[2].GetProperty("low").GetDouble());
        JsonElement root = JsonDocument.Parse(Charts.Contributions(Three)).RootElement;
        Assert.Equal(4, root.GetProperty("layer").GetArrayLength());
        Assert.Equal(0.7, root.GetProperty("encoding").GetProperty("x").GetProperty("scale").GetProperty("domain")[1].GetDouble(), 1e-9);
        Assert.Equal(3, JsonDocument.Parse(Charts.Contributions([new("a", "", 1)])).RootElement.GetProperty("layer").GetArrayLength());
    }

    [Fact]
    public void Forces_meet_at_the_score()
    {
        JsonElement layers = JsonDocument.Parse(Charts.Force([.. Three, new("zero", "", 0)], 1, 1.375)).RootElement.GetProperty("layer");
        JsonElement[] bars = [.. layers[0].GetProperty("data").GetProperty("values").EnumerateArray()];
        Assert.Equal([0.875, 1.375, 0.75], Of(bars, "from"));
        Assert.Equal([1.375, 1.625, 0.875], Of(bars, "to"));
        Assert.Equal(["income", "job", ""], bars.Select(b => b.GetProperty("name").GetString())); // the last is too narrow for its name
        Assert.Equal("expected 1", layers[1].GetProperty("data").GetProperty("values")[0].GetProperty("says").GetString());
        Assert.Equal(1.375, layers[2].GetProperty("data").GetProperty("values")[0].GetProperty("at").GetDouble());
        Assert.NotEmpty(Charts.Force([], 0, 0));
    }

    [Fact]
    public void Pairs_are_squares_the_strongest_features_first()
    {
        string spec = Charts.Interactions(new FeaturePairs(["a", "b", "c"], [9, 0, 0.5, 0, 9, -2, 0.5, -2, 9]));
        JsonElement root = JsonDocument.Parse(spec).RootElement;
        Assert.Equal(["b", "c", "a"], root.GetProperty("params")[0].GetProperty("value").EnumerateArray().Select(v => v.GetString()));
        JsonElement[] squares = Rows(spec);
        Assert.Equal(6, squares.Length); // none of a feature with itself
        Assert.Equal("b and c", squares[0].GetProperty("label").GetString());
        Assert.Equal(-2, squares[0].GetProperty("value").GetDouble());
        Assert.Throws<InvalidOptionException>(() => Charts.Interactions(new FeaturePairs(["a"], [])));
        Assert.Empty(Rows(Charts.Interactions(new FeaturePairs(["a"], [1]))));
    }

    [Fact]
    public void A_chart_of_its_own_says_its_language_and_has_a_width()
    {
        JsonElement root = JsonDocument.Parse(Charts.Standalone(Charts.Waterfall(Three, 1, 1.375), 500)).RootElement;
        Assert.Equal("$schema", root.EnumerateObject().First().Name);
        Assert.Equal(500, root.GetProperty("width").GetInt32());
        Assert.DoesNotContain("containerSize", root.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_shows_the_way_from_the_expected_value()
    {
        var section = new ExplanationSection("Row 0", "kernel-shap", "loan.onnx", "score") { Contributions = Three, ExpectedValue = 1, Score = 1.375, Interactions = new FeaturePairs(["a", "b"], [0, 1, 1, 0]) };
        string page = System.Text.Encoding.UTF8.GetString(HtmlReport.ToBytes(new Report("t", "", [section])));
        Assert.Contains("From the expected value to this score", page, StringComparison.Ordinal);
        Assert.Contains("What pairs of features add together", page, StringComparison.Ordinal);
        Assert.Contains("Standard error", page, StringComparison.Ordinal);
        Assert.Equal(4, page.Split("data-chart=").Length - 1);
    }

    [Fact]
    public void Strong_segments_are_tinted_and_numbered()
    {
        var picture = new Image(4, 2, 1);
        int[] segments = [0, 0, 1, 1, 0, 0, 2, -1];
        Assert.Equal([1, 0], SegmentRanks.Order([0.5, -2, 0]));
        Image drawn = SegmentRanks.Draw(picture, segments, [0.5, -2, 0]);
        Assert.Equal((256, 128), (drawn.Width, drawn.Height));
        Assert.True(drawn[4, 4][0] > drawn[4, 4][2]);       // orange over black
        Assert.True(drawn[250, 4][2] > drawn[250, 4][0]);   // blue over black
        Assert.Equal([0, 0, 0], drawn[140, 120].ToArray()); // nothing to say of segment 2
        Assert.Equal([255, 255, 255], drawn[127, 4].ToArray());
        Assert.Throws<ShapeMismatchException>(() => SegmentRanks.Draw(picture, [0], [1]));
        Assert.Throws<ShapeMismatchException>(() => SegmentRanks.Draw(picture, segments, [1]));
    }
}
