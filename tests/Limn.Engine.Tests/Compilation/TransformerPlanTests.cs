using Limn.Engine.Compilation;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Engine.Tests.Compilation;

/// <summary>The optimised plans of transformers against the plans of one step a node.</summary>
public sealed class TransformerPlanTests
{
    private static readonly CompileOptions Fast = new() { ChannelsLastFrom = 0 };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 30)];

    [Theory, MemberData(nameof(Seeds))]
    public void Outputs_and_gradients_are_those_of_the_plain_plan(int seed)
    {
        Graph graph = RandomTransformer.Of(seed);
        Value x = graph.Inputs[0], y = graph.Outputs[0];
        GradientGraph gradient = Gradient.Of(graph, y, [x]);
        OptimizedPlanTests.Compare(gradient.Graph, new() { [x] = RandomNetwork.Feed(x, 1 + seed % 3, seed) }, [y, gradient.Required()]);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Every_intermediate_value_of_the_gradient_can_be_fetched_alone_and_with_all_others(int seed)
    {
        Graph graph = RandomTransformer.Of(seed, blocks: 1);
        Value x = graph.Inputs[0];
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        Dictionary<Value, NdArray> feeds = new() { [x] = RandomNetwork.Feed(x, 2, seed) };
        Value[] values = [.. gradient.Graph.Nodes.SelectMany(n => n.Outputs).Where(v => v.Type.IsFloating())];
        OptimizedPlanTests.Compare(gradient.Graph, feeds, values);
        for (int i = seed % 7; i < values.Length; i += 7) OptimizedPlanTests.Compare(gradient.Graph, feeds, [values[i], gradient.Required()]);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void The_number_of_threads_does_not_change_a_bit(int seed)
    {
        Graph graph = RandomTransformer.Of(seed);
        Value x = graph.Inputs[0];
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        Dictionary<Value, NdArray> feeds = new() { [x] = RandomNetwork.Feed(x, 1 + seed % 3, seed) };
        float[]? first = null;
        for (int threads = 1; threads <= 8; threads++)
        {
            float[] result = new Session(gradient.Graph, threads) { Options = Fast }.Run(feeds, [gradient.Required()])[0].Floats.ToArray();
            Assert.Equal(first ??= result, result);
        }
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Attention_moves_no_tensor(int seed)
    {
        Graph graph = RandomTransformer.Of(seed, leastHeads: 2);
        Value x = graph.Inputs[0];
        RunProfile profile = new Session(graph, 1) { Options = Fast }.Profile(new Dictionary<Value, NdArray> { [x] = RandomNetwork.Feed(x, 2, 1) }, [graph.Outputs[0]]);
        string[] steps = [.. profile.Steps.Select(s => s.Operator)];
        Assert.DoesNotContain("Split", steps);
        Assert.True(steps.Count(s => s == "Transpose") <= 1, string.Join(' ', steps)); // that of the patches
    }
}
