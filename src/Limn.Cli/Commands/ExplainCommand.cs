using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Data;
using Limn.Engine;
using Limn.Models;
using TextTable = Limn.Cli.Outputs.TextTable;

namespace Limn.Cli.Commands;

/// <summary><c>limn explain</c>: explains a model's answer and writes arrays, pictures and a page.</summary>
internal sealed class ExplainCommand
{
    private const int MostFeatureRows = 3;
    private const int MostFeatures = 10;

    private readonly ModelChoice model;
    private readonly InputChoice input;
    private readonly TargetChoice targets;
    private readonly PredictorChoice predictors;
    private readonly Option<string?> method = new("--method") { Description = "The method, several with commas between, or all that apply; 'limn methods' lists them.", HelpName = "NAME|NAME,NAME,...|all" };
    private readonly Option<string?> target = new("--target") { Description = "What is explained: a class for all rows, one for each, the predicted class (default), the sum of all outputs, class A minus class B, an element of an output, the sum of a layer, or a detector's box (left, top, right, bottom; its class).", HelpName = "K|K1,K2,...|predicted|sum|margin:A,B|NAME:INDEX|layer:LAYER|box:X1,Y1,X2,Y2[:CLASS]" };
    private readonly Option<string?> neuron = new("--neuron") { Description = "Explain one element of a layer instead of a class (neuron-conductance: through it, beside --target).", HelpName = "LAYER:i,j,k" };
    private readonly Option<string?> outputScale = new("--output-scale") { Description = "Explain the class before (logit) or after (probability) the final softmax; as the model ends when left out.", HelpName = "logit|probability|as-is" };
    private readonly Option<string?> at = new("--at") { Description = "Explain a layer instead of the inputs.", HelpName = "LAYER" };
    private readonly Option<string[]> baseline = new("--baseline") { Description = "What stands for \"absent\" (default 0).", HelpName = "0|NUMBER|FILE|blur|mean|black|white|uniform|gaussian|inpaint|zero-embedding" };
    private readonly Option<string[]> background = new("--background") { Description = "Rows to average over as baselines.", HelpName = "FILE" };
    private readonly Option<string?> summary = new("--background-summary") { Description = "Use fewer rows of the background: the centres of K clusters, made of values that occur and weighted by their sizes, or a sample of N rows.", HelpName = "kmeans:K|sample:N" };
    private readonly Option<string?> schema = new("--schema") { Description = "What the model's columns are to you: features with names and units, and how columns come from them (JSON; docs/schema.md). Tables may then hold your own columns.", HelpName = "FILE" };
    private readonly Option<string[]> mask = new("--mask") { Description = "The group of each element: whole numbers in an array, or the colours of a picture.", HelpName = "FILE" };
    private readonly Option<string?> vocabulary = new("--vocabulary") { Description = "The tokens of a model of token ids, one a line, for the report; ids are shown when left out.", HelpName = "FILE" };
    private readonly Option<bool> stream = new("--stream") { Description = "tree-shap: explain rows as they are read, in memory that does not grow with them; done by itself for tables of more than 5000 rows." };
    private readonly Option<bool> resume = new("--resume") { Description = "tree-shap: keep what is done in DIR.partial when interrupted, and go on from there when the same command is given again." };
    private readonly Option<string?> cohorts = new("--cohorts") { Description = "The feature by which the report puts rows into groups; the strongest when left out.", HelpName = "FEATURE" };
    private readonly Option<string?> truth = new("--truth") { Description = "The right answers, for methods that explain a loss (tree-shap, output=log-loss): a column of the table, which is then no input, or a file with a number for each row.", HelpName = "COLUMN|FILE" };
    private readonly Option<string[]> set = new("--set") { Description = "An option of the method, as 'limn methods' lists them; of several, of those that have it, or of one.", HelpName = "[METHOD.]OPTION=VALUE" };
    private readonly Option<ulong> seed = NumberOption.AtLeast("--seed", 0ul, 0ul, "The seed of sampled methods: the same seed gives the same numbers.");
    private readonly Option<string?> output = new("--output") { Description = "The folder for attribution.npy, explanation.json, heatmap.png and report.html; of several methods, for a folder each and comparison.json.", HelpName = "DIR" };
    private readonly Option<bool> json = new("--json") { Description = "Print explanation.json (of several methods, comparison.json) too, and nothing else." };
    private readonly CommandContext context;

