using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Tests.ClassActivation;

namespace Limn.Tests.Identities;

/// <summary>What the maps of a layer and of regions are exactly.</summary>
public sealed class MapIdentities
{
    [Theory, Identity(5)]
    [InlineData(1, 4, 3, true, 1UL)]
    [InlineData(2, 4, 3, true, 2UL)]
    [InlineData(2, 9, 2, false, 3UL)]
    [InlineData(3, 5, 4, true, 4UL)]
    public void Hires_cam_is_grad_cam_where_the_head_is_pooling_and_a_linear_layer(int axes, int channels, int classes, bool bias, ulong seed)
    {
        OnnxModel model = MapNetworks.Pooled(axes, channels, classes, bias: bias);
        NdArray x = Networks.Random(seed, [3, 2, .. Enumerable.Repeat(6, axes)]);
        foreach (bool relu in (bool[])[false, true])
            for (int k = 0; k < classes; k++)
            {
                float[] grad = Numbers.Of(new GradCam(model) { Relu = relu }.Explain([x], Target.Class(k)).Values);
                float[] hires = Numbers.Of(new HiResCam(model) { Relu = relu }.Explain([x], Target.Class(k)).Values);
                for (int i = 0; i < grad.Length; i++) Assert.Equal(grad[i], hires[i], 1e-5);
            }
    }

    [Theory, Identity(6)]
    [InlineData(6, 3, new[] { 8 }, 1UL)]
    [InlineData(6, 1, new[] { 4 }, 2UL)]
    [InlineData(9, 5, new[] { 12, 6 }, 3UL)]
    [InlineData(4, 4, new int[0], 4UL)]
    public void Xgrad_cam_adds_up_to_the_score_of_a_head_of_rectifiers_without_biases(int side, int channels, int[] widths, ulong seed)
    {
        OnnxModel model = Rectified(side, channels, widths, seed);
        Attribution a = new XGradCam(model) { Relu = false }.Explain([Networks.Random(seed + 10, 3, 2, side, side)], Target.Class(0, 1, 2), new ExplainOptions { At = "maps" });
        float[] map = Numbers.Of(a.Values);
        for (int r = 0; r < 3; r++)
        {
            double sum = map.Skip(r * map.Length / 3).Take(map.Length / 3).Sum(v => (double)v);
            Assert.True(Math.Abs(sum - a.Prediction[r]) <= 1e-5 * Math.Max(10, Math.Abs(a.Prediction[r])), $"row {r}: {sum}, and the score is {a.Prediction[r]}");
            Assert.NotEqual(0, a.Prediction[r]);
        }
    }

    [Theory, Identity(11)]
    [InlineData(16, 3, 0)]
    [InlineData(16, 2, 0)]
    [InlineData(24, 3, 0)]
    [InlineData(40, 2, 0)]
    [InlineData(64, 3, 2)]
    [InlineData(64, 2, 2)]
    public void The_regions_of_xrai_on_a_picture_of_two_colours_are_its_halves(int side, int axis, int seam)
    {
        // Of a picture of 0.2 and 0.9, the score is the sum of the bright half. Segments are found on a blurred picture and widened by a disk: in larger
        // pictures the seam is a region of its own.
        NdArray x = NdArray.Create(ElementType.Float, 1, 1, side, side);
        bool Bright(int i) => (axis == 3 ? i % side : i / side) >= side / 2;
        for (int i = 0; i < side * side; i++) x.Floats[i] = Bright(i) ? 0.9f : 0.2f;
        var g = new GraphBuilder();
        Value picture = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, side, side]);
        g.Output(g.ReduceSum(g.Flatten(g.Slice(picture, [side / 2], [side], [axis])), [1]), "y");
        float[] values = Numbers.Of(new Xrai(new OnnxModel(g.Build())) { Baseline = Baseline.Zero }.Explain([x], Target.Class(0)).Values);

        for (int i = 0; i < values.Length; i++)
        {
            double fromSeam = (axis == 3 ? i % side : i / side) - side / 2 + 0.5;
            if (Math.Abs(fromSeam) > seam) Assert.Equal(fromSeam > 0 ? 0.9 : 0, values[i], 1e-5);
        }
    }

    /// <summary>conv → ReLU ("maps") → linear layers of the given widths with ReLU behind each → linear to 3 classes; no biases behind the maps.</summary>
    private static OnnxModel Rectified(int side, int channels, int[] widths, ulong seed)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, side, side]);
        Value z = g.Conv(x, g.Constant(Networks.Random(seed, channels, 2, 3, 3)), g.Constant(Networks.Random(seed + 1, channels)));
        Value y = g.Flatten(g.Node(new Relu(), [z], name: "maps", outputNames: ["a"])[0]);
        int from = channels * (side - 2) * (side - 2);
        foreach (int width in widths)
        {
            y = g.Relu(g.MatMul(y, g.Constant(Networks.Random(seed + 100 + (ulong)from, from, width))));
            from = width;
        }
        g.Output(g.MatMul(y, g.Constant(Networks.Random(seed + 2, from, 3))), "y");
        return new OnnxModel(g.Build());
    }
}
