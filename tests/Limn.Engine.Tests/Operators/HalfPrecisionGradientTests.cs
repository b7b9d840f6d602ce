using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

/// <summary>Networks that declare half precision are computed in single, and so are their gradients: no count or gradient may overflow or vanish as a half.</summary>
public class HalfPrecisionGradientTests
{
    private const int Many = 100_000; // more than the largest half, 65504

    [Fact]
    public void Averages_over_more_elements_than_a_half_can_count_have_a_gradient()
    {
        float[] pooled = Gradient(ElementType.Float16, [1, 1, 100, Many / 100], (g, x) => g.Op(new GlobalAveragePool(), x));
        float[] mean = Gradient(ElementType.Float16, [1, Many], (g, x) => g.Op(new ReduceMean(), x));
        Assert.All(pooled, v => Assert.Equal(1f / Many, v, 1e-10f));
        Assert.All(mean, v => Assert.Equal(1f / Many, v, 1e-10f));
    }

    [Fact]
    public void Small_gradients_pass_through_a_cast()
    {
        float[] sent = Gradient(ElementType.Float16, [1, 1], (g, x) => g.Scale(g.Cast(x, ElementType.Float), 1e-9f));
        Assert.Equal(1e-9f, Assert.Single(sent), 1e-14f);
    }

    private static float[] Gradient(ElementType type, int[] dims, Func<GraphBuilder, Value, Value> build)
    {
        var builder = new GraphBuilder();
        Value x = builder.Input("x", type, Shape.Of(dims));
        Value y = builder.Output(build(builder, x), "y");
        GradientGraph gradient = Engine.Differentiation.Gradient.Of(builder.Build(), y, [x]);
        var feeds = new Dictionary<Value, NdArray> { [x] = NdArray.Create(type, dims) };
        return new Session(gradient.Graph).Run(feeds, [gradient.Required()])[0].Floats.ToArray();
    }
}
