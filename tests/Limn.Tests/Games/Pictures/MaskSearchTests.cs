using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Models;
using Limn.Tests.Identities;
using static Limn.Tests.Games.Pictures.PictureCases;

namespace Limn.Tests.Games.Pictures;

/// <summary>Meaningful and extremal perturbations.</summary>
public sealed class MaskSearchTests
{
    private const int Side = 32;

    /// <summary>The sum over a rectangle of a picture, on which the rest has no bearing; of a probability when asked for.</summary>
    private static OnnxModel Corner(int height, int width, int top, int left, int size, bool probability = false)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, height, width]);
        Value y = g.ReduceSum(g.Flatten(g.Slice(x, [top, left], [top + size, left + size], [2, 3]), 1), [1]);
        g.Output(probability ? g.Sigmoid(g.Scale(y, 0.2f)) : y, "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>A random smooth network of pictures.</summary>
    private static OnnxModel Smooth(ulong seed)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, Side, Side]);
        Value h = g.Tanh(g.Conv(x, g.Constant(Networks.Random(seed, 4, 2, 5, 5)), window: new SlidingWindow { Strides = [3, 3] }));
        g.Output(g.MatMul(g.Flatten(h, 1), g.Constant(Networks.Random(seed + 1, 4 * 100, 2))), "y");
        return new OnnxModel(g.Build());
    }

    [Theory, Identity(14)]
    [InlineData(0.1, 1UL), InlineData(0.05, 2UL), InlineData(0.5, 4UL)]
    public void The_mask_of_an_extremal_perturbation_has_the_area_asked_for(double area, ulong seed)
    {
        Attribution a = Ask(new ExtremalPerturbation(Smooth(seed)) { Area = area }, Picture(seed, 2, 2, Side, Side));
        float[] mask = Numbers.Of(a.Values);
        for (int r = 0; r < 2; r++) Assert.InRange(mask.Skip(r * mask.Length / 2).Take(mask.Length / 2).Average(), 0.95 * area, 1.05 * area);
        Assert.DoesNotContain(a.Remarks, m => m.Contains("asked for", StringComparison.Ordinal));
        Assert.All(mask, m => Assert.InRange(m, 0, 1));
    }

    [Fact]
    public void The_extremal_perturbation_of_a_corner_is_that_corner()
    {
        // A tenth of the picture shows; what counts is a tenth, a bright square among nothing.
        NdArray x = NdArray.Create(ElementType.Float, 1, 1, Side, Side);
        for (int p = 0; p < x.Length; p++) x.Floats[p] = p / Side is >= 4 and < 14 && p % Side is >= 18 and < 28 ? 1 : 0;
        float[] mask = Numbers.Of(Ask(new ExtremalPerturbation(Corner(Side, Side, 4, 18, 10)) { Baseline = Baseline.Zero }, x).Values);
        double inside = Enumerable.Range(0, mask.Length).Where(p => x.Floats[p] > 0).Sum(p => mask[p]);
        Assert.True(inside > 0.6 * mask.Sum(), $"{inside} of {mask.Sum()}");
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void The_meaningful_perturbation_deletes_what_counts_and_leaves_the_rest(bool probability)
    {
        NdArray x = NdArray.Create(ElementType.Float, 1, 1, Side, Side);
        for (int p = 0; p < x.Length; p++) x.Floats[p] = p / Side is >= 4 and < 14 && p % Side is >= 18 and < 28 ? 1 : p % 3 * 0.1f;
        float[] values = Numbers.Of(Ask(new MeaningfulPerturbation(Corner(Side, Side, 4, 18, 10, probability)) { Baseline = Baseline.Zero }, x).Values);
        double inside = Enumerable.Range(0, values.Length).Where(p => x.Floats[p] == 1).Average(p => values[p]), outside = Enumerable.Range(0, values.Length).Where(p => p / Side >= 20 || p % Side < 10).Average(p => values[p]);
        Assert.True(inside > 0.5 && outside < 0.1, $"inside {inside}, outside {outside}");
        Assert.All(values, v => Assert.InRange(v, 0, 1));
    }

    [Theory]
    [InlineData("meaningful-perturbation"), InlineData("extremal-perturbation")]
    public void Searches_are_repeatable_stop_when_asked_report_and_take_odd_pictures(string name)
    {
        Method Make(OnnxModel model, int steps = 12) => MethodRegistry.Create(name, model, new Dictionary<string, string> { ["steps"] = $"{steps}" });
        NdArray x = Picture(1, 2, 2, Side, Side);
        Assert.Equal(Numbers.Of(Ask(Make(Smooth(1)), x).Values), Numbers.Of(Ask(Make(Smooth(1)), x).Values));
        // Rows are searched for each on its own.
        float[] together = Numbers.Of(Ask(Make(Smooth(1)), x).Values), second = Numbers.Of(Ask(Make(Smooth(1)), x.Rows(1, 1)).Values);
        for (int e = 0; e < second.Length; e++) Assert.Equal(second[e], together[second.Length + e], 1e-3);

        var seen = new Seen();
        Make(Smooth(2)).Explain([x], Target.Class(0), new ExplainOptions { Progress = seen });
        Assert.Equal(1, seen.Last.Fraction);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => Make(Smooth(2)).Explain([x], Target.Class(0), new ExplainOptions { Cancellation = cancelled.Token }));

        foreach (var (height, width) in ((int, int)[])[(1, 1), (1, 40), (37, 3)])
            Assert.All(Numbers.Of(Ask(Make(Corner(height, width, 0, 0, 1)), Picture(3, 1, 1, height, width)).Values), v => Assert.InRange(v, 0, 1));
        Assert.Contains("rise", Assert.Throws<InvalidOptionException>(() => Ask(Make(Networks.Linear(0, 1, 2)), new NdArray([1f, 2], 1, 2))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionException>(() => Ask(Make(Smooth(1), 0), x));
    }

    [Fact]
    public void A_picture_of_which_channels_lie_side_by_side_gets_the_same_mask()
    {
        OnnxModel planar = Mean(false), interleaved = Mean(true);
        NdArray x = Picture(5, 1, 3, 10, 12), turned = NdArray.Create(ElementType.Float, 1, 10, 12, 3);
        for (int e = 0; e < x.Length; e++) turned.Floats[e % 120 * 3 + e / 120] = x.Floats[e];
        foreach (string name in (string[])["rise", "sobol", "hsic", "meaningful-perturbation", "extremal-perturbation"])
        {
            var data = new MethodData { Baseline = Baseline.Zero };
            Dictionary<string, string> options = new() { [name.EndsWith("perturbation", StringComparison.Ordinal) ? "steps" : "samples"] = "20" };
            float[] one = Numbers.Of(Ask(MethodRegistry.Create(name, planar, options, data), x).Values), other = Numbers.Of(Ask(MethodRegistry.Create(name, interleaved, options, data), turned).Values);
            for (int e = 0; e < one.Length; e++) Assert.Equal(one[e], other[e % 120 * 3 + e / 120], 1e-3);
        }

        static OnnxModel Mean(bool last)
        {
            var g = new GraphBuilder();
            Value x = g.Input("x", ElementType.Float, last ? [Dim.Named("batch"), 10, 12, 3] : [Dim.Named("batch"), 3, 10, 12]);
            Value planes = last ? g.Transpose(x, 0, 3, 1, 2) : x;
            Value h = g.Tanh(g.Conv(planes, g.Constant(Networks.Random(7, 2, 3, 3, 3))));
            g.Output(g.MatMul(g.Flatten(h, 1), g.Constant(Networks.Random(8, 2 * 80, 1))), "y");
            return new OnnxModel(g.Build());
        }
    }

    private sealed class Seen : IProgress<Progress>
    {
        public Progress Last { get; private set; }

        public void Report(Progress value) => Last = value;
    }
}
