using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class ControlFlowTests
{
    private static readonly Shape Row = Shape.Of((ReadOnlySpan<int>)[3]);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_gradient_of_a_branch_is_that_of_the_one_taken(bool taken)
    {
        If branch = new(Graph((g, x) => [g.Mul(g.Sigmoid(x[0]), x[1])], Row, Row), Graph((g, x) => [g.Mul(x[0], x[0])], Row, Row));
        GradientCheck.Run((g, x) => g.Node(branch, [x[2], x[0], x[1]])[0],
            [GradientCheck.Random([3], -1, 1, 1), GradientCheck.Random([3], -1, 1, 2), NdArray.Scalar(taken)], symbolic: false);
    }

    [Fact]
    public void Branches_may_have_outputs_of_different_shapes()
    {
        If branch = new(Graph((g, x) => [x[0]], Row), Graph((g, x) => [g.ReduceSum(x[0], [0])], Row));
        var builder = new GraphBuilder();
        Value c = builder.Input("c", ElementType.Bool, Shape.Scalar), x = builder.Input("x", ElementType.Float, Row);
        Value y = builder.Relu(builder.Node(branch, [c, x])[0]);
        builder.Output(y);
        var session = new Session(builder.Build());
        Assert.Equal([1f, 2f, 4f], session.Run(NdArray.Scalar(true), NdArray.Vector(1f, 2f, 4f))[0].Floats.ToArray());
        Assert.Equal([7f], session.Run(NdArray.Scalar(false), NdArray.Vector(1f, 2f, 4f))[0].Floats.ToArray());
        Assert.Equal([1f, 2f, 4f], session.Run(NdArray.Scalar(true), NdArray.Vector(1f, 2f, 4f))[0].Floats.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    public void The_gradient_of_a_loop_is_that_of_its_unrolled_iterations(int trips)
    {
        // s <- tanh(s * w + x), y = s * s of each iteration; the gradient with respect to the beginning, w and x
        Loop loop = Recurrence();
        GradientCheck.Run((g, v) =>
        {
            IReadOnlyList<Value> outputs = g.Node(loop, [g.Constant(NdArray.Scalar((long)trips)), null, v[0], v[1], v[2]], 2);
            return g.Add(outputs[0], g.ReduceSum(outputs[1], [0], keepDims: false));
        }, [GradientCheck.Random([3], -1, 1, 1), GradientCheck.Random([3], -1, 1, 2), GradientCheck.Random([3], -1, 1, 3)], symbolic: false, second: trips > 0);
    }

    [Fact]
    public void A_loop_with_a_condition_stops_and_can_be_differentiated()
    {
        // doubles x until its sum exceeds 10: y = 2^n x, dy/dx = 2^n
        Graph body = Graph((g, v) =>
        {
            Value doubled = g.Scale(v[2], 2);
            return [g.Less(g.ReduceSum(doubled, [0], keepDims: false), g.Constant(10f)), doubled];
        }, (ElementType.Int64, Shape.Scalar), (ElementType.Bool, Shape.Scalar), (ElementType.Float, Row));
        var builder = new GraphBuilder();
        Value x = builder.Input("x", ElementType.Float, Row);
        Value y = builder.Node(new Loop(body, 1), [null, builder.Constant(NdArray.Scalar(true)), x])[0];
        builder.Output(y);
        GradientGraph gradient = Gradient.Of(builder.Build(), y, [x]);
        NdArray[] results = new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = NdArray.Vector(1f, 1f, 1f) }, [y, gradient.Required()]);
        Assert.Equal([4f, 4f, 4f], results[0].Floats.ToArray());
        Assert.Equal([4f, 4f, 4f], results[1].Floats.ToArray());
    }

    [Fact]
    public void Gradients_of_loops_are_written_and_read_again()
    {
        var builder = new GraphBuilder();
        Value[] inputs = [.. Enumerable.Range(0, 3).Select(i => builder.Input($"x{i}", ElementType.Float, Row))];
        IReadOnlyList<Value> outputs = builder.Node(Recurrence(), [builder.Constant(NdArray.Scalar(5L)), null, .. inputs], 2);
        Value y = builder.Add(outputs[0], builder.ReduceSum(outputs[1], [0], keepDims: false));
        GradientGraph gradient = Gradient.Of(builder.Build(), y, inputs);
        builder = new GraphBuilder(gradient.Graph);
        for (int i = 0; i < 3; i++) builder.Output(gradient.Gradients[i]!, $"g{i}");
        Graph graph = builder.Build();
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        Graph again = OnnxReader.Read(stream.ToArray()).Graph;
        NdArray[] fed = [.. Enumerable.Range(0, 3).Select(i => GradientCheck.Random([3], -1, 1, i))];
        NdArray[] expected = new Session(graph).Run(fed), got = new Session(again).Run(fed);
        for (int i = 0; i < 3; i++) Assert.Equal(expected[i].Floats.ToArray(), got[i].Floats.ToArray());
        Assert.All(got, g => Assert.Contains(g.Floats.ToArray(), v => v != 0));
    }

    [Fact]
    public void A_carried_value_may_grow()
    {
        Graph body = Graph((g, v) => [v[1], g.Concat(0, v[2], v[3])], (ElementType.Int64, Shape.Scalar), (ElementType.Bool, Shape.Scalar), (ElementType.Float, null), (ElementType.Float, Row));
        var builder = new GraphBuilder();
        Value m = builder.Input("m", ElementType.Int64, Shape.Scalar), x = builder.Input("x", ElementType.Float, Row);
        builder.Output(builder.Node(new Loop(body, 1), [m, null, x, x])[0]);
        var session = new Session(builder.Build());
        Assert.Equal(9, session.Run(NdArray.Scalar(2L), NdArray.Vector(1f, 2f, 3f))[0].Length);
        NdArray given = NdArray.Vector(1f, 2f, 3f), same = session.Run(NdArray.Scalar(0L), given)[0];
        same.Floats[0] = 7; // what comes out is the caller's, also when no iteration made it
        Assert.Equal(1f, given.Floats[0]);
    }

    [Fact]
    public void A_loop_can_be_cancelled()
    {
        var builder = new GraphBuilder();
        Value m = builder.Input("m", ElementType.Int64, Shape.Scalar);
        using var stop = new CancellationTokenSource();
        Graph body = Graph((g, v) => [v[1], g.Cast(v[0], ElementType.Float)], (ElementType.Int64, Shape.Scalar), (ElementType.Bool, Shape.Scalar));
        Value y = builder.Node(new Loop(body, 0), [m, null])[0];
        builder.Output(y);
        var session = new Session(builder.Build());
        stop.CancelAfter(50);
        Assert.ThrowsAny<OperationCanceledException>(() => session.Run(new Dictionary<Value, NdArray> { [m] = NdArray.Scalar(long.MaxValue) }, [y], stop.Token));
    }

    [Fact]
    public void Relevance_goes_through_a_loop_by_the_same_rules()
    {
        // A rulebook that doubles at every Tanh doubles once for each iteration.
        Graph body = Graph((g, v) => [v[1], g.Tanh(g.Scale(v[2], 0))], (ElementType.Int64, Shape.Scalar), (ElementType.Bool, Shape.Scalar), (ElementType.Float, Row));
        var builder = new GraphBuilder();
        Value x = builder.Input("x", ElementType.Float, Row);
        Value y = builder.Node(new Loop(body, 1), [builder.Constant(NdArray.Scalar(3L)), null, x])[0];
        GradientGraph gradient = Gradient.Of(builder.Build(), y, [x], new Doubling());
        Assert.Equal([8f, 8f, 8f], new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = NdArray.Vector(1f, 2f, 3f) }, [gradient.Required()])[0].Floats.ToArray());
    }

    private sealed class Doubling : Rulebook
    {
        public override BackwardRule? RuleFor(Node node) => node.Operator switch
        {
            Tanh => b => [b.Graph.Scale(b.Upstream, 2)],
            Mul => b => [b.Upstream, null],
            _ => null,
        };
    }

    private static Loop Recurrence() => new(Graph((g, v) =>
    {
        Value s = g.Tanh(g.Add(g.Mul(v[2], v[3]), v[4]));
        return [v[1], s, g.Mul(s, s)];
    }, (ElementType.Int64, Shape.Scalar), (ElementType.Bool, Shape.Scalar), (ElementType.Float, Row), (ElementType.Float, Row), (ElementType.Float, Row)), 1);

    private static Graph Graph(Func<GraphBuilder, Value[], Value[]> build, params Shape[] inputs) => Graph(build, [.. inputs.Select(s => (ElementType.Float, (Shape?)s))]);

    private static Graph Graph(Func<GraphBuilder, Value[], Value[]> build, params (ElementType Type, Shape? Shape)[] inputs)
    {
        var builder = new GraphBuilder("body");
        foreach (Value output in build(builder, [.. inputs.Select((t, i) => builder.Input($"v{i}", t.Type, t.Shape))])) builder.Output(builder.Identity(output));
        return builder.Build();
    }
}
