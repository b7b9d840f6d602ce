using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Data;
using Limn.Reports;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Cli.Commands;

/// <summary>What is asked of a table that is explained row by row, as it is read.</summary>
internal sealed record StreamedQuestion(ModelSource Model, TreeShapMethod Method, string Input, OutputFolder Folder)
{
    public IReadOnlyList<string> Dropped { get; init; } = [];

    public string? Truth { get; init; }

    public FeatureSchema? Schema { get; init; }

    public int? Output { get; init; }

    public ulong Seed { get; init; }

    public bool Resume { get; init; }

    public string? Cohorts { get; init; }

    /// <summary>Everything that decides the values beside the model and the rows, in words.</summary>
    public string Asked { get; init; } = "";

    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];
}

/// <summary><c>limn explain</c> of more rows than fit into memory: values go to files as they come, and the page shows all rows together.</summary>
internal static class StreamedExplain
{
    private const int Schema = 1;

    /// <summary>Tables of more rows are streamed.</summary>
    public const int ManyRows = 5000;

    /// <summary>Whether a file is a table of many rows, without reading all of it.</summary>
    public static bool IsLong(string path)
    {
        if (!File.Exists(path) || Path.GetExtension(path).ToLowerInvariant() is not (".csv" or ".tsv" or ".txt" or ".npy")) return false;
        using FileStream file = File.OpenRead(path);
        if (file.ReadByte() == 0x93)
        {
            using TableStream table = TableStream.Open(path);
            return table.Rows > ManyRows;
        }
        file.Position = 0;
        var buffer = new byte[1 << 16];
        long lines = 0;
        int read;
        while (lines <= ManyRows + 1 && (read = file.Read(buffer)) > 0) lines += buffer.AsSpan(0, read).Count((byte)'\n');
        return lines > ManyRows + 1;
    }

