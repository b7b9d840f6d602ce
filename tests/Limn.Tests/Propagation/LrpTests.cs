using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Graphs.Rewrites;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public sealed class LrpTests
{
    private static readonly NdArray X123 = new([1f, 2, 3], 1, 3);

    [Fact]
    public void A_residual_sum_divides_in_proportion()
    {
        Attribution kept = new Lrp(new OnnxModel(Residual())).Explain([X123], Target.Class(0));
        Assert.Equal(0, kept.ConvergenceDelta![0], 1e-3);
    }

    [Theory]
    [InlineData(LrpRuleName.Epsilon)]
    [InlineData(LrpRuleName.Gamma)]
    [InlineData(LrpRuleName.Alpha1Beta0)]
    [InlineData(LrpRuleName.ZPlus)]
    [InlineData(LrpRuleName.ZBox)]
    [InlineData(LrpRuleName.WSquare)]
    [InlineData(LrpRuleName.Flat)]
    [InlineData(LrpRuleName.Norm)]
    public void Without_biases_relevance_is_kept(LrpRuleName rule)
    {
        Attribution a = new Lrp(Positive()) { Rule = rule }.Explain([new NdArray([0.2f, 0.9f, 0.4f, 0.7f, 0.1f, 0.3f, 0.8f, 0.6f], 2, 1, 2, 2)], Target.Class(0));
        for (int r = 0; r < 2; r++) Assert.True(Math.Abs(a.ConvergenceDelta![r]) <= 1e-4 * Math.Abs(a.Prediction[r]), $"{a.ConvergenceDelta[r]} of {a.Prediction[r]}");
    }

    [Fact]
    public void Each_rule_divides_a_single_layer_as_its_formula_says()
    {
        // z = 2·1 − 1·2 + 3·(−1) = −3, with a = (1, 2, −1) and w = (2, −1, 3); R = −3.
        OnnxModel model = Networks.Linear(0, 2, -1, 3);
        NdArray x = new([1f, 2, -1], 1, 3);
        float[] Of(LrpRule rule) => Numbers.Of(new Lrp(model) { Assignments = [new(rule)] }.Explain([x], Target.Class(0)).Values);
        ReferenceNetworks.Equal([2, -2, -3], Of(LrpRule.Epsilon()));
        ReferenceNetworks.Equal([2, -2, -3], Of(LrpRule.Norm));
        ReferenceNetworks.Equal([-3, 0, 0], Of(LrpRule.ZPlus));
        // Positive contributions 2; negative −2, −3: 2·R·(1, 0, 0) − R·(0, 0.4, 0.6)
        ReferenceNetworks.Equal([-6, 1.2, 1.8], Of(LrpRule.AlphaBeta(2, 1)));
        ReferenceNetworks.Equal([-3 * 4 / 14.0, -3 * 1 / 14.0, -3 * 9 / 14.0], Of(LrpRule.WSquare));
        ReferenceNetworks.Equal([-1, -1, -1], Of(LrpRule.Flat));
        // low −1, high 2: q = a·w − low·w⁺ − high·w⁻ = (2 + 2, −2 + 2, −3 + 3)
        ReferenceNetworks.Equal([-3, 0, 0], Of(LrpRule.ZBox(-1, 2)));
        ReferenceNetworks.Equal([-3, 0, 0], Of(LrpRule.ZBox()));
        // z < 0: γ = 1 favours what lowers it: (2, −4, −6) of −8
        ReferenceNetworks.Equal([-3 * 2 / -8.0, -3 * -4 / -8.0, -3 * -6 / -8.0], Of(LrpRule.Gamma(1)));
    }

    [Fact]
    public void A_bias_absorbs_its_share_and_the_delta_says_so()
    {
        Attribution a = new Lrp(Networks.Linear(7, 2, 1)).Explain([new NdArray([1f, 1], 1, 2)], Target.Class(0));
        ReferenceNetworks.Equal([2, 1], Numbers.Of(a.Values));
        Assert.Equal(-7, a.ConvergenceDelta![0], 4);
        Assert.True(a.Flags.HasFlag(AttributionFlags.DeltaLarge));
    }

    [Theory]
    [InlineData(LrpComposite.EpsilonPlus)]
    [InlineData(LrpComposite.EpsilonAlpha2Beta1)]
    [InlineData(LrpComposite.EpsilonPlusFlat)]
    [InlineData(LrpComposite.EpsilonGammaBox)]
    public void A_composite_gives_each_layer_its_rule(LrpComposite composite)
    {
        OnnxModel model = ReferenceNetworks.OneConvolution();
        IReadOnlyList<LrpAssignment> same = composite switch
        {
            LrpComposite.EpsilonPlus => [new(LrpRule.ZPlus) { Layer = "conv1" }],
            LrpComposite.EpsilonAlpha2Beta1 => [new(LrpRule.AlphaBeta()) { Layer = "conv1" }],
            LrpComposite.EpsilonPlusFlat => [new(LrpRule.Flat) { Layer = "conv1" }],
            _ => [new(LrpRule.ZBox()) { Layer = "conv1" }],
        };
        float[] named = Numbers.Of(new Lrp(model) { Composite = composite }.Explain([ReferenceNetworks.Picture], Target.Class(0)).Values);
        Assert.Equal(Numbers.Of(new Lrp(model) { Assignments = same }.Explain([ReferenceNetworks.Picture], Target.Class(0)).Values), named);
        Assert.Contains(named, v => v != 0);
    }

    [Theory]
    [InlineData("conv")]
    [InlineData("transposed")]
    [InlineData("gemm")]
    public void Folding_batch_normalisation_keeps_the_function(string kind)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, kind == "gemm" ? [Dim.Named("batch"), 4] : [Dim.Named("batch"), 4, 3, 3]);
        Value y = kind switch
        {
            "conv" => g.Conv(x, g.Constant(Networks.Random(1, 6, 2, 3, 3)), g.Constant(Networks.Random(2, 6)), new SlidingWindow { Pads = [1, 1, 1, 1] }, group: 2),
            "transposed" => g.ConvTranspose(x, g.Constant(Networks.Random(1, 4, 3, 2, 2)), null, new SlidingWindow(), group: 2),
            _ => g.Gemm(x, g.Constant(Networks.Random(1, 4, 6)), g.Constant(Networks.Random(2, 6)), alpha: 0.5f, beta: 2),
        };
        NdArray variance = Networks.Random(6, 6);
        foreach (ref float v in variance.Floats) v = 0.5f + v * v;
        g.Output(g.BatchNormalization(y, g.Constant(Networks.Random(3, 6)), g.Constant(Networks.Random(4, 6)), g.Constant(Networks.Random(5, 6)), g.Constant(variance)));
        Graph graph = g.Build(), folded = BatchNormalizationFolding.Of(graph, []);
        Assert.DoesNotContain(folded.Nodes, n => n.Operator is BatchNormalization);
        Assert.Same(graph, BatchNormalizationFolding.Of(graph, [y]));
        NdArray input = kind == "gemm" ? Networks.Random(9, 2, 4) : Networks.Random(9, 2, 4, 3, 3);
        float[] before = new OnnxModel(graph).Predict([input])[0].Floats.ToArray(), after = new OnnxModel(folded).Predict([input])[0].Floats.ToArray();
        for (int i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 1e-4f);
    }

    [Fact]
    public void Attention_and_layer_norm_keep_most_of_the_relevance()
    {
        OnnxModel model = RandomNetworks.Of("attention", linearEnd: true);
        Attribution a = new Lrp(model).Explain([Networks.Random(5, 2, 2, 6, 6)], Target.Class(1));
        Assert.All(Numbers.Of(a.Values), v => Assert.True(float.IsFinite(v)));
        // A layer norm without scale and bias keeps all: Σ x·d·(s − mean s) = Σ y·s.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 4]);
        Value n = g.LayerNormalization(x, g.Constant(ReferenceNetworks.Filled(1, 4)));
        g.Output(g.MatMul(n, g.Constant(Networks.Random(3, 4, 2))));
        Attribution kept = new Lrp(new OnnxModel(g.Build())).Explain([Networks.Random(5, 2, 4)], Target.Class(1));
        Assert.All(kept.ConvergenceDelta!, d => Assert.Equal(0, d, 1e-4));
    }

    [Fact]
    public void Wrong_settings_are_refused()
    {
        OnnxModel model = ReferenceNetworks.TwoLinear();
        Assert.Throws<InvalidOptionException>(() => new Lrp(model) { Epsilon = 0 }.Explain([X123], Target.Class(0)));
        Assert.Throws<InvalidOptionException>(() => new Lrp(model) { Gamma = -1 }.Explain([X123], Target.Class(0)));
        Assert.Throws<InvalidOptionException>(() => new Lrp(model) { Low = 1, High = 0 }.Explain([X123], Target.Class(0)));
        Assert.Throws<InvalidOptionException>(() => LrpRule.AlphaBeta(2, 2));
        Assert.Contains("pass", Assert.Throws<InvalidOptionException>(() => new Lrp(model) { Rule = LrpRuleName.Pass }.Explain([X123], Target.Class(0))).Message, StringComparison.Ordinal);
    }

    /// <summary>conv 1→3 (2x2), ReLU, dense 3→1: no biases, weights of both signs, output positive for positive inputs.</summary>
    private static OnnxModel Positive()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value h = g.Relu(g.Conv(x, g.Constant(new NdArray([1f, 2, 0.5f, 1, 2, -0.25f, 1, 1, 0.5f, 1, 1, -0.125f], 3, 1, 2, 2))));
        g.Output(g.MatMul(g.Flatten(h, 1), g.Constant(new NdArray([1f, 2, 0.5f], 3, 1))), "y");
        return new OnnxModel(g.Build());
    }

    private static Graph Residual()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3]);
        Value sum = g.Add(x, g.Scale(x, 3));
        g.Output(g.MatMul(g.Relu(g.MatMul(sum, g.Constant(ReferenceNetworks.Filled(1, 3, 4)))), g.Constant(ReferenceNetworks.Filled(1, 4, 2))));
        return g.Build();
    }
}
