using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Graphs;

public sealed class GraphCopierTests
{
    private static Graph Twice(out Value x, out Value middle, out Value y)
    {
        var g = new GraphBuilder();
        x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        middle = g.Node(new Mul(), [x, g.Constant(NdArray.Vector(2f, 3f), "w")], name: "double", outputNames: ["m"])[0];
        y = g.Node(new Add(), [middle, x], name: "sum", outputNames: ["y"])[0];
        g.Output(y);
        return g.Build();
    }

    [Fact]
    public void A_graph_is_a_function_of_what_is_fed()
    {
        Graph graph = Twice(out Value x, out Value middle, out Value y);
        var g = new GraphBuilder();
        Value a = g.Input("a", ElementType.Float, [1, 2]), b = g.Input("b", ElementType.Float, [1, 2]);
        var copier = new GraphCopier(g);
        Value ofA = copier.Copy(graph, new Dictionary<Value, Value> { [x] = a }, [y])[0];
        Value set = copier.Copy(graph, new Dictionary<Value, Value> { [x] = a, [middle] = b }, [y])[0];
        g.Output(copier.Copy(graph, new Dictionary<Value, Value> { [x] = ofA }, [y])[0]);
        g.Output(set);
        NdArray[] results = new Session(g.Build()).Run(new NdArray([1f, 10f], 1, 2), new NdArray([5f, 6f], 1, 2));
        Assert.Equal([9f, 160f], results[0].Floats.ToArray());
        Assert.Equal([6f, 16f], results[1].Floats.ToArray());
    }

    [Fact]
    public void What_is_the_same_stands_there_once()
    {
        Graph graph = Twice(out Value x, out Value middle, out Value y);
        var g = new GraphBuilder();
        Value a = g.Input("a", ElementType.Float, [1, 2]);
        var copier = new GraphCopier(g);
        var feeds = new Dictionary<Value, Value> { [x] = a };
        Assert.Same(copier.Copy(graph, feeds, [middle])[0], copier.Copy(graph, feeds, [y, middle])[1]);
        Value other = copier.Copy(graph, new Dictionary<Value, Value> { [x] = g.Relu(a) }, [y])[0];
        g.Output(other);
        Graph built = g.Build();
        Assert.Equal(2 * 2 + 1, built.Nodes.Count);
        Assert.Single(built.Initializers);
    }

    [Fact]
    public void Names_are_kept_where_they_may_be()
    {
        Graph graph = Twice(out Value x, out _, out Value y);
        var g = new GraphBuilder();
        Value a = g.Input("a", ElementType.Float, [1, 2]);
        Value copied = new GraphCopier(g).Copy(graph, new Dictionary<Value, Value> { [x] = a }, [y], rename: new HashSet<string> { "y" })[0];
        Assert.NotEqual("y", copied.Name);
        Assert.Equal("y", g.Output(copied, "y").Name);
        Assert.NotNull(g.Build().Find("m"));
    }

    [Fact]
    public void An_input_that_is_not_fed_is_named()
    {
        Graph graph = Twice(out _, out _, out Value y);
        Assert.Contains("'x'", Assert.Throws<UnknownNameException>(() => new GraphCopier(new GraphBuilder()).Copy(graph, new Dictionary<Value, Value>(), [y])).Message, StringComparison.Ordinal);
    }
}
