using System.Text.Json.Nodes;

namespace Limn.Reports;

/// <summary>Charts of many rows in which each row can be followed.</summary>
public static partial class Charts
{
    /// <summary>Attributions as colours, rows across in the order of their clusters and features down, with the scores as a line above.</summary>
    public static string RowsByFeatures(ExplainedTable table, int top = 12)
    {
        ArgumentNullException.ThrowIfNull(table);
        int[] shown = Shown(table, top), order = TableOrder.Clustered(table);
        double[] sizes = [.. table.Rows.SelectMany(r => shown.Select(f => Math.Abs(r.Attributions[f]))).Where(double.IsFinite).Order()];
        double limit = sizes.Length == 0 ? 1 : sizes[(int)(0.99 * (sizes.Length - 1))];
        if (limit == 0) limit = sizes.Length == 0 || sizes[^1] == 0 ? 1 : sizes[^1];
        double[] scored = [.. table.Rows.Select(r => r.Score).Where(double.IsFinite)];
        double low = scored.DefaultIfEmpty(0).Min(), high = scored.DefaultIfEmpty(0).Max();
        JsonArray cells = [], scores = [];
        for (int i = 0; i < order.Length; i++)
        {
            ExplainedRow row = table.Rows[order[i]];
            // The line of scores takes two strips above the first feature.
            if (double.IsFinite(row.Score)) scores.Add(new JsonObject { ["i"] = i + 0.5, ["y"] = Round(high > low ? -0.8 - 1.8 * (row.Score - low) / (high - low) : -1.7), ["t"] = row.Name, ["v"] = Round(row.Score) });
            for (int f = 0; f < shown.Length; f++)
                cells.Add(new JsonObject { ["i"] = i, ["i2"] = i + 1, ["y"] = f - 0.5, ["y2"] = f + 0.5, ["v"] = Round(row.Attributions[shown[f]]), ["t"] = $"{row.Name}: {table.Features[shown[f]]} {NumberText.Printed(row.Values[shown[f]])}" });
        }
        JsonObject y = StripAxis(shown.Length);
        y["scale"]!["domain"] = new JsonArray(-2.8, shown.Length - 0.5);
        y["axis"]!["values"] = new JsonArray([-1.7, .. Enumerable.Range(0, shown.Length).Select(i => (JsonNode)i)]);
        y["axis"]!["labelExpr"] = "datum.value < 0 ? scoreLabel : labels[datum.value]";
        JsonObject X() => new() { ["field"] = "i", ["type"] = "quantitative", ["scale"] = new JsonObject { ["domain"] = new JsonArray(0, order.Length), ["nice"] = false }, ["axis"] = null };
        JsonObject spec = JsonNode.Parse(Rows($"Heat map of the attributions of {order.Length} rows, like beside like, and their scores. {Strongest(shown.Select(f => table.Features[f]))}", shown.Select(f => table.Features[f]), cells,
            new JsonObject { ["x"] = X(), ["y"] = y },
            [
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "rect" },
                    ["encoding"] = new JsonObject
                    {
                        ["x2"] = new JsonObject { ["field"] = "i2" }, ["y2"] = new JsonObject { ["field"] = "y2" },
                        ["color"] = new JsonObject
                        {
                            ["field"] = "v", ["type"] = "quantitative", ["title"] = "attribution", ["scale"] = new JsonObject { ["domain"] = new JsonArray(-limit, 0, limit), ["range"] = new JsonArray(Negative, "#f2f2f2", Positive), ["clamp"] = true },
                            ["legend"] = new JsonObject { ["orient"] = "top", ["direction"] = "horizontal", ["gradientLength"] = 160, ["gradientThickness"] = 8, ["format"] = ".6~g", ["tickCount"] = 3 },
                        },
                        ["tooltip"] = Tooltip(("t", "row"), ("v", "attribution")),
                    },
                },
                new JsonObject
                {
                    ["data"] = new JsonObject { ["values"] = scores }, ["mark"] = new JsonObject { ["type"] = "line", ["color"] = Other, ["strokeWidth"] = 1.5 },
                    ["encoding"] = new JsonObject { ["tooltip"] = Tooltip(("t", "row"), ("v", "score")) },
                },
            ], height: (shown.Length + 2) * RowHeight))!.AsObject();
        spec["params"]!.AsArray().Add(new JsonObject { ["name"] = "scoreLabel", ["value"] = $"score, {NumberText.Printed(low)} to {NumberText.Printed(high)}" });
        return spec.ToJsonString(Json);
    }

    /// <summary>A decision plot: a line for each row from the expected value (below) to its score (above), moved by feature after feature, the strongest last.</summary>
    /// <exception cref="InvalidOptionException">The rows have no expected value.</exception>
    public static string Decisions(ExplainedTable table, int top = 15)
    {
        ArgumentNullException.ThrowIfNull(table);
        int[] ranked = Shown(table, table.Features.Count), shown = ranked[..Math.Min(top, ranked.Length)];
        if (table.Rows.Any(r => !double.IsFinite(r.Expected))) throw new InvalidOptionException("A decision plot starts from an expected value, and some rows have none.");
        Func<double, double?> color = Shade([.. table.Rows.Select(r => r.Score)]);
        JsonArray values = [];
        for (int r = 0; r < table.Rows.Count; r++)
        {
            ExplainedRow row = table.Rows[r];
            double at = row.Expected + ranked.Skip(shown.Length).Sum(f => Finite(row.Attributions[f]));
            for (int i = shown.Length; i >= 0; i--)
            {
                if (i < shown.Length) at += Finite(row.Attributions[shown[i]]);
                values.Add(new JsonObject { ["r"] = r, ["x"] = Round(at), ["y"] = i - 0.5, ["c"] = color(row.Score), ["t"] = row.Name });
            }
        }
        JsonObject y = StripAxis(shown.Length);
        y["axis"]!["grid"] = true;
        JsonObject shade = ValueColor("score");
        shade.Remove("condition");
        return Rows($"Decision plot of {table.Rows.Count} rows: lines from the expected value to the score, feature by feature. {Strongest(shown.Select(f => table.Features[f]))}", shown.Select(f => table.Features[f]), values,
            new JsonObject
            {
                ["x"] = new JsonObject { ["field"] = "x", ["type"] = "quantitative", ["title"] = "score", ["scale"] = new JsonObject { ["zero"] = false }, ["axis"] = new JsonObject { ["format"] = ".6~g", ["tickCount"] = 6 } },
                ["y"] = y,
            },
            [
                new JsonObject
                {
                    ["mark"] = new JsonObject { ["type"] = "line", ["strokeWidth"] = 1.2, ["opacity"] = 0.65 },
                    ["encoding"] = new JsonObject { ["detail"] = new JsonObject { ["field"] = "r", ["type"] = "nominal" }, ["order"] = new JsonObject { ["field"] = "y", ["type"] = "quantitative" }, ["color"] = shade, ["tooltip"] = Tooltip(("t", "row"), ("x", "score so far")) },
                },
            ], height: shown.Length * RowHeight + 12);
    }

    /// <summary>The forces of several rows side by side, in the order of their clusters: below the score what raises it, above what lowers it, each feature a band.</summary>
    public static string Forces(ExplainedTable table, int top = 8)
    {
        ArgumentNullException.ThrowIfNull(table);
        int[] ranked = Shown(table, table.Features.Count), shown = ranked[..Math.Min(top, ranked.Length)], order = TableOrder.Clustered(table);
        JsonArray values = [];
        for (int i = 0; i < order.Length; i++)
        {
            ExplainedRow row = table.Rows[order[i]];
            double below = row.Score, above = row.Score;
            void Band(string label, double size, int rank)
            {
                if (size == 0 || !double.IsFinite(size)) return;
                double from = size > 0 ? below - size : above, to = from + Math.Abs(size);
                if (size > 0) below = from;
                else above = to;
                values.Add(new JsonObject { ["i"] = i, ["i2"] = i + 1, ["y"] = Round(from), ["y2"] = Round(to), ["c"] = size > 0 ? Positive : Negative, ["o"] = Math.Round(0.95 - 0.6 * rank / (top + 1), 2), ["t"] = $"{row.Name}: {label}", ["v"] = NumberText.Signed(size) });
            }
            for (int k = 0; k < shown.Length; k++) Band($"{table.Features[shown[k]]} {NumberText.Printed(row.Values[shown[k]])}", row.Attributions[shown[k]], k);
            double rest = ranked.Skip(shown.Length).Sum(f => Finite(row.Attributions[f]));
            Band($"{ranked.Length - shown.Length} other features", rest, top);
        }
        return Plot($"Forces of {order.Length} rows side by side, like beside like: orange below the score raises it, blue above lowers it.", 260, values, new JsonObject { ["type"] = "rect" }, new JsonObject
        {
            ["x"] = new JsonObject { ["field"] = "i", ["type"] = "quantitative", ["title"] = "rows, like beside like", ["scale"] = new JsonObject { ["domain"] = new JsonArray(0, order.Length), ["nice"] = false }, ["axis"] = new JsonObject { ["labels"] = false, ["ticks"] = false, ["grid"] = false } },
            ["x2"] = new JsonObject { ["field"] = "i2" },
            ["y"] = new JsonObject { ["field"] = "y", ["type"] = "quantitative", ["title"] = "score", ["scale"] = new JsonObject { ["zero"] = false }, ["axis"] = new JsonObject { ["format"] = ".6~g", ["tickCount"] = 6 } },
            ["y2"] = new JsonObject { ["field"] = "y2" },
            ["color"] = new JsonObject { ["field"] = "c", ["type"] = "nominal", ["scale"] = null, ["legend"] = null },
            ["opacity"] = new JsonObject { ["field"] = "o", ["type"] = "quantitative", ["scale"] = null, ["legend"] = null },
            ["tooltip"] = Tooltip(("t", "row"), ("v", "attribution")),
        });
    }

    private static double Finite(double value) => double.IsFinite(value) ? value : 0;
}
