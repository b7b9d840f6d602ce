using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine.Execution;
using Limn.Models;

namespace Limn.Cli.Commands;

/// <summary><c>limn profile</c>: where a model's time goes.</summary>
internal static class ProfileCommand
{
    private const int SlowestNodes = 20;

    public static Command Create(CommandContext context)
    {
        Option<int> batch = NumberOption.AtLeast("--batch", 1, 1, "Rows of random input at once."), repeat = NumberOption.AtLeast("--repeat", 1, 10, "Runs, after one to warm up; medians are shown.");
        var backward = new Option<bool>("--backward") { Description = "Add the gradient of the predicted class with respect to the input." };
        var dims = new Option<string[]>("--dim") { Description = "The length of a symbolic dimension other than the batch (default 1).", HelpName = "NAME=N" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var command = new ExampleCommand("profile", "Measure a model's time per operator on random input.")
        {
            Examples =
            [
                ("limn profile model.onnx --batch 8 --backward", "Forwards and backwards, eight rows at once"),
                ("limn profile model.onnx --dim height=224 --dim width=224 --json", "A model of any picture size, for programs"),
            ],
        };
        ModelChoice model = new ModelChoice().AddTo(command);
        foreach (Option option in new Option[] { batch, repeat, backward, dims, json }) command.Add(option);
        command.SetAction(parsed =>
        {
            OnnxModel network = model.Load(parsed);
            var work = new ProfiledWork(network, parsed.GetValue(batch), parsed.GetValue(backward), Lengths(parsed.GetValue(dims) ?? []));
            int runs = parsed.GetValue(repeat);
            Profiled profiled = LongWork.Run(context, "measuring", progress => Profiled.Of(work, runs, progress, context.Cancellation));
            if (parsed.GetValue(json)) JsonText.Print(context.Out, Json(profiled, parsed.GetValue(batch), Threads(model.Threads(parsed)), parsed.GetValue(backward)));
            else Print(context, profiled, work);
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

    private static void Print(CommandContext context, Profiled profiled, ProfiledWork work)
    {
        context.Out.WriteLine($"{Numbers.Text(profiled.Milliseconds)} ms (median of {profiled.Runs}), {Numbers.Bytes(profiled.PeakBytes)} of weights and intermediate results; input {string.Join(", ", work.Shapes)}");
        TextTable.Print(context, ["operator", ">count", ">ms", ">share"], profiled.Operators.Select(o => new[] { o.Operator, Numbers.Count(o.Count), Ms(o.Milliseconds), Share(o.Milliseconds) }));
        TextTable.Print(context, ["slowest nodes", "operator", "shape", ">ms", ">share"], profiled.Nodes.Take(SlowestNodes).Select(n => new[] { n.Name, n.Operator, ShapeOf(n), Ms(n.Milliseconds), Share(n.Milliseconds) }));

        string Ms(double milliseconds) => milliseconds.ToString("F3", CultureInfo.InvariantCulture);
        string Share(double milliseconds) => $"{(100 * milliseconds / profiled.Total).ToString("F1", CultureInfo.InvariantCulture)} %";
        string ShapeOf(StepTime n) => n.Dims is null ? "?" : Limn.Engine.NdArray.Describe([.. n.Dims]);
    }

    private static byte[] Json(Profiled profiled, int batch, int threads, bool backward) => JsonText.Object(json =>
    {
        json.WriteNumber("batch", batch);
        json.WriteNumber("threads", threads);
        json.WriteBoolean("backward", backward);
        json.WriteNumber("repeat", profiled.Runs);
        json.Number("medianMilliseconds", profiled.Milliseconds);
        json.WriteNumber("peakBytes", profiled.PeakBytes);
        using (Process process = Process.GetCurrentProcess()) json.WriteNumber("peakWorkingSetBytes", process.PeakWorkingSet64);
        json.Objects("operators", profiled.Operators, o =>
        {
            json.WriteString("operator", o.Operator);
            json.WriteNumber("count", o.Count);
            json.Number("milliseconds", o.Milliseconds);
            json.Number("share", o.Milliseconds / profiled.Total);
        });
        json.Objects("nodes", profiled.Nodes.Take(SlowestNodes), n =>
        {
            json.WriteString("name", n.Name);
            json.WriteString("operator", n.Operator);
            if (n.Dims is null) json.WriteNull("shape");
            else json.List("shape", n.Dims, json.WriteNumberValue);
            json.Number("milliseconds", n.Milliseconds);
            json.Number("share", n.Milliseconds / profiled.Total);
        });
        json.WriteString("limn", LimnCommand.Version);
    });
}
