using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.Compilation;

/// <summary>What is compiled in these tests, and how it compares with <see cref="Method.Explain(IReadOnlyList{NdArray}, Target?, ExplainOptions?)"/>.</summary>
internal static class Compiled
{
    /// <summary>Options that keep the graphs small. The last squaring of a long path would only add time.</summary>
    private static readonly Dictionary<string, string> Few = new()
    {
        ["integrated-gradients"] = "5", ["internal-influence"] = "5", ["conductance"] = "5", ["neuron-conductance"] = "5", ["idgi"] = "5", ["blur-ig"] = "4", ["guided-ig"] = "5",
    };

    public static IReadOnlyDictionary<string, Func<Dim, OnnxModel>> Networks { get; } = new Dictionary<string, Func<Dim, OnnxModel>>
    {
        ["cnn"] = rows => Picture(rows, (g, x) => g.MaxPool(g.Relu(x), new SlidingWindow { Kernel = [2, 2], Strides = [1, 1] })),
        ["residual, softmax"] = rows => Picture(rows, (g, x) => g.Relu(g.Add(g.Relu(x), g.Conv(g.Relu(x), g.Constant(Tests.Networks.Random(7, 4, 4, 1, 1))))), softmax: true),
        ["norm, flat head"] = rows => Picture(rows, (g, x) => g.Relu(Normalized(g, x)), pooled: false),
        ["mlp"] = Table,
        ["attention"] = Attending,
    };

    /// <summary>The method of this name on a network of these tests, with few steps.</summary>
    public static Method Method(string name, OnnxModel network)
    {
        MethodDescription description = MethodRegistry.Find(name);
        NdArray background = Tests.Networks.Random(90, [3, .. network.Graph.Inputs[0].Shape!.Skip(1).Select(d => d.Value)]);
        return MethodRegistry.Create(name, network, Few.TryGetValue(name, out string? steps) ? new Dictionary<string, string> { ["steps"] = steps } : null, new MethodData
        {
            Baseline = !description.TakesBaseline ? null : name is "deep-lift-shap" or "integrated-gradients" ? Baseline.Background([background]) : Baseline.Value(0.2f),
            Neuron = description.TakesNeuron ? Target.Neuron("hidden", network.Graph.Inputs[0].Shape!.Rank == 4 ? [1, 2, 1] : [1]) : null,
        });
    }

    public static NdArray Rows(OnnxModel network, int rows, ulong seed = 3) => Tests.Networks.Random(seed, [rows, .. network.Graph.Inputs[0].Shape!.Skip(1).Select(d => d.Value)]);

