using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Differentiation;

public sealed class GradientTests
{
    private static float[] Evaluate(Graph graph, Value x, float[] input, Value fetch) =>
        new Session(graph).Run(new Dictionary<Value, NdArray> { [x] = new NdArray(input, input.Length) }, [fetch])[0].Floats.ToArray();

    [Fact]
    public void A_value_used_twice_sums_its_gradients()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]);
        Value y = g.Add(g.Mul(x, x), x);
        g.Output(y);
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [x]);
        Assert.Equal([7f, -9f], Evaluate(gradient.Graph, x, [3, -5], gradient.Required()));
    }

    [Fact]
    public void The_gradient_of_a_gradient_is_the_second_derivative()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [3]);
        Value y = g.Mul(x, g.Mul(x, x));
        g.Output(y);
        Graph graph = g.Build();
        GradientGraph first = Gradient.Of(graph, y, [x]);
        GradientGraph second = Gradient.Of(first.Graph, first.Required(), [x]);
        GradientGraph third = Gradient.Of(second.Graph, second.Required(), [x]);
        Assert.Equal([3f, 12f, 0.75f], Evaluate(first.Graph, x, [1, 2, -0.5f], first.Required()));
        Assert.Equal([6f, 12f, -3f], Evaluate(second.Graph, x, [1, 2, -0.5f], second.Required()));
        Assert.Equal([6f, 6f, 6f], Evaluate(third.Graph, x, [1, 2, -0.5f], third.Required()));
    }

    [Fact]
    public void The_target_itself_has_gradient_one()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]);
        Value y = g.Relu(x);
        g.Output(y);
        GradientGraph gradient = Gradient.Of(g.Build(), y, [y, x]);
        NdArray[] results = new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = NdArray.Vector(1f, -1) }, [gradient.Required(0), gradient.Required(1)]);
        Assert.Equal([1f, 1], results[0].Floats.ToArray());
        Assert.Equal([1f, 0], results[1].Floats.ToArray());
    }

    [Fact]
    public void A_place_between_and_a_place_before_are_both_served()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]);
        Value h = g.Mul(x, g.Constant(NdArray.Vector(2f, 3)));
        Value y = g.Mul(h, h);
        g.Output(y);
        GradientGraph gradient = Gradient.Of(g.Build(), y, [h, x]);
        NdArray[] results = new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = NdArray.Vector(1f, -1) }, [gradient.Required(0), gradient.Required(1)]);
        Assert.Equal([4f, -6], results[0].Floats.ToArray());
        Assert.Equal([8f, -18], results[1].Floats.ToArray());
    }

    [Fact]
    public void A_rulebook_replaces_calculus()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [4]);
        Value y = g.Mul(g.Relu(x), g.Constant(NdArray.Vector(1f, -1, 1, -1)));
        g.Output(y);
        GradientGraph gradient = Gradient.Of(g.Build(), y, [x], new GuidedBackprop());
        Assert.Equal([1f, 0, 0, 0], Evaluate(gradient.Graph, x, [1, 1, -1, -1], gradient.Required()));
    }

    [Fact]
    public void A_cut_path_is_named_and_not_a_silent_zero()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [4]);
        Value y = g.Cast(g.Cast(x, ElementType.Int64), ElementType.Float);
        g.Output(y);
        GradientGraph gradient = Gradient.Of(g.Build(), y, [x]);
        Assert.Null(gradient.Gradients[0]);
        Assert.Single(gradient.Cuts);
        var e = Assert.Throws<NotDifferentiableException>(() => gradient.Required());
        Assert.Contains("Cast", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_target_does_not_depend_on_has_no_gradient()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]), other = g.Input("other", ElementType.Float, [2]);
        Value y = g.Relu(x);
        g.Output(y);
        GradientGraph gradient = Gradient.Of(g.Build(), y, [x, other]);
        Assert.NotNull(gradient.Gradients[0]);
        Assert.Null(gradient.Gradients[1]);
    }

    [Fact]
    public void Only_what_lies_between_target_and_place_is_built()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1, 2]);
        Value h = g.MatMul(x, g.Constant(new NdArray(new float[4], 2, 2), "W1"));
        Value y = g.MatMul(h, g.Constant(new NdArray(new float[4], 2, 2), "W2"));
        g.Output(y);
        Graph graph = g.Build();
        int toLayer = Gradient.Of(graph, y, [h]).Graph.Nodes.Count, toInput = Gradient.Of(graph, y, [x]).Graph.Nodes.Count;
        Assert.True(toLayer < toInput);
    }

    [Fact]
    public void A_value_of_another_graph_is_refused()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]);
        g.Output(g.Relu(x));
        var other = new GraphBuilder();
        Value y = other.Input("x", ElementType.Float, [2]);
        Assert.Throws<UnknownNameException>(() => Gradient.Of(g.Build(), y, [x]));
    }

    private sealed class GuidedBackprop : Rulebook
    {
        public override BackwardRule? RuleFor(Node node) => node.Operator is Relu
            ? b => [b.Graph.Mul(b.Graph.Relu(b.Upstream), b.Graph.Step(b.Input))]
            : null;
    }
}
