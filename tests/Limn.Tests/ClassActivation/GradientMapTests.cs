using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.ClassActivation;

/// <summary>The maps that follow from activations and gradients alone.</summary>
public sealed class GradientMapTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void On_pooling_and_a_linear_layer_grad_cam_and_hires_cam_are_the_class_weights_over_positions(int axes)
    {
        OnnxModel model = MapNetworks.Pooled(axes);
        NdArray x = Networks.Random(9, [3, 2, .. Enumerable.Repeat(6, axes)]);
        Target target = Target.Class(2, 0, 1);
        Attribution grad = new GradCam(model) { Relu = false }.Explain([x], target), hires = new HiResCam(model) { Relu = false }.Explain([x], target);
        Assert.Equal([3, 1, .. Enumerable.Repeat(4, axes)], grad.Values.Lengths.ToArray().Select(l => (int)l));
        Assert.Equal("a", grad.At);
        NdArray a = model.Fetch(model.FeedsOf([x]), [model.Layers.Find("maps")], default)[0];
        NdArray weights = Networks.Random(3, 4, 3);
        int positions = (int)Math.Pow(4, axes);
        for (int r = 0; r < 3; r++)
            for (int p = 0; p < positions; p++)
            {
                double expected = 0;
                for (int c = 0; c < 4; c++) expected += weights.Floats[c * 3 + (2 + r) % 3] * a.Floats[(r * 4 + c) * positions + p] / positions;
                Assert.Equal(expected, Numbers.Of(grad.Values)[r * positions + p], 1e-5);
                Assert.Equal(expected, Numbers.Of(hires.Values)[r * positions + p], 1e-5);
            }
    }

    [Fact]
    public void Hires_cam_is_input_x_gradient_at_the_layer_summed_over_channels()
    {
        OnnxModel model = MapNetworks.Deep();
        NdArray x = Networks.Random(9, 2, 2, 6, 6);
        float[] map = Numbers.Of(new HiResCam(model) { Relu = false }.Explain([x], Target.Class(1), At("maps")).Values);
        float[] products = Numbers.Of(new InputXGradient(model).Explain([x], Target.Class(1), At("maps")).Values);
        for (int i = 0; i < map.Length; i++)
            Assert.Equal(Enumerable.Range(0, 4).Sum(c => (double)products[i / 16 * 64 + c * 16 + i % 16]), map[i], 1e-4);
    }

    [Fact]
    public void The_formulas_hold_on_one_channel_worked_by_hand()
    {
        // A = [1, 2, 3, 0], g = [2, −1, 0, 1] : a linear head with those weights.
        OnnxModel model = Weighted(2, -1, 0, 1);
        var x = new NdArray([1f, 2, 3, 0], 1, 1, 2, 2);
        Equal([0.5f, 1, 1.5f, 0], new GradCam(model).Explain([x], Target.Class(0)));
        Equal([2f, 0, 0, 0], new HiResCam(model).Explain([x], Target.Class(0)));
        Equal([2f, -2, 0, 0], new HiResCam(model) { Relu = false }.Explain([x], Target.Class(0)));
        Equal([2f, 0, 0, 0], new LayerCam(model).Explain([x], Target.Class(0)));
        Equal([0f, 0, 0, 0], new XGradCam(model).Explain([x], Target.Class(0))); // w = (2 − 2) / 6 = 0
        // α = g²/(2g² + 6g³): 4/56, 1/(2 − 6), 0 and 1/8; w = 2·4/56 + 1/8
        double w = 8.0 / 56 + 1.0 / 8;
        Equal([(float)w, (float)(2 * w), (float)(3 * w), 0], new GradCamPlusPlus(model).Explain([x], Target.Class(0)));
    }

    [Fact]
    public void Grad_cam_plus_plus_and_xgrad_cam_are_zero_where_their_denominators_are()
    {
        // ΣA = −1, g = 2: 2g² + ΣA·g³ = 8 − 8 = 0; and ΣA = 0.
        Assert.All(Numbers.Of(new GradCamPlusPlus(Weighted(2, 2, 2, 2)).Explain([new NdArray([-1f, 0, 0, 0], 1, 1, 2, 2)], Target.Class(0)).Values), v => Assert.Equal(0, v));
        Assert.All(Numbers.Of(new XGradCam(Weighted(2, 1, 2, 2)).Explain([new NdArray([-1f, 1, 0, 0], 1, 1, 2, 2)], Target.Class(0)).Values), v => Assert.Equal(0, v));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Grad_cam_without_the_sum_keeps_a_map_for_each_channel(bool relu)
    {
        OnnxModel model = MapNetworks.Deep();
        NdArray x = Networks.Random(9, 2, 2, 6, 6);
        Method apart = MethodRegistry.Create("grad-cam", model, new Dictionary<string, string> { ["sum-channels"] = "false", ["relu"] = relu ? "true" : "false" });
        Attribution channels = apart.Explain([x], Target.Class(1));
        Assert.Equal([2, 4, 4, 4], channels.Values.Lengths.ToArray().Select(l => (int)l));
        float[] values = Numbers.Of(channels.Values), signed = Numbers.Of(new GradCam(model) { SumChannels = false, Relu = false }.Explain([x], Target.Class(1)).Values);
        float[] sum = Numbers.Of(new GradCam(model) { Relu = false }.Explain([x], Target.Class(1)).Values);
        for (int i = 0; i < values.Length; i++) Assert.Equal(relu ? Math.Max(0, signed[i]) : signed[i], values[i]);
        for (int i = 0; i < sum.Length; i++) Assert.Equal(Enumerable.Range(0, 4).Sum(c => (double)signed[(i / 16 * 4 + c) * 16 + i % 16]), sum[i], 1e-4);
    }

    [Theory]
    [InlineData("grad-cam")]
    [InlineData("grad-cam-plus-plus")]
    [InlineData("xgrad-cam")]
    [InlineData("hires-cam")]
    [InlineData("layer-cam")]
    public void Rows_do_not_influence_each_other(string method)
    {
        Method cam = MethodRegistry.Create(method, MapNetworks.Deep(bias: true));
        NdArray x = Networks.Random(9, 3, 2, 6, 6);
        float[] together = Numbers.Of(cam.Explain([x], Target.Class(2, 0, 1)).Values);
        for (int r = 0; r < 3; r++)
        {
            float[] alone = Numbers.Of(cam.Explain([x.Rows(r, 1)], Target.Class((2 + r) % 3)).Values);
            for (int p = 0; p < 16; p++) Assert.Equal(alone[p], together[r * 16 + p], 1e-5);
        }
    }

    [Fact]
    public void One_forward_and_one_backward_pass_are_counted_and_a_tight_memory_budget_changes_nothing()
    {
        NdArray x = Networks.Random(9, 3, 2, 6, 6);
        var method = new GradCam(MapNetworks.Deep(smooth: true)) { Relu = false };
        Attribution a = method.Explain([x], Target.Class(2, 0, 1)), tight = method.Explain([x], Target.Class(2, 0, 1), new ExplainOptions { MemoryBudget = 1 });
        Assert.Equal(3, a.ModelCalls); // rows, each once forwards and backwards
        Equal(Numbers.Of(a.Values), tight);
    }

    [Fact]
    public void A_map_that_the_relu_removes_is_flagged_in_words()
    {
        NdArray x = MapNetworks.Filled(1, 2, 1, 2, 2);
        Attribution a = new GradCam(MapNetworks.SumAndItsNegative()).Explain([x], Target.Class(0, 1));
        Assert.Equal([1f, 1, 1, 1, 0, 0, 0, 0], Numbers.Of(a.Values));
        Assert.True(a.Flags.HasFlag(AttributionFlags.AllZero));
        Assert.Contains(a.Remarks, r => r.Contains("ReLU removed the whole map of row 1", StringComparison.Ordinal));
        Attribution signed = new GradCam(MapNetworks.SumAndItsNegative()) { Relu = false }.Explain([x], Target.Class(0, 1));
        Assert.Equal([1f, 1, 1, 1, -1, -1, -1, -1], Numbers.Of(signed.Values));
        Assert.Equal(AttributionFlags.None, signed.Flags);
    }

    [Fact]
    public void Smooth_grad_repeats_a_class_activation_map()
    {
        Attribution a = new SmoothGrad(new GradCam(MapNetworks.Deep())) { Samples = 3, StandardDeviation = 0 }.Explain([Networks.Random(9, 2, 2, 6, 6)], Target.Class(1));
        float[] once = Numbers.Of(new GradCam(MapNetworks.Deep()).Explain([Networks.Random(9, 2, 2, 6, 6)], Target.Class(1)).Values), mean = Numbers.Of(a.Values);
        Assert.Equal([2, 1, 4, 4], a.Values.Lengths.ToArray().Select(l => (int)l));
        for (int i = 0; i < once.Length; i++) Assert.Equal(once[i], mean[i], 1e-4);
    }

    internal static ExplainOptions At(string layer) => new() { At = layer };

    internal static void Equal(float[] expected, Attribution attribution)
    {
        float[] got = Numbers.Of(attribution.Values);
        Assert.Equal(expected.Length, got.Length);
        for (int i = 0; i < got.Length; i++) Assert.Equal(expected[i], got[i], 1e-4);
    }

    /// <summary>A 1x1 convolution by 1, and a linear head with the given weights.</summary>
    internal static OnnxModel Weighted(params float[] weights)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value maps = g.Node(new Conv(new SlidingWindow()), [x, g.Constant(MapNetworks.Filled(1, 1, 1, 1, 1))], name: "maps", outputNames: ["a"])[0];
        g.Output(g.MatMul(g.Flatten(maps), g.Constant(new NdArray(weights, 4, 1))), "y");
        return new OnnxModel(g.Build());
    }
}
