using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Limn.Reports;

/// <summary>Charts as Vega-Lite specifications: JSON documents with their data inside.</summary>
/// <remarks>
/// The text is safe inside an HTML script element (no &lt;, &gt; or &amp; occurs in it), names no field after data, and loads nothing. Widths follow the
/// element that the chart is drawn into. Numbers that are not finite have no bar; they belong in the table next to the chart.
/// </remarks>
public static partial class Charts
{
    /// <summary>The colour of what pushes a score up: orange, light enough for dark pages and dark enough for light ones.</summary>
    public const string Positive = "#d9722b";

    /// <summary>The colour of what pushes a score down.</summary>
    public const string Negative = "#4a86c5";

    private const string Other = "#8a8f98";
    private const string Axes = "https://vega.github.io/schema/vega-lite/v6.json";
    private const double TwoErrors = 2;
    private const int RowHeight = 24;
    private const int NumberRoom = 62;
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.Default };

    /// <summary>
    /// Horizontal bars of the <paramref name="top"/> features of largest |attribution|, largest first (ties by order), and one bar for the sum of the rest. Whiskers reach
    /// two standard errors to both sides, where they are known.
    /// </summary>
    /// <exception cref="InvalidOptionException"><paramref name="top"/> is below 1.</exception>
    public static string Contributions(IReadOnlyList<Contribution> contributions, int top = 15)
    {
        ArgumentNullException.ThrowIfNull(contributions);
        if (top < 1)
        {
            throw new InvalidOptionException($"A chart of contributions needs at least one bar; got {top}.");
        }

        Contribution[] ranked = [.. contributions.Where(c => double.IsFinite(c.Attribution)).OrderByDescending(c => Math.Abs(c.Attribution))];
        // One feature too many is shown itself: a bar for "1 other feature" would save nothing.
        int shown = ranked.Length == top + 1 ? ranked.Length : Math.Min(top, ranked.Length);
        List<Bar> bars = [.. ranked.Take(shown).Select(c => new Bar(
            c.Value.Length == 0 ? c.Feature : $"{c.Feature} = {c.Value}",
            c.Attribution,
            NumberText.Signed(c.Attribution),
            c.Attribution < 0 ? Negative : Positive) { Error = c.StandardError is double e && double.IsFinite(e) ? TwoErrors * e : null })];
        if (shown < ranked.Length)
        {
            double rest = ranked.Skip(shown).Sum(c => c.Attribution);
            bars.Add(new Bar($"{ranked.Length - shown} other features", rest, NumberText.Signed(rest), Other));
        }

        string described = string.Join("; ", bars.Take(5).Select(b => $"{b.Label}: {b.Text}"));
        return Spec(
            $"Bar chart of what each feature adds to the score, strongest first. {described}{(bars.Count > 5 ? "; ..." : ".")}",
            "feature",
            "attribution",
            bars,
            fixedMaximum: null);
    }

    /// <summary>Horizontal bars of class scores in the order given; the target's bar is in the stronger colour and marked in words.</summary>
    public static string Classes(IReadOnlyList<ClassScore> classes, bool probabilities = true)
    {
        ArgumentNullException.ThrowIfNull(classes);
        bool anyTarget = classes.Any(c => c.IsTarget);
        List<Bar> bars = [.. classes.Where(c => double.IsFinite(c.Score)).Select(c => new Bar(
            c.IsTarget ? $"{c.Label} (explained)" : c.Label,
            c.Score,
            probabilities ? NumberText.Percent(c.Score) : NumberText.Printed(c.Score),
            c.IsTarget || !anyTarget ? Positive : Other))];
        return Spec(
            $"Bar chart of the model's answer. {string.Join("; ", bars.Select(b => $"{b.Label}: {b.Text}"))}.",
            "class",
            probabilities ? "probability" : "score",
            bars,
            probabilities ? 1 : null);
    }

    private static string Spec(string description, string things, string axis, List<Bar> bars, double? fixedMaximum)
    {
        double low = Math.Min(0, bars.Select(b => b.Value - (b.Error ?? 0)).DefaultIfEmpty(0).Min());
        double high = Math.Max(0, bars.Select(b => b.Value + (b.Error ?? 0)).DefaultIfEmpty(0).Max());
        (low, high) = fixedMaximum is double maximum ? (Math.Min(0, low), Math.Max(maximum, high)) : low == high ? (0, 1) : (low, high);
        // The numbers stand right of their bars; those of negative bars right of zero, where their rows are empty. The last need room.
        JsonArray range = [0, new JsonObject { ["expr"] = $"width - {NumberRoom}" }];
        JsonObject y = LabelAxis();
        JsonObject x = new()
        {
            ["field"] = "value",
            ["type"] = "quantitative",
            ["title"] = axis,
            ["scale"] = new JsonObject { ["domain"] = new JsonArray(low, high), ["nice"] = false, ["range"] = range },
            ["axis"] = new JsonObject { ["tickCount"] = new JsonObject { ["expr"] = "width < 260 ? 2 : 4" }, ["format"] = fixedMaximum is null ? "~g" : ".0%" },
        };
        JsonArray layers = new(
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "bar", ["height"] = new JsonObject { ["band"] = 0.72 }, ["cornerRadiusEnd"] = 2 },
                    ["encoding"] = new JsonObject
                    {
                        ["color"] = new JsonObject { ["field"] = "color", ["type"] = "nominal", ["scale"] = null, ["legend"] = null },
                        ["tooltip"] = Tooltip(("label", things), ("text", axis)),
                    },
                },
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "text", ["align"] = "left", ["dx"] = 5, ["baseline"] = "middle" },
                    ["encoding"] = new JsonObject
                    {
                        ["x"] = new JsonObject { ["field"] = "textAt", ["type"] = "quantitative" },
                        ["text"] = new JsonObject { ["field"] = "text", ["type"] = "nominal" },
                    },
                },
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "rule", ["opacity"] = 0.5 },
                    ["encoding"] = new JsonObject { ["x"] = new JsonObject { ["datum"] = 0 }, ["y"] = null },
                });
        if (bars.Exists(b => b.Error is not null))
        {
            layers.Add(new JsonObject
            {
                ["transform"] = new JsonArray(new JsonObject { ["filter"] = "isValid(datum.low)" }),
                ["mark"] = new JsonObject { ["type"] = "rule", ["strokeWidth"] = 1.5 },
                ["encoding"] = new JsonObject { ["x"] = new JsonObject { ["field"] = "low", ["type"] = "quantitative" }, ["x2"] = new JsonObject { ["field"] = "high" } },
            });
        }

        return Rows(description, bars.Select(b => b.Label), new JsonArray([.. bars.Select((b, i) =>
        {
            var row = new JsonObject { ["order"] = i, ["label"] = b.Label, ["value"] = b.Value, ["textAt"] = Math.Max(0, b.Value + (b.Error ?? 0)), ["text"] = b.Text, ["color"] = b.Color };
            if (b.Error is double error) (row["low"], row["high"]) = (b.Value - error, b.Value + error);
            return (JsonNode)row;
        })]), new JsonObject { ["y"] = y, ["x"] = x }, layers);
    }

    private static JsonObject LabelAxis() => new()
    {
        ["field"] = "order",
        ["type"] = "ordinal",
        ["title"] = null,
        ["axis"] = new JsonObject
        {
            ["labelExpr"] = "labels[datum.value]", ["labelLimit"] = new JsonObject { ["expr"] = "labelRoom" }, ["ticks"] = false,
            ["domain"] = false, ["labelPadding"] = 8,
        },
    };

    private static JsonArray Tooltip(params (string Field, string Title)[] fields) =>
        new([.. fields.Select(f => (JsonNode)new JsonObject { ["field"] = f.Field, ["type"] = "nominal", ["title"] = f.Title })]);

    /// <summary>A chart with a row for each label.</summary>
    private static string Rows(string description, IEnumerable<string> labels, JsonArray values, JsonObject encoding, JsonArray layers, int? height = null)
    {
        JsonObject spec = new()
        {
            ["description"] = description,
            ["width"] = "container",
            ["height"] = height ?? Math.Max(1, values.Count) * RowHeight,
            ["autosize"] = new JsonObject { ["type"] = "fit-x", ["contains"] = "padding" },
            ["params"] = new JsonArray(
                new JsonObject { ["name"] = "labels", ["value"] = new JsonArray([.. labels.Select(l => (JsonNode)l)]) },
                new JsonObject { ["name"] = "labelRoom", ["expr"] = "max(90, min(260, containerSize()[0] * 0.42))" }),
            ["data"] = new JsonObject { ["values"] = values },
            ["encoding"] = encoding,
            ["layer"] = layers,
        };
        return spec.ToJsonString(Json);
    }

    /// <summary>A chart as a file of its own: it says which version of Vega-Lite it is for, and has a width that does not follow a page.</summary>
    /// <param name="spec">A chart of this class.</param>
    /// <param name="width">Its width in pixels.</param>
    public static string Standalone(string spec, int width = 640)
    {
        ArgumentNullException.ThrowIfNull(spec);
        JsonObject chart = JsonNode.Parse(spec)!.AsObject();
        chart.Insert(0, "$schema", Axes);
        chart["width"] = width;
        foreach (JsonObject parameter in (chart["params"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (parameter["name"]!.GetValue<string>() != "labelRoom") continue;
            parameter.Remove("expr");
            parameter["value"] = 260;
        }

        return chart.ToJsonString(new JsonSerializerOptions(Json) { WriteIndented = true, NewLine = "\n" }) + "\n";
    }

    private sealed record Bar(string Label, double Value, string Text, string Color)
    {
        /// <summary>How far its whiskers reach to either side.</summary>
        public double? Error { get; init; }
    }
}
