using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

/// <summary>Runs a small graph on arrays.</summary>
internal static class OperatorRunner
{
    public static NdArray Run(Func<GraphBuilder, Value[], Value> build, params NdArray[] inputs)
    {
        var graph = new GraphBuilder();
        Value[] places = [.. inputs.Select((x, i) => graph.Input($"x{i}", x.Type, Shape.Of(x.Dims)))];
        graph.Output(build(graph, places));
        return new Session(graph.Build(), 1).Run(inputs)[0];
    }

    public static NdArray Run(Operator op, params NdArray[] inputs) => Run((g, x) => g.Op(op, x), inputs);

    /// <summary>The gradient of the sum of what is built, by its first input.</summary>
    public static float[] Slope(Func<GraphBuilder, Value[], Value> build, params NdArray[] inputs)
    {
        var graph = new GraphBuilder();
        Value[] places = [.. inputs.Select((x, i) => graph.Input($"x{i}", x.Type, Shape.Of(x.Dims)))];
        graph.Output(build(graph, places));
        Graph forward = graph.Build();
        var result = Differentiation.Gradient.Of(forward, forward.Outputs[0], [places[0]]);
        var feeds = new Dictionary<Value, NdArray>();
        for (int i = 0; i < inputs.Length; i++) feeds[places[i]] = inputs[i];
        return new Session(result.Graph, 1).Run(feeds, [result.Required()])[0].Floats.ToArray();
    }

    public static NdArray Integers(ElementType type, params long[] values) => NdArray.Vector(values).As(type);
}
