using System.Globalization;
using System.Text.Json;
using Limn.Cli.Commands;
using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Engine;
using Limn.Propagation;
using Limn.Reports;

namespace Limn.Cli.Outputs;

/// <summary>The files of an explanation.</summary>
internal static class ExplanationFiles
{
    private const int Schema = 1;
    private const int TopCount = 5;

    /// <summary>Adds attribution.npy (and attribution.tokens.npy, for tokens), standard-error.npy, heatmap.png, report.html and explanation.json to a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="explanation">The explanation.</param>
    /// <param name="below">The sub-folder, with a slash at its end, of one of several explanations, which share a page; empty for a single one, which has its own.</param>
    /// <returns>The JSON document.</returns>
    public static byte[] AddTo(OutputFolder folder, Explanation explanation, string below = "")
    {
        Attribution attribution = explanation.Attribution;
        var taken = new HashSet<string>();
        foreach (AttributedTensor tensor in attribution.Tensors)
        {
            string suffix = attribution.Tensors.Count == 1 ? "" : "." + OutputFolder.SafeName(tensor.Name, taken);
            folder.Add($"{below}attribution{suffix}.npy", Npy.Of(tensor.Values));
            if (tensor.IsEmbedding) folder.Add($"{below}attribution.tokens{suffix}.npy", Npy.Of((attribution with { Tensors = [tensor] }).PerToken()[0].Values));
            if (tensor.StandardError is { } error) folder.Add($"{below}standard-error{suffix}.npy", Npy.Of(error));
        }
        if (Interactions(attribution) is { } interactions) folder.Add($"{below}interactions.npy", Npy.Of(interactions));
        foreach (var (name, spec) in ChartFiles.Of(explanation)) folder.Add(below + name, spec);
        Limn.Reports.GlobalSection? global = below.Length == 0 ? GlobalViews.SectionOf(explanation) : null;
        if (global is not null)
            foreach (var (name, spec) in GlobalViews.Files(global)) folder.Add(name, spec);
        for (int r = 0; r < explanation.Rows; r++)
            if (HeatMaps.Of(explanation, r, new HeatMapOptions()) is { } map)
                folder.Add(below + (r == 0 ? "heatmap.png" : $"heatmap.{r.ToString(CultureInfo.InvariantCulture)}.png"), PngFile.Encode(map.Picture));
        if (below.Length == 0) folder.Add("report.html", HtmlReport.ToBytes(ExplanationReport.Of(explanation, global)));
        byte[] document = Json(explanation);
        folder.Add(below + "explanation.json", document);
        return document;
    }

    private static byte[] Json(Explanation explanation) => JsonText.Object(json =>
    {
        Attribution attribution = explanation.Attribution;
        json.WriteNumber("schema", Schema);
        json.WriteString("method", attribution.Method);
        json.WriteStartObject("options");
        foreach (var (name, value) in attribution.Options) json.Plain(name, value);
        json.WriteEndObject();
        foreach (string setting in (ReadOnlySpan<string>)["baseline", "background", "mask", "neuron"])
            json.WriteString(setting, explanation.Settings.FirstOrDefault(s => s.Name == setting).Value);
        json.WriteString("target", attribution.Target);
        if (attribution.TargetClasses is null) json.WriteNull("targetClasses");
        else json.List("targetClasses", attribution.TargetClasses, json.WriteNumberValue);
        json.WriteString("at", attribution.At);
        json.Strings("explained", attribution.Tensors.Select(t => t.Name));
        json.Numbers("prediction", attribution.Prediction);
        json.Numbers("baselinePrediction", attribution.BaselinePrediction);
        json.Numbers("convergenceDelta", attribution.ConvergenceDelta);
        json.Numbers("standardError", LargestErrors(attribution));
        WriteConservation(json, attribution.Conservation);
        json.Strings("flags", FlagsOf(attribution));
        json.Strings("remarks", attribution.Remarks);
        json.WriteNumber("seed", attribution.Seed);
        json.Numbers("expectedValue", attribution.ExpectedValue);
        WriteFeatures(json, explanation.Features);
        json.WriteNumber("modelCalls", attribution.ModelCalls);
        json.WriteNumber("elapsedSeconds", attribution.Elapsed.TotalSeconds);
        if (explanation.Scores is { } scores)
        {
            json.WriteString("scores", scores.AreProbabilities ? "probabilities" : "scores");
            json.List("topClasses", Enumerable.Range(0, explanation.Rows), row =>
            {
                json.WriteStartObject();
                PredictCommand.WriteTop(json, "classes", scores, explanation.Labels, row, TopCount);
                json.WriteEndObject();
            });
        }
        else
        {
            json.WriteNull("scores");
            json.WriteNull("topClasses");
        }
        json.Objects("inputs", explanation.Inputs, input =>
        {
            json.WriteString("name", input.Name);
            json.Strings("files", input.Files.Select(f => Path.GetFileName(f)));
            json.List("shape", input.Array.Dims.ToArray(), json.WriteNumberValue);
        });
        WriteOrigin(json, explanation);
    });

