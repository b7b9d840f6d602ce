using System.Globalization;
using System.Text.RegularExpressions;
using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Engine;
using Limn.Propagation;
using Limn.Reports;

namespace Limn.Cli.Outputs;

/// <summary>An explanation as a page.</summary>
internal static partial class ExplanationReport
{
    private const int MostRows = 8;
    private const int MostFeatures = 500;
    private const int MostTokens = 4096;
    private const int MostLeaks = 12;
    private const int TopCount = 5;

    public static Report Of(Explanation explanation, GlobalSection? global = null)
    {
        string title = $"{MethodTexts.For(explanation.Attribution.Method).Title} of {explanation.ModelName}";
        return new Report(title, Summary(explanation), [.. global is null ? Array.Empty<ReportSection>() : [global], .. Sections(explanation)]) { Footer = Footer };
    }

    public static string Footer => $"Written by Limn {LimnCommand.Version}. This file is self-contained: it loads nothing and sends nothing.";

    /// <summary>A section for each of the first rows.</summary>
    public static IReadOnlyList<ReportSection> Sections(Explanation explanation) => [.. Enumerable.Range(0, Math.Min(explanation.Rows, MostRows)).Select(r => Section(explanation, r))];

    /// <summary>The files that were fed, by name.</summary>
    public static string Files(Explanation explanation) => string.Join(", ", explanation.Inputs.SelectMany(i => i.Files).Select(f => Path.GetFileName(f)).Distinct().Take(8));

    private static string Summary(Explanation explanation)
    {
        string shown = explanation.Rows > MostRows ? $" The first {MostRows} of {explanation.Rows} rows are shown." : "";
        string place = explanation.Attribution.At is { } at ? $" Explained at the layer {at}." : "";
        return $"Input: {Files(explanation)}.{place}{shown}";
    }

    public static ExplanationSection Section(Explanation explanation, int row)
    {
        Attribution attribution = explanation.Attribution;
        HeatMapResult? map = HeatMaps.Of(explanation, row, new HeatMapOptions { ColorBar = false });
        var parts = Superpixels.Of(explanation, row);
        Image? picture = map is null ? null : HeatMaps.Background(explanation.PictureInput, row);
        string answer = explanation.Scores?.Top(row, 1)[0] is { } best && explanation.Scores.Classes > 1 ? $": {explanation.Labels.NameOf(best.Index)}" : "";
        return new ExplanationSection(explanation.RowTitle(row) + answer, attribution.Method, explanation.ModelName, explanation.TargetOf(row))
        {
            Prediction = $"The {explanation.TargetOf(row)} is {Numbers.Text(attribution.Prediction[row])}{(attribution.BaselinePrediction is { } at ? $", and at the baseline {Numbers.Text(at[row])}" : "")}.",
            TopClasses = TopClasses(explanation, row),
            ScoresAreProbabilities = explanation.Scores?.AreProbabilities ?? false,
            Input = picture is null ? null : new ReportPicture(PngFile.Encode(Enlarged(picture)), "Input", InputCaption(explanation), $"The picture that the model saw: {explanation.RowTitle(row)}."),
            HeatMaps = map is null ? [] : [.. parts is { } ranked ? [ranked.Picture] : Array.Empty<ReportPicture>(), new ReportPicture(PngFile.Encode(map.Picture), MethodTexts.For(attribution.Method).Title, "", $"Heat map of the {explanation.TargetOf(row)}.") { Legend = ColorLegend.Of(map) }],
            Tokens = Tokens(explanation, row),
            Tables = attribution.Conservation?.FirstOrDefault(c => c.Row == row) is { } conservation ? [ConservationTable(conservation)] : parts is { } listed ? [listed.Table] : [],
            Contributions = map is null ? Contributions(explanation, row) : [],
            ExpectedValue = explanation.Features is null ? null : attribution.ExpectedValue?[row],
            Score = attribution.Prediction[row],
            Interactions = map is null ? ChartFiles.Pairs(explanation, row) : null,
            Options = [.. attribution.Options.Select(o => new NamedValue(o.Key, Plain(o.Value))), .. explanation.Settings.Select(s => new NamedValue(s.Name, s.Value))],
            Delta = attribution.ConvergenceDelta?[row],
            Flags = [.. ExplanationFiles.FlagsOf(attribution)],
            Diagnostics = [.. Findings(attribution, row), .. (map?.Remarks ?? []).Select(r => new Diagnostic(DiagnosticKind.Warning, r))],
            Seed = attribution.Tensors.Any(t => t.StandardError is not null) ? (long)attribution.Seed : null,
            Elapsed = attribution.Elapsed,
            ModelCalls = attribution.ModelCalls,
        };
    }

