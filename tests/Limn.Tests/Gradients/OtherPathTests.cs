using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Gradients;

/// <summary>Guided IG, Blur IG and IDGI.</summary>
public sealed class OtherPathTests
{
    private static readonly OnnxModel Smooth = Networks.Smooth(5, 8, 3, seed: 1);

    [Theory]
    [InlineData(0.02, 0.25)]
    [InlineData(1, 0.25)]
    [InlineData(0.1, 1)]
    public void Guided_ig_is_complete_up_to_the_length_of_its_steps(double distance, double fraction)
    {
        double Gap(int steps) => new GuidedIntegratedGradients(Smooth) { Steps = steps, MaximumDistance = distance, Fraction = fraction }
            .Explain([Networks.Random(9, 2, 5)], Target.Class(1)).ConvergenceDelta!.Max(Math.Abs);
        Assert.True(Gap(800) < 0.02, $"gap {Gap(800)}");
        Assert.True(Gap(800) < Gap(25), $"gaps {Gap(25)} and {Gap(800)}");
    }

    [Fact]
    public void Guided_ig_moves_the_flat_element_first()
    {
        // F = a²b: from zero, the steep way is a and b together (1/3 and 2/3 by IG); with b first, all is a's.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value a = g.Slice(x, [0], [1], [1]), b = g.Slice(x, [1], [2], [1]);
        g.Output(g.Mul(g.Mul(a, a), b), "y");
        var model = new OnnxModel(g.Build());
        NdArray one = new([1f, 1], 1, 2);
        Assert.Equal(2 / 3.0, Numbers.Of(new IntegratedGradients(model).Explain([one], Target.Class(0)).Values)[0], 4);
        Attribution free = new GuidedIntegratedGradients(model) { MaximumDistance = 1, Fraction = 0.5, Steps = 400, Baseline = Baseline.Of([new NdArray([0f, 0.001f], 1, 2)]) }.Explain([one], Target.Class(0));
        float[] values = Numbers.Of(free.Values);
        Assert.True(Math.Abs(values[0] - 2 / 3.0) > 0.1, $"{values[0]} and {values[1]}");
        Assert.Equal(1, values.Sum(), 0.01);
    }

    [Fact]
    public void Guided_ig_of_an_input_that_is_its_baseline_is_zero()
    {
        Attribution a = new GuidedIntegratedGradients(Smooth) { Steps = 3 }.Explain([new NdArray(new float[5], 1, 5)], Target.Class(1));
        Assert.All(Numbers.Of(a.Values), v => Assert.Equal(0, v));
        Assert.True(a.Flags.HasFlag(AttributionFlags.AllZero));
    }

