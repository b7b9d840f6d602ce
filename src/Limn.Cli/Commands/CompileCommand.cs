using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Models;

namespace Limn.Cli.Commands;

/// <summary><c>limn compile</c>: writes an explanation, model and method together, as one ONNX model.</summary>
internal sealed class CompileCommand
{
    private readonly ModelChoice model;
    private readonly InputChoice input;
    private readonly Option<string?> method = new("--method") { Description = "The method. All but sampled ones and xrai can be compiled; 'limn methods' says which cannot, and why.", HelpName = "NAME" };
    private readonly Option<string?> target = new("--target") { Description = "What is explained: a class for all rows, one for each (the file is then for so many rows), the predicted class (default), the sum of all outputs, or an element of an output.", HelpName = "K|K1,K2,...|predicted|sum|NAME:INDEX" };
    private readonly Option<string?> neuron = new("--neuron") { Description = "Explain one element of a layer instead of a class (neuron-conductance: through it, beside --target).", HelpName = "LAYER:i,j,k" };
    private readonly Option<string?> outputScale = new("--output-scale") { Description = "Explain the class before (logit) or after (probability) the final softmax; as the model ends when left out.", HelpName = "logit|probability|as-is" };
    private readonly Option<string?> at = new("--at") { Description = "Explain a layer instead of the inputs.", HelpName = "LAYER" };
    private readonly Option<string[]> baseline = new("--baseline") { Description = "What stands for \"absent\" (default 0).", HelpName = "0|NUMBER|FILE|blur|mean|black|white" };
    private readonly Option<string[]> background = new("--background") { Description = "Rows to average over as baselines; they become part of the file.", HelpName = "FILE" };
    private readonly Option<string[]> set = new("--set") { Description = "An option of the method, as 'limn methods' lists them.", HelpName = "OPTION=VALUE" };
    private readonly Option<string?> output = new("--output") { Description = "The file to write.", HelpName = "FILE.onnx" };
    private readonly Option<bool> json = new("--json") { Description = "Print one JSON document." };
    private readonly CommandContext context;

    private CompileCommand(CommandContext context, Command command)
    {
        this.context = context;
        model = new ModelChoice().AddTo(command, withThreads: false);
        foreach (Option option in new Option[] { method, target, neuron, outputScale, at, baseline, background, set, output, json }) command.Add(option);
        input = new InputChoice().AddTo(command, fed: false);
        command.SetAction(Run);
    }

    public static Command Create(CommandContext context)
    {
        var command = new ExampleCommand("compile", "Write an explanation as an ONNX model: the model's inputs in, prediction and attribution out, on anything that runs ONNX.")
        {
            Examples =
            [
                ("limn compile model.onnx --method grad-cam --output grad-cam.onnx", "A model that predicts and says where it looked"),
                ("limn compile model.onnx --method integrated-gradients --set steps=20 --baseline mean --output why.onnx", "Options of the method; its outputs include the delta"),
                ("limn compile model.onnx --method deep-lift-shap --background typical.csv --target 1 --output shap.onnx", "Background rows become part of the file"),
            ],
        };
        _ = new CompileCommand(context, command);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var choice = new MethodChoice(parsed.GetValue(method), parsed.GetValue(set) ?? []);
        if (choice.IsSeveral) throw new CommandException("a compiled explanation is of one method; name one, and compile each on its own.");
        MethodDescription description = choice.Methods[0];
        string? through = description.TakesNeuron ? parsed.GetValue(neuron) : null;
        Target explained = TargetText.Parse(parsed.GetValue(target), through is null ? parsed.GetValue(neuron) : null, parsed.GetValue(outputScale));
        IReadOnlyList<string> baselines = parsed.GetValue(baseline) ?? [], backgrounds = parsed.GetValue(background) ?? [];
        if (baselines.Count > 0 && backgrounds.Count > 0) throw new CommandException("--baseline and --background are both given; give one.");
        string file = parsed.GetValue(output) ?? throw new CommandException("say where to write: --output FILE.onnx.");
        CheckOutput(file, model.Path(parsed));

        OnnxModel network = OnnxModel.Load(model.Path(parsed));
        InputReader reader = input.ReaderFor(network, parsed);
        Method chosen = choice.CreateOne(network, new MethodData
        {
            Baseline = backgrounds.Count > 0 ? Baseline.Background(reader.ReadArrays("--background", backgrounds)) : baselines.Count > 0 ? DataText.Baseline(reader, baselines, seed: 0, []) : null,
            Neuron = through is null ? null : TargetText.Neuron(through),
        });
        Graph graph = chosen.Compile(explained, new ExplainOptions { At = parsed.GetValue(at) });
        context.Cancellation.ThrowIfCancellationRequested();

        (string, string?)[] given =
        [
            ("method", description.Name), ("target", parsed.GetValue(target) ?? (parsed.GetValue(neuron) is null || through is not null ? "predicted" : null)), ("neuron", parsed.GetValue(neuron)),
            ("output-scale", parsed.GetValue(outputScale)), ("at", parsed.GetValue(at)), ("baseline", Names(baselines)), ("background", Names(backgrounds)),
            .. description.Options.Select(o => ($"set.{o.Name}", choice.SetFor(description).GetValueOrDefault(o.Name) ?? Text(o.Default))),
            ("model", network.FileName), ("model.sha256", network.Sha256), ("version", LimnCommand.Version),
        ];
        OnnxWriter.Write(graph, file, new OnnxWriteOptions
        {
            Description = $"{description.Title} of {network.FileName}, written by limn compile.",
            Metadata = given.Where(g => g.Item2 is not null).ToDictionary(g => $"limn.{g.Item1}", g => g.Item2!),
        });
        Print(parsed.GetValue(json), file, description);
        return LimnCommand.Done;
    }

