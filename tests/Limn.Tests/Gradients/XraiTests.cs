using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Gradients;

public sealed class XraiTests
{
    [Fact]
    public void Felzenszwalb_finds_the_halves_of_a_picture_of_two_colours()
    {
        int[] labels = Segmentation.Felzenszwalb(Halves(16).Reshape(1, 16, 16), sigma: 0, minimumSize: 5);
        for (int i = 0; i < 256; i++) Assert.Equal(i % 16 < 8 ? 0 : 1, labels[i]);
    }

    [Fact]
    public void Felzenszwalb_merges_regions_that_are_too_small()
    {
        NdArray dot = NdArray.Create(ElementType.Float, 1, 9, 9);
        dot.Floats[40] = 1;
        Assert.Equal(2, Segmentation.Felzenszwalb(dot, sigma: 0, minimumSize: 1).Distinct().Count());
        Assert.Single(Segmentation.Felzenszwalb(dot, sigma: 0, minimumSize: 2).Distinct());
    }

    [Fact]
    public void A_larger_scale_gives_fewer_regions()
    {
        NdArray noise = Networks.Random(4, 3, 24, 24);
        int Count(double scale) => Segmentation.Felzenszwalb(noise, scale, sigma: 0.8, minimumSize: 1).Distinct().Count();
        Assert.True(Count(50) > Count(500), $"{Count(50)} and {Count(500)}");
        Assert.True(Count(500) > 1);
        Assert.Single(Segmentation.Felzenszwalb(NdArray.Create(ElementType.Float, 1, 1, 1)));
        Assert.Throws<ShapeMismatchException>(() => Segmentation.Felzenszwalb(Halves(4)));
        Assert.Throws<InvalidOptionException>(() => Segmentation.Felzenszwalb(noise, scale: -1));
    }

    [Fact]
    public void Nothing_adds_up() => Assert.Null(new Xrai(RightHalf(16)).Explain([Halves(16)], Target.Class(0)).ConvergenceDelta);

    [Fact]
    public void Rows_do_not_influence_each_other()
    {
        OnnxModel model = RightHalf(16);
        NdArray x = Networks.Random(3, 3, 1, 16, 16);
        float[] together = Numbers.Of(new Xrai(model) { Steps = 5 }.Explain([x], Target.Class(0)).Values);
        for (int r = 0; r < 3; r++)
            Assert.Equal(Numbers.Of(new Xrai(model) { Steps = 5 }.Explain([x.Rows(r, 1)], Target.Class(0)).Values), together[(r * 256)..((r + 1) * 256)]);
    }

    [Fact]
    public void Tables_and_layers_have_no_regions()
    {
        Assert.Throws<ShapeMismatchException>(() => new Xrai(Networks.Linear(0, 1, 2)).Explain([new NdArray([1f, 2], 1, 2)]));
        Assert.Throws<InvalidOptionException>(() => new Xrai(RightHalf(16)) { MinimumPixels = 0 }.Explain([Halves(16)]));
    }

    private static NdArray Halves(int side)
    {
        NdArray picture = NdArray.Create(ElementType.Float, 1, 1, side, side);
        for (int i = 0; i < side * side; i++) picture.Floats[i] = i % side < side / 2 ? 0.2f : 0.9f;
        return picture;
    }

    private static OnnxModel RightHalf(int side)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, side, side]);
        g.Output(g.ReduceSum(g.Flatten(g.Slice(x, [side / 2], [side], [3])), [1]), "y");
        return new OnnxModel(g.Build());
    }
}
