using System.Text.Json.Nodes;

namespace Limn.Reports;

/// <summary>Charts of many rows at once: which features matter, and how.</summary>
public static partial class Charts
{
    private const double Confidence = 1.96;
    private const int SwarmBins = 120;
    private static readonly string[] LowToHigh = ["#4f58d8", "#b8479e", "#f09a2b"];
    private static readonly string[] CohortColors = ["#2f8f83", "#9a5fb4", "#c7a93c", "#5f7fbf", "#8a8f98", "#b5654a"];

    /// <summary>Bars of the mean |attribution| of the <paramref name="top"/> most important features, with whiskers of its 95 % confidence interval, and the sum of the rest.</summary>
    /// <exception cref="InvalidOptionException"><paramref name="top"/> is below 1.</exception>
    public static string Importance(IReadOnlyList<FeatureImportance> features, int top = 20)
    {
        ArgumentNullException.ThrowIfNull(features);
        if (top < 1) throw new InvalidOptionException($"A chart of importance needs at least one bar; got {top}.");
        FeatureImportance[] ranked = [.. features.OrderByDescending(f => f.MeanAbsolute)];
        int shown = ranked.Length == top + 1 ? ranked.Length : Math.Min(top, ranked.Length);
        List<Bar> bars = [.. ranked.Take(shown).Select(f => new Bar(f.Feature, f.MeanAbsolute, NumberText.Printed(f.MeanAbsolute), Positive) { Error = double.IsFinite(f.StandardError) ? Confidence * f.StandardError : null })];
        if (shown < ranked.Length) bars.Add(new Bar($"{ranked.Length - shown} other features", ranked.Skip(shown).Sum(f => f.MeanAbsolute), NumberText.Printed(ranked.Skip(shown).Sum(f => f.MeanAbsolute)), Other));
        return Spec($"Bar chart of the mean size of each feature's attribution, largest first. {Strongest(ranked.Select(f => $"{f.Feature}: {NumberText.Printed(f.MeanAbsolute)}"))}", "feature", "mean |attribution|", bars, fixedMaximum: null);
    }

    /// <summary>A beeswarm: a point for each row and feature at its attribution, coloured by the feature's value, points of the same place spread out. The strongest features on top.</summary>
    public static string Beeswarm(ExplainedTable table, int top = 15)
    {
        ArgumentNullException.ThrowIfNull(table);
        int[] shown = Shown(table, top);
        (double low, double high) = Range(table, shown);
        JsonArray values = [];
        for (int i = 0; i < shown.Length; i++)
        {
            int f = shown[i];
            Func<double, double?> color = Shade([.. table.Rows.Select(r => r.Values[f])]);
            var bins = table.Rows.Where(r => double.IsFinite(r.Attributions[f])).GroupBy(r => (int)(SwarmBins * (r.Attributions[f] - low) / (high - low))).ToArray();
            double step = 0.84 / Math.Max(12, bins.Select(b => b.Count()).DefaultIfEmpty(0).Max());
            foreach (var bin in bins)
            {
                int k = 0;
                foreach (ExplainedRow row in bin)
                {
                    k++;
                    values.Add(new JsonObject { ["x"] = Round(row.Attributions[f]), ["y"] = Round(i + (k % 2 == 0 ? -1 : 1) * (k / 2) * step), ["c"] = color(row.Values[f]), ["t"] = $"{row.Name}: {table.Features[f]} {NumberText.Printed(row.Values[f])}" });
                }
            }
        }
        return Strips($"Beeswarm of {table.Rows.Count} rows: attributions of each feature, coloured by its value from low to high. {Strongest(shown.Select(f => table.Features[f]))}", table, shown, values,
            new JsonObject { ["type"] = "circle", ["size"] = 18, ["opacity"] = 0.8 },
            new JsonObject { ["color"] = ValueColor("feature value"), ["tooltip"] = Tooltip(("t", "row"), ("x", "attribution")) }, (low, high));
    }

