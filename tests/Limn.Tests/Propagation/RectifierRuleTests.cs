using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public sealed class RectifierRuleTests
{
    /// <summary>y = relu(x)·(1, −2, 3): guided and deconvolution drop the negative weight, deconvolution ignores the switch.</summary>
    [Fact]
    public void A_rectifier_is_ruled_by_the_switch_the_arrival_or_both()
    {
        OnnxModel model = Rectified(1, -2, 3);
        NdArray x = new([1f, 1, -1], 1, 3);
        ReferenceNetworks.Equal([1, -2, 0], Numbers.Of(new Saliency(model) { Absolute = false }.Explain([x], Target.Class(0)).Values));
        ReferenceNetworks.Equal([1, 0, 0], Numbers.Of(new GuidedBackprop(model).Explain([x], Target.Class(0)).Values));
        ReferenceNetworks.Equal([1, 0, 3], Numbers.Of(new Deconvolution(model).Explain([x], Target.Class(0)).Values));
    }

    [Theory]
    [InlineData(0, new double[] { 1, 0, 3, 4 })]   // everything that speaks for the target
    [InlineData(50, new double[] { 0, 0, 3, 4 })]  // y·u = 1, −2, 3, 8: the second smallest is 1
    [InlineData(75, new double[] { 0, 0, 0, 4 })]
    [InlineData(100, new double[] { 0, 0, 0, 0 })]
    public void Rect_grad_lets_through_what_is_above_the_percentile(double percentile, double[] expected)
    {
        NdArray x = new([1f, 1, 1, 2], 1, 4);
        ReferenceNetworks.Equal(expected, Numbers.Of(new RectGrad(Rectified(1, -2, 3, 4)) { Percentile = percentile }.Explain([x], Target.Class(0)).Values));
    }

    [Fact]
    public void Rect_grad_takes_each_row_by_itself()
    {
        OnnxModel model = Rectified(1, -2, 3, 4);
        NdArray x = new([1f, 1, 1, 2, 9, 1, 2, 2], 2, 4);
        ReferenceNetworks.Equal([0, 0, 0, 4, 1, 0, 0, 0], Numbers.Of(new RectGrad(model) { Percentile = 75 }.Explain([x], Target.Class(0)).Values));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(100.5)]
    [InlineData(double.NaN)]
    public void A_percentile_beyond_its_range_is_refused(double percentile) =>
        Assert.Throws<InvalidOptionException>(() => new RectGrad(Rectified(1)) { Percentile = percentile }.Explain([new NdArray([1f], 1, 1)], Target.Class(0)));

    private static OnnxModel Rectified(params float[] weights)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), weights.Length]);
        g.Output(g.MatMul(g.Relu(x), g.Constant(new NdArray(weights, weights.Length, 1))), "y");
        return new OnnxModel(g.Build());
    }
}