    [Fact]
    public void Idgi_of_a_linear_model_divides_the_change_by_the_squares_of_the_weights()
    {
        Attribution a = new Idgi(Networks.Linear(7, 2, -3, 1)).Explain([new NdArray([1f, 2, 4], 1, 3)], Target.Class(0));
        float[] values = Numbers.Of(a.Values);
        Assert.All(values, v => Assert.Equal(0, v, 5)); // 2 − 6 + 4 = 0: nothing changes
        a = new Idgi(Networks.Linear(7, 2, -3, 1)).Explain([new NdArray([1f, 1, 4], 1, 3)], Target.Class(0));
        values = Numbers.Of(a.Values);
        Assert.Equal(3 * 4 / 14.0, values[0], 1e-5);
        Assert.Equal(3 * 9 / 14.0, values[1], 1e-5);
        Assert.Equal(3 * 1 / 14.0, values[2], 1e-5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(50)]
    public void Idgi_is_complete_at_any_number_of_steps(int steps)
    {
        foreach (long? budget in (long?[])[null, 1])
        {
            Attribution a = new Idgi(Smooth) { Steps = steps, Baseline = Baseline.Several(Baseline.Zero, Baseline.Value(1)) }
                .Explain([Networks.Random(9, 3, 5)], Target.Class(1), new ExplainOptions { MemoryBudget = budget });
            Assert.All(a.ConvergenceDelta!, d => Assert.Equal(0, d, 4));
        }
    }

    [Fact]
    public void Blur_ig_is_complete_on_a_smooth_picture_model()
    {
        OnnxModel model = Picture();
        NdArray x = Networks.Random(4, 2, 1, 8, 8);
        foreach (bool root in (bool[])[false, true])
        {
            Attribution a = new BlurIntegratedGradients(model) { SquareRoot = root, Steps = 200 }.Explain([x], Target.Class(0));
            Assert.Equal([2, 1, 8, 8], a.Values.Lengths.ToArray().Select(l => (int)l));
            Assert.All(a.ConvergenceDelta!, d => Assert.Equal(0, d, 0.01));
            float[] tight = Numbers.Of(new BlurIntegratedGradients(model) { SquareRoot = root, Steps = 200 }.Explain([x], Target.Class(0), new ExplainOptions { MemoryBudget = 1 }).Values);
            for (int i = 0; i < tight.Length; i++) Assert.Equal(tight[i], Numbers.Of(a.Values)[i], 5);
        }
    }

    [Fact]
    public void Blur_ig_credits_nothing_where_the_picture_is_flat()
    {
        NdArray flat = NdArray.Create(ElementType.Float, 1, 1, 8, 8);
        flat.Floats.Fill(0.7f);
        Assert.All(Numbers.Of(new BlurIntegratedGradients(Picture()) { Steps = 5 }.Explain([flat], Target.Class(0)).Values), v => Assert.Equal(0, v, 5));
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        NdArray x = Networks.Random(1, 1, 5);
        Assert.Throws<ShapeMismatchException>(() => new BlurIntegratedGradients(Smooth).Explain([x]));
        Assert.Throws<InvalidOptionException>(() => new BlurIntegratedGradients(Picture()) { MaximumSigma = 0 }.Explain([Networks.Random(1, 1, 1, 8, 8)]));
        Assert.Throws<InvalidOptionException>(() => new Idgi(Smooth) { Steps = 0 }.Explain([x]));
        Assert.Throws<InvalidOptionException>(() => new GuidedIntegratedGradients(Smooth) { Fraction = 0 }.Explain([x]));
        Assert.Throws<InvalidOptionException>(() => new GuidedIntegratedGradients(Smooth) { MaximumDistance = 2 }.Explain([x]));
    }

    [Theory]
    [InlineData(5, 7, 0.8)]
    [InlineData(4, 3, 6)]
    [InlineData(1, 9, 2)]
    public void Gaussian_blur_is_the_naive_sum(int height, int width, double sigma)
    {
        NdArray x = Networks.Random(3, 1, 2, height, width);
        NdArray blurred = GaussianBlur.Planes(x, height, width, sigma);
        int radius = (int)Math.Ceiling(4 * sigma);
        for (int c = 0; c < 2; c++)
            for (int py = 0; py < height; py++)
                for (int px = 0; px < width; px++)
                {
                    double sum = 0, norm = 0;
                    for (int dy = -radius; dy <= radius; dy++)
                        for (int dx = -radius; dx <= radius; dx++)
                        {
                            double weight = Math.Exp(-0.5 * (dy * dy + dx * dx) / (sigma * sigma));
                            norm += weight;
                            sum += weight * x.Floats[(c * height + Math.Clamp(py + dy, 0, height - 1)) * width + Math.Clamp(px + dx, 0, width - 1)];
                        }
                    Assert.Equal(sum / norm, blurred.Floats[(c * height + py) * width + px], 1e-5);
                }
    }

    private static OnnxModel Picture()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value h = g.Tanh(g.Conv(x, g.Constant(Networks.Random(5, 3, 1, 3, 3))));
        g.Output(g.MatMul(g.Flatten(h), g.Constant(Networks.Random(6, 108, 2))), "y");
        return new OnnxModel(g.Build());
    }
}
