using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Gradients;

public sealed class GradientMethodTests
{
    private static readonly Tensor<float> X100 = Tensor.Create([0f, 100, 0], [1, 3]);

    [Fact]
    public void Saliency_of_a_linear_model_is_its_weights()
    {
        OnnxModel model = Networks.Linear(0.5f, 2, -3, 0);
        Assert.Equal([2f, -3, 0], Numbers.Of(new Saliency(model) { Absolute = false }.Explain(X100, Target.Class(0)).Values));
        Assert.Equal([2f, 3, 0], Numbers.Of(new Saliency(model).Explain(X100, Target.Class(0)).Values));
    }

    [Fact]
    public void Input_x_gradient_of_a_linear_model_is_each_elements_contribution()
    {
        OnnxModel model = Networks.Linear(7, 2, -3, 1);
        Assert.Equal([2f, -6, 4], Numbers.Of(new InputXGradient(model).Explain(Tensor.Create([1f, 2, 4], [1, 3]), Target.Class(0)).Values));
    }

    [Theory]
    [InlineData(Quadrature.GaussLegendre, 1)]
    [InlineData(Quadrature.GaussLegendre, 50)]
    [InlineData(Quadrature.RiemannLeft, 3)]
    [InlineData(Quadrature.RiemannRight, 3)]
    [InlineData(Quadrature.RiemannMiddle, 3)]
    [InlineData(Quadrature.RiemannTrapezoid, 10)]
    public void Integrated_gradients_of_a_linear_model_is_exact_by_every_textbook_rule(Quadrature rule, int steps)
    {
        Attribution a = new IntegratedGradients(Networks.Linear(7, 2, -3, 1)) { Quadrature = rule, Steps = steps, Baseline = Baseline.Value(1) }
            .Explain(Tensor.Create([1f, 2, 4], [1, 3]), Target.Class(0));
        float[] values = Numbers.Of(a.Values);
        Assert.Equal(0, values[0], 5);
        Assert.Equal(-3, values[1], 5);
        Assert.Equal(3, values[2], 5);
        Assert.Equal(0, a.ConvergenceDelta![0], 4);
    }

