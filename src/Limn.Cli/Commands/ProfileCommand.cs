using System.CommandLine;
using System.Globalization;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine;
using Limn.Models;

namespace Limn.Cli.Commands;

/// <summary><c>limn profile</c>: where a model's time goes.</summary>
internal static class ProfileCommand
{
    public static Command Create(CommandContext context)
    {
        Option<int> batch = NumberOption.AtLeast("--batch", 1, 1, "Rows of random input at once."), repeat = NumberOption.AtLeast("--repeat", 1, 10, "Runs; medians are shown."),
            warmUp = NumberOption.AtLeast("--warm-up", 0, 1000, "Milliseconds of runs before those, at least one.");
        var backward = new Option<bool>("--backward") { Description = "Add the gradient of the predicted class with respect to the input, or the embedding of token ids." };
        var dims = new Option<string[]>("--dim") { Description = "The length of a symbolic dimension of random input other than the batch (default 1).", HelpName = "NAME=N" };
        var all = new Option<bool>("--all") { Description = $"Show all nodes, not the {ProfileTables.SlowestNodes} slowest only." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var output = new Option<string?>("--output") { Description = "A folder for profile.json, with all nodes.", HelpName = "DIR" };
        var command = new ExampleCommand("profile", "Measure a model's time per node and operator, on random input where none is given, beside what this machine can do at most.")
        {
            Examples =
            [
                ("limn profile model.onnx --batch 8 --backward", "Forwards and backwards, eight rows at once"),
                ("limn profile model.onnx --input cat.png --preset imagenet --all --threads 1", "Every node, on a picture, on one thread"),
                ("limn profile model.onnx --dim height=224 --dim width=224 --json", "A model of any picture size, for programs"),
            ],
        };
        ModelChoice model = new ModelChoice().AddTo(command);
        foreach (Option option in new Option[] { batch, repeat, warmUp, backward, dims, all, json, output }) command.Add(option);
        InputChoice input = new InputChoice().AddTo(command, named: false);
        command.SetAction(parsed =>
        {
            OutputFolder? folder = parsed.GetValue(output) is { } path ? new OutputFolder(path) : null;
            IReadOnlyList<string> files = input.Given(parsed);
            if (files.Count > 0 && (parsed.GetResult(batch) is { Implicit: false } || parsed.GetValue(dims) is { Length: > 0 }))
                throw new CommandException("--batch and --dim are for random input; with --input the files say the shape. Leave one of them away.");
            OnnxModel network = model.Load(parsed);
            IReadOnlyList<NdArray> inputs = files.Count > 0 ? [.. input.ReaderFor(network, parsed).Read(files).Select(f => f.Array)]
                : ProfiledWork.RandomInputs(network, parsed.GetValue(batch), Lengths(parsed.GetValue(dims) ?? []));
            var work = new ProfiledWork(network, inputs, parsed.GetValue(backward));
            int runs = parsed.GetValue(repeat), before = parsed.GetValue(warmUp), threads = Threads(model.Threads(parsed));
            Profiled profiled = LongWork.Run(context, "measuring", progress => Profiled.Of(work, runs, before, threads, progress, context.Cancellation));
            var tables = new ProfileTables(profiled, work, threads, parsed.GetValue(backward));
            folder?.Add("profile.json", tables.Json(all: true));
            folder?.Write();
            if (parsed.GetValue(json)) JsonText.Print(context.Out, tables.Json(parsed.GetValue(all)));
            else tables.Print(context, parsed.GetValue(all));
            return LimnCommand.Done;
        });
        return command;
    }

    private static int Threads(int asked) => asked == 0 ? Environment.ProcessorCount : asked;

    private static Dictionary<string, int> Lengths(string[] given)
    {
        var lengths = new Dictionary<string, int>();
        foreach (string text in given)
        {
            int equals = text.LastIndexOf('=');
            if (equals < 1 || !int.TryParse(text.AsSpan(equals + 1), CultureInfo.InvariantCulture, out int length) || length < 1)
                throw new CommandException($"--dim takes NAME=N with N at least 1, and '{text}' is not that.");
            lengths[text[..equals]] = length;
        }
        return lengths;
    }
}
