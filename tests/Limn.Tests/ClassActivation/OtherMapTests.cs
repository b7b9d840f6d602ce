using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;
using static Limn.Tests.ClassActivation.GradientMapTests;

namespace Limn.Tests.ClassActivation;

/// <summary>The maps that need more than activations and gradients.</summary>
public sealed class OtherMapTests
{
    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 16)]
    [InlineData(3, 64)]
    public void Cam_is_grad_cam_times_the_positions_and_its_mean_is_the_score_without_bias(int axes, int positions)
    {
        NdArray x = Networks.Random(9, [2, 2, .. Enumerable.Repeat(6, axes)]);
        Attribution cam = new Cam(MapNetworks.Pooled(axes, bias: false)).Explain([x], Target.Class(1, 2));
        float[] grad = Numbers.Of(new GradCam(MapNetworks.Pooled(axes, bias: false)) { Relu = false }.Explain([x], Target.Class(1, 2)).Values), map = Numbers.Of(cam.Values);
        for (int i = 0; i < map.Length; i++) Assert.Equal(positions * (double)grad[i], map[i], 1e-4);
        for (int r = 0; r < 2; r++) Assert.Equal(cam.Prediction[r], map.Skip(r * positions).Take(positions).Average(v => (double)v), 1e-4);
    }

    [Fact]
    public void Cam_of_a_probability_is_that_of_its_logit()
    {
        NdArray x = Networks.Random(9, 2, 2, 6, 6);
        Attribution plain = new Cam(MapNetworks.Pooled(2)).Explain([x], Target.Class(1)), squashed = new Cam(MapNetworks.Pooled(2, softmax: true)).Explain([x], Target.Class(1));
        Assert.Equal(Numbers.Of(plain.Values), Numbers.Of(squashed.Values));
        Assert.InRange(squashed.Prediction[0], 0, 1);
    }

    [Fact]
    public void Cam_refuses_other_heads_and_other_layers()
    {
        NdArray x = Networks.Random(9, 2, 2, 6, 6);
        Assert.Contains("global average pooling", Assert.Throws<InvalidOptionException>(() => new Cam(MapNetworks.Deep()).Explain([x])).Message, StringComparison.Ordinal);
        Assert.Contains("'a'", Assert.Throws<InvalidOptionException>(() => new Cam(MapNetworks.Pooled(2)).Explain([x], options: At("conv"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ablation_cam_of_a_linear_head_weighs_channels_by_their_share_of_the_score()
    {
        // The head is linear without bias, so what is lost without a channel is exactly g·A of that channel.
        OnnxModel model = MapNetworks.Pooled(2, bias: false);
        NdArray x = Networks.Random(9, 2, 2, 6, 6);
        Attribution ablation = new AblationCam(model) { Relu = false }.Explain([x], Target.Class(0, 2));
        float[] a = Activations(model, x), products = Numbers.Of(new Limn.Gradients.InputXGradient(model).Explain([x], Target.Class(0, 2), At("maps")).Values);
        for (int i = 0; i < 32; i++)
        {
            double expected = 0;
            for (int c = 0; c < 4; c++)
            {
                double lost = Enumerable.Range(0, 16).Sum(p => (double)products[(i / 16 * 4 + c) * 16 + p]);
                expected += lost / Math.Abs(ablation.Prediction[i / 16]) * a[(i / 16 * 4 + c) * 16 + i % 16];
            }
            Assert.Equal(expected, Numbers.Of(ablation.Values)[i], 1e-3);
        }
    }

    [Fact]
    public void Ablation_cam_does_not_depend_on_the_batches()
    {
        NdArray x = Networks.Random(9, 3, 2, 6, 6);
        var method = new AblationCam(MapNetworks.Deep(bias: true));
        Assert.Equal(Rounded(method.Explain([x], Target.Class(1))), Rounded(method.Explain([x], Target.Class(1), new ExplainOptions { MemoryBudget = 1 })));
    }

    [Fact]
    public void Score_cam_weighs_channels_by_the_softmax_of_their_masked_scores()
    {
        // Channels x and 2 − x of a 1x1 convolution: at the input's size H = (x − min)/range and its complement; the score is the sum of weighted pixels.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value maps = g.Node(new Conv(new SlidingWindow()), [x, g.Constant(new NdArray([1f, -1, 0], 3, 1, 1, 1)), g.Constant(NdArray.Vector(0f, 2, 1))], name: "maps", outputNames: ["a"])[0];
        Value score = g.Add(g.MatMul(g.Flatten(x), g.Constant(new NdArray([1f, 0, 1, 0.5f], 4, 1))), g.Scale(g.ReduceSum(g.Flatten(maps), [1]), 0));
        g.Output(score, "y");
        Attribution a = new ScoreCam(new OnnxModel(g.Build())) { Relu = false }.Explain([new NdArray([0f, 1, 2, 1], 1, 1, 2, 2)], Target.Class(0), At("maps"));
        // H₁ = x/2: masked input [0, .5, 2, .5], score 2.25; H₂ = 1 − x/2: [0, .5, 0, .5], score .25; the third channel is flat and left out.
        double w = Math.Exp(2.25) / (Math.Exp(2.25) + Math.Exp(0.25));
        Equal([(float)(2 * (1 - w)), 1, (float)(2 * w), 1], a);
    }

    [Fact]
    public void Score_cam_of_a_silent_layer_is_zero_and_says_so()
    {
        Attribution a = new ScoreCam(MapNetworks.OneConv()).Explain([MapNetworks.Filled(0, 1, 1, 4, 4)], Target.Class(0));
        Assert.All(Numbers.Of(a.Values), v => Assert.Equal(0, v));
        Assert.True(a.Flags.HasFlag(AttributionFlags.AllZero));
    }

    [Fact]
    public void Eigen_cam_is_the_dominant_pattern_with_the_sign_of_the_activations()
    {
        // Two channels in proportion 3 : 4 are one pattern of singular value 5 |pattern|.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 3]);
        Value maps = g.Conv(x, g.Constant(new NdArray([3f, 4], 2, 1, 1, 1)));
        g.Output(g.MatMul(g.Flatten(g.GlobalAveragePool(maps)), g.Constant(new NdArray([1f, 0, 0, -1], 2, 2))), "y");
        var model = new OnnxModel(g.Build());
        var input = new NdArray([0f, 1, 2, 0.5f, 3, 0], 1, 1, 2, 3);
        Equal([0f, 5, 10, 2.5f, 15, 0], new EigenCam(model).Explain([input], Target.Class(0)));
        Equal(Numbers.Of(new EigenCam(model).Explain([input], Target.Class(0)).Values), new EigenCam(model).Explain([input], Target.Class(1)));
        float mean = 6.5f / 6;
        Equal([-5 * mean, 5 - 5 * mean, 10 - 5 * mean, 2.5f - 5 * mean, 15 - 5 * mean, -5 * mean], new EigenCam(model) { Center = true }.Explain([input], Target.Class(0)));
        // g is 1/6 for one channel and 0 for the other, or 0 and −1/6: what varies is x·3/6, or −x·4/6.
        Equal([0f, 0.5f, 1, 0.25f, 1.5f, 0], new EigenGradCam(model).Explain([input], Target.Class(0)));
        Equal([0f, -4 / 6f, -8 / 6f, -2 / 6f, -2, 0], new EigenGradCam(model).Explain([input], Target.Class(1)));
    }

    [Fact]
    public void Eigen_cam_agrees_with_itself_whichever_gram_matrix_is_smaller_and_leaves_the_least_residue()
    {
        // 16 positions and 4 channels; then 4 positions and 9 channels. ‖M v‖ is the largest of all directions: compare with 200 random ones.
        foreach (var (positions, channels) in new[] { (16, 4), (4, 9) })
        {
            NdArray maps = Networks.Random(5, 1, channels, positions);
            double[] map = EigenMap.Of(new FeatureMaps(maps, new MapLayout(1, [positions], 0)), center: false);
            double size = map.Sum(v => v * v);
            for (ulong seed = 0; seed < 200; seed++)
            {
                float[] v = Networks.Random(100 + seed, channels).Floats.ToArray();
                double norm = Math.Sqrt(v.Sum(e => (double)e * e)), projected = 0;
                for (int p = 0; p < positions; p++)
                    projected += Math.Pow(Enumerable.Range(0, channels).Sum(c => maps.Floats[c * positions + p] * v[c] / norm), 2);
                Assert.True(projected <= size * (1 + 1e-6));
            }
            Assert.True(Enumerable.Range(0, positions).Sum(p => map[p] * Enumerable.Range(0, channels).Sum(c => (double)maps.Floats[c * positions + p])) >= 0);
        }
    }

    [Fact]
    public void Shapley_cam_is_grad_cam_where_the_head_is_piecewise_linear()
    {
        NdArray x = Networks.Random(9, 2, 2, 6, 6);
        Equal(Numbers.Of(new GradCam(MapNetworks.Deep()).Explain([x], Target.Class(1)).Values), new ShapleyCam(MapNetworks.Deep()).Explain([x], Target.Class(1)));
    }

    [Fact]
    public void Shapley_cam_subtracts_half_the_curvature()
    {
        // y = Σ_p A_p² : g = 2A, H A = 2A, so w = mean(2A − A) = mean(A).
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value maps = g.Node(new Conv(new SlidingWindow()), [x, g.Constant(MapNetworks.Filled(1, 1, 1, 1, 1))], name: "maps", outputNames: ["a"])[0];
        g.Output(g.ReduceSum(g.Flatten(g.Mul(maps, maps)), [1]), "y");
        Attribution a = new ShapleyCam(new OnnxModel(g.Build())).Explain([new NdArray([1f, 2, 3, 4, 0, 0, 1, 1], 2, 1, 2, 2)], Target.Class(0), At("maps"));
        Equal([2.5f, 5, 7.5f, 10, 0, 0, 0.5f, 0.5f], a);
    }

    [Fact]
    public void Shapley_cams_curvature_agrees_with_differences_of_gradients()
    {
        OnnxModel model = MapNetworks.Deep(smooth: true);
        NdArray x = Networks.Random(9, 1, 2, 6, 6), a = model.Fetch(model.FeedsOf([x]), [model.Layers.Find("maps")], default)[0];
        float[] map = Numbers.Of(new ShapleyCam(model) { Relu = false }.Explain([x], Target.Class(1), At("maps")).Values);
        const double Step = 1e-2;
        NdArray Gradient(double scale)
        {
            NdArray moved = a.Copy();
            for (int i = 0; i < moved.Length; i++) moved.Floats[i] *= (float)scale;
            Value layer = model.Layers.Find("maps");
            var seed = new NdArray([0f, 1, 0], 1, 3);
            return model.GradientOf(model.Graph, model.Graph.Outputs[0], [layer], null)
                .Evaluate(new Dictionary<Value, NdArray>(model.FeedsOf([x])) { [layer] = moved }, seed, reference: null, default).Gradients[0];
        }
        NdArray g = Gradient(1), above = Gradient(1 + Step), below = Gradient(1 - Step);
        for (int p = 0; p < 16; p++)
        {
            double expected = 0;
            for (int c = 0; c < 4; c++)
                expected += Enumerable.Range(c * 16, 16).Average(i => g.Floats[i] - 0.5 * (above.Floats[i] - below.Floats[i]) / (2 * Step)) * a.Floats[c * 16 + p];
            Assert.Equal(expected, map[p], 1e-3);
        }
    }

    [Fact]
    public void Finer_cam_is_grad_cam_of_the_weighted_difference_to_the_nearest_classes()
    {
        OnnxModel model = MapNetworks.Pooled(2, softmax: true);
        NdArray x = Networks.Random(9, 1, 2, 6, 6);
        float[] logit(int k) => Numbers.Of(new GradCam(model) { Relu = false }.Explain([x], Target.Class(k).Logit).Values);
        float[] z = [.. Enumerable.Range(0, 3).Select(k => (float)new GradCam(model).Explain([x], Target.Class(k).Logit).Prediction[0])];
        double p0 = Math.Exp(z[0]) / (Math.Exp(z[0]) + Math.Exp(z[2]));
        float[] a = logit(0), b = logit(1), c = logit(2);
        Equal([.. Enumerable.Range(0, 16).Select(i => (float)(b[i] - p0 * a[i] - (1 - p0) * c[i]))], new FinerCam(model) { Relu = false }.Explain([x], Target.Class(1)));
        Equal([.. b], new FinerCam(model) { Relu = false, Alpha = 0 }.Explain([x], Target.Class(1)));
        int nearest = Math.Abs(z[0] - z[1]) <= Math.Abs(z[2] - z[1]) ? 0 : 2;
        float[] other = logit(nearest);
        Equal([.. Enumerable.Range(0, 16).Select(i => b[i] - other[i])], new FinerCam(model) { Relu = false, Comparisons = 1 }.Explain([x], Target.Class(1)));
        Assert.Throws<InvalidTargetException>(() => new FinerCam(model).Explain([x], Target.Outputs));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Full_gradients_of_a_relu_network_add_up_to_the_score(bool pooled)
    {
        OnnxModel model = pooled ? MapNetworks.Pooled(2) : MapNetworks.Deep(bias: true);
        NdArray x = Networks.Random(9, 3, 2, 6, 6);
        Attribution a = new FullGrad(model).Explain([x], Target.Class(0, 1, 2));
        Assert.Equal([3, 1, 6, 6], a.Values.Lengths.ToArray().Select(l => (int)l));
        Assert.DoesNotContain(a.Remarks, r => r.Contains("account for", StringComparison.Ordinal)); // within 1 % in every row
        Assert.All(Numbers.Of(a.Values), v => Assert.True(v >= 0));
        Attribution probability = new FullGrad(model).Explain([x], Target.Class(0, 1, 2).Probability);
        Assert.Contains(probability.Remarks, r => r.Contains("account for", StringComparison.Ordinal));
    }

    [Fact]
    public void Full_grad_counts_the_constant_of_a_batch_norm_and_adds_rescaled_maps()
    {
        // A convolution by 2, then a batch norm with γ = 3, β = 1, μ = 2, σ² = 4: z = 3x − 2, and y = Σ z. Input term 3x, bias term 1 − 3·2/2 = −2 at each position.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value conv = g.Conv(x, g.Constant(MapNetworks.Filled(2, 1, 1, 1, 1)));
        Value z = g.BatchNormalization(conv, g.Constant(NdArray.Vector(3f)), g.Constant(NdArray.Vector(1f)), g.Constant(NdArray.Vector(2f)), g.Constant(NdArray.Vector(4f)), 0);
        g.Output(g.ReduceSum(g.Flatten(z), [1]), "y");
        Attribution a = new FullGrad(new OnnxModel(g.Build())).Explain([new NdArray([1f, 2, 3, -4], 1, 1, 2, 2)], Target.Class(0));
        Assert.Equal(3 * 2 - 4 * 2, a.Prediction[0], 4);
        Assert.Empty(a.Remarks);
        Equal([0f, 1 / 3f, 2 / 3f, 1], a); // the bias term is the same everywhere, so its scaled map is zero
    }

    [Fact]
    public void Guided_grad_cam_explains_every_input_by_its_name() =>
        Assert.Equal(["x", "x2"], new GuidedGradCam(MapNetworks.OneConv(two: true)).Explain([MapNetworks.Ramp(), MapNetworks.Ramp()], Target.Class(0), At("conv1")).Tensors.Select(t => t.Name));

    [Theory]
    [InlineData(MapInterpolation.Nearest, new[] { 1f, 1, 3, 3 })]
    [InlineData(MapInterpolation.Bilinear, new[] { 1f, 1.5f, 2.5f, 3 })]
    public void Maps_are_resized_as_pytorch_does_it(MapInterpolation rule, float[] expected)
    {
        Assert.Equal(expected, Upsampling.Resize([1f, 3], [2], [4], rule));
        float[] plane = Upsampling.Resize([1f, 3, 1, 3], [2, 2], [3, 4], rule);
        for (int y = 0; y < 3; y++) Assert.Equal(expected, plane[(y * 4)..(y * 4 + 4)]);
        Assert.Equal([5f, 5, 5], Upsampling.Resize([5f], [1], [3], rule));
        Assert.Equal(rule == MapInterpolation.Nearest ? [1f, 1, 3] : [1f, 2, 3], Upsampling.Resize([1f, 3], [2], [3], rule));
    }

    [Theory]
    [InlineData("score-cam")]
    [InlineData("ablation-cam")]
    [InlineData("eigen-cam")]
    [InlineData("eigen-grad-cam")]
    [InlineData("shapley-cam")]
    [InlineData("finer-cam")]
    [InlineData("full-grad")]
    [InlineData("guided-grad-cam")]
    public void Rows_do_not_influence_each_other(string method)
    {
        Method cam = MethodRegistry.Create(method, MapNetworks.Deep(bias: true));
        NdArray x = Networks.Random(9, 3, 2, 6, 6);
        float[] together = Numbers.Of(cam.Explain([x], Target.Class(2, 0, 1)).Values);
        for (int r = 0; r < 3; r++)
        {
            float[] alone = Numbers.Of(cam.Explain([x.Rows(r, 1)], Target.Class((2 + r) % 3)).Values);
            for (int p = 0; p < alone.Length; p++) Assert.Equal(alone[p], together[r * alone.Length + p], 1e-3);
        }
    }

    private static float[] Activations(OnnxModel model, NdArray x) => model.Fetch(model.FeedsOf([x]), [model.Layers.Find("maps")], default)[0].Floats.ToArray();

    private static float[] Rounded(Attribution a) => Array.ConvertAll(Numbers.Of(a.Values), v => MathF.Round(v, 4));
}
