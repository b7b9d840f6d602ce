using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Compilation;

/// <summary>Writes a method, with a model and a target, as one graph.</summary>
internal static class MethodCompiler
{
    public const string Prediction = "prediction", Attribution = "attribution", Delta = "delta";

    public static Graph Compile(Method method, Target target, ExplainOptions options)
    {
        if (method.Model is not OnnxModel network)
            throw new LimnException("Only explanations of an OnnxModel can be compiled: what a black box computes is not known.");
        if (method.NotInGraph is { } reason)
            throw new InvalidOptionException($"The method '{method.Name}' cannot be compiled: {reason}");
        ExplanationGraph question = ExplanationGraph.Of(method, network, method.TargetFor(target, options), options);
        GraphResult result = method.InGraph(question);
        GraphBuilder graph = question.Graph;
        graph.Output(result.Prediction, Prediction);
        for (int i = 0; i < result.Values.Count; i++)
            graph.Output(result.Values[i], result.Values.Count == 1 ? Attribution : $"{Attribution}.{result.Names?[i] ?? question.ExplainedName(i)}");
        if (result.Delta is { } delta) graph.Output(delta, Delta);
        return graph.Build(prune: true);
    }

    /// <summary>Whether a name is one of those that the outputs of a compiled explanation may have.</summary>
    public static bool IsTaken(string name) => name is Prediction or Attribution or Delta || name.StartsWith(Attribution + ".", StringComparison.Ordinal);
}
