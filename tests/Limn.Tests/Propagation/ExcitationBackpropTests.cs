using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests.Propagation;

public sealed class ExcitationBackpropTests
{
    [Fact]
    public void A_walk_follows_what_excites_in_proportion()
    {
        // Excitations of a = (1, 2, 3, 0) by w = (2, −1, 1, 5): 2, none, 3, 0.
        float[] values = Numbers.Of(new ExcitationBackprop(Networks.Linear(7, 2, -1, 1, 5)).Explain([new NdArray([1f, 2, 3, 0], 1, 4)], Target.Class(0)).Values);
        ReferenceNetworks.Equal([0.4, 0, 0.6, 0], values);
    }

    [Fact]
    public void With_contrast_the_walk_of_the_opposite_is_subtracted()
    {
        float[] values = Numbers.Of(new ExcitationBackprop(Networks.Linear(0, 2, -1, 1, 5)) { Contrastive = true }.Explain([new NdArray([1f, 2, 3, 0], 1, 4)], Target.Class(0)).Values);
        ReferenceNetworks.Equal([0.4, 0, 0.6, 0], values);
        // Two paths of which the opposite shares one: hidden units excite by (1, −1) and (1, 1) the first element.
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value hidden = g.Relu(g.MatMul(x, g.Constant(new NdArray([1f, 1, 0, 1], 2, 2))));
        g.Output(g.MatMul(hidden, g.Constant(new NdArray([1f, -1], 2, 1))), "y");
        OnnxModel model = new(g.Build());
        NdArray one = new([1f, 1], 1, 2);
        ReferenceNetworks.Equal([1, 0], Numbers.Of(new ExcitationBackprop(model).Explain([one], Target.Class(0)).Values));
        ReferenceNetworks.Equal([0.5, 0], Numbers.Of(new ExcitationBackprop(model) { Contrastive = true }.Explain([one], Target.Class(0)).Values));
    }

    [Theory]
    [InlineData("relu")]
    [InlineData("residual")]
    [InlineData("pool")]
    public void It_is_a_probability(string body)
    {
        float[] values = Numbers.Of(new ExcitationBackprop(RandomNetworks.Of(body)).Explain([Networks.Random(5, 1, 2, 6, 6)], Target.Predicted, new ExplainOptions { At = "stem" }).Values);
        Assert.True(body == "residual" || values.All(v => v >= -1e-6));
        Assert.Equal(1, values.Sum(), 1e-3);
    }
}
