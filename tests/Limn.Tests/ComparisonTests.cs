using Limn.ClassActivation;
using Limn.Engine;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;
using Limn.Tests.ClassActivation;

namespace Limn.Tests;

/// <summary>Several methods asked at once.</summary>
public sealed class ComparisonTests
{
    private static readonly OnnxModel Deep = MapNetworks.Deep(smooth: true);
    private static readonly NdArray X = Networks.Random(9, 3, 2, 6, 6);

    private static Method Make(string name) => MethodRegistry.Create(name, Deep);

    /// <summary>Hand-computed: ranks 1 2 3 4 against 2 1 4 3 give 1 − 6 · 4 / (4 · 15) = 0.6; ties share ranks (1, 2.5, 2.5, 4).</summary>
    [Theory]
    [InlineData(new[] { 1f, 2, 3, 4 }, new[] { 20f, 10, 40, 30 }, 0.6)]
    [InlineData(new[] { 1f, 2, 3, 4 }, new[] { 1f, 8, 27, 64 }, 1)]
    [InlineData(new[] { 1f, 2, 3, 4 }, new[] { 4f, 3, 2, 1 }, -1)]
    [InlineData(new[] { 1f, 5, 5, 9 }, new[] { 1f, 2, 3, 4 }, 0.9486832980505138)]
    [InlineData(new[] { 1f, 5, 5, 9 }, new[] { 9f, 5, 5, 1 }, -1)]
    [InlineData(new[] { 0f, 0, 0, 1 }, new[] { 0f, 0, 1, 1 }, 0.5773502691896258)]
    [InlineData(new[] { 2f, 2, 2 }, new[] { 1f, 2, 3 }, double.NaN)]
    [InlineData(new[] { 1f, 2, float.NaN }, new[] { 1f, 2, 3 }, double.NaN)]
    [InlineData(new[] { 1f }, new[] { 1f }, double.NaN)]
    [InlineData(new float[0], new float[0], double.NaN)]
    public void Rank_correlations_are_those_computed_by_hand(float[] a, float[] b, double expected)
    {
        Assert.Equal(expected, RankCorrelation.Of(a, b), 1e-12);
        Assert.Equal(expected, RankCorrelation.Of(b, a), 1e-12);
    }

    [Fact]
    public void Correlations_of_lists_of_different_lengths_are_refused() =>
        Assert.Throws<ShapeMismatchException>(() => RankCorrelation.Of([1f, 2], [1f]));

    [Fact]
    public void The_forward_pass_is_shared()
    {
        string[] names = ["saliency", "input-x-gradient", "grad-cam"];
        long alone = names.Sum(n => Make(n).Explain([X]).ModelCalls);
        Comparison together = Comparison.Of([.. names.Select(Make)], [X]);
        Assert.Equal(9, alone);                      // forwards, and from there backwards, of 3 rows for each of 3 methods
        Assert.Equal(3, together.ModelCalls);        // forwards once, and from there backwards three times
        Assert.Equal(3, together.SharedModelCalls);
        Assert.All(together.Attributions, a => Assert.Equal(0, a.ModelCalls));
    }

    /// <summary>Each method comes after all others have used the shared values, and must not see a trace of them.</summary>
    [Theory]
    [InlineData(false, null)]
    [InlineData(true, null)]
    [InlineData(false, "c1")]
    public void Every_method_says_the_same_in_company_as_alone(bool tight, string? at)
    {
        var options = new ExplainOptions { Seed = 3, At = at is null ? null : MapLayer(), MemoryBudget = tight ? 1 : null };
        Method[] methods = [.. MethodRegistry.All.Select(m => Make(m.Name))];
        Comparison together = Comparison.Of([.. methods, .. methods.Reverse()], [X], Target.Class(2, 0, 1), options);
        Assert.True(together.Attributions.Count > (at is null ? 40 : 20));
        foreach (Attribution a in together.Attributions)
        {
            Attribution alone = Make(a.Method).Explain([X], Target.Class(2, 0, 1), options);
            Near(alone, a);
            Assert.True(a.ModelCalls <= alone.ModelCalls);
            Assert.Equal(alone.Flags, a.Flags);
        }
        Assert.All(together.Failures, f => Assert.NotEmpty(f.Reason));
    }

