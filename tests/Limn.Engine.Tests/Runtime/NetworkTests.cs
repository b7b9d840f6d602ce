using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine.Tests.Operators;

namespace Limn.Engine.Tests.Runtime;

/// <summary>What single operators do not show: texts that become embeddings, graphs in graphs, derivatives of derivatives, all written and run in ONNX Runtime.</summary>
public class NetworkTests
{
    private static readonly Dim Rows = Dim.Named("n");

    [OnnxRuntimeFact]
    public void Onnx_runtime_computes_networks_and_their_first_and_second_derivatives()
    {
        List<WrittenCase> cases = [];
        foreach (var (name, build, inputs) in Networks())
        {
            var g = new GraphBuilder(name);
            Value? at = build(g);
            Graph graph = g.Build();
            List<NdArray> feeds = [.. inputs];
            cases.Add(WrittenCase.Of(name, graph, feeds));
            Value place = at ?? graph.Inputs[0], target = graph.Outputs[0];
            int orders = name is "words" or "GRU" or "LSTM" ? 1 : 2; // ONNX Runtime takes seconds to load the second derivatives of these
            for (int order = 1; order <= orders; order++)
            {
                NdArray arriving = WrittenCase.Arriving(graph, target, feeds);
                if (WrittenCase.GradientGraph(graph, target, [place]) is not { } gradient) throw new InvalidOperationException($"{name} has no derivative of order {order}.");
                feeds.Add(arriving);
                cases.Add(WrittenCase.Of($"{name}, order {order}", gradient, feeds));
                (graph, target) = (gradient, gradient.Outputs[0]);
            }
        }
        IReadOnlyList<RuntimeResult> results = OnnxRuntimeProcess.Run([.. cases.Select(c => c.Case)]);
        string[] wrong = [.. cases.Zip(results, (c, r) => (c.Name, What: r.Outputs is { } o ? c.Difference(o, 1e-4, 1e-6) : r.Error)).Where(w => w.What is not null).Select(w => $"{w.Name}: {w.What}")];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {cases.Count}:\n{string.Join('\n', wrong)}");
    }

    /// <summary>Each with the value that is differentiated by; null for the first input.</summary>
    private static IEnumerable<(string, Func<GraphBuilder, Value?>, NdArray[])> Networks()
    {
        NdArray picture = Random([2, 1, 6, 6], 1), row = Random([2, 5], 2), sequence = Random([4, 2, 3], 3);
        yield return ("convolution, normalisation, pooling", Picture, [picture]);
        yield return ("attention", Attention, [Random([2, 3, 4], 4)]);
        yield return ("words", Words, [new NdArray(["a", "cat", "sat", "on", "a", "mat"], 2, 3)]);
        yield return ("a branch", g => Branch(g, g.Input("x", ElementType.Float, [Rows, 5])), [row]);
        yield return ("a loop with a branch inside", LoopOfBranches, [row]);
        yield return ("a loop that ends by its condition", Doubling, [Random([3], 9)]);
        foreach (string cell in new[] { "RNN", "GRU", "LSTM" }) yield return (cell, g => Recurrent(g, cell, g.Input("x", ElementType.Float, [Dim.Named("t"), Rows, 3])), [sequence]);
    }

