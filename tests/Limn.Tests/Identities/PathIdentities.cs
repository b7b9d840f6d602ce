using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Identities;

/// <summary>What the path methods are exactly where the integral has a closed form.</summary>
public sealed class PathIdentities
{
    [Theory, Identity(1)]
    [InlineData(1, 1UL)]
    [InlineData(2, 2UL)]
    [InlineData(5, 3UL)]
    [InlineData(17, 4UL)]
    public void Integrated_gradients_of_a_linear_function_is_weight_times_distance(int features, ulong seed)
    {
        float[] w = Networks.Random(seed, features).Floats.ToArray();
        NdArray x = Networks.Random(seed + 10, 3, features), b = Networks.Random(seed + 20, 3, features);
        foreach (Quadrature rule in Enum.GetValues<Quadrature>().Except([Quadrature.RiemannTrapezoidCaptum]))
            foreach (int steps in (int[])[2, 7])
            {
                float[] values = Numbers.Of(new IntegratedGradients(Networks.Linear(3, w)) { Quadrature = rule, Steps = steps, Baseline = Baseline.Of([b]) }.Explain([x], Target.Class(0)).Values);
                for (int i = 0; i < values.Length; i++) Assert.Equal((double)w[i % features] * ((double)x.Floats[i] - b.Floats[i]), values[i], 1e-5);
            }
    }

    [Theory, Identity(1)]
    [InlineData(1UL)]
    [InlineData(2UL)]
    [InlineData(3UL)]
    public void Integrated_gradients_of_a_product_from_zero_is_half_of_it_for_each_factor(ulong seed)
    {
        var g = new GraphBuilder();
        Value a = g.Input("a", ElementType.Float, [Dim.Named("batch"), 1]), b = g.Input("b", ElementType.Float, [Dim.Named("batch"), 1]);
        g.Output(g.Mul(a, b), "y");
        NdArray first = Networks.Random(seed, 4, 1), second = Networks.Random(seed + 10, 4, 1);
        foreach (int steps in (int[])[1, 50])
        {
            Attribution result = new IntegratedGradients(new OnnxModel(g.Build())) { Steps = steps }.Explain([first, second], Target.Class(0));
            float[] ofFirst = Numbers.Of(result.Tensors[0].Values), ofSecond = Numbers.Of(result.Tensors[1].Values);
            for (int r = 0; r < 4; r++)
            {
                double half = (double)first.Floats[r] * second.Floats[r] / 2;
                Assert.Equal(half, ofFirst[r], 1e-5);
                Assert.Equal(half, ofSecond[r], 1e-5);
            }
        }
    }

    [Theory, Identity(4)]
    [InlineData(5, 30, 1UL, null)]
    [InlineData(5, 30, 1UL, "hidden")]
    [InlineData(2, 1, 2UL, null)]
    [InlineData(9, 7, 3UL, null)]
    [InlineData(9, 7, 3UL, "hidden")]
    public void Guided_ig_without_leeway_is_integrated_gradients_by_the_left_rule(int features, int steps, ulong seed, string? at)
    {
        OnnxModel model = Networks.Smooth(features, 8, 3, seed);
        NdArray x = Networks.Random(seed + 10, 3, features);
        var options = new ExplainOptions { At = at };
        var from = Baseline.Value(0.2f);
        float[] left = Numbers.Of(new IntegratedGradients(model) { Steps = steps, Quadrature = Quadrature.RiemannLeft, Baseline = from }.Explain([x], Target.Class(1), options).Values);
        float[] guided = Numbers.Of(new GuidedIntegratedGradients(model) { Steps = steps, MaximumDistance = 0, Baseline = from }.Explain([x], Target.Class(1), options).Values);
        for (int i = 0; i < left.Length; i++) Assert.Equal(left[i], guided[i], 1e-5);
    }
}
