using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Graphs.Rewrites;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Graphs;

public sealed class RowFreeingTests
{
    private static Graph Of(Func<GraphBuilder, Value, Value> body, int rows = 1)
    {
        var g = new GraphBuilder();
        g.Output(body(g, g.Input("x", ElementType.Float, [rows, 2, 3])), "y");
        return g.Build();
    }

    [Fact]
    public void A_reshape_to_one_row_becomes_one_of_each_row()
    {
        Graph graph = Of((g, x) => g.ReshapeLike(g.Softmax(g.Reshape(x, 1, -1), 1), x));
        Graph free = Assert.IsType<Graph>(RowFreeing.Of(graph));
        Assert.Equal("batch", free.Outputs[0].Shape![0].Symbol);
        Assert.Equal(graph.Nodes.Select(n => n.Name), free.Nodes.Select(n => n.Name));
        NdArray two = NdArray.Create(ElementType.Float, 2, 2, 3);
        new CounterRandom(1).FillNormal(two.Floats);
        NdArray together = new Session(free).Run(two)[0];
        for (int r = 0; r < 2; r++) Assert.Equal(new Session(graph).Run(two.Rows(r, 1))[0].Floats.ToArray(), together.Rows(r, 1).Floats.ToArray());
    }

    [Fact]
    public void What_loses_its_rows_stays_as_it_is()
    {
        Assert.Null(RowFreeing.Of(Of((g, x) => g.Reshape(x, 6))));
        Assert.Null(RowFreeing.Of(Of((g, x) => g.Transpose(x, 1, 0, 2))));
        Assert.Null(RowFreeing.Of(Of((g, x) => g.Concat(1, x, g.Constant(NdArray.Create(ElementType.Float, 1, 1, 3))))));
        Assert.Null(RowFreeing.Of(Of((g, x) => g.Relu(x), rows: 2)));
        Assert.NotNull(RowFreeing.Of(Of((g, x) => g.Relu(x))));
    }
}
