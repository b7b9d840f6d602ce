using System.CommandLine;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine;

namespace Limn.Cli.Commands;

/// <summary><c>limn predict</c>: runs a model.</summary>
internal static class PredictCommand
{
    private const int TopCount = 5;

    public static Command Create(CommandContext context)
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var output = new Option<string?>("--output") { Description = "A folder for output.0.npy, output.1.npy, ... in the model's order.", HelpName = "DIR" };
        var command = new ExampleCommand("predict", "Run a model and print the best classes of each row.")
        {
            Examples =
            [
                ("limn predict model.onnx --input cat.png --preset imagenet --labels labels.txt", "What does the model see in a picture?"),
                ("limn predict model.onnx --input table.csv --drop-column label --output out", "A table, all outputs to files"),
                ("limn predict model.json --input rows.csv --drop-column label", "Trees of XGBoost, LightGBM or CatBoost"),
                ("limn predict bert.onnx --input ids=ids.npy --input mask=mask.npy", "Several inputs"),
            ],
        };
        ModelChoice model = new ModelChoice().AddTo(command);
        InputChoice input = new InputChoice().AddTo(command);
        command.Add(json);
        command.Add(output);
        command.SetAction(parsed =>
        {
            OutputFolder? folder = parsed.GetValue(output) is { } path ? new OutputFolder(path) : null;
            ModelSource network = model.Open(parsed);
            IReadOnlyList<FilledInput> filled = input.ReaderFor(network.Inputs, parsed).Read(input.Given(parsed));
            if (!parsed.GetValue(json)) InputChoice.Say(context, filled);
            IReadOnlyList<NdArray> outputs = LongWork.Run(context, "predicting", _ => network.Predictor.Predict([.. filled.Select(f => f.Array)], context.Cancellation));
            ClassScores? scores = ClassScores.Of(network.Predictor, outputs);
            ClassLabels labels = ClassLabels.Read(input.Labels(parsed), scores?.Classes);
            for (int k = 0; folder is not null && k < outputs.Count; k++) folder.Add($"output.{k.ToString(CultureInfo.InvariantCulture)}.npy", Npy.Of(outputs[k]));
            folder?.Write();
            if (parsed.GetValue(json)) JsonText.Print(context.Out, Json(network, outputs, scores, labels, folder));
            else Print(context, network, outputs, scores, labels, filled);
            return LimnCommand.Done;
        });
        return command;
    }

    private static void Print(CommandContext context, ModelSource network, IReadOnlyList<NdArray> outputs, ClassScores? scores, ClassLabels labels, IReadOnlyList<FilledInput> filled)
    {
        if (scores is not null)
        {
            int rows = outputs[0].Dims[0];
            string[] titles = scores.Classes == 1 ? ["row", ">" + scores.Word] : ["row", ">class", "label", ">" + scores.Word];
            TextTable.Print(context, titles, Enumerable.Range(0, rows).SelectMany(r => scores.Top(r, TopCount).Select((c, i) =>
            {
                string row = i > 0 ? "" : filled.Count == 1 && filled[0].RowName(r) is { } name ? $"{r} {name}" : r.ToString(CultureInfo.InvariantCulture);
                return scores.Classes == 1 ? new[] { row, Numbers.Text(c.Score) } : [row, c.Index.ToString(CultureInfo.InvariantCulture), labels.Find(c.Index) ?? "", Numbers.Text(c.Score)];
            })));
        }
        for (int k = scores is null ? 0 : 1; k < outputs.Count; k++) context.Out.WriteLine($"{network.Outputs[k]}: {outputs[k]}{Range(outputs[k])}");
    }

    private static string Range(NdArray output) => output.Type.Storage() == Storage.Float && output.Length > 0
        ? $", from {Numbers.Text(TensorPrimitives.Min<float>(output.Floats))} to {Numbers.Text(TensorPrimitives.Max<float>(output.Floats))}"
        : "";

    private static byte[] Json(ModelSource network, IReadOnlyList<NdArray> outputs, ClassScores? scores, ClassLabels labels, OutputFolder? folder) => JsonText.Object(json =>
    {
        json.WriteString("model", network.Name);
        int k = 0;
        json.Objects("outputs", outputs, output =>
        {
            json.WriteString("name", network.Outputs[k]);
            json.WriteString("type", output.Type.ToString());
            json.List("shape", output.Dims.ToArray(), json.WriteNumberValue);
            if (folder is not null) json.WriteString("file", $"output.{k.ToString(CultureInfo.InvariantCulture)}.npy");
            k++;
        });
        if (scores is null)
        {
            json.WriteNull("scores");
            json.WriteNull("rows");
            return;
        }
        json.WriteString("scores", scores.AreProbabilities ? "probabilities" : "scores");
        json.Objects("rows", Enumerable.Range(0, outputs[0].Dims[0]), row => WriteTop(json, "top", scores, labels, row, TopCount));
    });

    /// <summary>The best classes of a row.</summary>
    public static void WriteTop(Utf8JsonWriter json, string name, ClassScores scores, ClassLabels labels, int row, int count) => json.Objects(name, scores.Top(row, count), c =>
    {
        json.WriteNumber("class", c.Index);
        json.WriteString("label", labels.Find(c.Index));
        json.Number("score", c.Score);
    });
}