    /// <summary>The distribution of each feature's attributions as a violin: a density with a Gaussian kernel (Silverman's width), each as wide as the others at its peak.</summary>
    public static string Violin(ExplainedTable table, int top = 15)
    {
        ArgumentNullException.ThrowIfNull(table);
        const int Points = 61;
        int[] shown = Shown(table, top);
        (double low, double high) = Range(table, shown);
        JsonArray values = [];
        for (int i = 0; i < shown.Length; i++)
        {
            double[] phi = [.. table.Rows.Select(r => r.Attributions[shown[i]]).Where(double.IsFinite)];
            if (phi.Length == 0) continue;
            double mean = phi.Average(), width = Math.Max(1.06 * Math.Sqrt(phi.Average(v => (v - mean) * (v - mean))) * Math.Pow(phi.Length, -0.2), 0.004 * (high - low));
            double from = Math.Max(low, phi.Min() - 2 * width), to = Math.Min(high, phi.Max() + 2 * width);
            double[] at = [.. Enumerable.Range(0, Points).Select(k => from + (to - from) * k / (Points - 1))], density = [.. at.Select(x => phi.Sum(v => Math.Exp(-0.5 * (x - v) / width * ((x - v) / width))))];
            double peak = density.Max();
            for (int k = 0; k < Points; k++) values.Add(new JsonObject { ["x"] = Round(at[k]), ["y"] = Round(i - 0.42 * density[k] / peak), ["y2"] = Round(i + 0.42 * density[k] / peak), ["f"] = table.Features[shown[i]] });
        }
        return Strips($"Violins of the attributions of each feature over {table.Rows.Count} rows. {Strongest(shown.Select(f => table.Features[f]))}", table, shown, values,
            new JsonObject { ["type"] = "area", ["color"] = Positive, ["opacity"] = 0.75 },
            new JsonObject { ["y2"] = new JsonObject { ["field"] = "y2" }, ["detail"] = new JsonObject { ["field"] = "f", ["type"] = "nominal" } }, (low, high));
    }

