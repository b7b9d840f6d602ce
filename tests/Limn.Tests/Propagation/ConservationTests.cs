using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public sealed class ConservationTests
{
    private static readonly NdArray X = Networks.Random(5, 2, 1, 6, 6);

    [Theory]
    [InlineData(LrpRuleName.Epsilon)]
    [InlineData(LrpRuleName.ZPlus)]
    [InlineData(LrpRuleName.Gamma)]
    public void Without_biases_every_layer_sums_to_the_score(LrpRuleName rule)
    {
        var lrp = new Lrp(Network()) { Rule = rule, Epsilon = 1e-9 };
        NdArray x = X.Copy();
        if (rule != LrpRuleName.Epsilon)
            foreach (ref float v in x.Floats) v = Math.Abs(v);
        Attribution a = lrp.Explain([x], Target.Class(0));
        IReadOnlyList<Conservation> rows = lrp.Conservation([x], Target.Class(0));
        Assert.Equal(2, rows.Count);
        foreach (Conservation row in rows)
        {
            Assert.Equal(a.Prediction[row.Row], row.Score, 1e-5 * Math.Abs(row.Score));
            Assert.Equal(["last", "sum", "relu2", "branch", "relu1", "first"], row.LayerSums.Where(l => l.Operator != "Flatten").Select(l => l.Layer));
            Assert.All(row.LayerSums, l => Assert.Equal(row.Score, l.Remaining, 1e-5 * Math.Abs(row.Score)));
            Assert.Empty(row.Leaks(1e-5));
        }
    }

    [Fact]
    public void A_large_epsilon_leaks_and_the_leak_is_located()
    {
        Lrp Of(double epsilon) => new(Network()) { Assignments = [new(LrpRule.Epsilon(epsilon)) { Layer = "branch" }], Epsilon = 1e-9 };
        Conservation row = Of(5).Conservation([X], Target.Class(0))[0];
        LayerRelevance leak = Assert.Single(row.Leaks());
        Assert.Equal("branch", leak.Layer);
        Assert.Equal(row.Score - row.Delivered, leak.Lost, 1e-4 * Math.Abs(row.Score));
        Assert.Empty(Of(1e-9).Conservation([X], Target.Class(0))[0].Leaks());
    }

    [Fact]
    public void A_bias_absorbs_and_is_named()
    {
        Attribution a = new Lrp(Networks.Linear(7, 2, 1)) { Conserved = true }.Explain([new NdArray([1f, 1], 1, 2)], Target.Class(0));
        Conservation row = Assert.Single(a.Conservation!);
        LayerRelevance leak = Assert.Single(row.Leaks());
        Assert.Equal("Add", leak.Operator);
        Assert.Equal(7, leak.Lost, 4);
        Assert.Equal(3, row.Delivered, 4);
        Assert.Contains(a.Remarks, r => r.Contains("most was lost at", StringComparison.Ordinal));
        Assert.Null(new Lrp(Networks.Linear(7, 2, 1)).Explain([new NdArray([1f, 1], 1, 2)], Target.Class(0)).Conservation);
    }

    [Fact]
    public void What_is_delivered_is_what_the_attributions_sum_to()
    {
        OnnxModel model = RandomNetworks.Of("attention", linearEnd: true);
        NdArray x = Networks.Random(5, 3, 2, 6, 6);
        var lrp = new Lrp(model) { Conserved = true };
        Attribution a = lrp.Explain([x], Target.Class(1));
        float[] values = Numbers.Of(a.Values);
        int inner = values.Length / 3;
        for (int r = 0; r < 3; r++) Assert.Equal(values.AsSpan(r * inner, inner).ToArray().Sum(v => (double)v), a.Conservation![r].Delivered, 1e-3 * Math.Abs(a.Prediction[r]));
    }

    [Fact]
    public void A_network_of_a_fixed_batch_is_checked_row_by_row()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [3, 2]);
        g.Output(g.Add(g.MatMul(x, g.Constant(new NdArray([1f, 2], 2, 1))), g.Constant(NdArray.Vector(1f))));
        IReadOnlyList<Conservation> rows = new Lrp(new OnnxModel(g.Build())).Conservation([new NdArray([1f, 1, 2, 2], 2, 2)], Target.Class(0));
        Assert.Equal([4, 7], rows.Select(r => Math.Round(r.Score, 4)));
        Assert.Equal([3, 6], rows.Select(r => Math.Round(r.Delivered, 4)));
    }

    /// <summary>Convolution, ReLU, a residual branch, a sum, and a dense layer: no bias anywhere.</summary>
    private static OnnxModel Network()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 6, 6]);
        Value first = g.Node(new Conv(new SlidingWindow { Pads = [1, 1, 1, 1] }), [x, g.Constant(Networks.Random(1, 3, 1, 3, 3))], name: "first")[0];
        Value relu = g.Node(new Relu(), [first], name: "relu1")[0];
        Value branch = g.Node(new Conv(new SlidingWindow()), [relu, g.Constant(Networks.Random(2, 3, 3, 1, 1))], name: "branch")[0];
        Value other = g.Node(new Relu(), [branch], name: "relu2")[0];
        Value sum = g.Node(new Add(), [relu, other], name: "sum")[0];
        g.Output(g.Node(new MatMul(), [g.Flatten(sum), g.Constant(Networks.Random(3, 108, 2))], name: "last")[0]);
        return new OnnxModel(g.Build());
    }
}
