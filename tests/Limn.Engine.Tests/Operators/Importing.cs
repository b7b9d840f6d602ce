using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

/// <summary>Operators as a file has them: imported from name, version and attributes.</summary>
internal static class Importing
{
    public const string OnnxRuntime = "com.microsoft";

    public static IReadOnlyList<Value> Import(GraphBuilder g, string name, int opset, IReadOnlyList<Value?> inputs, Dictionary<string, object>? attributes = null, int outputs = 1, string domain = "")
    {
        var read = new NodeAttributes("the node", attributes ?? []);
        string[] names = [.. Enumerable.Range(0, outputs).Select(i => $"{name}.{g.Nodes.Count}.{i}")];
        IReadOnlyList<Value> results = OperatorRegistry.Find(domain, name)!.Import(new OperatorImport(g, "the node", opset, inputs, names, read));
        Assert.Empty(read.Unread);
        return results;
    }

    /// <summary>The outputs on these inputs; null is one left out. Integers that are listed as constant are known when the node is read.</summary>
    public static NdArray[] Run(string name, int opset, NdArray?[] inputs, Dictionary<string, object>? attributes = null, int outputs = 1, string domain = "", int[]? constant = null)
    {
        var g = new GraphBuilder();
        Value?[] places = [.. inputs.Select((x, i) => x is null ? null : constant?.Contains(i) == true ? g.Constant(x) : g.Input($"x{i}", x.Type, Shape.Of(x.Dims)))];
        foreach (Value result in Import(g, name, opset, places, attributes, outputs, domain).Take(outputs)) g.Output(g.Identity(result));
        return new Session(g.Build(), 1).Run([.. inputs.Where((x, i) => x is not null && constant?.Contains(i) != true).Select(x => x!)]);
    }

    /// <summary>Checks that the gradient of an output by all floating inputs, written to a file and read again, still gives the same numbers.</summary>
    public static void CheckWritten(Func<GraphBuilder, Value[], Value> build, params NdArray[] inputs)
    {
        var g = new GraphBuilder();
        Value[] places = [.. inputs.Select((x, i) => g.Input($"x{i}", x.Type, Shape.Of(x.Dims)))];
        g.Output(build(g, places));
        Graph forward = g.Build();
        GradientGraph gradient = Gradient.Of(forward, forward.Outputs[0], [.. places.Where(p => p.Type.IsFloating())]);
        g = new GraphBuilder(gradient.Graph);
        for (int i = 0; i < gradient.Gradients.Count; i++)
            if (gradient.Gradients[i] is { } value) g.Output(value, $"gradient.{i}");
        Graph graph = g.Build();
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        NdArray[] expected = new Session(graph, 1).Run(inputs), got = new Session(OnnxReader.Read(stream.ToArray()).Graph, 1).Run(inputs);
        Assert.Equal(expected.Length, got.Length);
        for (int i = 0; i < got.Length; i++) Near(expected[i].Floats, got[i], 1e-5);
    }

    public static void Near(ReadOnlySpan<float> expected, NdArray got, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Length, got.Length);
        for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - got.Floats[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"element {i} is {got.Floats[i]} instead of {expected[i]}.");
    }

    public static NdArray Random(int seed, params int[] dims) => GradientCheck.Random(dims, -1, 1, seed);
}
