using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public class SignsTests
{
    [Fact]
    public void What_only_moves_pools_or_adds_up_what_is_never_negative_is_not_either()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, 4, 4]);
        Value on = g.Relu(x), pooled = g.MaxPool(on, new SlidingWindow { Kernel = [2, 2] }), both = g.Add(on, g.Sigmoid(x)), mixed = g.Add(on, x);
        Value capped = g.Clip(x, 0, 6), open = g.Clip(x, -1, 6), moved = g.Transpose(g.Reshape(pooled, 0, -1), 1, 0);
        foreach (Value v in new[] { mixed, moved, both, capped, open }) g.Output(v);
        Graph graph = g.Build();
        Assert.All([on, pooled, both, capped, moved], v => Assert.True(Signs.NeverNegative(graph, v, [x])));
        Assert.All([x, mixed, open], v => Assert.False(Signs.NeverNegative(graph, v, [x])));
        Assert.All([on, pooled, both, moved], v => Assert.False(Signs.NeverNegative(graph, v, [on]))); // it may be set to anything
    }

    [Theory]
    [InlineData(LrpRuleName.ZPlus)]
    [InlineData(LrpRuleName.Gamma)]
    [InlineData(LrpRuleName.Alpha2Beta1)]
    public void A_layer_that_is_set_to_negative_values_is_explained_by_all_of_them(LrpRuleName rule)
    {
        // Behind the ReLU "h" the rules leave the negative half out; with h set to negative values, as noise does, they must not.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3]);
        Value h = g.Node(new Relu(), [x], name: "h", outputNames: ["h"])[0];
        g.Output(g.MatMul(h, g.Constant(new NdArray([1f, -2, 3], 3, 1))), "y");
        var network = new OnnxModel(g.Build());
        var noise = new SmoothGrad(new Lrp(network) { Rule = rule }) { Samples = 40, StandardDeviation = 3, Relative = false };
        Attribution a = noise.Explain([new NdArray([0.1f, 0.1f, 0.1f], 1, 3)], Target.Output("y", 0), new ExplainOptions { At = "h" });
        Attribution clean = new Lrp(network) { Rule = rule }.Explain([new NdArray([0.1f, 0.1f, 0.1f], 1, 3)], Target.Output("y", 0), new ExplainOptions { At = "h" });
        Assert.All(Numbers.Of(a.Values), v => Assert.True(float.IsFinite(v)));
        Assert.NotEqual(Numbers.Of(clean.Values), Numbers.Of(a.Values));
    }
}
