using System.Text.Json.Nodes;

namespace Limn.Reports;

/// <summary>Charts of contributions that add up: from the expected value to the score.</summary>
public static partial class Charts
{
    private const double Negligible = 1e-3; // of the range of a waterfall, what is not worth a bar
    private const double LabelShare = 0.14; // of the width of a force plot, what a label needs
    private const int ForceHeight = 34;

    /// <summary>
    /// A waterfall: from the expected value, each feature's contribution on top of what came before, largest first (ties by order), and those beyond
    /// <paramref name="top"/> in one bar, down to the score. What the contributions leave over, of a method that does not add up exactly, has a bar of its own.
    /// </summary>
    /// <param name="contributions">The contributions; those that are not finite are left out.</param>
    /// <param name="expected">Where they start.</param>
    /// <param name="score">Where they lead.</param>
    /// <param name="top">How many features have a bar of their own.</param>
    /// <exception cref="InvalidOptionException"><paramref name="top"/> is below 1, or a score is not finite.</exception>
    public static string Waterfall(IReadOnlyList<Contribution> contributions, double expected, double score, int top = 15)
    {
        ArgumentNullException.ThrowIfNull(contributions);
        if (top < 1 || !double.IsFinite(expected) || !double.IsFinite(score))
        {
            throw new InvalidOptionException($"A waterfall needs at least one bar and finite ends; got {top} bars from {expected} to {score}.");
        }

        Contribution[] ranked = [.. contributions.Where(c => double.IsFinite(c.Attribution)).OrderByDescending(c => Math.Abs(c.Attribution))];
        int shown = ranked.Length == top + 1 ? ranked.Length : Math.Min(top, ranked.Length);
        List<(string Label, double Value, string Color)> steps = [.. ranked.Take(shown).Select(c => (Label(c), c.Attribution, c.Attribution < 0 ? Negative : Positive))];
        if (shown < ranked.Length) steps.Add(($"{ranked.Length - shown} other features", ranked.Skip(shown).Sum(c => c.Attribution), Other));
        double left = score - expected - steps.Sum(s => s.Value);
        if (Math.Abs(left) > Negligible * Math.Max(Math.Abs(score - expected), steps.Select(s => Math.Abs(s.Value)).DefaultIfEmpty(0).Max())) steps.Add(("not accounted for", left, Other));

        List<string> labels = ["expected value"];
        JsonArray values = [Fall(0, "expected value", expected, expected, NumberText.Printed(expected), Other)];
        double at = expected, low = Math.Min(expected, score), high = Math.Max(expected, score);
        foreach ((string label, double value, string color) in steps)
        {
            labels.Add(label);
            values.Add(Fall(values.Count, label, at, at + value, NumberText.Signed(value), color));
            at += value;
            (low, high) = (Math.Min(low, at), Math.Max(high, at));
        }

        labels.Add("score");
        values.Add(Fall(values.Count, "score", score, score, NumberText.Printed(score), Other));
        double margin = high > low ? 0.02 * (high - low) : 0.5;
        JsonObject x = new()
        {
            ["field"] = "from",
            ["type"] = "quantitative",
            ["title"] = "score",
            ["scale"] = new JsonObject
            {
                ["domain"] = new JsonArray(low - margin, high + margin), ["nice"] = false, ["zero"] = false, ["range"] = new JsonArray(0, new JsonObject { ["expr"] = $"width - {NumberRoom}" }),
            },
            ["axis"] = new JsonObject { ["tickCount"] = new JsonObject { ["expr"] = "width < 260 ? 2 : 4" }, ["format"] = "~g" },
        };
        return Rows(
            $"Waterfall from the expected value {NumberText.Printed(expected)} to the score {NumberText.Printed(score)}. {string.Join("; ", steps.Take(5).Select(s => $"{s.Label}: {NumberText.Signed(s.Value)}"))}{(steps.Count > 5 ? "; ..." : ".")}",
            labels,
            values,
            new JsonObject { ["y"] = LabelAxis(), ["x"] = x },
            [
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "bar", ["height"] = new JsonObject { ["band"] = 0.72 } },
                    ["encoding"] = new JsonObject
                    {
                        ["x2"] = new JsonObject { ["field"] = "to" },
                        ["color"] = new JsonObject { ["field"] = "color", ["type"] = "nominal", ["scale"] = null, ["legend"] = null },
                        ["tooltip"] = Tooltip(("label", "feature"), ("text", "contribution")),
                    },
                },
                new JsonObject
                {
                    // Where a bar ends, so that the eye finds the next one, and the ends, which have no length.
                    ["mark"] = new JsonObject { ["type"] = "tick", ["orient"] = "vertical", ["thickness"] = 2, ["bandSize"] = 20, ["color"] = Other },
                    ["encoding"] = new JsonObject { ["x"] = new JsonObject { ["field"] = "to", ["type"] = "quantitative" } },
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
            ]);
    }

    /// <summary>
    /// A force plot: contributions that raise the score stand left of it, those that lower it right of it, the strongest next to it; the expected value is marked. Bars wide
    /// enough carry their feature's name; every bar tells its name and number when pointed at.
    /// </summary>
    /// <param name="contributions">The contributions; those that are zero or not finite are left out.</param>
    /// <param name="expected">Where they start.</param>
    /// <param name="score">Where they lead.</param>
    /// <exception cref="InvalidOptionException">A score is not finite.</exception>
    public static string Force(IReadOnlyList<Contribution> contributions, double expected, double score)
    {
        ArgumentNullException.ThrowIfNull(contributions);
        if (!double.IsFinite(expected) || !double.IsFinite(score)) throw new InvalidOptionException($"A force plot needs finite ends; got {expected} and {score}.");
        Contribution[] ranked = [.. contributions.Where(c => double.IsFinite(c.Attribution) && c.Attribution != 0).OrderByDescending(c => Math.Abs(c.Attribution))];
        double up = ranked.Sum(c => Math.Max(0, c.Attribution)), down = ranked.Sum(c => Math.Max(0, -c.Attribution));
        double low = Math.Min(score - up, expected), high = Math.Max(score + down, expected);
        double margin = high > low ? 0.03 * (high - low) : 0.5, width = high - low + 2 * margin;
        JsonArray values = [];
        double left = score, right = score;
        foreach (Contribution c in ranked)
        {
            double size = Math.Abs(c.Attribution), from = c.Attribution > 0 ? left - size : right;
            if (c.Attribution > 0) left -= size;
            else right += size;
            values.Add(new JsonObject
            {
                ["label"] = Label(c), ["from"] = from, ["to"] = from + size, ["middle"] = from + size / 2, ["text"] = NumberText.Signed(c.Attribution),
                ["color"] = c.Attribution > 0 ? Positive : Negative, ["name"] = size > LabelShare * width ? Shortened(c.Feature, size / width) : "",
            });
        }

        JsonObject Mark(double at, string text, int above) => new()
        {
            ["data"] = new JsonObject { ["values"] = new JsonArray(new JsonObject { ["at"] = at, ["says"] = $"{text} {NumberText.Printed(at)}" }) },
            ["encoding"] = new JsonObject { ["x"] = new JsonObject { ["field"] = "at", ["type"] = "quantitative" } },
            ["layer"] = new JsonArray(
                new JsonObject { ["mark"] = new JsonObject { ["type"] = "rule", ["strokeWidth"] = 1.5, ["y"] = -4, ["y2"] = ForceHeight + 4 } },
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "text", ["y"] = above, ["align"] = at > low + 0.66 * (high - low) ? "right" : at < low + 0.33 * (high - low) ? "left" : "center" },
                    ["encoding"] = new JsonObject { ["text"] = new JsonObject { ["field"] = "says", ["type"] = "nominal" } },
                }),
        };
        JsonObject spec = new()
        {
            ["description"] = $"Force plot: what raises the score adds {NumberText.Signed(up)} and what lowers it {NumberText.Signed(-down)}, from the expected value {NumberText.Printed(expected)} to the score {NumberText.Printed(score)}.",
            ["width"] = "container",
            ["height"] = ForceHeight,
            ["autosize"] = new JsonObject { ["type"] = "fit-x", ["contains"] = "padding" },
            ["layer"] = new JsonArray(
                new JsonObject
                {
                    ["data"] = new JsonObject { ["values"] = values },
                    ["encoding"] = new JsonObject
                    {
                        ["x"] = new JsonObject
                        {
                            ["field"] = "from", ["type"] = "quantitative", ["title"] = "score", ["scale"] = new JsonObject { ["domain"] = new JsonArray(low - margin, high + margin), ["nice"] = false, ["zero"] = false },
                            ["axis"] = new JsonObject { ["tickCount"] = new JsonObject { ["expr"] = "width < 260 ? 2 : 5" }, ["format"] = "~g", ["grid"] = false },
                        },
                        ["x2"] = new JsonObject { ["field"] = "to" },
                        ["tooltip"] = Tooltip(("label", "feature"), ("text", "contribution")),
                    },
                    ["layer"] = new JsonArray(
                        new JsonObject
                        {
                            ["mark"] = new JsonObject { ["type"] = "rect", ["y"] = 0, ["y2"] = ForceHeight, ["stroke"] = "white", ["strokeWidth"] = 1 },
                            ["encoding"] = new JsonObject { ["color"] = new JsonObject { ["field"] = "color", ["type"] = "nominal", ["scale"] = null, ["legend"] = null } },
                        },
                        new JsonObject
                        {
                            ["mark"] = new JsonObject { ["type"] = "text", ["y"] = ForceHeight / 2, ["baseline"] = "middle", ["color"] = "#fff" },
                            ["encoding"] = new JsonObject
                            {
                                ["x"] = new JsonObject { ["field"] = "middle", ["type"] = "quantitative" }, ["x2"] = null, ["text"] = new JsonObject { ["field"] = "name", ["type"] = "nominal" },
                            },
                        }),
                },
                Mark(expected, "expected", -26),
                Mark(score, "score", -10)),
        };
        return spec.ToJsonString(Json);
    }

    /// <summary>The values of pairs of features as coloured squares, the strongest features first; of more than <paramref name="top"/> only those that take part in the strongest pairs.</summary>
    public static string Interactions(FeaturePairs pairs, int top = 16)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        int count = pairs.Features.Count;
        if (pairs.Values.Count != (long)count * count) throw new InvalidOptionException($"{count} features have {(long)count * count} pairs; got {pairs.Values.Count} values.");
        double Strength(int i) => Enumerable.Range(0, count).Where(j => j != i).Select(j => Math.Abs(pairs.Values[i * count + j])).Where(double.IsFinite).DefaultIfEmpty(0).Max();
        int[] shown = [.. Enumerable.Range(0, count).OrderByDescending(Strength).Take(top)];
        double limit = shown.SelectMany(i => shown.Where(j => j != i).Select(j => Math.Abs(pairs.Values[i * count + j]))).Where(double.IsFinite).DefaultIfEmpty(0).Max();
        if (limit == 0) limit = 1;
        JsonArray values = [];
        for (int r = 0; r < shown.Length; r++)
            for (int c = 0; c < shown.Length; c++)
                if (r != c && double.IsFinite(pairs.Values[shown[r] * count + shown[c]]))
                    values.Add(new JsonObject
                    {
                        ["order"] = r, ["other"] = c, ["value"] = pairs.Values[shown[r] * count + shown[c]], ["text"] = NumberText.Signed(pairs.Values[shown[r] * count + shown[c]]),
                        ["label"] = $"{pairs.Features[shown[r]]} and {pairs.Features[shown[c]]}",
                    });
        JsonObject other = LabelAxis();
        other["field"] = "other";
        other["axis"]!["labelAngle"] = -40;
        other["axis"]!["orient"] = "top";
        return Rows(
            $"Heat map of what pairs of {count} features add beyond what each adds alone; the strongest pair adds {NumberText.Printed(limit)}.",
            shown.Select(i => pairs.Features[i]),
            values,
            new JsonObject { ["y"] = LabelAxis(), ["x"] = other },
            [
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "rect" },
                    ["encoding"] = new JsonObject
                    {
                        ["color"] = new JsonObject
                        {
                            ["field"] = "value", ["type"] = "quantitative", ["title"] = "together", ["scale"] = new JsonObject { ["domain"] = new JsonArray(-limit, 0, limit), ["range"] = new JsonArray(Negative, "#f2f2f2", Positive) },
                        },
                        ["tooltip"] = Tooltip(("label", "pair"), ("text", "together")),
                    },
                },
            ],
            height: Math.Max(1, shown.Length) * RowHeight);
    }

    private static JsonObject Fall(int order, string label, double from, double to, string text, string color) => new()
    {
        ["order"] = order, ["label"] = label, ["from"] = from, ["to"] = to, ["textAt"] = Math.Max(from, to), ["text"] = text, ["color"] = color,
    };

    private static string Label(Contribution c) => c.Value.Length == 0 ? c.Feature : $"{c.Feature} = {c.Value}";

    /// <summary>As much of a name as fits a share of the width.</summary>
    private static string Shortened(string name, double share)
    {
        int room = Math.Max(3, (int)(share * 80));
        return name.Length <= room ? name : name[..(room - 1)] + "…";
    }
}