    /// <returns>explanation.json.</returns>
    public static byte[] Run(CommandContext context, StreamedQuestion asked, bool quiet)
    {
        long started = Stopwatch.GetTimestamp();
        TreeEnsemble model = asked.Method.Trees!;
        (TreeShap shap, Games.Players players) = asked.Method.Explainer(asked.Schema);
        if (asked.Output >= model.Outputs) throw new InvalidTargetException($"There is no class {asked.Output}: the model has {model.Outputs} outputs.");
        using TableStream rows = TableStream.Open(asked.Input);
        IReadOnlyList<string>? columns = Choose(rows, asked, model);
        var stream = new TreeShapStream(model, shap, players)
        {
            Output = asked.Output,
            AllOutputs = asked.Method.AllOutputs ?? (shap.Outputs > 1 && asked.Output is null),
            Interactions = asked.Method.Interactions,
            HasTruth = asked.Truth is not null,
            Seed = asked.Seed,
            AddsUp = asked.Method.Values != TreeValues.Banzhaf,
        };
        string aside = asked.Resume ? asked.Folder.Path + ".partial" : Path.Combine(Path.GetDirectoryName(asked.Folder.Path)!, $".limn-{Guid.NewGuid():N}");
        var progress = new RowProgress(context);
        bool keep = asked.Resume;
        try
        {
            Directory.CreateDirectory(aside);
            if (asked.Resume) CheckState(aside, asked);
            StreamedValues values = stream.Run(rows, aside, progress, context.Cancellation);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
            string[] names = [.. Enumerable.Range(0, players.Count).Select(p => players.Names?[p] ?? columns?[p] ?? players.NameOf(p))];
            byte[] document = Write(asked, shap, values, names, [.. Enumerable.Range(0, players.Count).Select(p => Enumerable.Range(0, model.Features).Where(f => players.Of[0][f] == p).ToArray())], aside, elapsed);
            context.Cancellation.ThrowIfCancellationRequested();
            asked.Folder.Write();
            keep = false;
            progress.Clear();
            if (!quiet) Print(context, asked, values, names, elapsed);
            return document;
        }
        catch (OperationCanceledException e) when (asked.Resume)
        {
            throw new LimnException($"cancelled after {Numbers.Count(progress.Rows)} rows, which are kept in '{aside}'; the same command with --resume goes on from there.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LimnException($"'{aside}' cannot be written: {e.Message} Choose a folder that may be written to.", e);
        }
        finally
        {
            progress.Clear();
            if (!keep && Directory.Exists(aside)) Directory.Delete(aside, recursive: true);
        }
    }

    /// <summary>Chooses the model's features among the columns, and after them the right answer.</summary>
    /// <returns>The features' names; null where the table has none.</returns>
    private static string[]? Choose(TableStream rows, StreamedQuestion asked, TreeEnsemble model)
    {
        IReadOnlyList<string> names = rows.ColumnNames ?? [];
        if (asked.Dropped.FirstOrDefault(d => !names.Contains(d)) is { } unused) throw new InvalidDataException($"'{asked.Input}' has no column '{unused}' to drop; the columns are {string.Join(", ", names.Take(20))}.");
        int truth = asked.Truth is null ? -1 : Enumerable.Range(0, names.Count).FirstOrDefault(c => names[c] == asked.Truth, -1);
        if (asked.Truth is not null && truth < 0) throw new InvalidDataException($"'{asked.Input}' has no column '{asked.Truth}' of right answers; of many rows they must be a column of the table. Its columns are {string.Join(", ", names.Take(20))}.");
        int[] kept = [.. Enumerable.Range(0, rows.Columns).Where(c => c != truth && (names.Count == 0 || !asked.Dropped.Contains(names[c])))];
        ModelInput input = asked.Model.Inputs[0];
        kept = InputReader.ByName(asked.Schema is { } schema ? input with { Columns = schema.Columns } : input, names, kept);
        if (kept.Length != model.Features)
            throw new ShapeMismatchException($"'{asked.Input}' has {kept.Length} columns, and the model takes {model.Features} features{(model.FeatureNames.Count > 0 ? $" ({string.Join(", ", model.FeatureNames.Take(20))})" : "")}.{(kept.Length > model.Features ? " Leave columns out with --drop-column NAME." : "")}");
        rows.Keep(truth < 0 ? kept : [.. kept, truth]);
        return names.Count == 0 ? null : [.. kept.Select(c => names[c])];
    }

    /// <summary>Notes what the partial files belong to, or sees to it that they belong to the same.</summary>
    private static void CheckState(string aside, StreamedQuestion asked)
    {
        var file = new FileInfo(asked.Input);
        string text = $"{asked.Model.Sha256}\n{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}\n{asked.Asked}\n";
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), path = Path.Combine(aside, "state.txt");
        if (!File.Exists(path))
        {
            if (Directory.EnumerateFileSystemEntries(aside).Any()) throw new LimnException($"'{aside}' is in the way of what --resume keeps; move it away.");
            File.WriteAllText(path, hash);
        }
        else if (File.ReadAllText(path) != hash)
        {
            throw new LimnException($"'{aside}' was left by another command: the model, the rows or an option were others. Delete it to begin anew.");
        }
    }

    private static byte[] Write(StreamedQuestion asked, TreeShap shap, StreamedValues values, string[] names, int[][] columns, string aside, TimeSpan elapsed)
    {
        FeatureImportance[] importance = [.. names.Select((n, p) => new FeatureImportance(n, values.MeanAbsolute[p], values.StandardError[p]))];
        ExplainedTable table = GlobalViews.TableOf(values, names, columns);
        var section = new GlobalSection($"All {Numbers.Count(values.Rows)} rows", $"Importance is counted over all rows; the other charts show up to {Numbers.Count(values.Sample.Count)} of them, drawn at random with the seed {asked.Seed}.",
            GlobalCharts.Of(table, importance, GlobalViews.ColumnOf(table, asked.Cohorts)), [GlobalViews.TableOf(importance)]);
        foreach (var (name, spec) in GlobalViews.Files(section)) asked.Folder.Add(name, spec);
        foreach (string name in (string[])["attribution.npy", "prediction.npy", "interactions.npy"])
            if (File.Exists(Path.Combine(aside, name))) asked.Folder.Take(name, Path.Combine(aside, name));
        string title = $"{MethodTexts.For(asked.Method.Name).Title} of {asked.Model.Name}";
        asked.Folder.Add("report.html", HtmlReport.ToBytes(new Report(title, $"Input: {Path.GetFileName(asked.Input)}, {Numbers.Count(values.Rows)} rows. {Kind(shap)}", [section]) { Footer = ExplanationReport.Footer }));
        byte[] document = JsonText.Object(json =>
        {
            json.WriteNumber("schema", Schema);
            json.WriteString("method", asked.Method.Name);
            json.WriteStartObject("options");
            foreach (var (name, value) in MethodRegistry.OptionsOf(asked.Method)) json.Plain(name, value);
            json.WriteEndObject();
            foreach (var (name, value) in asked.Settings) json.WriteString(name, value);
            json.WriteString("target", asked.Output is { } k ? $"class {k}" : "predicted class");
            json.WriteString("kind", shap.Kind == TreeShapKind.PathDependent ? "path-dependent" : "interventional");
            json.WriteBoolean("streamed", true);
            json.WriteNumber("rows", values.Rows);
            json.Numbers("expectedValue", values.ExpectedValue.Length == 0 ? null : values.ExpectedValue);
            json.Number("largestConvergenceDelta", values.LargestDelta);
            json.Objects("importance", Enumerable.Range(0, names.Length), p =>
            {
                json.WriteString("name", names[p]);
                json.Number("meanAbsolute", values.MeanAbsolute[p]);
                json.Number("standardError", values.StandardError[p]);
                json.Number("mean", values.Mean[p]);
            });
            json.List("sample", values.Sample.Select(s => s.Row), json.WriteNumberValue);
            json.WriteNumber("seed", asked.Seed);
            json.WriteNumber("elapsedSeconds", elapsed.TotalSeconds);
            json.WriteStartObject("model");
            json.WriteString("file", asked.Model.Name);
            json.WriteString("sha256", asked.Model.Sha256);
            json.WriteEndObject();
            json.WriteString("limn", LimnCommand.Version);
        });
        asked.Folder.Add("explanation.json", document);
        return document;
    }