    private static string InputCaption(Explanation explanation) => explanation.PictureInput is { Pictures: null } ? "The numbers of the input, from the smallest (black) to the largest (white)." : "";

    /// <summary>Small pictures are enlarged by whole numbers, as heat maps are.</summary>
    public static Image Enlarged(Image picture)
    {
        int longest = Math.Max(picture.Width, picture.Height), times = longest >= 192 ? 1 : (255 + longest) / longest;
        if (times == 1) return picture;
        var large = new Image(picture.Width * times, picture.Height * times, picture.Channels);
        for (int y = 0; y < large.Height; y++)
            for (int x = 0; x < large.Width; x++) picture[x / times, y / times].CopyTo(large[x, y]);
        return large;
    }

    private static List<ClassScore> TopClasses(Explanation explanation, int row)
    {
        if (explanation.Scores is not { Classes: > 1 } scores) return [];
        int? target = explanation.Attribution.Target.Contains(':') ? null : explanation.Attribution.TargetClasses?[row];
        List<RankedClass> top = [.. scores.Top(row, TopCount)];
        if (target is { } k && k < scores.Classes && top.TrueForAll(c => c.Index != k)) top.Add(new RankedClass(k, scores.Score(row, k)));
        return top.ConvertAll(c => new ClassScore(explanation.Labels.NameOf(c.Index), c.Score) { IsTarget = c.Index == target });
    }

    /// <summary>The remarks about this row or about all of them. Completeness is good news unless the sum is off.</summary>
    public static IEnumerable<Diagnostic> Findings(Attribution attribution, int row)
    {
        foreach (string remark in attribution.Remarks)
        {
            Match about = RowPrefix().Match(remark);
            if (about.Success && about.Groups["row"].Value != row.ToString(CultureInfo.InvariantCulture)) continue;
            string text = remark[about.Length..];
            bool completeness = attribution.ConvergenceDelta is not null && text.Contains("add up to", StringComparison.Ordinal);
            bool off = attribution.Flags.HasFlag(AttributionFlags.DeltaLarge) || (about.Success && !completeness);
            yield return new Diagnostic(!completeness && !about.Success ? DiagnosticKind.Warning : off ? DiagnosticKind.Note : DiagnosticKind.Passed, char.ToUpperInvariant(text[0]) + text[1..]);
        }
    }