    /// <summary>The bytes of the compiled explanation.</summary>
    public static byte[] Write(Graph graph)
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        return stream.ToArray();
    }

    /// <summary>Reads a compiled explanation back and runs it: its outputs by their names.</summary>
    public static IReadOnlyDictionary<string, NdArray> Run(byte[] file, params IReadOnlyList<NdArray> inputs)
    {
        Graph graph = OnnxReader.Read(file).Graph;
        Assert.All(graph.Nodes, n => Assert.Equal("", n.Operator.Domain));
        NdArray[] results = new Session(graph).Run([.. inputs]);
        return graph.Outputs.Zip(results).ToDictionary(p => p.First.Name, p => p.Second);
    }

    /// <summary>The largest difference between what a graph computes and what a method explains, as a share of the largest number of each output.</summary>
    public static double Difference(Attribution expected, IReadOnlyDictionary<string, NdArray> got)
    {
        Assert.Equal(expected.ConvergenceDelta is not null, got.ContainsKey("delta"));
        double scale = Math.Max(1e-3, expected.Prediction.Concat(expected.BaselinePrediction ?? []).Max(Math.Abs));
        double largest = Largest([.. expected.Prediction.Select(p => (float)p)], got["prediction"], scale);
        if (expected.ConvergenceDelta is { } delta) largest = Math.Max(largest, Largest([.. delta.Select(d => (float)d)], got["delta"], scale));
        foreach (AttributedTensor tensor in expected.Tensors)
        {
            NdArray values = got[expected.Tensors.Count == 1 ? "attribution" : $"attribution.{tensor.Name}"];
            Assert.Equal([.. tensor.Values.Lengths.ToArray().Select(l => (int)l)], values.Dims.ToArray());
            float[] wanted = Numbers.Of(tensor.Values);
            largest = Math.Max(largest, Largest(wanted, values, Math.Max(1e-6, wanted.Max(Math.Abs))));
        }
        return largest;
    }

    private static double Largest(float[] wanted, NdArray got, double scale)
    {
        Assert.Equal(wanted.Length, got.Length);
        double largest = 0;
        for (int i = 0; i < wanted.Length; i++)
            largest = double.IsNaN(wanted[i]) && float.IsNaN(got.Floats[i]) ? largest : Math.Max(largest, Math.Abs((double)wanted[i] - got.Floats[i]) is var d && double.IsNaN(d) ? 1e9 : d);
        return largest / scale;
    }

    private static OnnxModel Picture(Dim rows, Func<GraphBuilder, Value, Value> body, bool softmax = false, bool pooled = true)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [rows, 2, 6, 7]);
        Value stem = g.Node(new Conv(new SlidingWindow { Pads = [1, 1, 1, 1] }), [x, g.Constant(Tests.Networks.Random(1, 4, 2, 3, 3)), g.Constant(Tests.Networks.Random(2, 4))], name: "hidden", outputNames: ["h"])[0];
        Value maps = g.Node(new Conv(new SlidingWindow()), [body(g, stem), g.Constant(Tests.Networks.Random(3, 5, 4, 2, 2)), g.Constant(Tests.Networks.Random(4, 5))], name: "last", outputNames: ["last.out"])[0];
        maps = g.Relu(maps);
        Value flat = pooled ? g.Flatten(g.GlobalAveragePool(maps)) : g.Flatten(maps);
        Value y = g.Add(g.MatMul(flat, g.Constant(Tests.Networks.Random(5, flat.Shape![1].Value, 4))), g.Constant(Tests.Networks.Random(6, 4)));
        g.Output(softmax ? g.Softmax(g.Scale(y, 0.3f), 1) : y, "prediction"); // a name that the compiled graph gives to its own output
        return new OnnxModel(g.Build());
    }

    private static OnnxModel Table(Dim rows)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [rows, 6]);
        Value h = g.Node(new Relu(), [g.Op(new Gemm(), x, g.Constant(Tests.Networks.Random(1, 6, 8)), g.Constant(Tests.Networks.Random(2, 8)))], name: "hidden", outputNames: ["h"])[0];
        Value t = g.Tanh(g.Scale(g.MatMul(h, g.Constant(Tests.Networks.Random(3, 8, 5))), 0.2f));
        g.Output(g.MatMul(t, g.Constant(Tests.Networks.Random(4, 5, 3))), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>Positions of a feature map that attend to each other; as many maps as the picture has pixels.</summary>
    private static OnnxModel Attending(Dim rows)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [rows, 2, 6, 7]);
        Value stem = g.Node(new Conv(new SlidingWindow { Pads = [1, 1, 1, 1] }), [x, g.Constant(Tests.Networks.Random(1, 4, 2, 3, 3)), g.Constant(Tests.Networks.Random(2, 4))], name: "hidden", outputNames: ["h"])[0];
        Value h = g.Transpose(g.Reshape(g.Relu(stem), 0, 4, 42), 0, 2, 1);
        for (ulong layer = 0; layer < 2; layer++)
        {
            Value Projected(ulong seed) => g.MatMul(h, g.Constant(Tests.Networks.Random(20 + 10 * layer + seed, 4, 4)));
            h = g.Add(h, g.MatMul(g.Softmax(g.Scale(g.MatMul(Projected(0), g.Transpose(Projected(1), 0, 2, 1)), 0.1f), -1), Projected(2)));
        }
        g.Output(g.MatMul(g.ReduceMean(h, [1], keepDims: false), g.Constant(Tests.Networks.Random(6, 4, 4))), "y");
        return new OnnxModel(g.Build());
    }

    private static Value Normalized(GraphBuilder g, Value x)
    {
        NdArray variance = Tests.Networks.Random(13, 4);
        foreach (ref float v in variance.Floats) v = 0.5f + v * v;
        return g.BatchNormalization(x, g.Constant(Tests.Networks.Random(10, 4)), g.Constant(Tests.Networks.Random(11, 4)), g.Constant(Tests.Networks.Random(12, 4)), g.Constant(variance));
    }
}