    [Fact]
    public void Captums_trapezoid_underattributes_by_one_nth()
    {
        Attribution a = new IntegratedGradients(Networks.Linear(0, 2)) { Quadrature = Quadrature.RiemannTrapezoidCaptum, Steps = 10 }
            .Explain(Tensor.Create([1f], [1, 1]), Target.Class(0));
        Assert.Equal(1.8, Numbers.Of(a.Values)[0], 5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Integrated_gradients_is_complete_on_a_smooth_network(int rows)
    {
        Attribution a = new IntegratedGradients(Networks.Smooth(5, 8, 3, seed: 1)) { Steps = 60 }.Explain([Networks.Random(9, rows, 5)], Target.Class(1));
        for (int r = 0; r < rows; r++)
        {
            double sum = Enumerable.Range(0, 5).Sum(i => (double)Numbers.Of(a.Values)[r * 5 + i]);
            Assert.Equal(a.Prediction[r] - a.BaselinePrediction![r], sum, 4);
            Assert.Equal(0, a.ConvergenceDelta![r], 4);
        }
        Assert.Equal(AttributionFlags.None, a.Flags & AttributionFlags.DeltaLarge);
    }

    [Fact]
    public void Integrated_gradients_at_a_layer_is_complete_too()
    {
        Attribution a = new IntegratedGradients(Networks.Smooth(5, 8, 3, seed: 1)).Explain([Networks.Random(9, 2, 5)], Target.Class(1), new ExplainOptions { At = "hidden" });
        Assert.Equal([2, 8], a.Values.Lengths.ToArray().Select(l => (int)l));
        Assert.All(a.ConvergenceDelta!, d => Assert.Equal(0, d, 4));
    }

    [Fact]
    public void Several_baselines_are_averaged()
    {
        OnnxModel model = Networks.Smooth(4, 6, 2, seed: 3);
        NdArray x = Networks.Random(4, 2, 4);
        float[] Values(Baseline b) => Numbers.Of(new IntegratedGradients(model) { Baseline = b }.Explain([x], Target.Class(0)).Values);
        float[] zero = Values(Baseline.Zero), one = Values(Baseline.Value(1)), both = Values(Baseline.Several(Baseline.Zero, Baseline.Value(1)));
        for (int i = 0; i < both.Length; i++) Assert.Equal((zero[i] + one[i]) / 2, both[i], 4);
    }

    [Fact]
    public void Rows_do_not_influence_each_other_and_the_memory_budget_changes_nothing()
    {
        OnnxModel model = Networks.Smooth(5, 8, 3, seed: 2);
        NdArray x = Networks.Random(8, 7, 5);
        var method = new IntegratedGradients(model);
        float[] together = Numbers.Of(method.Explain([x], Target.Class(2)).Values);
        float[] tight = Numbers.Of(method.Explain([x], Target.Class(2), new ExplainOptions { MemoryBudget = 1 }).Values);
        for (int r = 0; r < 7; r++)
        {
            float[] alone = Numbers.Of(method.Explain([x.Rows(r, 1)], Target.Class(2)).Values);
            for (int i = 0; i < 5; i++)
            {
                Assert.Equal(alone[i], together[r * 5 + i], 4);
                Assert.Equal(alone[i], tight[r * 5 + i], 4);
            }
        }
    }

    [Fact]
    public void Smooth_grad_of_a_linear_model_is_its_gradient_with_no_error()
    {
        Attribution a = new SmoothGrad(new Saliency(Networks.Linear(0, 2, -3)) { Absolute = false }).Explain(Tensor.Create([1f, 2], [1, 2]), Target.Class(0));
        Assert.Equal([2f, -3], Numbers.Of(a.Values));
        Assert.Equal([0f, 0], Numbers.Of(a.Tensors[0].StandardError!));
    }

    [Fact]
    public void Smooth_grad_of_a_square_has_the_mean_and_variance_of_theory()
    {
        // F(x) = x², F' = 2x; with noise σ: mean 2x, variance 4σ², mean square 4x² + 4σ².
        OnnxModel model = Square();
        Tensor<float> x = Tensor.Create([1.5f], [1, 1]);
        T Noisy<T>(T method) where T : Method => method;
        var inner = new Saliency(model) { Absolute = false };
        Attribution mean = Noisy(new SmoothGrad(inner) { Samples = 4000, StandardDeviation = 0.5, Relative = false }).Explain(x, Target.Class(0));
        Attribution square = Noisy(new SmoothGradSquared(inner) { Samples = 4000, StandardDeviation = 0.5, Relative = false }).Explain(x, Target.Class(0));
        Attribution variance = Noisy(new VarGrad(inner) { Samples = 4000, StandardDeviation = 0.5, Relative = false }).Explain(x, Target.Class(0));
        Within(3, mean);
        Within(10, square);
        Within(1, variance);
        Assert.Equal(1 / Math.Sqrt(4000), Numbers.Of(mean.Tensors[0].StandardError!)[0], 3);

        static void Within(double expected, Attribution a) =>
            Assert.InRange(Math.Abs(Numbers.Of(a.Values)[0] - expected), 0, 4 * Numbers.Of(a.Tensors[0].StandardError!)[0]);
    }

    [Fact]
    public void Noise_depends_on_the_seed_alone()
    {
        NdArray x = Networks.Random(1, 3, 4);
        float[] Values(int threads, ulong seed) => Numbers.Of(new SmoothGrad(new Saliency(new OnnxModel(Networks.Smooth(4, 6, 2, seed: 3).Graph, threads)) { Absolute = false })
            .Explain([x], Target.Class(0), new ExplainOptions { Seed = seed }).Values);
        Assert.Equal(Values(1, 5), Values(3, 5));
        Assert.NotEqual(Values(1, 5), Values(1, 6));
    }

    [Fact]
    public void Noise_on_an_embedding_does_not_reach_the_baseline()
    {
        var g = new Engine.Graphs.GraphBuilder();
        var ids = g.Input("ids", ElementType.Int64, [Engine.Graphs.Dim.Named("batch"), 2]);
        var rows = g.Node(new Gather(), [g.Constant(Networks.Random(1, 5, 3)), ids], name: "embedding", outputNames: ["e"])[0];
        g.Output(g.MatMul(g.Tanh(g.Flatten(rows)), g.Constant(Networks.Random(2, 6, 2))), "y");
        var model = new OnnxModel(g.Build());
        var at = new ExplainOptions { At = "embedding" };
        NdArray x = new([3L, 4], 1, 2);
        foreach (Method inner in (Method[])[new IntegratedGradients(model), new Conductance(model), new GuidedIntegratedGradients(model), new Idgi(model), new DeepLift(model), new FeatureAblation(model)])
        {
            float[] once = Numbers.Of(inner.Explain([x], Target.Class(1), at).Values);
            float[] repeated = Numbers.Of(new SmoothGrad(inner) { StandardDeviation = 0, Samples = 2 }.Explain([x], Target.Class(1), at).Values);
            Assert.Contains(once, v => Math.Abs(v) > 0.1);
            for (int i = 0; i < once.Length; i++) Assert.Equal(once[i], repeated[i], 1e-5);
        }
    }

    [Fact]
    public void The_logit_behind_a_softmax_is_found()
    {
        NdArray x = Networks.Random(4, 2, 4);
        float[] direct = Numbers.Of(new Saliency(Networks.Smooth(4, 6, 3, seed: 5)).Explain([x], Target.Class(1)).Values);
        float[] traced = Numbers.Of(new Saliency(Networks.Smooth(4, 6, 3, seed: 5, softmax: true)).Explain([x], Target.Class(1).Logit).Values);
        Assert.Equal(direct, traced);
        float[] probability = Numbers.Of(new Saliency(Networks.Smooth(4, 6, 3, seed: 5)).Explain([x], Target.Class(1).Probability).Values);
        float[] own = Numbers.Of(new Saliency(Networks.Smooth(4, 6, 3, seed: 5, softmax: true)).Explain([x], Target.Class(1)).Values);
        for (int i = 0; i < own.Length; i++) Assert.Equal(own[i], probability[i], 5);
    }

    [Fact]
    public void A_margin_is_the_difference_of_two_classes_and_an_expression_is_anything()
    {
        OnnxModel model = Networks.Smooth(4, 6, 3, seed: 5);
        NdArray x = Networks.Random(4, 2, 4);
        float[] Signed(Target t) => Numbers.Of(new Saliency(model) { Absolute = false }.Explain([x], t).Values);
        float[] a = Signed(Target.Class(0)), b = Signed(Target.Class(2)), margin = Signed(Target.Margin(0, 2));
        float[] expression = Signed(Target.Of((g, outputs) => g.ReduceSum(g.Mul(outputs[0], g.Constant(NdArray.Vector(1f, 0, -1))), [1], keepDims: false)));
        for (int i = 0; i < a.Length; i++)
        {
            Assert.Equal(a[i] - b[i], margin[i], 1e-5);
            Assert.Equal(margin[i], expression[i], 1e-5);
        }
    }

    [Fact]
    public void Nan_in_the_input_is_refused_with_its_place()
    {
        var e = Assert.Throws<InvalidDataException>(() => new Saliency(Networks.Linear(0, 1, 1)).Explain(Tensor.Create([1f, float.NaN], [1, 2])));
        Assert.Contains("[0,1]", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_class_that_does_not_exist_is_refused() =>
        Assert.Contains("3 classes", Assert.Throws<InvalidTargetException>(() => new Saliency(Networks.Smooth(4, 6, 3, 1)).Explain([Networks.Random(1, 1, 4)], Target.Class(3))).Message, StringComparison.Ordinal);

    [Fact]
    public void No_rows_are_refused() =>
        Assert.Throws<InvalidDataException>(() => new Saliency(Networks.Linear(0, 1)).Explain([new NdArray(System.Array.Empty<float>(), 0, 1)]));

    [Fact]
    public void A_saturated_probability_is_flagged_in_words()
    {
        OnnxModel model = Networks.Smooth(2, 4, 2, seed: 11, softmax: true);
        Attribution a = new Saliency(Scaled()).Explain(Tensor.Create([1f], [1, 1]), Target.Class(0));
        Assert.True(a.Flags.HasFlag(AttributionFlags.Saturated));
        Assert.Contains(a.Remarks, r => r.Contains("logit", StringComparison.Ordinal));
        Assert.False(new Saliency(model).Explain(Tensor.Create([0f, 0], [1, 2]), Target.Class(0)).Flags.HasFlag(AttributionFlags.Saturated));

        static OnnxModel Scaled()
        {
            var g = new Engine.Graphs.GraphBuilder();
            var x = g.Input("x", ElementType.Float, [Engine.Graphs.Dim.Named("batch"), 1]);
            g.Output(g.Softmax(g.MatMul(x, g.Constant(new NdArray([50f, -50], 1, 2))), 1), "p");
            return new OnnxModel(g.Build());
        }
    }

    [Fact]
    public void Progress_ends_at_the_total_and_cancellation_stops()
    {
        var seen = new List<Progress>();
        new IntegratedGradients(Networks.Smooth(4, 6, 2, seed: 3)).Explain([Networks.Random(1, 10, 4)], Target.Class(0), new ExplainOptions { Progress = new Collect(seen) });
        Assert.Equal(seen[^1].Total, seen[^1].Done);
        Assert.Throws<OperationCanceledException>(() => new IntegratedGradients(Networks.Smooth(4, 6, 2, seed: 3))
            .Explain([Networks.Random(1, 10, 4)], Target.Class(0), new ExplainOptions { Cancellation = new CancellationToken(canceled: true) }));
    }

    private sealed class Collect(List<Progress> seen) : IProgress<Progress>
    {
        public void Report(Progress value) => seen.Add(value);
    }

    private static OnnxModel Square()
    {
        var g = new Engine.Graphs.GraphBuilder();
        var x = g.Input("x", ElementType.Float, [Engine.Graphs.Dim.Named("batch"), 1]);
        g.Output(g.Mul(x, x), "y");
        return new OnnxModel(g.Build());
    }
}
