using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

/// <summary>Coalitions whose first layer is summed give what coalitions give whose rows are made.</summary>
public sealed class AffinePrefixTests
{
    [Theory]
    [InlineData(1, 3, 4)]
    [InlineData(2, 1, 1)]
    [InlineData(7, 5, 20)]
    [InlineData(20, 64, 100)]
    [InlineData(33, 65, 17)]
    [InlineData(70, 8, 3)]
    [InlineData(130, 70, 2)]
    public void Sums_of_the_first_layer_are_the_layer_of_the_sums(int columns, int width, int draws)
    {
        var graph = new GraphBuilder();
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("rows"), columns]);
        Value scaled = graph.Div(graph.Sub(x, graph.Constant(Networks.Random(3, columns))), graph.Constant(new NdArray([.. Enumerable.Range(0, columns).Select(i => 1.5f + i % 3)], columns)));
        Value hidden = graph.Add(graph.MatMul(scaled, graph.Constant(Networks.Random(5, columns, width))), graph.Constant(Networks.Random(6, width)));
        graph.Output(graph.Gemm(graph.Tanh(hidden), graph.Constant(Networks.Random(7, 2, width)), transB: true));
        Compare(graph.Build(), columns, draws, hidden);
    }

    [Fact]
    public void A_linear_model_is_all_prefix()
    {
        var graph = new GraphBuilder();
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("rows"), 12]);
        Value y = graph.Gemm(x, graph.Constant(Networks.Random(5, 12, 3)), graph.Constant(Networks.Random(6, 3)));
        graph.Output(y);
        Compare(graph.Build(), 12, 9, y);
    }

    [Fact]
    public void An_input_that_goes_round_the_first_layer_leaves_no_prefix()
    {
        var graph = new GraphBuilder();
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("rows"), 6]);
        Value hidden = graph.Tanh(graph.MatMul(x, graph.Constant(Networks.Random(5, 6, 6))));
        graph.Output(graph.Mul(hidden, x));
        Compare(graph.Build(), 6, 5, null);

        graph = new GraphBuilder();
        x = graph.Input("x", ElementType.Float, [Dim.Named("rows"), 6]);
        graph.Output(graph.MatMul(graph.Tanh(x), graph.Constant(Networks.Random(5, 6, 2))));
        Compare(graph.Build(), 6, 5, null);

    }

    private static void Compare(Graph graph, int columns, int draws, Value? entry)
    {
        var model = new OnnxModel(graph, 1);
        NdArray rows = Networks.Random(1, 3, columns), background = Networks.Random(2, draws, columns);
        double[] weights = [.. Enumerable.Range(1, draws).Select(d => 2.0 * d / (draws * (draws + 1)))];
        NdArray groups = new([.. Enumerable.Range(0, columns).Select(i => (long)(i / 2))], 1, columns);
        foreach (Baseline baseline in new[] { Baseline.Background([background]), Baseline.Background([background], weights), Baseline.Zero })
            foreach (IReadOnlyList<NdArray>? mask in new IReadOnlyList<NdArray>?[] { null, [groups] })
                foreach (Func<IPredictor, GameMethod> make in new Func<IPredictor, GameMethod>[]
                {
                    m => new KernelShap(m) { Samples = 4 * columns + 8, Baseline = baseline, Mask = mask },
                    m => new PermutationShap(m) { Samples = 2, Baseline = baseline, Mask = mask },
                })
                {
                    Attribution summed = make(model).Explain([rows], Target.Class(0)), plain = make(new Hidden(model)).Explain([rows], Target.Class(0));
                    float[] expected = Numbers.Of(plain.Values), actual = Numbers.Of(summed.Values);
                    double size = expected.Max(Math.Abs);
                    for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 2e-5 * Math.Max(1, size), $"{actual[i]} instead of {expected[i]}");
                }
        Assert.Equal(entry?.Name, AffinePrefix.EntryOf(graph, graph.Inputs[0], graph.Outputs[0])?.Name);
    }

    /// <summary>The same model as a black box.</summary>
    private sealed class Hidden(OnnxModel of) : IPredictor
    {
        public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default) => of.Predict(inputs, cancellation);
    }
}
