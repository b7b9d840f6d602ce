using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>Turns what the user asks into a <see cref="Question"/>: finds the target and the places, and evaluates the model once.</summary>
internal static class Asking
{
    private const long MostKept = 256L << 20;

    public static Question Of(Method method, IReadOnlyList<NdArray> inputs, Target target, ExplainOptions options, RunLog log)
    {
        if (method.Model is OnnxModel network) return OfNetwork(method, network, inputs, target, options, log);
        if (options.At is not null)
            throw new LimnException("A layer can be explained only in an OnnxModel; a black box has only inputs.");
        if (target is NeuronTarget or LayerTarget or ExpressionTarget || target.Scale != OutputScale.AsIs || target is ClassTarget { From: not null })
            throw new InvalidTargetException($"The target '{target.Describe()}' looks inside the model; a black box has only the classes of its first output.");
        log.Count(inputs[0].Dims[0]);
        NdArray output = method.Model.Predict(inputs, options.Cancellation)[0];
        return new Question(method.Model, Readout.Of(target, output), inputs, log);
    }

    private static Question OfNetwork(Method method, OnnxModel network, IReadOnlyList<NdArray> inputs, Target target, ExplainOptions options, RunLog log)
    {
        TargetSource source = TargetSource.Of(network, target);
        IReadOnlyDictionary<Value, NdArray> feeds = network.FeedsOf(inputs);
        log.Count(inputs[0].Rank == 0 ? 1 : inputs[0].Dims[0]);
        if (method.NeedsLayer && options.At is null)
            throw new LimnException($"The method '{method.Name}' explains a layer; say which (--at LAYER). 'limn inspect' lists all.");
        IReadOnlyList<Value> places = PlacesOf(method, network, source, options.At);
        // A layer's value comes free with the score; given it, gradients and scores start at the layer. A method that takes one gradient
        // at just these rows also keeps what the backward pass will read.
        Value[] layers = [.. places.Where(p => !feeds.ContainsKey(p))], fetches = [source.Value, .. layers];
        Session session = network.SessionOf(source.Graph);
        int rows = inputs[0].Rank == 0 ? 1 : inputs[0].Dims[0];
        if (method.TakesOneGradient && layers.Length > 0 && (network.FixedRows ?? rows) == rows)
        {
            Value[] more = [.. fetches.Union(network.GradientOf(source.Graph, source.Value, places, rulebook: null).ForwardValues)];
            if (session.BytesFor(feeds, more) <= Math.Min(log.Budget, MostKept)) fetches = more;
        }
        NdArray[] values = Batches.Run(network.FixedRows, feeds, f => session.Run(f, fetches, options.Cancellation));
        Readout readout = Readout.Of(target, values[0]);
        var known = new Dictionary<Value, NdArray>();
        for (int i = 0; i < fetches.Length; i++)
            if (values[i].Rank > 0 && values[i].Dims[0] == readout.Rows && (i > 0 || fetches.Length > 1 + layers.Length)) known[fetches[i]] = values[i];
        return new Question(network, readout, inputs, log) { Source = source, Places = places, Known = known };
    }

    /// <summary>The layer that was asked for, or the inputs; for an input of integers the first floating value behind it, its embedding.</summary>
    private static IReadOnlyList<Value> PlacesOf(Method method, OnnxModel network, TargetSource source, string? at)
    {
        if (at is not null && !method.TakesLayers)
            throw new LimnException("This method changes the model's inputs and cannot explain a layer; leave --at away, or use feature-ablation or a gradient method.");
        if (at is null && !method.LooksInside) return [];
        if (at is not null)
        {
            Value layer = network.Layers.Find(at);
            return layer.Type.IsFloating() ? [layer]
                : throw new InvalidTargetException($"'{layer.Name}' holds {layer.Type} elements; only floating-point values can be explained.");
        }
        if (method.DefaultLayer(source) is { } chosen) return [chosen];
        return InputPlaces(network);
    }

    /// <summary>The inputs; for one of integers the first floating value behind it, its embedding.</summary>
    public static IReadOnlyList<Value> InputPlaces(OnnxModel network) =>
        [.. network.Graph.Inputs.Select(i => i.Type.IsFloating() ? i : EmbeddingOf(network.Graph, i))];

    private static Value EmbeddingOf(Graph graph, Value input)
    {
        HashSet<Value> reached = [input];
        foreach (Node node in graph.Nodes)
        {
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && reached.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
            if (node.Outputs.FirstOrDefault(o => o.Type.IsFloating()) is { } floating) return floating;
            reached.UnionWith(node.Outputs);
        }
        throw new NotDifferentiableException($"The input '{input.Name}' holds {input.Type} elements and no floating-point value is computed from it, so it has no gradient. Use a perturbation method (--method feature-ablation).");
    }
}