    [GeneratedRegex(@"^Row (?<row>\d+): ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RowPrefix();

    /// <summary>
    /// What each feature adds: the columns of tables, the positions of sequences (summed over their channels), the elements of anything else.
    /// Of very many, the strongest.
    /// </summary>
    public static List<Contribution> Contributions(Explanation explanation, int row)
    {
        if (explanation.Features?[row] is { } features) return Strongest(ChartFiles.Contributions(features));
        List<Contribution> all = [];
        foreach (AttributedTensor tensor in explanation.Attribution.Tensors)
        {
            int[] dims = tensor.Values.Dims();
            if (dims.Length == 0 || dims[0] != explanation.Rows) continue;
            float[] values = tensor.Values.ToDenseArray();
            int inner = values.Length / dims[0];
            FilledInput? input = explanation.Inputs.FirstOrDefault(i => i.Name == tensor.TokensOf) ?? explanation.Inputs.FirstOrDefault(i => i.Name == tensor.Name && i.Array.Length == values.Length)
                ?? (explanation.Inputs is [var only] && dims.Length == only.Array.Rank + 1 && only.Array.Dims.SequenceEqual(dims.AsSpan(0, dims.Length - 1)) ? only : null);
            int grouped = input is not null && input.Array.Length < values.Length ? dims[^1] : input is null && dims.Length == 3 && dims[1] > 1 ? dims[2] : 1;
            string prefix = explanation.Attribution.Tensors.Count > 1 ? tensor.Name + " " : "";
            for (int f = 0; f < inner / grouped; f++)
            {
                double sum = 0;
                foreach (float v in values.AsSpan(row * inner + f * grouped, grouped)) sum += v;
                all.Add(new Contribution(prefix + NameOf(input, f, dims, grouped), ValueOf(input, row, f, inner / grouped, tensor.TokensOf is null ? Vocabulary.None : explanation.Vocabulary), sum));
            }
        }
        return Strongest(all);
    }

    private static List<Contribution> Strongest(List<Contribution> all)
    {
        return all.Count <= MostFeatures ? all : [.. all.OrderByDescending(c => Math.Abs(c.Attribution)).Take(MostFeatures)];
    }

    /// <summary>The tokens of a row with one number each: the embedding's attributions summed, or what a method says of tokens itself.</summary>
    private static List<ReportToken> Tokens(Explanation explanation, int row)
    {
        if (WordsOf(explanation, row) is { } words) return words;
        foreach (AttributedTensor tensor in explanation.Attribution.PerToken())
        {
            if (explanation.Inputs.FirstOrDefault(i => i.Name == tensor.TokensOf && i.Array.Type.IsInteger()) is not { } ids) continue;
            float[] values = tensor.Values.ToDenseArray();
            int length = ids.Array.Length / explanation.Rows;
            if (values.Length != ids.Array.Length || length > MostTokens) continue;
            return [.. Enumerable.Range(row * length, length).Select(i => new ReportToken(explanation.Vocabulary.TextOf(ids.Array.Integers[i]), values[i]))];
        }
        return [];
    }

    /// <summary>The parts of a text that played a game, in the order of the text; null where no text, or a whole one, was the player.</summary>
    private static List<ReportToken>? WordsOf(Explanation explanation, int row) =>
        explanation.Inputs is [{ Array: var text }] && text.Type.Storage() == Storage.String && text.Length == explanation.Rows
            && explanation.Attribution.Players?[row] is { Players.Names: { Count: > 1 and <= MostTokens } names } played
            ? [.. names.Select((word, p) => new ReportToken(word, played.Solution.Values[p]))] : null;

    /// <summary>The layers that lost most, in the order that relevance passed them.</summary>
    private static ReportTable ConservationTable(Conservation conservation)
    {
        HashSet<LayerRelevance> most = [.. conservation.Leaks().Take(MostLeaks)];
        string all = $"{Numbers.Text(conservation.Score)} started at the target and {Numbers.Text(conservation.Delivered)} arrived where the explanation is.";
        string[] columns = ["Layer", "Received", "Passed on", "Lost", "Remaining"];
        return new ReportTable("Where relevance was lost", most.Count == 0 ? [] : columns, [.. conservation.LayerSums.Where(most.Contains).Select(l =>
            new ReportRow($"{l.Layer} ({l.Operator})", [.. new[] { l.Arrived, l.Sent, l.Lost, l.Remaining }.Select(v => new ReportCell(Numbers.Text(v)))]))])
        {
            Caption = most.Count == 0 ? $"{all} No layer lost a thousandth of it." : $"{all} The layers that lost most, from the target backwards; all are in explanation.json. Biases, stabilisers and softmax absorb what is lost; a loss below zero was added.",
        };
    }

    private static string NameOf(FilledInput? input, int feature, int[] dims, int grouped)
    {
        if (input?.Columns is { } columns && feature < columns.Count) return columns[feature];
        int[] shape = grouped > 1 ? dims[1..^1] : dims[1..];
        var index = new int[shape.Length];
        for (int i = shape.Length - 1, rest = feature; i >= 0; rest /= shape[i--]) index[i] = rest % shape[i];
        return $"{(grouped > 1 ? "position" : "element")} {string.Join(',', index)}";
    }

    private static string ValueOf(FilledInput? input, int row, int feature, int features, Vocabulary vocabulary)
    {
        if (input is null) return "";
        int at = row * features + feature;
        return input.Array.Type.Storage() switch
        {
            Storage.Float => Numbers.Text(input.Array.Floats[at]),
            Storage.Integer => vocabulary.TextOf(input.Array.Integers[at]),
            Storage.Boolean => input.Array.Booleans[at] ? "true" : "false",
            _ => input.Array.Strings[at],
        };
    }

    private static string Plain(object? value) => value switch
    {
        null => "automatic",
        bool flag => flag ? "true" : "false",
        double number => Numbers.Text(number),
        _ => value.ToString() ?? "",
    };
}
