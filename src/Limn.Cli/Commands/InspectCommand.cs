using System.CommandLine;
using System.Text.Json;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Trees;

namespace Limn.Cli.Commands;

/// <summary><c>limn inspect</c>: what a model file says of itself, also where Limn cannot run it.</summary>
internal static class InspectCommand
{
    public static Command Create(CommandContext context)
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var command = new ExampleCommand("inspect", "Show a model's inputs, outputs, layers, parameters, and the operators that Limn lacks.")
        {
            Examples = [("limn inspect model.onnx", "What does the model take, and what are its layers called?"), ("limn inspect model.json", "Trees: how many, how deep, which features"), ("limn inspect model.onnx --json", "For programs")],
        };
        ModelChoice model = new ModelChoice().AddTo(command, withThreads: false);
        command.Add(json);
        command.SetAction(parsed =>
        {
            string path = model.Path(parsed);
            if (ModelSource.IsTrees(path))
            {
                TreeFile file = TreeFile.Read(path);
                if (parsed.GetValue(json)) JsonText.Print(context.Out, TreeInspection.Json(Path.GetFileName(path), file.Ensemble, file.Format));
                else TreeInspection.Print(context, Path.GetFileName(path), file.Ensemble, file.Format);
                return LimnCommand.Done;
            }
            OnnxInspection found = OnnxReader.Inspect(path);
            IReadOnlyDictionary<string, Shape> shapes = InferredShapes(path, found);
            if (parsed.GetValue(json)) JsonText.Print(context.Out, Json(path, found, shapes));
            else Print(context, path, found, shapes);
            return LimnCommand.Done;
        });
        return command;
    }

    /// <summary>Shapes that the file leaves out, where the model can be read; exporters often declare only those of inputs and outputs.</summary>
    private static Dictionary<string, Shape> InferredShapes(string path, OnnxInspection found)
    {
        var shapes = new Dictionary<string, Shape>();
        if (found.Unsupported.Count > 0 || found.Nodes.SelectMany(n => n.Outputs).All(o => o.Shape is not null)) return shapes;
        try
        {
            foreach (Value value in OnnxReader.Read(path, new OnnxReadOptions { SkipWeights = true }).Graph.Values)
                if (value.Shape is not null) shapes.TryAdd(value.Name, value.Shape);
        }
        catch (LimnException)
        {
            // The file's own words are all there is then; why it cannot be read, predict and explain say.
            shapes.Clear();
        }
        return shapes;
    }

    private static string ShapeOf(OnnxValueInfo value, IReadOnlyDictionary<string, Shape> shapes) => Known(value, shapes)?.ToString() ?? "?";

    private static Shape? Known(OnnxValueInfo value, IReadOnlyDictionary<string, Shape> shapes) => value.Shape ?? shapes.GetValueOrDefault(value.Name);

    private static string OperatorOf(OnnxNodeInfo node) => node.Domain.Length == 0 ? node.Operator : $"{node.Domain}.{node.Operator}";

    private static void Print(CommandContext context, string path, OnnxInspection found, IReadOnlyDictionary<string, Shape> shapes)
    {
        TextWriter output = context.Out;
        output.WriteLine($"{Path.GetFileName(path)}: {found.Name}{(found.Producer.Length > 0 ? $", written by {found.Producer}" : "")}");
        output.WriteLine($"IR version {found.IrVersion}, operator sets {string.Join(", ", found.Domains.Select(d => $"{(d.Key.Length == 0 ? "ai.onnx" : d.Key)} {d.Value}"))}, {Numbers.Count(found.Parameters)} parameters");
        foreach (OnnxValueInfo input in found.Inputs) output.WriteLine($"input  {input.Name}: {input.Type} {ShapeOf(input, shapes)}");
        foreach (OnnxValueInfo result in found.Outputs) output.WriteLine($"output {result.Name}: {result.Type} {ShapeOf(result, shapes)}");
        if (found.Nodes.Count > 0)
            TextTable.Print(context, ["layer", "operator", "shape"], found.Nodes.Select(n => new[] { n.Name, OperatorOf(n), n.Outputs.Count > 0 ? ShapeOf(n.Outputs[0], shapes) : "" }));
        if (found.Unsupported.Count == 0)
        {
            output.WriteLine("Every operator is supported.");
            return;
        }
        output.WriteLine("Not supported:");
        foreach (UnsupportedOperator missing in found.Unsupported)
            output.WriteLine($"  {(missing.Domain.Length == 0 ? "" : missing.Domain + ".")}{missing.Operator} ({missing.Uses} x, first in '{missing.Node}'): {missing.Reason}");
    }

    private static byte[] Json(string path, OnnxInspection found, IReadOnlyDictionary<string, Shape> shapes) => JsonText.Object(json =>
    {
        json.WriteString("file", Path.GetFileName(path));
        json.WriteString("name", found.Name);
        json.WriteString("producer", found.Producer);
        json.WriteNumber("irVersion", found.IrVersion);
        json.WriteNumber("opset", found.OpsetVersion);
        json.WriteStartObject("domains");
        foreach (var (domain, version) in found.Domains) json.WriteNumber(domain.Length == 0 ? "ai.onnx" : domain, version);
        json.WriteEndObject();
        json.WriteNumber("parameters", found.Parameters);
        json.Objects("inputs", found.Inputs, v => Write(json, v, shapes));
        json.Objects("outputs", found.Outputs, v => Write(json, v, shapes));
        json.Objects("layers", found.Nodes, node =>
        {
            json.WriteString("name", node.Name);
            json.WriteString("operator", OperatorOf(node));
            WriteShape(json, node.Outputs.Count > 0 ? Known(node.Outputs[0], shapes) : null);
            json.Strings("inputs", node.Inputs);
            json.Strings("outputs", node.Outputs.Select(o => o.Name));
        });
        json.Objects("unsupported", found.Unsupported, u =>
        {
            json.WriteString("operator", u.Operator);
            json.WriteString("domain", u.Domain.Length == 0 ? "ai.onnx" : u.Domain);
            json.WriteNumber("opset", u.Opset);
            json.WriteString("node", u.Node);
            json.WriteNumber("uses", u.Uses);
            json.WriteString("reason", u.Reason);
        });
        json.WriteStartObject("metadata");
        foreach (var (key, value) in found.Metadata) json.WriteString(key, value);
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, OnnxValueInfo value, IReadOnlyDictionary<string, Shape> shapes)
    {
        json.WriteString("name", value.Name);
        json.WriteString("type", value.Type);
        WriteShape(json, Known(value, shapes));
    }

    /// <summary>Numbers, names of symbolic dimensions, and null for unknown ones.</summary>
    private static void WriteShape(Utf8JsonWriter json, Shape? shape)
    {
        if (shape is null)
        {
            json.WriteNull("shape");
            return;
        }
        json.List("shape", shape, dim =>
        {
            if (dim.IsKnown) json.WriteNumberValue(dim.Value);
            else if (dim.Symbol is { } symbol) json.WriteStringValue(symbol);
            else json.WriteNullValue();
        });
    }
}
