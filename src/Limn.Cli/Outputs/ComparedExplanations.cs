using Limn.Cli.Inputs;
using Limn.Data;

namespace Limn.Cli.Outputs;

/// <summary>Several explanations of the same rows: all that files, pages and the terminal show of them.</summary>
/// <param name="Comparison">What the methods said.</param>
/// <param name="Explanations">Each of them, in the order of the comparison.</param>
/// <param name="LeftOut">The methods that did not answer, with the reason.</param>
internal sealed record ComparedExplanations(Comparison Comparison, IReadOnlyList<Explanation> Explanations, IReadOnlyList<MethodFailure> LeftOut)
{
    public IReadOnlyList<string> Names => [.. Explanations.Select(e => e.Attribution.Method)];

    public Explanation First => Explanations[0];

    /// <summary>The methods that were left out for the same reason, together.</summary>
    public IEnumerable<(string Methods, string Reason)> LeftOutTogether => LeftOut.GroupBy(f => f.Reason).Select(g => (string.Join(", ", g.Select(f => f.Method)), g.Key));
}

/// <summary>The files of a comparison: a folder for each method, and beside them what compares them.</summary>
internal static class ComparisonFiles
{
    private const int Schema = 1;
    private const int SheetColumns = 6;
    private const int SheetRows = 8;

    /// <summary>Adds METHOD/attribution.npy, METHOD/explanation.json and METHOD/heatmap.png for each method, and heatmaps.png, report.html and comparison.json.</summary>
    /// <returns>comparison.json.</returns>
    public static byte[] AddTo(OutputFolder folder, ComparedExplanations compared)
    {
        foreach (Explanation explanation in compared.Explanations) ExplanationFiles.AddTo(folder, explanation, explanation.Attribution.Method + "/");
        if (Sheet(compared) is { } sheet) folder.Add("heatmaps.png", PngFile.Encode(sheet));
        folder.Add("report.html", Limn.Reports.HtmlReport.ToBytes(ComparisonReport.Of(compared)));
        byte[] document = Json(compared);
        folder.Add("comparison.json", document);
        return document;
    }

    /// <summary>The heat maps with their methods' names, and before those of each row the picture itself; null where there are none.</summary>
    private static Image? Sheet(ComparedExplanations compared)
    {
        List<IReadOnlyList<Image>> rows = [];
        for (int r = 0; r < Math.Min(compared.First.Rows, SheetRows); r++)
        {
            var pictures = new List<Image>();
            foreach (Explanation explanation in compared.Explanations)
                if (HeatMaps.Of(explanation, r, new Limn.Reports.HeatMapOptions { ColorBar = false }) is { } map)
                    pictures.Add(Limn.Reports.ContactSheet.Labelled(map.Picture, explanation.Attribution.Method));
            if (pictures.Count == 0) return null;
            if (HeatMaps.Background(compared.First.PictureInput, r) is { } input) pictures.Insert(0, Limn.Reports.ContactSheet.Labelled(ExplanationReport.Enlarged(input), "input"));
            rows.AddRange(pictures.Chunk(SheetColumns));
        }
        return Limn.Reports.ContactSheet.Compose(rows);
    }

    private static byte[] Json(ComparedExplanations compared) => JsonText.Object(json =>
    {
        Comparison comparison = compared.Comparison;
        Attribution first = compared.First.Attribution;
        json.WriteNumber("schema", Schema);
        json.Strings("methods", compared.Names);
        json.WriteString("target", first.Target);
        if (first.TargetClasses is null) json.WriteNull("targetClasses");
        else json.List("targetClasses", first.TargetClasses, json.WriteNumberValue);
        json.Numbers("prediction", first.Prediction);
        json.Objects("explanations", compared.Explanations, explanation =>
        {
            Attribution a = explanation.Attribution;
            json.WriteString("method", a.Method);
            json.WriteString("folder", a.Method);
            json.WriteString("at", a.At);
            json.WriteStartObject("options");
            foreach (var (name, value) in a.Options) json.Plain(name, value);
            json.WriteEndObject();
            json.Numbers("convergenceDelta", a.ConvergenceDelta);
            json.Strings("flags", ExplanationFiles.FlagsOf(a));
            json.Strings("remarks", a.Remarks);
            json.WriteNumber("modelCalls", a.ModelCalls);
            json.WriteNumber("elapsedSeconds", a.Elapsed.TotalSeconds);
        });
        json.Objects("leftOut", compared.LeftOut, f =>
        {
            json.WriteString("method", f.Method);
            json.WriteString("reason", f.Reason);
        });
        int count = compared.Explanations.Count;
        void Matrix(string name, Func<Agreement, double> of) => json.List(name, Enumerable.Range(0, count), a =>
        {
            json.WriteStartArray();
            for (int b = 0; b < count; b++) json.Number(a == b ? 1 : of(comparison.Between(a, b)));
            json.WriteEndArray();
        });
        Matrix("rankCorrelation", a => a.Correlation);
        Matrix("absoluteRankCorrelation", a => a.AbsoluteCorrelation);
        Matrix("topOverlap", a => a.TopOverlap);
        json.Objects("notes", comparison.Agreements.Where(a => a.Note.Length > 0), a =>
        {
            json.Strings("methods", [compared.Names[a.First], compared.Names[a.Second]]);
            json.WriteString("note", a.Note);
        });
        json.WriteNumber("seed", first.Seed);
        json.WriteNumber("sharedModelCalls", comparison.SharedModelCalls);
        json.WriteNumber("modelCalls", comparison.ModelCalls);
        json.WriteNumber("elapsedSeconds", comparison.Elapsed.TotalSeconds);
        ExplanationFiles.WriteOrigin(json, compared.First);
    });
}
