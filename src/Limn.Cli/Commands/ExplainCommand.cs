using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine;
using Limn.Models;

namespace Limn.Cli.Commands;

/// <summary><c>limn explain</c>: explains a model's answer and writes arrays, pictures and a page.</summary>
internal sealed class ExplainCommand
{
    private readonly ModelChoice model;
    private readonly InputChoice input;
    private readonly Option<string?> method = new("--method") { Description = "The method; 'limn methods' lists all.", HelpName = "NAME" };
    private readonly Option<string?> target = new("--target") { Description = "What is explained: a class for all rows, one for each, the predicted class (default), the sum of all outputs, or an element of an output.", HelpName = "K|K1,K2,...|predicted|sum|NAME:INDEX" };
    private readonly Option<string?> neuron = new("--neuron") { Description = "Explain one element of a layer instead of a class (neuron-conductance: through it, beside --target).", HelpName = "LAYER:i,j,k" };
    private readonly Option<string?> outputScale = new("--output-scale") { Description = "Explain the class before (logit) or after (probability) the final softmax; as the model ends when left out.", HelpName = "logit|probability|as-is" };
    private readonly Option<string?> at = new("--at") { Description = "Explain a layer instead of the inputs.", HelpName = "LAYER" };
    private readonly Option<string[]> baseline = new("--baseline") { Description = "What stands for \"absent\" (default 0).", HelpName = "0|NUMBER|FILE|blur|mean|black|white|uniform|gaussian" };
    private readonly Option<string[]> background = new("--background") { Description = "Rows to average over as baselines.", HelpName = "FILE" };
    private readonly Option<string[]> mask = new("--mask") { Description = "The group of each element: whole numbers in an array, or the colours of a picture.", HelpName = "FILE" };
    private readonly Option<string[]> set = new("--set") { Description = "An option of the method, as 'limn methods' lists them.", HelpName = "OPTION=VALUE" };
    private readonly Option<ulong> seed = NumberOption.AtLeast("--seed", 0ul, 0ul, "The seed of sampled methods: the same seed gives the same numbers.");
    private readonly Option<string?> output = new("--output") { Description = "The folder for attribution.npy, explanation.json, heatmap.png and report.html.", HelpName = "DIR" };
    private readonly Option<bool> json = new("--json") { Description = "Print explanation.json too, and nothing else." };
    private readonly CommandContext context;

    private ExplainCommand(CommandContext context, Command command)
    {
        this.context = context;
        model = new ModelChoice().AddTo(command);
        input = new InputChoice().AddTo(command);
        foreach (Option option in new Option[] { method, target, neuron, outputScale, at, baseline, background, mask, set, seed, output, json }) command.Add(option);
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
                ("limn explain model.onnx --input x.npy --method saliency --at layer1.conv2 --output why", "A layer instead of the input"),
            ],
        };
        _ = new ExplainCommand(context, command);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        // What can be wrong with the command is said before anything is read.
        string name = parsed.GetValue(method) ?? throw new CommandException("say how: --method NAME; 'limn methods' lists all.");
        MethodDescription description = MethodRegistry.Find(name);
        // A method that explains a target through a neuron takes both; for others the neuron is the target.
        string? through = description.TakesNeuron ? parsed.GetValue(neuron) : null;
        Target explained = TargetText.Parse(parsed.GetValue(target), through is null ? parsed.GetValue(neuron) : null, parsed.GetValue(outputScale));
        Dictionary<string, string> options = Options(parsed.GetValue(set) ?? []);
        IReadOnlyList<string> baselines = parsed.GetValue(baseline) ?? [], backgrounds = parsed.GetValue(background) ?? [], masks = parsed.GetValue(mask) ?? [];
        if (baselines.Count > 0 && backgrounds.Count > 0) throw new CommandException("--baseline and --background are both given; give one.");
        string where = parsed.GetValue(output) ?? throw new CommandException("say where to write: --output DIR.");
        var folder = new OutputFolder(where);

        OnnxModel network = model.Load(parsed);
        InputReader reader = input.ReaderFor(network, parsed);
        IReadOnlyList<FilledInput> filled = reader.Read(input.Given(parsed));
        if (!parsed.GetValue(json)) InputChoice.Say(context, filled);
        var data = new MethodData
        {
            Baseline = backgrounds.Count > 0 ? Baseline.Background(reader.ReadArrays("--background", backgrounds)) : baselines.Count > 0 ? DataText.Baseline(reader, baselines, parsed.GetValue(seed)) : null,
            Mask = masks.Count > 0 ? DataText.Mask(reader.ReadFiles("--mask", masks), filled) : null,
            Neuron = through is null ? null : TargetText.Neuron(through),
        };
        Method chosen = MethodRegistry.Create(name, network, options, data);

        NdArray[] arrays = [.. filled.Select(f => f.Array)];
        Attribution attribution = LongWork.Run(context, description.Title, progress => chosen.Explain(arrays, explained,
            new ExplainOptions { At = parsed.GetValue(at), Seed = parsed.GetValue(seed), Progress = progress, Cancellation = context.Cancellation }));
        ClassScores? scores = ClassScores.Of(network, network.Predict(arrays, context.Cancellation));
        var explanation = new Explanation(network, attribution, filled, scores, ClassLabels.Read(input.Labels(parsed), scores?.Classes))
        {
            Settings = [.. Given("baseline", baselines), .. Given("background", backgrounds), .. Given("mask", masks), .. Given("neuron", through is null ? [] : [through])],
        };
        byte[] document = ExplanationFiles.AddTo(folder, explanation);
        context.Cancellation.ThrowIfCancellationRequested();
        folder.Write();
        if (parsed.GetValue(json)) JsonText.Print(context.Out, document);
        else Print(explanation, where, folder);
        return LimnCommand.Done;
    }

    private static IEnumerable<(string, string)> Given(string name, IReadOnlyList<string> values) =>
        values.Count == 0 ? [] : [(name, string.Join(", ", values.Select(v => File.Exists(v) ? Path.GetFileName(v) : v)))];

    /// <summary>The options that --set gives.</summary>
    public static Dictionary<string, string> Options(string[] given)
    {
        var options = new Dictionary<string, string>();
        foreach (string text in given)
        {
            int equals = text.IndexOf('=');
            if (equals < 1) throw new CommandException($"--set takes OPTION=VALUE, and '{text}' is not that.");
            options[text[..equals]] = text[(equals + 1)..];
        }
        return options;
    }

    private void Print(Explanation explanation, string where, OutputFolder folder)
    {
        const int MostRows = 8;
        Attribution attribution = explanation.Attribution;
        for (int r = 0; r < Math.Min(explanation.Rows, MostRows); r++)
        {
            string answer = explanation.Scores is { } scores ? $"   (top: {scores.Line(r, 3, explanation.Labels)})" : "";
            context.Out.WriteLine($"{explanation.RowTitle(r)}: {explanation.TargetOf(r)} = {Numbers.Text(attribution.Prediction[r])}{answer}");
        }
        if (explanation.Rows > MostRows) context.Out.WriteLine($"... and {explanation.Rows - MostRows} more rows");
        foreach (string remark in attribution.Remarks) context.Out.WriteLine(remark);
        context.Out.WriteLine($"{Numbers.Count(attribution.ModelCalls)} model calls, {attribution.Elapsed.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture)} s. Written to {where}: {string.Join(", ", folder.Names)}");
    }
}
