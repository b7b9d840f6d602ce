using System.Text.Json;

namespace Limn.Reports.Tests;

public class ChartsTests
{
    private static JsonElement[] Rows(string spec) =>
        [.. JsonDocument.Parse(spec).RootElement.GetProperty("data").GetProperty("values").EnumerateArray()];

    [Fact]
    public void Contributions_are_ranked_by_magnitude_with_ties_in_order_and_the_rest_summed()
    {
        Contribution[] all = [new("a", "", 0.5), new("b", "", -3), new("c", "", 0.5), new("d", "", 2), new("e", "", -0.25), new("f", "", 0.125)];
        JsonElement[] rows = Rows(Charts.Contributions(all, 4));
        Assert.Equal(["b", "d", "a", "c", "2 other features"], rows.Select(r => r.GetProperty("label").GetString()));
        Assert.Equal([-3, 2, 0.5, 0.5, -0.125], rows.Select(r => r.GetProperty("value").GetDouble()));
        Assert.Equal(Charts.Negative, rows[0].GetProperty("color").GetString());
        Assert.Equal(Charts.Positive, rows[1].GetProperty("color").GetString());
        Assert.Equal("\u22123", rows[0].GetProperty("text").GetString());
        Assert.Equal("+2", rows[1].GetProperty("text").GetString());
    }

    [Fact]
    public void A_single_feature_too_many_is_shown_itself()
    {
        Contribution[] all = [new("a", "1", 3), new("b", "", 2), new("c", "", 1)];
        Assert.Equal(["a = 1", "b", "c"], Rows(Charts.Contributions(all, 2)).Select(r => r.GetProperty("label").GetString()));
    }

    [Fact]
    public void Values_that_are_not_finite_have_no_bar()
    {
        Contribution[] all = [new("a", "", double.NaN), new("b", "", 1), new("c", "", double.PositiveInfinity)];
        Assert.Equal("b", Assert.Single(Rows(Charts.Contributions(all))).GetProperty("label").GetString());
        Assert.Empty(Rows(Charts.Classes([new("x", double.NaN)])));
    }

    [Fact]
    public void Empty_and_all_zero_data_make_valid_charts()
    {
        foreach (string spec in new[] { Charts.Contributions([]), Charts.Contributions([new("a", "", 0)]), Charts.Classes([], probabilities: false) })
        {
            JsonElement root = JsonDocument.Parse(spec).RootElement;
            JsonElement domain = root.GetProperty("encoding").GetProperty("x").GetProperty("scale").GetProperty("domain");
            Assert.True(domain[0].GetDouble() < domain[1].GetDouble());
            Assert.True(root.GetProperty("height").GetInt32() > 0);
        }

        Assert.Throws<InvalidOptionException>(() => Charts.Contributions([], 0));
    }

    [Fact]
    public void Probabilities_span_zero_to_one_and_the_explained_class_is_named()
    {
        string spec = Charts.Classes([new("cat", 0.7) { IsTarget = true }, new("dog", 0.3)]);
        JsonElement root = JsonDocument.Parse(spec).RootElement;
        JsonElement domain = root.GetProperty("encoding").GetProperty("x").GetProperty("scale").GetProperty("domain");
        Assert.Equal((0, 1), (domain[0].GetDouble(), domain[1].GetDouble()));
        Assert.Equal(["cat (explained)", "dog"], Rows(spec).Select(r => r.GetProperty("label").GetString()));
        Assert.Contains("cat (explained): 70 %", root.GetProperty("description").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Hostile_labels_stay_data()
    {
        const string evil = "</script><script>alert('x')</script> <!-- \"quoted\" \\ datum.value & \u2028";
        string spec = Charts.Contributions([new(evil, "", 1)]);
        Assert.DoesNotContain('<', spec);
        Assert.DoesNotContain('>', spec);
        Assert.DoesNotContain('&', spec);
        Assert.Equal(evil, Assert.Single(Rows(spec)).GetProperty("label").GetString());
        Assert.DoesNotContain("http", spec, StringComparison.Ordinal);
    }
}
