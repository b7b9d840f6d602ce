using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.ClassActivation;

/// <summary>Which layer is explained when none is named, and how its values lie on a map.</summary>
public sealed class LayerChoiceTests
{
    [Fact]
    public void The_last_map_before_the_target_is_taken()
    {
        Assert.Equal("a", new GradCam(MapNetworks.Pooled(2)).Explain([Networks.Random(1, 1, 2, 6, 6)]).At);
        Assert.Equal("a", new GradCam(MapNetworks.Pooled(2, softmax: true)).Explain([Networks.Random(1, 1, 2, 6, 6)]).At);
        Assert.Equal("z", new GradCam(MapNetworks.Pooled(2, relu: false)).Explain([Networks.Random(1, 1, 2, 6, 6)]).At);
        Assert.Equal("r", new GradCam(MapNetworks.OneConv()).Explain([MapNetworks.Ramp()]).At);
    }

    [Fact]
    public void Where_the_target_is_a_map_the_layer_before_the_last_convolution_is_taken()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 4, 4]);
        Value features = g.Relu(g.Conv(x, g.Constant(Networks.Random(1, 3, 1, 1, 1))));
        g.Output(g.Conv(features, g.Constant(Networks.Random(2, 2, 3, 1, 1))), "y");
        Attribution a = new GradCam(new OnnxModel(g.Build())).Explain([MapNetworks.Ramp()], Target.Class(1));
        Assert.Equal(features.Name, a.At);
    }

    [Theory]
    [InlineData(true, "block0.out")]
    [InlineData(false, "block1.out")]
    public void In_a_vision_transformer_tokens_that_the_target_reads_are_taken_and_laid_out_as_a_grid(bool classToken, string layer)
    {
        OnnxModel model = MapNetworks.VisionTransformer(classToken);
        Attribution a = new GradCam(model) { Relu = false }.Explain([Networks.Random(1, 2, 3, 8, 8)], Target.Class(0));
        Assert.Equal([2, 1, 4, 4], a.Values.Lengths.ToArray().Select(l => (int)l));
        if (!classToken) Assert.Equal(layer, a.At);
        Assert.All(Numbers.Of(a.Values), v => Assert.NotEqual(0, v));
        // The class token's own layer is silent: what comes after the last attention has no gradient at the picture's tokens.
        Attribution late = new GradCam(model) { Relu = false }.Explain([Networks.Random(1, 2, 3, 8, 8)], Target.Class(0), new ExplainOptions { At = "block1" });
        Assert.Equal(classToken, late.Flags.HasFlag(AttributionFlags.AllZero));
    }

    [Fact]
    public void Grad_cam_of_tokens_leaves_the_class_token_out()
    {
        OnnxModel model = MapNetworks.VisionTransformer(classToken: true);
        NdArray x = Networks.Random(1, 1, 3, 8, 8);
        float[] products = Numbers.Of(new Limn.Gradients.InputXGradient(model).Explain([x], Target.Class(0), new ExplainOptions { At = "block0" }).Values);
        float[] map = Numbers.Of(new HiResCam(model) { Relu = false }.Explain([x], Target.Class(0), new ExplainOptions { At = "block0" }).Values);
        for (int p = 0; p < 16; p++) Assert.Equal(products.Skip((p + 1) * 6).Take(6).Sum(v => (double)v), map[p], 1e-4);
    }

    [Fact]
    public void Channels_last_maps_are_recognised()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 4, 6, 2]);
        Value z = g.Conv(g.Transpose(x, 0, 3, 1, 2), g.Constant(Networks.Random(1, 3, 2, 3, 3)));
        Value last = g.Node(new Transpose { Permutation = [0, 2, 3, 1] }, [z], name: "last", outputNames: ["l"])[0];
        g.Output(g.MatMul(g.ReduceMean(last, [1, 2], keepDims: false), g.Constant(Networks.Random(2, 3, 2))), "y");
        var model = new OnnxModel(g.Build());
        NdArray input = Networks.Random(3, 2, 4, 6, 2);
        Attribution channelsLast = new GradCam(model).Explain([input], Target.Class(1));
        Assert.Equal("l", channelsLast.At);
        Assert.Equal([2, 1, 2, 4], channelsLast.Values.Lengths.ToArray().Select(v => (int)v));
        Assert.Equal(Numbers.Of(new GradCam(model).Explain([input], Target.Class(1), new ExplainOptions { At = z.Name }).Values), Numbers.Of(channelsLast.Values));
    }

    [Fact]
    public void A_layer_without_positions_and_a_network_without_maps_are_refused()
    {
        var e = Assert.Throws<InvalidTargetException>(() => new GradCam(Networks.MultiLayer()).Explain([new NdArray([0f, 1, 2], 1, 3)], Target.Class(0), new ExplainOptions { At = "L1" }));
        Assert.Contains("no positions", e.Message, StringComparison.Ordinal);
        Assert.Contains("--at", Assert.Throws<InvalidOptionException>(() => new GradCam(Networks.MultiLayer()).Explain([new NdArray([0f, 1, 2], 1, 3)])).Message, StringComparison.Ordinal);
    }
}
