using Limn.Engine.Compilation;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

/// <summary>What only computes shapes is evaluated when a graph is compiled: no step of a plan has integers or booleans as its result.</summary>
public sealed class ShapeFoldingTests
{
    private static Plan Compiled(Graph graph, Value x, int[] dims, params Value[] fetches) => Compiler.Compile(graph, [(x, x.Type, dims)], fetches);

    private static void OnlyComputes(Plan plan, params string[] operators) =>
        Assert.Equal(operators, plan.Steps.Where(s => s.Operator is not ViewOperator and not Identity).Select(s => s.Operator.Name));

    private static Value Scalar(GraphBuilder g, long value) => g.Constant(NdArray.Scalar(value));

    /// <summary>x.view(x.size(0), x.size(1) * x.size(2), -1) as PyTorch's exporter writes it.</summary>
    private static Value View(GraphBuilder g, Value x)
    {
        Value batch = g.Unsqueeze(g.Gather(g.ShapeOf(x), Scalar(g, 0)), 0);
        Value product = g.Unsqueeze(g.Mul(g.Gather(g.ShapeOf(x), Scalar(g, 1)), g.Gather(g.ShapeOf(x), Scalar(g, 2))), 0);
        return g.Reshape(x, g.Concat(0, batch, product, g.Integers(-1)));
    }

    /// <summary>A learned token before every row: Shape, Slice, ConstantOfShape, Where(Equal), Expand, Concat.</summary>
    private static Value WithToken(GraphBuilder g, Value x)
    {
        Value batch = g.Slice(g.ShapeOf(x), [0], [1]);
        Value target = g.Concat(0, batch, g.Integers(-1, -1));
        Value ones = g.Op(new ConstantOfShape(NdArray.Vector(1L)), g.ShapeOf(target));
        Value shape = g.Where(g.Equal(target, g.Mul(ones, g.Constant(NdArray.Scalar(-1L)))), ones, target);
        Value token = g.Constant(new NdArray([0.5f, -0.5f], 1, 1, 2));
        return g.Concat(1, g.Expand(token, shape), x);
    }

    [Fact]
    public void Views_by_computed_shapes_leave_no_step_but_the_view()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2, 3, Dim.Named("w")]);
        Value y = g.Neg(View(g, x));
        Assert.Equal(3, y.Rank);
        Graph graph = g.Build();
        OnlyComputes(Compiled(graph, x, [5, 2, 3, 4], y), "Neg");
        NdArray run = new Session(graph, 1).Run(new Dictionary<Value, NdArray> { [x] = NdArray.Create(ElementType.Float, 5, 2, 3, 4) }, [y])[0];
        Assert.Equal([5, 6, 4], run.Dims.ToArray());
    }

    [Fact]
    public void Expanded_tokens_are_constants()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 3, 2]);
        Value y = WithToken(g, x);
        Assert.Equal(3, y.Rank);
        OnlyComputes(Compiled(g.Build(), x, [4, 3, 2], y), "Concat");
    }

    [Fact]
    public void Gradients_through_symbolic_shapes_leave_no_integer_steps()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 3, 2]);
        Value y = WithToken(g, x);
        y = g.Slice(View(g, g.Unsqueeze(g.Mul(y, y), -1)), [1], [long.MaxValue], [1]);
        y = g.Tile(g.Pad(g.Transpose(y, 1, 0, 2), [1, 0, 0, 0, 0, 1]), 1, 2, 1);
        y = g.Concat(0, g.Gather(y, g.Integers(0, 2, 2)), g.Slice(y, g.Op(new ShapeOf { Start = 2, End = 3 }, x), g.Integers(100)));
        GradientGraph gradient = Gradient.Of(g.Build(), y, [x]);
        Plan plan = Compiled(gradient.Graph, x, [4, 3, 2], gradient.Required());
        Assert.All(plan.Steps, s => Assert.False(s.Dynamic, $"{s} is dynamic"));
        Assert.All(plan.Steps, s => Assert.True(s.Operator is not (ShapeOf or SizeOf or ConstantOfShape or RangeOf), $"{s} computes a shape"));
        Assert.All(plan.Steps, s => Assert.All(s.Outputs, o => Assert.True(plan.TypeOf(o).IsFloating(), $"{s} computes integers")));
    }
}