    /// <summary>The flags that are set, by name.</summary>
    public static IEnumerable<string> FlagsOf(Attribution attribution) =>
        Enum.GetValues<AttributionFlags>().Where(f => f != AttributionFlags.None && attribution.Flags.HasFlag(f)).Select(f => f.ToString());

    /// <summary>The model and the version of Limn.</summary>
    public static void WriteOrigin(Utf8JsonWriter json, Explanation explanation)
    {
        json.WriteStartObject("model");
        json.WriteString("file", explanation.ModelName);
        json.WriteString("sha256", explanation.Sha256);
        json.WriteEndObject();
        json.WriteString("limn", LimnCommand.Version);
    }

    /// <summary>What each layer of each checked row received and passed on; null where it was not checked.</summary>
    private static void WriteConservation(Utf8JsonWriter json, IReadOnlyList<Conservation>? conservation)
    {
        if (conservation is null) json.WriteNull("conservation");
        else json.Objects("conservation", conservation, row =>
        {
            json.WriteNumber("row", row.Row);
            json.Number("score", row.Score);
            json.Number("delivered", row.Delivered);
            json.Objects("layers", row.LayerSums, layer =>
            {
                json.WriteString("layer", layer.Layer);
                json.WriteString("operator", layer.Operator);
                json.Number("arrived", layer.Arrived);
                json.Number("sent", layer.Sent);
                json.Number("remaining", layer.Remaining);
            });
        });
    }

    /// <summary>For each row what each feature contributed; null where features have neither names nor values.</summary>
    private static void WriteFeatures(Utf8JsonWriter json, IReadOnlyList<IReadOnlyList<Explained>>? rows)
    {
        if (rows is null) json.WriteNull("features");
        else json.List("features", rows, row =>
        {
            json.WriteStartArray();
            foreach (Explained feature in row)
            {
                json.WriteStartObject();
                json.WriteString("name", feature.Feature);
                json.WriteString("value", feature.Value);
                json.Number("attribution", feature.Attribution);
                json.Number("standardError", feature.StandardError);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        });
    }

    /// <summary>The interaction values of each row, [rows, features, features]; null where there are none, or the rows have other numbers of features.</summary>
    private static NdArray? Interactions(Attribution attribution)
    {
        if (attribution.Players is not [var first, ..] players || players.Any(p => p.Solution.Interactions is null || p.Players.Count != first.Players.Count)) return null;
        return new NdArray([.. players.SelectMany(p => p.Solution.Interactions!.Select(v => (float)v))], players.Count, first.Players.Count, first.Players.Count);
    }

    /// <summary>The largest standard error of each row; all of them are in standard-error.npy.</summary>
    private static double[]? LargestErrors(Attribution attribution)
    {
        if (attribution.Tensors.All(t => t.StandardError is null)) return null;
        var largest = new double[attribution.Prediction.Count];
        foreach (AttributedTensor tensor in attribution.Tensors)
        {
            float[] errors = tensor.StandardError?.ToDenseArray() ?? [];
            int inner = errors.Length / largest.Length;
            for (int i = 0; i < errors.Length; i++) largest[i / inner] = Math.Max(largest[i / inner], errors[i]);
        }
        return largest;
    }
}
