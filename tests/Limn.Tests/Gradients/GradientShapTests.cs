using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Gradients;

public sealed class GradientShapTests
{
    private static readonly OnnxModel Smooth = Networks.Smooth(5, 8, 3, seed: 1);

    [Fact]
    public void Of_a_linear_model_is_each_weight_times_the_distance_from_the_drawn_baselines()
    {
        Attribution a = new GradientShap(Networks.Linear(7, 2, -3, 1)) { Samples = 2000, Baseline = Baseline.Background(Tensor.Create([0f, 0, 0, 1, 2, 3], [2, 3])) }
            .Explain([new NdArray([1f, 2, 4], 1, 3)], Target.Class(0));
        float[] values = Numbers.Of(a.Values), errors = Numbers.Of(a.Tensors[0].StandardError!), expected = [1f, -3, 2.5f];
        for (int i = 0; i < 3; i++)
        {
            Assert.True(Math.Abs(values[i] - expected[i]) < 5 * errors[i], $"{values[i]} ± {errors[i]}, not {expected[i]}");
            Assert.Equal(new[] { 1.0, 3, 1.5 }[i] / Math.Sqrt(2000), errors[i], 1e-3); // two equally likely values that far from their mean
        }
    }

    [Fact]
    public void With_one_baseline_tends_to_integrated_gradients()
    {
        NdArray x = Networks.Random(9, 2, 5);
        foreach (string? at in (string?[])[null, "hidden"])
        {
            var options = new ExplainOptions { At = at };
            float[] ig = Numbers.Of(new IntegratedGradients(Smooth).Explain([x], Target.Class(1), options).Values);
            Attribution a = new GradientShap(Smooth) { Samples = 1000 }.Explain([x], Target.Class(1), options);
            float[] values = Numbers.Of(a.Values), errors = Numbers.Of(a.Tensors[0].StandardError!);
            for (int i = 0; i < ig.Length; i++) Assert.True(Math.Abs(ig[i] - values[i]) <= 5 * errors[i] + 1e-5, $"{values[i]} ± {errors[i]}, not {ig[i]}");
            Assert.All(a.ConvergenceDelta!, d => Assert.Equal(0, d, 0.2));
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_another_seed_others()
    {
        NdArray x = Networks.Random(9, 4, 5);
        var method = new GradientShap(Smooth) { Samples = 10, StandardDeviation = 0.1 };
        float[] Values(ulong seed, long? budget = null) => Numbers.Of(method.Explain([x], Target.Class(1), new ExplainOptions { Seed = seed, MemoryBudget = budget }).Values);
        Assert.Equal(Values(1), Values(1));
        Assert.NotEqual(Values(1), Values(2));
        float[] roomy = Values(1), tight = Values(1, budget: 1);
        for (int i = 0; i < roomy.Length; i++) Assert.Equal(roomy[i], tight[i], 5);
    }

    [Fact]
    public void Noise_widens_the_standard_error()
    {
        OnnxModel model = Networks.Linear(0, 2, -3);
        float Error(double stdev) => Numbers.Of(new GradientShap(model) { StandardDeviation = stdev, Samples = 500 }.Explain([new NdArray([1f, 1], 1, 2)], Target.Class(0)).Tensors[0].StandardError!)[0];
        Assert.Equal(0, Error(0));
        Assert.Equal(2 * 0.5 / Math.Sqrt(500), Error(0.5), 0.006);
    }

    [Fact]
    public void Impossible_options_are_refused()
    {
        Assert.Throws<InvalidOptionException>(() => new GradientShap(Smooth) { Samples = 1 }.Explain([Networks.Random(1, 1, 5)]));
        Assert.Throws<InvalidOptionException>(() => new GradientShap(Smooth) { StandardDeviation = -1 }.Explain([Networks.Random(1, 1, 5)]));
    }
}
