using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

public sealed class AblationTests
{
    private static readonly Tensor<float> X253 = Tensor.Create([20f, 50, 30], [1, 3]);

    [Fact]
    public void Ablation_of_a_linear_function_is_each_elements_contribution()
    {
        var model = new FunctionModel(x => Tensor.Create([2 * x[0, 0] - 3 * x[0, 1] + 1, 2 * x[1, 0] - 3 * x[1, 1] + 1], [2, 1]));
        var one = new FunctionModel(x =>
        {
            var y = new float[(int)x.Lengths[0]];
            for (int r = 0; r < y.Length; r++) y[r] = 2 * x[r, 0] - 3 * x[r, 1] + 1;
            return Tensor.Create(y, [y.Length, 1]);
        });
        Assert.NotNull(model);
        Assert.Equal([2f, -6, 10, 3], Numbers.Of(new FeatureAblation(one).Explain(Tensor.Create([1f, 2, 5, -1], [2, 2])).Values));
    }

    [Fact]
    public void A_mask_of_all_rows_groups_each_row_by_itself()
    {
        OnnxModel model = Networks.Smooth(4, 6, 3, seed: 7);
        NdArray x = Networks.Random(2, 3, 4), mask = new([0L, 0, 1, 1, 5, 6, 6, 5, 2, 2, 2, 2], 3, 4);
        float[] together = Numbers.Of(new FeatureAblation(model) { Mask = [mask] }.Explain([x], Target.Class(1)).Values);
        for (int r = 0; r < 3; r++)
        {
            float[] alone = Numbers.Of(new FeatureAblation(model) { Mask = [mask.Rows(r, 1)] }.Explain([x.Rows(r, 1)], Target.Class(1)).Values);
            for (int i = 0; i < 4; i++) Assert.Equal(alone[i], together[r * 4 + i], 1e-5);
        }
        Assert.Contains("all rows", Assert.Throws<ShapeMismatchException>(() => new FeatureAblation(model) { Mask = [mask.Rows(0, 2)] }.Explain([x], Target.Class(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_elements_of_a_layer_can_be_ablated()
    {
        // The head behind "hidden" is linear, so that an element's loss is gradient times the distance from what the layer is at the baseline.
        OnnxModel model = Networks.Smooth(4, 6, 3, seed: 7);
        NdArray x = Networks.Random(2, 3, 4);
        var options = new ExplainOptions { At = "hidden" };
        foreach (long? budget in (long?[])[null, 1])
        {
            Attribution a = new FeatureAblation(model) { Baseline = Baseline.Value(0.5f) }.Explain([x], Target.Class(1), options with { MemoryBudget = budget });
            Assert.Equal([3, 6], a.Values.Lengths.ToArray().Select(l => (int)l));
            Assert.Equal("h", a.At);
            float[] values = Numbers.Of(a.Values), paths = Numbers.Of(new Limn.Gradients.IntegratedGradients(model) { Baseline = Baseline.Value(0.5f) }.Explain([x], Target.Class(1), options).Values);
            for (int i = 0; i < values.Length; i++) Assert.Equal(paths[i], values[i], 1e-5);
        }
        float[] grouped = Numbers.Of(new FeatureAblation(model) { Mask = [new NdArray([0L, 0, 0, 1, 1, 1], 6)] }.Explain([x], Target.Class(1), options).Values);
        float[] single = Numbers.Of(new FeatureAblation(model).Explain([x], Target.Class(1), options).Values);
        for (int r = 0; r < 3; r++) Assert.Equal(single.Skip(r * 6).Take(3).Sum(), grouped[r * 6], 1e-5);
        Assert.Contains("feature-ablation", Assert.Throws<LimnException>(() => new Occlusion(model).Explain([x], Target.Class(1), options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Windows_are_the_same_for_all_inputs_or_given_for_each_in_turn()
    {
        OnnxModel model = Networks.MultiLayerOfThreeInputs(1);
        NdArray[] x = [Networks.Random(1, 2, 3), Networks.Random(2, 2, 3), Networks.Random(3, 2, 3)];
        float[][] Values(int[] window) => [.. new Occlusion(model) { Window = window, Stride = [1] }.Explain(x, Target.Class(0)).Tensors.Select(t => Numbers.Of(t.Values))];
        float[][] same = Values([2]), each = Values([2, 1, 2]);
        Assert.Equal(same[0], each[0]);
        Assert.NotEqual(same[1], each[1]);
        Assert.Equal(same[2], each[2]);
        Assert.Equal(Values([1])[1], each[1]);
        Assert.Throws<InvalidOptionException>(() => Values([2, 1]));
    }

    [Fact]
    public void The_neuron_of_a_network_can_be_the_target()
    {
        float[] values = Numbers.Of(new FeatureAblation(Networks.MultiLayer()).Explain(X253, Target.Neuron("relu", 1)).Values);
        Assert.Equal([20f, 50, 30], values);
    }

    [Fact]
    public void A_target_that_adds_to_the_network_can_be_ablated()
    {
        OnnxModel model = Networks.Smooth(3, 5, 2, seed: 4), probability = Networks.Smooth(3, 5, 2, seed: 4, softmax: true);
        float[] added = Numbers.Of(new FeatureAblation(model).Explain([Networks.Random(7, 2, 3)], Target.Class(1).Probability).Values);
        float[] own = Numbers.Of(new FeatureAblation(probability).Explain([Networks.Random(7, 2, 3)], Target.Class(1)).Values);
        for (int i = 0; i < own.Length; i++) Assert.Equal(own[i], added[i], 1e-6);
    }

    [Fact]
    public void A_dummy_feature_gets_nothing()
    {
        float[] values = Numbers.Of(new FeatureAblation(Networks.Linear(1, 2, 0, -1)).Explain(Tensor.Create([3f, 5, 7], [1, 3]), Target.Class(0)).Values);
        Assert.Equal([6f, 0, -7], values);
    }

    [Theory]
    [InlineData(new[] { 2, 2 }, new[] { 3, 1 })]
    [InlineData(new[] { 2 }, new[] { 1 })]
    [InlineData(new[] { 0, 1 }, new[] { 1, 1 })]
    public void A_window_that_does_not_fit_is_refused(int[] window, int[] stride)
    {
        var g = new Engine.Graphs.GraphBuilder();
        g.Output(g.Input("x", ElementType.Float, [Engine.Graphs.Dim.Named("batch"), 6, 6]));
        Assert.Throws<InvalidOptionException>(() => new Occlusion(new OnnxModel(g.Build())) { Window = window, Stride = stride }
            .Explain([Networks.Random(1, 1, 6, 6)], Target.Outputs));
    }

    [Fact]
    public void A_window_larger_than_the_input_covers_all_of_it()
    {
        float[] values = Numbers.Of(new Occlusion(Networks.Linear(1, 2, 3)) { Window = [9], Stride = [1] }.Explain(Tensor.Create([1f, 1], [1, 2]), Target.Class(0)).Values);
        Assert.Equal([5f, 5], values);
    }

    [Fact]
    public void A_black_box_has_no_layers()
    {
        var model = new FunctionModel(x => x);
        Assert.Throws<InvalidTargetException>(() => new FeatureAblation(model).Explain(X253, Target.Neuron("conv", 1)));
        Assert.Throws<LimnException>(() => new FeatureAblation(model).Explain(X253, Target.Class(0), new ExplainOptions { At = "conv" }));
    }

    [Fact]
    public void A_function_that_returns_the_wrong_number_of_rows_is_named() =>
        Assert.Throws<ShapeMismatchException>(() => new FeatureAblation(new FunctionModel(_ => Tensor.Create([1f], [1, 1]))).Explain(Tensor.Create([1f, 2], [2, 1])));

    [Fact]
    public void Model_calls_are_counted()
    {
        Attribution a = new FeatureAblation(Networks.Linear(0, 1, 2, 3)).Explain(Tensor.Create([1f, 2, 3], [1, 3]), Target.Class(0));
        Assert.Equal(5, a.ModelCalls); // the target, the prediction, and three ablations
    }
}
