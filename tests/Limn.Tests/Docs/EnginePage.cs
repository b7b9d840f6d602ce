using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine.Training;

namespace Limn.Tests.Docs;

/// <summary>The code of docs/engine.md.</summary>
public sealed class EnginePage
{
    [Fact]
    public void The_code_of_the_page_runs()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value w = g.Constant(new NdArray([1f, 2, 3, 4, 5, 6], 2, 3), "w");
        Value y = g.Output(g.Relu(g.MatMul(x, w)), "y");
        Graph graph = g.Build();

        NdArray[] result = new Session(graph).Run(new NdArray([1f, -1], 1, 2));

        Assert.Equal([0f, 0, 0], result[0].Floats.ToArray());

        GradientGraph first = Gradient.Of(graph, y, [x]);
        GradientGraph second = Gradient.Of(first.Graph, first.Required(), [w]);

        Assert.NotNull(second.Required());
        Assert.NotNull(Gradient.Of(graph, y, [x], new GuidedBackprop()).Required());

        var session = new Session(first.Graph);
        NdArray[] values = session.Run(new Dictionary<Value, NdArray> { [x] = new NdArray([1f, 1], 1, 2) }, [y, first.Required()]);
        NdArray[] counterfactual = session.Run(new Dictionary<Value, NdArray> { [y] = new NdArray([0f, 9, 0], 1, 3) }, [y]);

        Assert.Equal([5f, 7, 9], values[0].Floats.ToArray());
        Assert.Equal([6f, 15], values[1].Floats.ToArray());
        Assert.Equal([0f, 9, 0], counterfactual[0].Floats.ToArray());

        var trainer = new Trainer(graph, Losses.MeanSquaredError) { Optimizer = new Adam(0.01f), Epochs = 20, Seed = 1 };
        Graph trained = trainer.Fit(new NdArray([1f, 0, 0, 1], 2, 2), new NdArray([1f, 2, 3, 4, 5, 6], 2, 3));

        Assert.NotSame(graph, trained);
    }

    sealed class GuidedBackprop : Rulebook
    {
        public override BackwardRule? RuleFor(Node node) => node.Operator is Relu
            ? b => [b.Graph.Mul(b.Graph.Relu(b.Upstream), b.Graph.Step(b.Input))]
            : null;
    }
}
