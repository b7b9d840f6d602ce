using Limn.Engine.Compilation;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Compilation;

/// <summary>An optimised plan gives what the plan of one step a node gives, whatever is fetched, and the same bits whatever the threads.</summary>
public sealed class OptimizedPlanTests
{
    private static readonly CompileOptions Plain = new() { Optimize = false }, Fast = new() { ChannelsLastFrom = 0 };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 40)];

    [Theory, MemberData(nameof(Seeds))]
    public void Outputs_and_gradients_are_those_of_the_plain_plan(int seed)
    {
        Graph graph = RandomNetwork.Of(seed);
        Value x = graph.Inputs[0], y = graph.Outputs[0];
        GradientGraph gradient = Gradient.Of(graph, y, [x]);
        NdArray given = RandomNetwork.Feed(x, 1 + seed % 3, seed);
        Compare(gradient.Graph, new() { [x] = given }, [y, gradient.Required()]);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Every_intermediate_value_can_be_fetched_alone_and_with_all_others(int seed)
    {
        Graph graph = RandomNetwork.Of(seed, layers: 4);
        Dictionary<Value, NdArray> feeds = new() { [graph.Inputs[0]] = RandomNetwork.Feed(graph.Inputs[0], 2, seed) };
        Value[] values = [.. graph.Nodes.SelectMany(n => n.Outputs)];
        Compare(graph, feeds, values);
        foreach (Value value in values) Compare(graph, feeds, [value]);
    }

    [Theory]
    [InlineData("digits/model.onnx")]
    [InlineData("digits/attention.onnx")]
    [InlineData("digits/pooled.onnx")]
    [InlineData("wine/model.onnx")]
    public void Every_intermediate_value_of_the_sample_networks_is_that_of_the_plain_plan(string file)
    {
        Graph graph = OnnxReader.Read(Path.Combine(SharedFiles.Root, "samples", file)).Graph;
        Value x = graph.Inputs[0];
        Dictionary<Value, NdArray> feeds = new() { [x] = RandomNetwork.Feed(x, 3, 1) };
        Value[] values = [.. graph.Nodes.SelectMany(n => n.Outputs).Where(v => v.Type.IsFloating())];
        Compare(graph, feeds, values);
        foreach (Value value in values) Compare(graph, feeds, [value]);
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        Compare(gradient.Graph, feeds, [gradient.Required()]);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void The_number_of_threads_does_not_change_a_bit(int seed)
    {
        Graph graph = RandomNetwork.Of(seed);
        Value x = graph.Inputs[0];
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        Dictionary<Value, NdArray> feeds = new() { [x] = RandomNetwork.Feed(x, 1 + seed % 3, seed) };
        float[]? first = null;
        for (int threads = 1; threads <= 8; threads++)
        {
            var session = new Session(gradient.Graph, threads) { Options = Fast };
            float[] result = session.Run(feeds, [gradient.Required()])[0].Floats.ToArray();
            Assert.Equal(first ??= result, result);
            Assert.Equal(first, session.Run(feeds, [gradient.Required()])[0].Floats.ToArray());
        }
    }

    [Fact]
    public void Layers_between_convolutions_stay_channels_last_and_are_joined_to_them()
    {
        Graph graph = RandomNetwork.Residual();
        Value x = graph.Inputs[0];
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        RunProfile profile = new Session(gradient.Graph, 1) { Options = Fast }.Profile(new Dictionary<Value, NdArray> { [x] = RandomNetwork.Feed(x, 2, 1) }, [gradient.Required()]);
        string[] steps = [.. profile.Steps.Select(s => s.Operator)];
        Assert.Single(steps, s => s == "ToChannelsLast");
        Assert.Contains("Conv+BatchNormalization+Relu", steps);
        Assert.Contains("Conv+BatchNormalization+Add+Relu", steps);
        Assert.Contains("ConvolutionInputGradient+Gate", steps);
        Assert.DoesNotContain("Where", steps);
    }

    [Fact]
    public void Parts_of_a_tensor_are_written_and_read_where_they_lie()
    {
        Graph graph = RandomNetwork.Fire();
        Value x = graph.Inputs[0], part = graph.Nodes.First(n => n.Operator is Concat).Inputs[0]!;
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        Dictionary<Value, NdArray> feeds = new() { [x] = RandomNetwork.Feed(x, 2, 1) };
        string[] steps = Steps(gradient.Required());
        Assert.DoesNotContain("Concat", steps);
        Assert.DoesNotContain("Split", steps);
        Assert.Contains("Concat", Steps(gradient.Required(), part));
        Compare(gradient.Graph, feeds, [gradient.Required()]);
        Compare(gradient.Graph, feeds, [gradient.Required(), part]);

        string[] Steps(params Value[] fetches) => [.. new Session(gradient.Graph, 1) { Options = Fast }.Profile(feeds, fetches).Steps.Select(s => s.Operator)];
    }

    internal static void Compare(Graph graph, Dictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches)
    {
        NdArray[] plain = new Session(graph, 1) { Options = Plain }.Run(feeds, fetches), fast = new Session(graph, 2) { Options = Fast }.Run(feeds, fetches);
        for (int i = 0; i < plain.Length; i++)
        {
            Assert.Equal(plain[i].Dims.ToArray(), fast[i].Dims.ToArray());
            if (!plain[i].Type.IsFloating()) continue;
            double error = 0, norm = 1e-12;
            for (int k = 0; k < plain[i].Length; k++)
            {
                error += Math.Pow(plain[i].Floats[k] - (double)fast[i].Floats[k], 2);
                norm += Math.Pow(plain[i].Floats[k], 2);
            }
            Assert.True(Math.Sqrt(error / norm) < 2e-5, $"'{fetches[i].Name}' {plain[i]}: relative error {Math.Sqrt(error / norm):E2}, norm {Math.Sqrt(norm):E2}");
        }
    }
}