    private static void Near(Attribution alone, Attribution together)
    {
        float[] expected = Numbers.Of(alone.Values), actual = Numbers.Of(together.Values);
        double scale = expected.Max(Math.Abs) + 1e-9;
        for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-4 * scale, $"{alone.Method}[{i}]: {expected[i]} alone, {actual[i]} in company");
    }

    private static string MapLayer() => Deep.Graph.Nodes.First(n => n.Operator.Name == "Conv").Outputs[0].Name;

    [Fact]
    public void A_target_that_grows_the_graph_is_grown_once()
    {
        Comparison c = Comparison.Of([Make("saliency"), Make("grad-cam"), Make("occlusion"), Make("finer-cam")], [X], Target.Class(1).Probability);
        foreach (Attribution a in c.Attributions)
            Near(Make(a.Method).Explain([X], Target.Class(1).Probability), a);
        Assert.Equal(4, c.Attributions.Count);
    }

    [Fact]
    public void A_method_that_does_not_apply_does_not_lose_the_others()
    {
        OnnxModel table = Networks.Smooth(4, 5, 3, seed: 2);
        Comparison c = Comparison.Of([new GradCam(table), new Saliency(table), new Conductance(table)], [Networks.Random(1, 2, 4)]);
        Assert.Equal("saliency", Assert.Single(c.Attributions).Method);
        Assert.Equal(["grad-cam", "conductance"], c.Failures.Select(f => f.Method));
        Assert.Contains("no layer with maps", c.Failures[0].Reason, StringComparison.Ordinal);
        Assert.Empty(c.Agreements);
    }

    [Fact]
    public void Where_no_method_applies_the_reason_is_thrown()
    {
        OnnxModel table = Networks.Smooth(4, 5, 3, seed: 2);
        NdArray x = Networks.Random(1, 2, 4);
        Assert.Throws<InvalidTargetException>(() => Comparison.Of([new Saliency(table), new Lrp(table)], [x], Target.Class(7)));
        LimnException e = Assert.Throws<LimnException>(() => Comparison.Of([new GradCam(table), new Conductance(table)], [x]));
        Assert.Contains("grad-cam: ", e.Message, StringComparison.Ordinal);
        Assert.Contains("conductance: ", e.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionException>(() => Comparison.Of([], [x]));
        Assert.Throws<InvalidOptionException>(() => Comparison.Of([new Saliency(table), new Saliency(Deep)], [x]));
        Assert.Throws<InvalidDataException>(() => Comparison.Of([new Saliency(table)], [new NdArray([1f, float.NaN, 0, 0], 1, 4)]));
    }

    [Fact]
    public void Agreements_are_measured_on_a_common_grid()
    {
        Method signed = new Saliency(Deep) { Absolute = false };
        Comparison c = Comparison.Of([signed, new Saliency(Deep), Make("grad-cam"), signed], [X]);
        Assert.Equal(1, c.Between(0, 3).Correlation, 1e-9);
        Assert.Equal(1, c.Between(3, 0).TopOverlap);
        Assert.Equal(1, c.Between(0, 1).AbsoluteCorrelation, 1e-9);
        Assert.True(c.Between(0, 1).Correlation < 1);
        Assert.Equal(6, c.Agreements.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => c.Between(1, 1));

        // A map [3,1,h,w] against gradients [3,2,6,6]: channels are summed, the map is enlarged.
        float[] g = Numbers.Of(c.Attributions[0].Values), map = Numbers.Of(c.Attributions[2].Values);
        int side = (int)Math.Sqrt(map.Length / 3);
        double expected = 0;
        for (int r = 0; r < 3; r++)
        {
            float[] summed = [.. Enumerable.Range(0, 36).Select(p => (float)((double)g[r * 72 + p] + g[r * 72 + 36 + p]))];
            expected += RankCorrelation.Of(summed, Upsampling.Resize(map.AsSpan(r * side * side, side * side), [side, side], [6, 6], MapInterpolation.Bilinear)) / 3;
        }
        Assert.Equal(expected, c.Between(0, 2).Correlation, 1e-9);
    }

    [Fact]
    public void Constant_attributions_have_no_correlation_and_say_so()
    {
        OnnxModel linear = Networks.Linear(0, 1, 1, 1); // the gradient is the same everywhere
        Comparison c = Comparison.Of([new Saliency(linear), new InputXGradient(linear)], [new NdArray([1f, 2, 3], 1, 3)]);
        Assert.True(double.IsNaN(c.Between(0, 1).Correlation));
        Assert.Contains("same everywhere", c.Between(0, 1).Note, StringComparison.Ordinal);
    }

    [Fact]
    public void A_black_box_is_predicted_once_for_all()
    {
        int calls = 0;
        var box = new FunctionModel(x =>
        {
            calls += (int)x.Lengths[0];
            return System.Numerics.Tensors.Tensor.Create([.. Enumerable.Range(0, (int)x.Lengths[0]).Select(r => 2 * x[r, 0] - x[r, 1])], [x.Lengths[0], 1]);
        });
        Comparison c = Comparison.Of([new FeatureAblation(box), new Occlusion(box)], [new NdArray([1f, 2], 1, 2)]);
        Assert.Equal(c.ModelCalls, calls);
        Assert.Equal(1, c.SharedModelCalls);
        Assert.Equal(1, c.Between(0, 1).Correlation, 1e-9);
    }

    [Fact]
    public void Progress_is_reported_for_each_method_and_for_all()
    {
        var each = new List<string>();
        var all = new List<double>();
        Comparison.Of([new Saliency(Deep), new IntegratedGradients(Deep)], [X], options: new ExplainOptions { Progress = new Heard<Progress>(p => all.Add(p.Fraction)) },
            progress: new Heard<MethodProgress>(p => each.Add($"{p.Method.Name} {p.Index} of {p.Count}")));
        Assert.Equal(["saliency 0 of 2", "integrated-gradients 1 of 2"], each.Distinct());
        Assert.Equal(all.Order(), all);
        Assert.True(all[^1] > 0.9);
    }

    [Fact]
    public void Cancelling_stops_it() => Assert.Throws<OperationCanceledException>(() =>
        Comparison.Of([new Saliency(Deep)], [X], options: new ExplainOptions { Cancellation = new CancellationToken(canceled: true) }));

    private sealed class Heard<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