    /// <exception cref="LimnException">The file cannot be written there, or is the model itself. Better said before long work than after it.</exception>
    private static void CheckOutput(string file, string model)
    {
        string path = Path.GetFullPath(file.Length > 0 ? file : throw new CommandException("--output needs the name of a file."));
        if (Directory.Exists(path)) throw new LimnException($"'{file}' is a folder; give the name of a file for --output.");
        if (!Directory.Exists(Path.GetDirectoryName(path))) throw new LimnException($"'{file}' cannot be written: there is no folder '{Path.GetDirectoryName(path)}'.");
        if (File.Exists(path) && File.Exists(model) && string.Equals(Real(path), Real(model), OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
            throw new CommandException($"--output '{file}' is the model itself; choose another file.");
    }

    /// <summary>The file that a path leads to in the end.</summary>
    private static string Real(string path) => Path.GetFullPath(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);

    private static string? Names(IReadOnlyList<string> values) => values.Count == 0 ? null : string.Join(", ", values.Select(v => File.Exists(v) ? Path.GetFileName(v) : v));

    private static string? Text(object? value) => value switch
    {
        null => null,
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private void Print(bool asJson, string file, MethodDescription method)
    {
        OnnxFile written = OnnxReader.Read(file); // what is said of the file is read from it
        long bytes = new FileInfo(file).Length;
        if (asJson)
        {
            JsonText.Print(context.Out, JsonText.Object(json =>
            {
                json.WriteString("file", file);
                json.WriteNumber("bytes", bytes);
                json.WriteNumber("nodes", written.Graph.Nodes.Count);
                json.WriteNumber("opset", written.OpsetVersion);
                json.WriteString("method", method.Name);
                json.Objects("inputs", written.Graph.Inputs, v => Say(json, v));
                json.Objects("outputs", written.Graph.Outputs, v => Say(json, v));
            }));
            return;
        }
        context.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file}: {method.Title}, {bytes / 1024.0:F0} KiB, {written.Graph.Nodes.Count} nodes of ONNX opset {written.OpsetVersion}"));
        foreach (Value value in written.Graph.Inputs) context.Out.WriteLine($"  takes {value}");
        foreach (Value value in written.Graph.Outputs) context.Out.WriteLine($"  gives {value}");
    }

    private static void Say(System.Text.Json.Utf8JsonWriter json, Value value)
    {
        json.WriteString("name", value.Name);
        json.WriteString("type", value.Type.ToString());
        json.WriteString("shape", value.Shape?.ToString());
    }
}