    /// <summary>A feature's attributions by its value, a point for each row, coloured by the feature that interacts most with it (or by <paramref name="partner"/>).</summary>
    /// <exception cref="InvalidOptionException">There is no such feature.</exception>
    public static string Dependence(ExplainedTable table, int feature, int? partner = null)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (feature < 0 || feature >= table.Features.Count || partner < 0 || partner >= table.Features.Count)
            throw new InvalidOptionException($"There is no feature {(partner is { } p && (p < 0 || p >= table.Features.Count) ? p : feature)}; there are {table.Features.Count}.");
        int other = partner ?? TableOrder.StrongestPartner(table, feature);
        Func<double, double?> color = other < 0 ? _ => 0.5 : Shade([.. table.Rows.Select(r => r.Values[other])]);
        string name = table.Features[feature], by = other < 0 ? "" : table.Features[other];
        JsonArray values = new([.. table.Rows.Where(r => double.IsFinite(r.Values[feature]) && double.IsFinite(r.Attributions[feature])).Select(r => (JsonNode)new JsonObject
        {
            ["x"] = Round(r.Values[feature]), ["y"] = Round(r.Attributions[feature]), ["c"] = color(other < 0 ? 0 : r.Values[other]), ["t"] = other < 0 ? r.Name : $"{r.Name}: {by} {NumberText.Printed(r.Values[other])}",
        })]);
        JsonObject encoding = new()
        {
            ["x"] = new JsonObject { ["field"] = "x", ["type"] = "quantitative", ["title"] = name, ["scale"] = new JsonObject { ["zero"] = false }, ["axis"] = new JsonObject { ["format"] = ".6~g", ["tickCount"] = 6 } },
            ["y"] = new JsonObject { ["field"] = "y", ["type"] = "quantitative", ["title"] = $"attribution of {Cut(name, 24)}", ["scale"] = new JsonObject { ["zero"] = false }, ["axis"] = new JsonObject { ["format"] = ".6~g", ["tickCount"] = 6 } },
            ["tooltip"] = Tooltip(("t", "row"), ("x", name), ("y", "attribution")),
        };
        if (other >= 0) encoding["color"] = ValueColor(by);
        return Plot($"Scatter of the attributions of {name} by its value over {table.Rows.Count} rows{(other < 0 ? "" : $", coloured by {by}")}.", 260, values, new JsonObject { ["type"] = "circle", ["size"] = 22, ["opacity"] = 0.8, ["color"] = Positive }, encoding);
    }

    /// <summary>Bars of the mean |attribution| of each feature, side by side for each cohort.</summary>
    public static string Cohorts(ExplainedTable table, IReadOnlyList<Cohort> cohorts, int top = 8)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(cohorts);
        if (cohorts.Count == 0 || cohorts.Any(c => c.Rows.Count == 0)) throw new InvalidOptionException("A chart of cohorts needs at least one, and each needs a row.");
        int[] shown = Shown(table, top);
        string[] names = [.. cohorts.Select(c => $"{c.Name} ({c.Rows.Count} rows)")];
        JsonArray values = [];
        for (int i = 0; i < shown.Length; i++)
            for (int c = 0; c < names.Length; c++)
            {
                double mean = FeatureImportance.Of("", [.. cohorts[c].Rows.Select(r => table.Rows[r].Attributions[shown[i]])]).MeanAbsolute;
                values.Add(new JsonObject { ["order"] = i, ["label"] = table.Features[shown[i]], ["cohort"] = names[c], ["x"] = Round(mean) });
            }
        JsonObject spec = JsonNode.Parse(Rows($"Bars of the mean size of attributions for each of {names.Length} groups of rows: {string.Join("; ", names)}.", shown.Select(f => table.Features[f]), values,
            new JsonObject
            {
                ["y"] = LabelAxis(),
                ["x"] = new JsonObject { ["field"] = "x", ["type"] = "quantitative", ["title"] = "mean |attribution|", ["axis"] = new JsonObject { ["format"] = ".6~g", ["tickCount"] = 5 } },
                ["yOffset"] = new JsonObject { ["field"] = "cohort", ["type"] = "nominal", ["sort"] = null },
                ["color"] = new JsonObject
                {
                    ["field"] = "cohort", ["type"] = "nominal", ["title"] = null, ["sort"] = null, ["scale"] = new JsonObject { ["range"] = new JsonArray([.. CohortColors.Select(c => (JsonNode)c)]) },
                    ["legend"] = new JsonObject { ["orient"] = "top", ["columns"] = 1, ["labelLimit"] = 480 },
                },
                ["tooltip"] = Tooltip(("label", "feature"), ("cohort", "rows"), ("x", "mean |attribution|")),
            },
            [new JsonObject { ["mark"] = new JsonObject { ["type"] = "bar" } }], height: shown.Length * Math.Max(RowHeight, 14 * names.Length + 8)))!.AsObject();
        return spec.ToJsonString(Json);
    }

    private static int[] Shown(ExplainedTable table, int top) => top >= 1 && table.Rows.Count > 0 ? [.. table.Ranking().Take(top)]
        : throw new InvalidOptionException($"A chart of many rows needs at least one feature and one row; got {top} features and {table.Rows.Count} rows.");

    private static string Strongest(IEnumerable<string> names) => $"Strongest: {string.Join("; ", names.Take(5))}.";

    private static (double Low, double High) Range(ExplainedTable table, int[] shown)
    {
        double[] all = [.. table.Rows.SelectMany(r => shown.Select(f => r.Attributions[f])).Where(double.IsFinite), 0];
        double low = all.Min(), high = all.Max(), margin = high > low ? 0.03 * (high - low) : 0.5;
        return (low - margin, high + margin);
    }

    /// <summary>Where a value stands between the 5th and the 95th percentile of all, from 0 to 1; null for what is missing.</summary>
    private static Func<double, double?> Shade(double[] values)
    {
        double[] sorted = [.. values.Where(double.IsFinite).Order()];
        if (sorted.Length == 0) return _ => null;
        double low = sorted[(int)(0.05 * (sorted.Length - 1))], high = sorted[(int)Math.Ceiling(0.95 * (sorted.Length - 1))];
        if (low == high) (low, high) = (sorted[0], sorted[^1]);
        return v => !double.IsFinite(v) ? null : low == high ? 0.5 : Math.Round(Math.Clamp((v - low) / (high - low), 0, 1), 3);
    }

    private static JsonObject ValueColor(string title) => new()
    {
        ["field"] = "c", ["type"] = "quantitative", ["title"] = Cut(title, 30),
        ["scale"] = new JsonObject { ["domain"] = new JsonArray(0, 1), ["range"] = new JsonArray([.. LowToHigh.Select(c => (JsonNode)c)]), ["interpolate"] = "rgb" },
        ["condition"] = new JsonObject { ["test"] = "!isValid(datum.c)", ["value"] = Other },
        ["legend"] = new JsonObject
        {
            ["orient"] = "top", ["direction"] = "horizontal", ["gradientLength"] = 120, ["gradientThickness"] = 8, ["values"] = new JsonArray(0, 1), ["labelExpr"] = "datum.value == 0 ? 'low' : 'high'",
        },
    };

    /// <summary>A chart with a strip for each feature, in which <c>y</c> is the strip's number, and what lies in it above or below.</summary>
    private static string Strips(string description, ExplainedTable table, int[] shown, JsonArray values, JsonObject mark, JsonObject encoding, (double Low, double High) range)
    {
        encoding["x"] = new JsonObject
        {
            ["field"] = "x", ["type"] = "quantitative", ["title"] = "attribution", ["scale"] = new JsonObject { ["domain"] = new JsonArray(range.Low, range.High), ["nice"] = false, ["zero"] = false },
            ["axis"] = new JsonObject { ["format"] = ".6~g", ["tickCount"] = new JsonObject { ["expr"] = "width < 260 ? 3 : 6" } },
        };
        encoding["y"] = StripAxis(shown.Length);
        return Rows(description, shown.Select(f => table.Features[f]), values, [], [
            new JsonObject { ["data"] = new JsonObject { ["values"] = new JsonArray(new JsonObject { ["zero"] = 0 }) }, ["mark"] = new JsonObject { ["type"] = "rule", ["opacity"] = 0.5 }, ["encoding"] = new JsonObject { ["x"] = new JsonObject { ["field"] = "zero", ["type"] = "quantitative" } } },
            new JsonObject { ["mark"] = mark, ["encoding"] = encoding },
        ], height: shown.Length * 30);
    }

    private static JsonObject StripAxis(int count)
    {
        JsonObject y = LabelAxis();
        y["field"] = "y";
        y["type"] = "quantitative";
        y["scale"] = new JsonObject { ["domain"] = new JsonArray(-0.5, count - 0.5), ["nice"] = false, ["zero"] = false, ["reverse"] = true };
        y["axis"]!["values"] = new JsonArray([.. Enumerable.Range(0, count).Select(i => (JsonNode)i)]);
        y["axis"]!["grid"] = false;
        return y;
    }

    private static string Plot(string description, int height, JsonArray values, JsonObject mark, JsonObject encoding) => new JsonObject
    {
        ["description"] = description,
        ["width"] = "container",
        ["height"] = height,
        ["autosize"] = new JsonObject { ["type"] = "fit-x", ["contains"] = "padding" },
        ["data"] = new JsonObject { ["values"] = values },
        ["mark"] = mark,
        ["encoding"] = encoding,
    }.ToJsonString(Json);

    private static string Cut(string text, int most) => text.Length <= most ? text : text[..(most - 1)] + "…";

    /// <summary>Five significant digits: more is not seen in a chart, and makes files large. Null for what is not finite.</summary>
    private static double? Round(double value) => !double.IsFinite(value) ? null : value == 0 ? 0 : double.Parse(value.ToString("G5", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);
}
