using System.Globalization;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Tests.Compilation;

/// <summary>ONNX Runtime, which knows nothing of explanations, computes them from the compiled files.</summary>
public sealed class OnnxRuntimeTests
{
    private const double Tolerance = 2e-4; // its products and sums are in another order

    [OnnxRuntimeFact]
    public void Every_compiled_method_runs_in_onnx_runtime_on_networks_of_all_kinds()
    {
        List<Case> cases = [];
        foreach (MethodDescription method in MethodRegistry.All.Where(m => m.NotCompiled is null))
            foreach (var (name, network) in Compiled.Networks)
            {
                OnnxModel model = network(Dim.Named("batch"));
                if (Case.Of($"{method.Name} on {name}", Compiled.Method(method.Name, model), Compiled.Rows(model, 2), "hidden") is { } made) cases.Add(made);
            }
        Check(cases, Tolerance);
    }

    [OnnxRuntimeFact]
    public void Explanations_of_trained_models_run_in_onnx_runtime()
    {
        string samples = Path.Combine(SharedFiles.Root, "samples");
        List<Case> cases = [];
        OnnxModel digits = OnnxModel.Load(Path.Combine(samples, "digits", "model.onnx")), wine = OnnxModel.Load(Path.Combine(samples, "wine", "model.onnx"));
        NdArray picture = Sample(digits, Path.Combine(samples, "digits", "test.csv")), row = Sample(wine, Path.Combine(samples, "wine", "test.csv"));
        foreach (MethodDescription method in MethodRegistry.All.Where(m => m.NotCompiled is null && !m.TakesNeuron && m.Name != "guided-ig"))
        {
            string layer = digits.Graph.Nodes.First(n => n.Operator.Name == "Conv").Outputs[0].Name, dense = wine.Graph.Nodes.First(n => n.Operator.Name == "Relu").Outputs[0].Name;
            if (Case.Of($"{method.Name} of a digit", MethodRegistry.Create(method.Name, digits), picture, layer) is { } d) cases.Add(d);
            if (Case.Of($"{method.Name} of a wine", MethodRegistry.Create(method.Name, wine), row, dense) is { } w) cases.Add(w);
        }
        List<Case> sharp = [];
        OnnxModel attention = OnnxModel.Load(Path.Combine(samples, "digits", "attention.onnx"));
        foreach (string method in new[] { "attention-rollout", "attention-relevance", "integrated-gradients" })
            if (Case.Of($"{method} of a digit", MethodRegistry.Create(method, attention), picture, null) is { } a) sharp.Add(a);
        if (SharedFiles.Find("models", "squeezenet", "squeezenet.onnx") is { } file)
        {
            OnnxModel squeezenet = OnnxModel.Load(file);
            NdArray kitten = NdArray.From(NpzFile.Read(SharedFiles.Path("models/squeezenet/kitten_reference.npz")).Single(e => e.Key.StartsWith("in_", StringComparison.Ordinal)).Value.ToFloat());
            foreach (string method in new[] { "grad-cam", "lrp" })
                if (Case.Of($"{method} of a kitten", MethodRegistry.Create(method, squeezenet), kitten, null) is { } k) cases.Add(k);
        }
        Check(cases, Tolerance);
        Check(sharp, 1e-3); // trained attention is nearly all or nothing, and its gradient magnifies the last bits of what goes in
    }

    private static NdArray Sample(OnnxModel model, string table)
    {
        NdArray values = NdArray.From(CsvTable.Read(table).Values);
        Shape shape = model.Graph.Inputs[0].Shape!;
        return values.Rows(0, 2).Columns(1, values.Dims[1] - 1).Reshape([2, .. shape.Skip(1).Select(d => d.Value)]); // the first column is the label
    }

    private static void Check(List<Case> cases, double tolerance)
    {
        IReadOnlyList<RuntimeResult> results = OnnxRuntimeProcess.Run([.. cases.Select(c => new RuntimeCase(c.File, [(c.Input, c.Rows)]))]);
        List<string> wrong = [];
        for (int i = 0; i < cases.Count; i++)
        {
            double difference = results[i].Outputs is { } outputs ? Compiled.Difference(cases[i].Expected, outputs) : double.NaN;
            if (results[i].Error is { } error) wrong.Add($"{cases[i].Name}: {error}");
            else if (!(difference <= tolerance)) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"{cases[i].Name}: {difference:E1}"));
        }
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {cases.Count}:\n{string.Join('\n', wrong)}");
    }

    private sealed record Case(string Name, byte[] File, string Input, NdArray Rows, Attribution Expected)
    {
        /// <summary>Null where the method refuses the network.</summary>
        public static Case? Of(string name, Method method, NdArray rows, string? layer)
        {
            var options = new ExplainOptions { At = method.NeedsLayer ? layer : null };
            Attribution expected;
            try
            {
                expected = method.Explain([rows], options: options);
            }
            catch (LimnException)
            {
                return null;
            }
            return new Case(name, Compiled.Write(method.Compile(options: options)), ((OnnxModel)method.Model).Graph.Inputs[0].Name, rows, expected);
        }
    }
}
