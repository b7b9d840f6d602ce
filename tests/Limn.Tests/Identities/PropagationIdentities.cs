using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;
using Limn.Tests.Propagation;

namespace Limn.Tests.Identities;

/// <summary>What the rules of LRP and DeepLIFT are exactly on networks of rectifiers.</summary>
public sealed class PropagationIdentities
{
    [Theory, Identity(2)]
    [InlineData(new[] { 3, 4, 2 }, 1UL)]
    [InlineData(new[] { 5, 8, 8, 3 }, 2UL)]
    [InlineData(new[] { 2, 16, 3 }, 3UL)]
    [InlineData(new[] { 6, 7, 5, 4, 2 }, 4UL)]
    public void Lrp_without_epsilon_on_dense_layers_and_rectifiers_is_gradient_times_input(int[] widths, ulong seed)
    {
        foreach (bool bias in (bool[])[false, true]) EqualToGradientTimesInput(Dense(widths, seed, bias), Networks.Random(seed + 50, 4, widths[0]));
    }

    [Theory, Identity(2)]
    [InlineData("relu")]
    [InlineData("reused")]
    [InlineData("residual")]
    [InlineData("pool")]
    public void Lrp_without_epsilon_on_convolutions_and_rectifiers_is_gradient_times_input(string body) =>
        EqualToGradientTimesInput(RandomNetworks.Of(body, linearEnd: true), Networks.Random(5, 2, 2, 6, 6));

    [Theory, Identity(3)]
    [InlineData(DeepLiftRule.Rescale, 0, 1)]
    [InlineData(DeepLiftRule.RevealCancel, 0.5, 0.5)]
    public void A_minimum_is_divided_as_in_the_paper_of_deep_lift(DeepLiftRule rule, double first, double second)
    {
        Attribution a = new DeepLift(Minimum()) { Rule = rule }.Explain([new NdArray([3f, 1], 1, 2)], Target.Class(0));
        ReferenceNetworks.Equal([first, second], Numbers.Of(a.Values), 1e-6);
        Assert.Equal(0, a.ConvergenceDelta![0], 6);
    }

    [Theory, Identity(3)]
    [InlineData(1UL)]
    [InlineData(2UL)]
    public void Of_a_minimum_of_positive_numbers_rescale_credits_the_smaller_and_reveal_cancel_halves(ulong seed)
    {
        NdArray x = Networks.Random(seed, 6, 2);
        foreach (ref float v in x.Floats) v = Math.Abs(v) + 0.1f;
        float[] Of(DeepLiftRule rule) => Numbers.Of(new DeepLift(Minimum()) { Rule = rule }.Explain([x], Target.Class(0)).Values);
        float[] rescale = Of(DeepLiftRule.Rescale), reveal = Of(DeepLiftRule.RevealCancel);
        for (int r = 0; r < 6; r++)
        {
            float a = x.Floats[2 * r], b = x.Floats[2 * r + 1], least = Math.Min(a, b);
            ReferenceNetworks.Equal(a < b ? [a, 0] : [0, b], rescale[(2 * r)..(2 * r + 2)], 1e-5);
            ReferenceNetworks.Equal([least / 2, least / 2], reveal[(2 * r)..(2 * r + 2)], 1e-5);
        }
    }

    private static void EqualToGradientTimesInput(OnnxModel model, NdArray x)
    {
        float[] lrp = Numbers.Of(new Lrp(model) { Epsilon = 1e-9 }.Explain([x], Target.Class(1)).Values);
        float[] gradient = Numbers.Of(new InputXGradient(model).Explain([x], Target.Class(1)).Values);
        double scale = gradient.Max(Math.Abs);
        Assert.True(scale > 0, "the network does not answer to its input");
        for (int i = 0; i < lrp.Length; i++) Assert.Equal(gradient[i] / scale, lrp[i] / scale, 1e-4);
    }

    /// <summary>Dense layers of the given widths with ReLU between, of random weights.</summary>
    private static OnnxModel Dense(int[] widths, ulong seed, bool bias)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), widths[0]]), y = x;
        for (int l = 1; l < widths.Length; l++)
        {
            if (l > 1) y = g.Relu(y);
            y = g.MatMul(y, g.Constant(Networks.Random(seed * 100 + (ulong)l, widths[l - 1], widths[l])));
            if (bias) y = g.Add(y, g.Constant(Networks.Random(seed * 100 + 50 + (ulong)l, widths[l])));
        }
        g.Output(y, "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>min(x1, x2) = x1 − relu(x1 − x2).</summary>
    private static OnnxModel Minimum()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value excess = g.Relu(g.MatMul(x, g.Constant(new NdArray([1f, -1], 2, 1))));
        g.Output(g.Sub(g.MatMul(x, g.Constant(new NdArray([1f, 0], 2, 1))), excess), "y");
        return new OnnxModel(g.Build());
    }
}