    private ExplainCommand(CommandContext context, Command command)
    {
        this.context = context;
        model = new ModelChoice().AddTo(command);
        input = new InputChoice().AddTo(command);
        predictors = new PredictorChoice().AddTo(command);
        foreach (Option option in new Option[] { method, target, neuron, outputScale, at, baseline, background, summary, truth, stream, resume, cohorts, schema, mask, vocabulary, set, seed, output, json }) command.Add(option);
        targets = new TargetChoice().AddTo(command);
        command.SetAction(Run);
    }

    public static Command Create(CommandContext context)
    {
        var command = new ExampleCommand("explain", "Explain a model's answer: attributions, a heat map, and a page that says how far to trust them.")
        {
            Examples =
            [
                ("limn explain model.onnx --input cat.png --preset imagenet --method integrated-gradients --output why", "Why this class? (predicted, inputs, baseline 0)"),
                ("limn explain model.onnx --input table.csv --drop-column label --method feature-ablation --baseline mean --target 1 --output why", "A table, class 1 for all rows"),
                ("limn explain model.onnx --input x.npy --method smooth-grad --set samples=100 --set of=input-x-gradient --seed 7 --output why", "Options of a method"),
                ("limn explain detector.onnx --input street.png --method occlusion --target box:120,40,260,310:2 --output why", "Why this box, as class 2?"),
                ("limn explain model.onnx --input cat.png --preset imagenet --method saliency,grad-cam,integrated-gradients --set integrated-gradients.steps=100 --output why", "Several methods, side by side"),
                ("limn explain model.onnx --input x.npy --method saliency --at layer1.conv2 --output why", "A layer instead of the input"),
                ("limn explain --model loan.onnx --input row.csv --background train.csv --background-summary kmeans:30 --schema loan.json --method kernel-shap --output why", "A table in your own terms: \"income 52,000 EUR: -0.13\""),
                ("limn explain --model model.json --input rows.csv --method tree-shap --output why", "Trees of XGBoost, LightGBM, CatBoost or ONNX, exactly; any number of rows"),
                ("limn explain --predictor \"python3 score.py\" --input rows.csv --background train.csv --method permutation-shap --output why", "Any program that reads rows and writes scores"),
                ("limn explain --predictor \"node score.js\" --predictor-format jsonl --predictor-workers 4 --input rows.csv --background train.csv --method all --output why", "The same with JSON lines, four at a time, by all methods that apply"),
            ],
        };
        _ = new ExplainCommand(context, command);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        // What can be wrong with the command is said before anything is read.
        var methods = new MethodChoice(parsed.GetValue(method), parsed.GetValue(set) ?? []);
        // A method that explains a target through a neuron takes both; for others the neuron is the target.
        string? through = !methods.IsSeveral && methods.Methods[0].TakesNeuron ? parsed.GetValue(neuron) : null;
        Target explained = targets.Target(parsed, parsed.GetValue(target), through is null ? parsed.GetValue(neuron) : null, parsed.GetValue(outputScale));
        IReadOnlyList<string> baselines = parsed.GetValue(baseline) ?? [], backgrounds = parsed.GetValue(background) ?? [], masks = parsed.GetValue(mask) ?? [];
        var fewer = BackgroundSummary.Parse(parsed.GetValue(summary));
        if (fewer is not null && backgrounds.Count == 0) throw new CommandException("--background-summary makes a background smaller; give --background FILE too.");
        if (baselines.Count > 0 && backgrounds.Count > 0) throw new CommandException("--baseline and --background are both given; give one.");
        string where = parsed.GetValue(output) ?? throw new CommandException("say where to write: --output DIR.");
        var folder = new OutputFolder(where);

        string? program = predictors.Command(parsed);
        if (program is not null && model.IsGiven(parsed)) throw new CommandException("a model and a --predictor are both given; give one.");
        if (program is not null) predictors.Check(parsed);
        FeatureSchema? features = parsed.GetValue(schema) is { } described ? FeatureSchema.Read(described) : null;
        ModelSource? source = program is null ? model.Open(parsed) : null;
        if (Streamed(parsed, methods, source, features) is { } table) return RunStreamed(parsed, methods, source!, features, fewer, table, folder);
        // A program takes whatever table it is given.
        InputReader reader = input.ReaderFor(source?.Inputs ?? [new ModelInput("input", ElementType.Float, Shape: null)], parsed, features);
        var answers = new TruthColumn(input.Given(parsed));
        if (parsed.GetValue(truth) is { } named && answers.IsColumn(named)) reader.LeaveOut(named);
        IReadOnlyList<FilledInput> filled = reader.Read(input.Given(parsed));
        if (!parsed.GetValue(json)) InputChoice.Say(context, filled);
        IPredictor asked = source?.Predictor ?? predictors.Create(parsed, filled[0].Columns);
        var data = new MethodData
        {
            Baseline = backgrounds.Count > 0 ? BackgroundOf(reader.ReadArrays("--background", backgrounds)) : baselines.Count > 0 ? DataText.Baseline(reader, baselines, parsed.GetValue(seed), filled) : null,
            Mask = masks.Count > 0 ? DataText.Mask(reader.ReadFiles("--mask", masks), filled) : null,
            Neuron = through is null ? null : TargetText.Neuron(through),
            Truth = parsed.GetValue(truth) is { } right ? answers.Read(right) : null,
        };
        NdArray[] arrays = [.. filled.Select(f => f.Array)];
        var options = new ExplainOptions { At = parsed.GetValue(at), Seed = parsed.GetValue(seed), Cancellation = context.Cancellation, Range = RangeOf(filled), Schema = features, ColumnNames = filled is [{ Columns.Count: > 0 } only] ? only.Columns : null, PredictorThreads = predictors.Workers(parsed) };
        if (methods.IsSeveral)
        {
            var (several, leftOut) = methods.CreateAll(asked, data, arrays);
            if (several.Count == 0) throw new LimnException($"none of the methods can be asked so. {string.Join(" ", leftOut.Select(f => $"{f.Method}: {f.Reason}"))}");
            Comparison comparison = LongWork.RunSeveral(context, progress => Comparison.Of(several, arrays, explained, options, progress));
            Func<Attribution, Explanation> explain = Explainer();
            var compared = new ComparedExplanations(comparison, [.. comparison.Attributions.Select(explain)], [.. leftOut, .. comparison.Failures]);
            Finish(ComparisonFiles.AddTo(folder, compared), () => Print(compared, where));
        }
        else
        {
            Method chosen = methods.CreateOne(asked, data);
            Attribution attribution = LongWork.Run(context, methods.Methods[0].Title, progress => chosen.Explain(arrays, explained, options with { Progress = progress }));
            Explanation explanation = Explainer()(attribution);
            Finish(ExplanationFiles.AddTo(folder, explanation), () => Print(explanation, where, folder));
        }
        return LimnCommand.Done;

        Baseline BackgroundOf(IReadOnlyList<NdArray> rows) => fewer is null ? Baseline.Background(rows) : fewer.Of(rows, features, parsed.GetValue(seed));

        Func<Attribution, Explanation> Explainer()
        {
            ClassScores? scores = TargetChoice.IsBox(parsed.GetValue(target)) ? null : ClassScores.Of(asked, asked.Predict(arrays, context.Cancellation)); // a detector's outputs are no classes
            Vocabulary texts = Vocabulary.Read(parsed.GetValue(vocabulary));
            ClassLabels labels = ClassLabels.Read(input.Labels(parsed), scores?.Classes);
            return a =>
            {
                MethodDescription taking = methods.Inner(MethodRegistry.Find(a.Method));
                // Of several methods each names what it was given; a single one was given all.
                var explanation = new Explanation(asked, a, filled, scores, labels)
                {
                    Features = ExplainedFeatures.Of(a, filled, features),
                    Vocabulary = texts,
                    Schema = features,
                    Cohorts = parsed.GetValue(cohorts),
                    Settings =
                    [
                        .. Given("baseline", !methods.IsSeveral || taking.TakesBaseline ? baselines : []), .. Given("background", !methods.IsSeveral || taking.TakesBaseline ? backgrounds : []),
                        .. Given("truth", parsed.GetValue(truth) is { } answers && taking.TakesTruth ? [answers] : []), .. Given("mask", !methods.IsSeveral || taking.TakesMask ? masks : []), .. Given("neuron", through is null ? [] : [through]),
                    ],
                };
                return source is null ? explanation : explanation with { ModelName = source.Name, Sha256 = source.Sha256 };
            };
        }

        void Finish(byte[] document, Action print)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            folder.Write();
            if (parsed.GetValue(json)) JsonText.Print(context.Out, document);
            else print();
        }
    }

    /// <summary>The table that is explained as it is read; null where the rows are read first.</summary>
    /// <exception cref="CommandException">The user asks for it, and it cannot be.</exception>
    private string? Streamed(ParseResult parsed, MethodChoice methods, ModelSource? source, FeatureSchema? features)
    {
        bool wanted = parsed.GetValue(stream) || parsed.GetValue(resume);
        IReadOnlyList<string> given = input.Given(parsed);
        string? reason = methods.IsSeveral || !methods.Methods[0].NeedsTrees ? "only tree-shap, alone, explains rows as they are read"
            : source?.Predictor is not Trees.TreeEnsemble ? "the model is no file of trees of XGBoost, LightGBM or CatBoost"
            : given.Count != 1 ? "there must be one --input"
            : (parsed.GetValue(mask) ?? []).Length > 0 ? "a --mask is given; say with --schema what goes together"
            : features is not null && !HasColumns(given[0], features) ? "the table has columns that the schema must translate"
            : parsed.GetValue(at) is not null || parsed.GetValue(neuron) is not null || parsed.GetValue(outputScale) is not null || !(parsed.GetValue(target) is null or "predicted" || int.TryParse(parsed.GetValue(target), NumberStyles.None, CultureInfo.InvariantCulture, out _)) ? "of many rows --target takes one class (K), or predicted"
            : null;
        if (wanted && reason is not null) throw new CommandException($"rows cannot be explained as they are read: {reason}. Leave {(parsed.GetValue(resume) ? "--resume" : "--stream")} away, or mend that.");
        return reason is null && (wanted || StreamedExplain.IsLong(given[0])) && methods.SetFor(methods.Methods[0]).GetValueOrDefault("values") != "saabas" ? given[0] : null;
    }

    private static bool HasColumns(string path, FeatureSchema features)
    {
        using TableStream table = TableStream.Open(path);
        return table.ColumnNames is { } names && features.Columns.All(names.Contains) && !features.HoldsText;
    }

    private int RunStreamed(ParseResult parsed, MethodChoice methods, ModelSource source, FeatureSchema? features, BackgroundSummary? fewer, string table, OutputFolder folder)
    {
        IReadOnlyList<string> backgrounds = parsed.GetValue(background) ?? [];
        if ((parsed.GetValue(baseline) ?? []).Length > 0) throw new CommandException("tree-shap takes --background FILE, rows, and of many rows no --baseline.");
        InputReader reader = input.ReaderFor(source.Inputs, parsed, features);
        if (parsed.GetValue(truth) is { } column && !File.Exists(column)) reader.LeaveOut(column);
        IReadOnlyList<NdArray>? rows = backgrounds.Count > 0 ? reader.ReadArrays("--background", backgrounds) : null;
        var data = new MethodData { Baseline = rows is null ? null : fewer is null ? Baseline.Background(rows) : fewer.Of(rows, features, parsed.GetValue(seed)) };
        var asked = (Trees.TreeShapMethod)methods.CreateOne(source.Predictor, data);
        string? goal = parsed.GetValue(target), answers = parsed.GetValue(truth);
        (string, string)[] settings = [.. Given("background", backgrounds), .. Given("truth", answers is null ? [] : [answers])];
        byte[] document = StreamedExplain.Run(context, new StreamedQuestion(source, asked, table, folder)
        {
            Dropped = input.Dropped(parsed),
            Truth = answers,
            Schema = features,
            Output = goal is null or "predicted" ? null : int.Parse(goal, CultureInfo.InvariantCulture),
            Seed = parsed.GetValue(seed),
            Resume = parsed.GetValue(resume),
            Cohorts = parsed.GetValue(cohorts),
            Settings = settings,
            Asked = string.Join('\n', [.. MethodRegistry.OptionsOf(asked).Select(o => $"{o.Key}={o.Value}"), .. settings.Select(s => $"{s.Item1}={s.Item2}"), .. backgrounds.Select(b => $"{b} {new FileInfo(b).Length} {new FileInfo(b).LastWriteTimeUtc.Ticks}"),
                parsed.GetValue(summary) ?? "", goal ?? "", parsed.GetValue(schema) ?? "", .. input.Dropped(parsed), $"{parsed.GetValue(seed)}"]),
        }, parsed.GetValue(json));
        if (parsed.GetValue(json)) JsonText.Print(context.Out, document);
        return LimnCommand.Done;
    }

    /// <summary>The range of pictures, from black to white; tables tell their own.</summary>
    private static DataRange? RangeOf(IReadOnlyList<FilledInput> filled) =>
        filled.Any(f => f.Pictures is not null) ? DataRange.Of([.. filled.Select(f => f.Array)], [.. filled.Select(f => f.Pictures)]) : null;

    private static IEnumerable<(string, string)> Given(string name, IReadOnlyList<string> values) =>
        values.Count == 0 ? [] : [(name, string.Join(", ", values.Select(v => File.Exists(v) ? Path.GetFileName(v) : v)))];

    private void Print(ComparedExplanations compared, string where)
    {
        Rows(compared.First);
        TextTable.Print(context, ["method", ">delta", ">calls", ">seconds", "flags"], compared.Explanations.Select(e => new[]
        {
            e.Attribution.Method, e.Attribution.ConvergenceDelta is { } d ? d.MaxBy(Math.Abs).ToString("G3", CultureInfo.InvariantCulture) : "", Numbers.Count(e.Attribution.ModelCalls),
            e.Attribution.Elapsed.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture), string.Join(", ", ExplanationFiles.FlagsOf(e.Attribution)),
        }));
        foreach (var (left, reason) in compared.LeftOutTogether) context.Out.WriteLine($"left out: {left}: {reason}");
        context.Out.WriteLine($"{Numbers.Count(compared.Comparison.ModelCalls)} model calls ({Numbers.Count(compared.Comparison.SharedModelCalls)} shared), {compared.Comparison.Elapsed.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture)} s. "
            + $"Written to {where}: report.html, comparison.json, and a folder for each method");
    }

    private void Print(Explanation explanation, string where, OutputFolder folder)
    {
        Attribution attribution = explanation.Attribution;
        Rows(explanation);
        if (explanation.Features is { } features && (attribution.Players is not null || explanation.Inputs.Any(i => i.Words is not null)))
            for (int r = 0; r < Math.Min(features.Count, MostFeatureRows); r++)
            {
                if (features.Count > 1) context.Out.WriteLine($"{explanation.RowTitle(r)}:");
                Explained[] strongest = [.. features[r].Where(f => f.Attribution != 0).OrderByDescending(f => Math.Abs(f.Attribution)).Take(MostFeatures)];
                foreach (Explained feature in strongest) context.Out.WriteLine($"  {feature}");
                if (strongest.Length < features[r].Count) context.Out.WriteLine($"  and {features[r].Count - strongest.Length} more, in explanation.json");
            }
        foreach (string remark in attribution.Remarks) context.Out.WriteLine(remark);
        context.Out.WriteLine($"{Numbers.Count(attribution.ModelCalls)} model calls, {attribution.Elapsed.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture)} s. Written to {where}: {folder.Listed}");
    }

    /// <summary>What was explained, and what the model answered.</summary>
    private void Rows(Explanation explanation)
    {
        const int MostRows = 8;
        Attribution attribution = explanation.Attribution;
        for (int r = 0; r < Math.Min(explanation.Rows, MostRows); r++)
        {
            string answer = explanation.Scores is { } scores ? $"   (top: {scores.Line(r, 3, explanation.Labels)})" : "";
            context.Out.WriteLine($"{explanation.RowTitle(r)}: {explanation.TargetOf(r)} = {Numbers.Text(attribution.Prediction[r])}{answer}");
        }
        if (explanation.Rows > MostRows) context.Out.WriteLine($"... and {explanation.Rows - MostRows} more rows");
    }
}
