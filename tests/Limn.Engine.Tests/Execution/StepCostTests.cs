using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Execution;

public sealed class StepCostTests
{
    [Fact]
    public void A_convolution_and_its_gradients_do_the_same_work()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2, 4, 9, 9]), w = g.Input("w", ElementType.Float, [6, 2, 3, 3]);
        Value y = g.Conv(x, w, window: new SlidingWindow { Strides = [2, 2] }, group: 2);
        g.Output(y, "y");
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [x, w]);
        StepTime[] steps = Steps(gradient.Graph, [y, .. gradient.Gradients.OfType<Value>()]);
        long flops = 2L * (2 * 6 * 4 * 4) * (2 * 3 * 3);
        foreach (string name in (string[])["Conv", "ConvolutionInputGradient", "ConvolutionWeightGradient"])
            Assert.Equal(flops, steps.Single(s => s.Operator == name).Cost.Flops);
        Assert.Equal(4L * (2 * 4 * 9 * 9 + 6 * 2 * 3 * 3 + 2 * 6 * 4 * 4), steps.Single(s => s.Operator == "Conv").Cost.Bytes);
    }

    [Fact]
    public void A_product_counts_its_sums_whichever_operand_is_transposed()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [5, 3, 7]);
        Value stack = g.MatMul(x, g.Constant(NdArray.Create(ElementType.Float, 7, 4)));
        Value turned = g.MatMul(stack, x, transA: true, transB: false);
        g.Output(turned, "y");
        StepTime[] steps = Steps(g.Build(), [turned]);
        Assert.Equal(2L * 5 * 3 * 7 * 4, steps.Single(s => s.Operator == "MatMul").Cost.Flops);
        Assert.Equal(2L * 5 * 4 * 3 * 7, steps.Single(s => s.Operator == "TransposedMatMul").Cost.Flops);
    }

    [Fact]
    public void What_moves_nothing_costs_nothing_and_what_picks_out_reads_what_it_picks()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [8, 6]);
        Value seen = g.Reshape(x, 6, 8), picked = g.Slice(g.Relu(seen), [0], [2]);
        g.Output(picked, "y");
        StepTime[] steps = Steps(g.Build(), [picked]);
        Assert.Equal(new StepCost(0, 0), steps.Single(s => s.Operator == "Reshape").Cost);
        Assert.Equal(4L * (48 + 48), steps.Single(s => s.Operator == "Relu").Cost.Bytes);
        Assert.Equal(4L * (16 + 16), steps.Single(s => s.Operator == "Slice").Cost.Bytes - 8L * 2);
    }

    [Fact]
    public void Work_of_unknown_shapes_is_unknown()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [4]);
        g.Output(g.NonZero(x), "y");
        Graph graph = g.Build();
        Assert.Contains(Steps(graph, graph.Outputs), s => s is { Operator: "NonZero", Cost: { Flops: null, Bytes: null } });
    }

    [Fact]
    public void The_machine_is_measured_and_bounds_work_by_both_roofs()
    {
        MachineSpeed speed = MachineSpeed.Measure(1, 5);
        Assert.InRange(speed.FlopsPerSecond, 1e7, 1e13);
        Assert.InRange(speed.BytesPerSecond, 1e7, 1e13);
        var round = new MachineSpeed(100, 10);
        Assert.Equal(2, round.SecondsFor(200, 10));
        Assert.Equal(3, round.SecondsFor(200, 30));
        Assert.Throws<ArgumentOutOfRangeException>(() => MachineSpeed.Measure(-1));
    }

    private static StepTime[] Steps(Graph graph, IReadOnlyList<Value> fetches) => [.. new Session(graph, 1).Profile(
        graph.Inputs.ToDictionary(i => i, i => NdArray.Create(ElementType.Float, i.Shape!.ToArray())), fetches).Steps];
}
