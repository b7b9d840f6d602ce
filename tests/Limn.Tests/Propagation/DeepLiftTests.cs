using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public sealed class DeepLiftTests
{
    [Fact]
    public void On_a_linear_model_each_element_gets_weight_times_change()
    {
        Attribution a = new DeepLift(Networks.Linear(7, 2, -3, 1)) { Baseline = Baseline.Value(1) }.Explain([new NdArray([1f, 2, 4], 1, 3)], Target.Class(0));
        ReferenceNetworks.Equal([0, -3, 3], Numbers.Of(a.Values));
    }

    [Fact]
    public void Of_a_product_each_factor_gets_half_of_what_both_did_together()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        g.Output(g.Mul(g.Gather(x, g.Integers(0), 1), g.Gather(x, g.Integers(1), 1)), "y");
        ReferenceNetworks.Equal([6, 6], Numbers.Of(new DeepLift(new OnnxModel(g.Build())).Explain([new NdArray([3f, 4], 1, 2)], Target.Class(0)).Values));
    }

    [Fact]
    public void Where_the_input_equals_the_reference_the_multiplier_is_the_derivative()
    {
        // The hidden change cancels exactly (3 − 3), so its slope is undefined; each element still gets its share.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value h = g.Tanh(g.Add(g.MatMul(x, g.Constant(new NdArray([1f, -1], 2, 1))), g.Constant(NdArray.Vector(0.5f))));
        g.Output(h, "y");
        double slope = 1 - Math.Pow(Math.Tanh(0.5), 2);
        ReferenceNetworks.Equal([3 * slope, -3 * slope], Numbers.Of(new DeepLift(new OnnxModel(g.Build())).Explain([new NdArray([3f, 3], 1, 2)], Target.Class(0)).Values));
    }

    [Theory]
    [InlineData("relu", null)]
    [InlineData("residual", null)]
    [InlineData("smooth", null)]
    [InlineData("pool", null)]
    [InlineData("relu", "stem")]
    public void Reveal_cancel_is_complete_too(string body, string? at)
    {
        OnnxModel model = RandomNetworks.Of(body);
        DeepLift method = new(model) { Rule = DeepLiftRule.RevealCancel, Baseline = Baseline.Of([Networks.Random(9, 3, 2, 6, 6)]) };
        Attribution a = method.Explain([Networks.Random(5, 3, 2, 6, 6)], Target.Class(1), new ExplainOptions { At = at });
        Assert.All(a.ConvergenceDelta!, d => Assert.Equal(0, d, 1e-5));
        if (at is not null) return;
        float[] rescale = Numbers.Of(new DeepLift(model) { Baseline = method.Baseline }.Explain([Networks.Random(5, 3, 2, 6, 6)], Target.Class(1)).Values), values = Numbers.Of(a.Values);
        Assert.Contains(Enumerable.Range(0, values.Length), i => Math.Abs(values[i] - rescale[i]) > 1e-4);
    }

    public static TheoryData<string> Bodies => [.. RandomNetworks.Bodies.Keys];

    [Theory]
    [MemberData(nameof(Bodies))]
    public void It_is_complete_on_random_networks(string body)
    {
        OnnxModel model = RandomNetworks.Of(body);
        NdArray x = Networks.Random(5, 3, 2, 6, 6), start = Networks.Random(9, 3, 2, 6, 6);
        Attribution a = new DeepLift(model) { Baseline = Baseline.Of([start]) }.Explain([x], Target.Class(1));
        for (int r = 0; r < 3; r++)
        {
            double change = Math.Abs(a.Prediction[r] - a.BaselinePrediction![r]);
            Assert.True(Math.Abs(a.ConvergenceDelta![r]) <= 1e-5 * Math.Max(1, change), $"row {r}: delta {a.ConvergenceDelta[r]:E2} of a change of {change:E2}");
            Assert.True(change > 1e-4, "the network does not answer to its input");
        }
    }

    [Fact]
    public void Rows_do_not_depend_on_their_batch()
    {
        OnnxModel model = RandomNetworks.Of("pool");
        NdArray x = Networks.Random(5, 3, 2, 6, 6);
        float[] together = Numbers.Of(new DeepLift(model).Explain([x], Target.Class(1)).Values);
        float[] alone = Numbers.Of(new DeepLift(model).Explain([Batches.Select(x, [2])], Target.Class(1)).Values);
        for (int i = 0; i < alone.Length; i++) Assert.Equal(alone[i], together[2 * 72 + i], 1e-5f);
    }

    [Fact]
    public void A_background_is_averaged_with_its_standard_error()
    {
        OnnxModel model = Networks.Smooth(4, 6, 3, 11);
        NdArray x = Networks.Random(3, 2, 4), rows = Networks.Random(4, 5, 4);
        Attribution mean = new DeepLiftShap(model) { Baseline = Baseline.Background([rows]) }.Explain([x], Target.Class(0));
        float[][] each = [.. Enumerable.Range(0, 5).Select(r => Numbers.Of(new DeepLift(model) { Baseline = Baseline.Of([rows.Rows(r, 1)]) }.Explain([x], Target.Class(0)).Values))];
        float[] values = Numbers.Of(mean.Values), errors = Numbers.Of(mean.Tensors[0].StandardError!);
        for (int i = 0; i < values.Length; i++)
        {
            double m = each.Average(e => e[i]), variance = each.Sum(e => (e[i] - m) * (e[i] - m)) / 4;
            Assert.Equal(m, values[i], 1e-5);
            Assert.Equal(Math.Sqrt(variance / 5), errors[i], 1e-5);
        }
        Assert.All(mean.ConvergenceDelta!, d => Assert.Equal(0, d, 1e-5));
    }

    [Fact]
    public void On_a_network_that_is_smooth_and_nearly_linear_it_is_near_integrated_gradients()
    {
        OnnxModel model = Networks.Smooth(4, 6, 3, 21);
        NdArray x = Networks.Random(3, 2, 4), start = new([.. x.Floats.ToArray().Select(v => v - 0.01f)], 2, 4);
        float[] rescale = Numbers.Of(new DeepLift(model) { Baseline = Baseline.Of([start]) }.Explain([x], Target.Class(0)).Values);
        float[] path = Numbers.Of(new IntegratedGradients(model) { Baseline = Baseline.Of([start]) }.Explain([x], Target.Class(0)).Values);
        for (int i = 0; i < path.Length; i++) Assert.Equal(path[i], rescale[i], 1e-5f);
    }

    [Fact]
    public void At_a_layer_that_paths_go_around_no_sum_is_promised()
    {
        OnnxModel model = RandomNetworks.Of("residual");
        NdArray x = Networks.Random(5, 2, 2, 6, 6);
        Assert.Null(new DeepLift(model).Explain([x], Target.Class(1), new ExplainOptions { At = "branch" }).ConvergenceDelta);
        Assert.NotNull(new DeepLift(model).Explain([x], Target.Class(1), new ExplainOptions { At = "stem" }).ConvergenceDelta);
    }

    [Theory]
    [InlineData("relu", null)]
    [InlineData("pool", null)]
    [InlineData("residual", "stem")]
    public void Multipliers_times_the_distance_are_the_contributions_and_alone_promise_no_sum(string body, string? at)
    {
        OnnxModel model = RandomNetworks.Of(body);
        NdArray x = Networks.Random(5, 2, 2, 6, 6), start = Networks.Random(9, 2, 2, 6, 6);
        var options = new ExplainOptions { At = at };
        var from = Baseline.Of([start]);
        Attribution slopes = new DeepLift(model) { Multiplied = false, Baseline = from }.Explain([x], Target.Class(1), options);
        Assert.Null(slopes.ConvergenceDelta);
        Assert.Equal(false, slopes.Options["multiply"]);
        float[] Layer(NdArray input) => at is null ? input.Floats.ToArray() : Numbers.Of(new LayerActivation(model).Explain([input], Target.Class(1), options).Values);
        float[] m = Numbers.Of(slopes.Values), whole = Numbers.Of(new DeepLift(model) { Baseline = from }.Explain([x], Target.Class(1), options).Values), end = Layer(x), begin = Layer(start);
        for (int i = 0; i < m.Length; i++) Assert.Equal(whole[i], m[i] * ((double)end[i] - begin[i]), 1e-5);
    }

    [Fact]
    public void Of_a_background_the_multipliers_are_averaged()
    {
        OnnxModel model = Networks.Smooth(4, 6, 3, 11);
        NdArray x = Networks.Random(3, 2, 4), rows = Networks.Random(4, 5, 4);
        float[] mean = Numbers.Of(new DeepLiftShap(model) { Multiplied = false, Baseline = Baseline.Background([rows]) }.Explain([x], Target.Class(0)).Values);
        float[][] each = [.. Enumerable.Range(0, 5).Select(r => Numbers.Of(new DeepLift(model) { Multiplied = false, Baseline = Baseline.Of([rows.Rows(r, 1)]) }.Explain([x], Target.Class(0)).Values))];
        for (int i = 0; i < mean.Length; i++) Assert.Equal(each.Average(e => e[i]), mean[i], 1e-5);
    }

    [Fact]
    public void An_epsilon_that_is_not_positive_is_refused() =>
        Assert.Throws<InvalidOptionException>(() => new DeepLift(Networks.Linear(0, 1)) { Epsilon = 0 }.Explain([new NdArray([1f], 1, 1)], Target.Class(0)));
}