    private static string Kind(TreeShap shap) => shap.Kind == TreeShapKind.PathDependent ? "Path-dependent values: absent features by the training rows that went each way." : "Interventional values: absent features take the background's values.";

    private static void Print(CommandContext context, StreamedQuestion asked, StreamedValues values, string[] names, TimeSpan elapsed)
    {
        const int Most = 10;
        foreach (int p in Enumerable.Range(0, names.Length).OrderByDescending(p => values.MeanAbsolute[p]).Take(Most))
            context.Out.WriteLine($"  {names[p]}: {Numbers.Text(values.MeanAbsolute[p])} ± {Numbers.Text(1.96 * values.StandardError[p])}");
        if (names.Length > Most) context.Out.WriteLine($"  and {names.Length - Most} more, in explanation.json");
        context.Out.WriteLine($"{Numbers.Count(values.Rows)} rows, {elapsed.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture)} s, {Numbers.Count((long)(values.Rows / Math.Max(1e-9, elapsed.TotalSeconds)))} rows/s. Mean |attribution| above, with its 95 % confidence interval. Written to {asked.Folder.Path}: {string.Join(", ", asked.Folder.Names)}");
    }

    /// <summary>Rows, rows a second and the time left: on a terminal in one line that is written over, elsewhere a line now and then.</summary>
    private sealed class RowProgress(CommandContext context) : IProgress<StreamProgress>
    {
        private readonly long started = Stopwatch.GetTimestamp();
        private long said = Stopwatch.GetTimestamp();

        public long Rows { get; private set; }

        public void Report(StreamProgress value)
        {
            Rows = value.Rows;
            if (Stopwatch.GetElapsedTime(said) < (context.ErrorIsTerminal ? TimeSpan.FromMilliseconds(300) : TimeSpan.FromSeconds(5))) return;
            said = Stopwatch.GetTimestamp();
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            string left = value.Fraction > 0 ? $", {Time(seconds / value.Fraction - seconds)} left" : "";
            string line = $"{Numbers.Count(value.Rows)} rows, {Numbers.Count((long)(value.Rows / seconds))} rows/s{left}";
            if (context.ErrorIsTerminal) context.Error.Write($"\rlimn: {line,-70}");
            else context.Note(line);
        }

        /// <summary>Leaves the line on a terminal as if nothing had been there.</summary>
        public void Clear()
        {
            if (context.ErrorIsTerminal) context.Error.Write($"\r{"",-76}\r");
        }

        private static string Time(double seconds) => seconds < 90 ? $"{Math.Max(0, seconds).ToString("F0", CultureInfo.InvariantCulture)} s" : $"{(seconds / 60).ToString("F0", CultureInfo.InvariantCulture)} min";
    }
}