    private static Value? Picture(GraphBuilder g)
    {
        Value x = g.Input("x", ElementType.Float, [Rows, 1, 6, 6]);
        Value y = g.Tanh(g.Conv(x, g.Constant(Random([3, 1, 3, 3], 10)), g.Constant(Random([3], 11)), new SlidingWindow { Pads = [1, 1, 1, 1] }));
        y = g.MaxPool(g.Softplus(y), new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] });
        y = g.MatMul(g.Reshape(y, -1, 27), g.Constant(Random([27, 4], 12)));
        g.Output(g.LogSoftmax(g.LayerNormalization(y, g.Constant(Random([4], 13)), g.Constant(Random([4], 14)))), "y");
        return null;
    }

    private static Value? Attention(GraphBuilder g)
    {
        Value x = g.Input("x", ElementType.Float, [Rows, 3, 4]);
        Value q = g.MatMul(x, g.Constant(Random([4, 4], 20))), k = g.MatMul(x, g.Constant(Random([4, 4], 21))), v = g.MatMul(x, g.Constant(Random([4, 4], 22)));
        g.Output(g.MatMul(g.Softmax(g.MatMul(q, g.Transpose(k, 0, 2, 1)), 2), v), "y");
        return null;
    }

    private static Value Words(GraphBuilder g)
    {
        Value x = g.Input("words", ElementType.String, [Rows, 3]);
        var encoder = new LabelEncoder(new NdArray(["a", "cat", "mat", "sat"], 4), NdArray.Vector(1L, 2L, 3L, 4L), NdArray.Scalar(0L));
        Value embedded = g.Gather(g.Constant(Random([5, 3], 30)), g.Op(encoder, x));
        Recurrent(g, "GRU", g.Transpose(embedded, 1, 0, 2));
        return embedded;
    }

    private static Value? Recurrent(GraphBuilder g, string cell, Value x)
    {
        int gates = cell switch { "RNN" => 1, "GRU" => 3, _ => 4 };
        Value y = Importing.Import(g, cell, 14, [x, g.Constant(Random([2, 2 * gates, 3], 40)), g.Constant(Random([2, 2 * gates, 2], 41)), g.Constant(Random([2, 4 * gates], 42))],
            new() { ["hidden_size"] = 2L, ["direction"] = "bidirectional" }, outputs: 2)[1];
        g.Output(g.Tanh(y), "y");
        return null;
    }

    private static Value? Branch(GraphBuilder g, Value x)
    {
        g.Output(g.Node(Choice(), [g.Less(g.ReduceSum(x, null, keepDims: false), g.Constant(0f)), x])[0], "y");
        return null;
    }

    /// <summary>tanh(x) · x or x · W, by a weight that is large enough to be kept once for all graphs.</summary>
    private static If Choice()
    {
        var one = new GraphBuilder("one");
        Value x = one.Input("x", ElementType.Float, [Rows, 5]);
        one.Output(one.Mul(one.Tanh(x), x));
        var other = new GraphBuilder("other");
        x = other.Input("x", ElementType.Float, [Rows, 5]);
        Value wide = other.Sigmoid(other.MatMul(x, other.Constant(Random([5, 60], 50))));
        other.Output(other.MatMul(wide, other.Constant(Random([60, 5], 51))));
        return new If(one.Build(), other.Build());
    }

    private static Value? LoopOfBranches(GraphBuilder g)
    {
        var body = new GraphBuilder("body");
        Value t = body.Input("t", ElementType.Int64, Shape.Scalar), goesOn = body.Input("c", ElementType.Bool, Shape.Scalar);
        Value s = body.Input("s", ElementType.Float, [Rows, 5]), around = body.Input("around", ElementType.Float, [Rows, 5]);
        Value even = body.Equal(body.Op(new Mod(), t, body.Constant(NdArray.Scalar(2L))), body.Constant(NdArray.Scalar(0L)));
        body.Output(body.Identity(goesOn));
        body.Output(body.Tanh(body.Add(body.Node(Choice(), [even, s])[0], around)));
        body.Output(body.ReduceSum(s, [1]));
        Value x = g.Input("x", ElementType.Float, [Rows, 5]);
        IReadOnlyList<Value> outputs = g.Node(new Loop(body.Build(), 1), [g.Constant(NdArray.Scalar(3L)), null, x, g.Sigmoid(x)], 2);
        g.Output(g.Add(outputs[0], g.ReduceSum(outputs[1], [0], keepDims: false)), "y");
        return null;
    }

    private static Value? Doubling(GraphBuilder g)
    {
        var body = new GraphBuilder("body");
        body.Input("t", ElementType.Int64, Shape.Scalar);
        body.Input("c", ElementType.Bool, Shape.Scalar);
        Value s = body.Input("s", ElementType.Float, [3]), doubled = body.Mul(s, body.Add(s, body.Constant(1.5f)));
        body.Output(body.Less(body.ReduceSum(body.Mul(doubled, doubled), [0], keepDims: false), body.Constant(50f)));
        body.Output(doubled);
        Value x = g.Input("x", ElementType.Float, [3]);
        g.Output(g.Node(new Loop(body.Build(), 1), [g.Constant(NdArray.Scalar(5L)), null, x])[0], "y");
        return null;
    }

    private static NdArray Random(int[] dims, int seed) => GradientCheck.Random(dims, -1, 1, seed);
}
