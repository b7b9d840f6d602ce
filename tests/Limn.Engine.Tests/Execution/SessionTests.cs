using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Execution;

public sealed class SessionTests
{
    /// <summary>y = relu(x W + b), z = y · y summed over columns.</summary>
    private static (Graph Graph, Value X, Value Hidden, Value Y, Value Z) Network()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value hidden = g.Add(g.MatMul(x, g.Constant(new NdArray([1f, -1, 2, 0.5f, 1, -2], 2, 3), "W")), g.Constant(NdArray.Vector(0.5f, 0, 1), "b"));
        Value y = g.Relu(hidden);
        Value z = g.ReduceSum(g.Mul(y, y), [1], keepDims: false);
        g.Output(z);
        return (g.Build(), x, hidden, y, z);
    }

    private static Dictionary<Value, NdArray> Feed(Value value, NdArray array) => new() { [value] = array };

    [Fact]
    public void Any_value_can_be_fetched()
    {
        var (graph, x, hidden, y, z) = Network();
        NdArray[] results = new Session(graph).Run(Feed(x, new NdArray([1f, 2], 1, 2)), [hidden, y, z, x]);
        Assert.Equal([2.5f, 1, -1], results[0].Floats.ToArray());
        Assert.Equal([2.5f, 1, 0], results[1].Floats.ToArray());
        Assert.Equal([7.25f], results[2].Floats.ToArray());
        Assert.Equal([1f, 2], results[3].Floats.ToArray());
    }

    [Fact]
    public void Any_value_can_be_fed_in_place_of_being_computed()
    {
        var (graph, _, hidden, _, z) = Network();
        NdArray[] results = new Session(graph).Run(Feed(hidden, new NdArray([-1f, 2, 3], 1, 3)), [z]);
        Assert.Equal([13f], results[0].Floats.ToArray());
    }

    [Fact]
    public void A_fed_weight_replaces_the_files()
    {
        var (graph, x, _, y, _) = Network();
        var feeds = Feed(x, new NdArray([1f, 2], 1, 2));
        feeds.Add(graph.Find("W")!, new NdArray([1f, 0, 0, 0, 1, 0], 2, 3));
        Assert.Equal([1.5f, 2, 1], new Session(graph).Run(feeds, [y])[0].Floats.ToArray());
    }

    [Fact]
    public void Results_belong_to_the_caller_and_survive_the_next_run()
    {
        var (graph, x, _, y, _) = Network();
        var session = new Session(graph);
        NdArray first = session.Run(Feed(x, new NdArray([1f, 2], 1, 2)), [y])[0];
        float[] before = first.Floats.ToArray();
        session.Run(Feed(x, new NdArray([5f, 6], 1, 2)), [y]);
        Assert.Equal(before, first.Floats.ToArray());
    }

    [Fact]
    public void Fetching_an_intermediate_value_does_not_change_it_or_the_result()
    {
        var (graph, x, hidden, _, z) = Network();
        var session = new Session(graph);
        NdArray input = new([0.3f, -0.7f, 2, 1], 2, 2);
        float[] alone = session.Run(Feed(x, input), [z])[0].Floats.ToArray();
        NdArray[] both = session.Run(Feed(x, input), [z, hidden]);
        Assert.Equal(alone, both[0].Floats.ToArray());
        Assert.Equal(0.5f + 0.3f - 0.7f * 0.5f, both[1].Floats[0], 5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(17)]
    public void A_symbolic_batch_takes_any_number_of_rows(int rows)
    {
        var (graph, x, _, _, z) = Network();
        var session = new Session(graph);
        var input = new float[rows * 2];
        for (int i = 0; i < input.Length; i++) input[i] = MathF.Sin(i);
        float[] together = session.Run(Feed(x, new NdArray(input, rows, 2)), [z])[0].Floats.ToArray();
        for (int r = 0; r < rows; r++)
            Assert.Equal(session.Run(Feed(x, new NdArray(input.AsMemory(2 * r, 2), 1, 2)), [z])[0].Floats[0], together[r], 5);
    }

    [Fact]
    public void A_missing_input_is_named()
    {
        var (graph, _, _, _, z) = Network();
        var e = Assert.Throws<UnknownNameException>(() => new Session(graph).Run(new Dictionary<Value, NdArray>(), [z]));
        Assert.Contains("'x'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_shape_names_the_input_and_both_shapes()
    {
        var (graph, x, _, _, z) = Network();
        var e = Assert.Throws<ShapeMismatchException>(() => new Session(graph).Run(Feed(x, new NdArray(new float[3], 1, 3)), [z]));
        Assert.Contains("'x'", e.Message, StringComparison.Ordinal);
        Assert.Contains("[1,3]", e.Message, StringComparison.Ordinal);
        Assert.Contains("[batch,2]", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_stops_a_run()
    {
        var (graph, x, _, _, z) = Network();
        Assert.Throws<OperationCanceledException>(() =>
            new Session(graph).Run(Feed(x, new NdArray(new float[2], 1, 2)), [z], new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        var (graph, x, _, _, z) = Network();
        Value[] at = [x];
        GradientGraph gradient = Gradient.Of(graph, z, at);
        var input = new float[2 * 1000];
        new CounterRandom(3).FillNormal(input);
        NdArray array = new(input, 1000, 2);
        float[] one = new Session(gradient.Graph, 1).Run(Feed(x, array), [gradient.Required()])[0].Floats.ToArray();
        float[] many = new Session(gradient.Graph, 4).Run(Feed(x, array), [gradient.Required()])[0].Floats.ToArray();
        Assert.Equal(one, many);
    }

    [Fact]
    public void A_constant_or_an_input_can_be_fetched()
    {
        var (graph, x, _, _, _) = Network();
        NdArray[] results = new Session(graph).Run(Feed(x, new NdArray([1f, 2], 1, 2)), [graph.Find("b")!, x]);
        Assert.Equal([0.5f, 0, 1], results[0].Floats.ToArray());
        Assert.Equal([1f, 2], results[1].Floats.ToArray());
    }

    [Fact]
    public void Memory_is_reused_along_a_chain()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1000]), v = x;
        for (int i = 0; i < 50; i++) v = g.Reshape(g.Tanh(g.Transpose(g.Reshape(v, 10, 100), 1, 0)), 1000);
        g.Output(v);
        var session = new Session(g.Build());
        long bytes = session.BytesFor(Feed(x, new NdArray(new float[1000], 1000)), [v]);
        Assert.InRange(bytes, 4000, 5 * 4000);
    }

    [Fact]
    public void A_graph_that_needs_more_memory_than_there_is_says_so_before_it_starts()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1]), wide = g.Tanh(g.Expand(x, g.Integers(1 << 30))), sum = wide;
        for (int i = 0; i < 4; i++) sum = g.Add(g.Softmax(sum), wide);
        g.Output(sum);
        Graph graph = g.Build();
        var e = Assert.Throws<LimnException>(() => new Session(graph).Run(new NdArray([1f], 1)));
        Assert.Contains("batch", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Profiling_accounts_for_every_step()
    {
        var (graph, x, _, _, z) = Network();
        RunProfile profile = new Session(graph).Profile(Feed(x, new NdArray(new float[2], 1, 2)), [z]);
        Assert.Contains(profile.Steps, s => s.Operator.Contains("Relu", StringComparison.Ordinal));
        Assert.True(profile.Steps.Sum(s => s.Milliseconds) <= profile.Milliseconds + 1);
    }
}
