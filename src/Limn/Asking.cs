using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>Turns what the user asks into a <see cref="Question"/>: finds the target and the places, and evaluates the model once.</summary>
internal static class Asking
{
    internal const long MostKept = 256L << 20;

    public static Question Of(Method method, IReadOnlyList<NdArray> inputs, Target target, ExplainOptions options, RunLog log)
    {
        if (method.Model is OnnxModel network) return OfNetwork(method, network, inputs, target, options, log);
        if (options.At is not null)
            throw new LimnException("A layer can be explained only in an OnnxModel; a black box has only inputs.");
        if (target is NeuronTarget or LayerTarget or ExpressionTarget || target.Scale != OutputScale.AsIs || target is ClassTarget { From: not null })
            throw new InvalidTargetException($"The target '{target.Describe()}' looks inside the model; a black box has only the classes of its first output.");
        if (options.Shared is null) log.Count(inputs[0].Dims[0]);
        NdArray output = (options.Shared?.Outputs(log) ?? method.Model.Predict(inputs, options.Cancellation))[0];
        return new Question(method.Model, Readout.Of(target, output), inputs, log);
    }

    private static Question OfNetwork(Method method, OnnxModel network, IReadOnlyList<NdArray> inputs, Target target, ExplainOptions options, RunLog log)
    {
        TargetSource source = options.Shared?.SourceOf(network, target) ?? TargetSource.Of(network, target);
        IReadOnlyDictionary<Value, NdArray> feeds = network.FeedsOf(inputs);
        IReadOnlyList<Value> places = PlacesOf(method, network, source, options.At);
        // A layer's value comes free with the score; given it, gradients and scores start at the layer. A method that takes one gradient
        // at just these rows also keeps what the backward pass will read.
        Value[] layers = [.. places.Where(p => !feeds.ContainsKey(p))], fetches = [source.Value, .. layers];
        IReadOnlyList<Value> gates = method.TakesGradients ? DeadUnits.Gates(source, places) : [];
        if (options.Shared is { } shared)
        {
            NdArray score = shared.Fetch(network, source.Graph, fetches, log)[0];
            Dictionary<Value, NdArray> all = shared.Of(network, inputs[0].Dims[0]);
            gates = [.. gates.Where(all.ContainsKey)];
            return new Question(network, Readout.Of(target, score), inputs, log)
            {
                Source = source, Places = places, Known = all,
                DeadGates = DeadUnits.Of(source.Graph, gates, [.. gates.Select(g => all[g])], inputs[0].Dims[0]),
            };
        }
        log.Count(inputs[0].Rank == 0 ? 1 : inputs[0].Dims[0]);
        Session session = network.SessionOf(source.Graph);
        int rows = inputs[0].Rank == 0 ? 1 : inputs[0].Dims[0];
        if (method.TakesOneGradient && (network.FixedRows ?? rows) == rows)
        {
            Value[] more = [.. fetches.Union(network.GradientOf(source.Graph, source.Value, places, method.GradientRules).ForwardValues)];
            if (session.BytesFor(feeds, more) <= Math.Min(log.Budget, MostKept)) fetches = more;
        }
        // The ReLUs' outputs come free with the score too; only how many of their units are on is kept.
        Value[] seen = [.. fetches, .. gates.Where(g => !fetches.Contains(g))];
        if ((network.FixedRows ?? rows) != rows || session.BytesFor(feeds, seen) > Math.Min(log.Budget, MostKept)) (seen, gates) = (fetches, []);
        NdArray[] values = Batches.Run(session, network.FixedRows, feeds, seen, log.Budget, options.Cancellation);
        Readout readout = Readout.Of(target, values[0]);
        IReadOnlyList<DeadGate> dead = DeadUnits.Of(source.Graph, gates, [.. gates.Select(g => values[Array.IndexOf(seen, g)])], readout.Rows);
        var known = new Dictionary<Value, NdArray>();
        for (int i = 0; i < fetches.Length; i++)
            if (values[i].Rank > 0 && values[i].Dims[0] == readout.Rows && (i > 0 || method.TakesOneGradient)) known[fetches[i]] = values[i];
        return new Question(network, readout, inputs, log) { Source = source, Places = places, Known = known, DeadGates = dead };
    }

    /// <summary>The layer that was asked for, or the inputs; for an input of integers the first floating value behind it, its embedding.</summary>
    /// <exception cref="LimnException">The method explains a layer and none was named, or only inputs and one was.</exception>
    public static IReadOnlyList<Value> PlacesOf(Method method, OnnxModel network, TargetSource source, string? at)
    {
        if (method.NeedsLayer && at is null)
            throw new LimnException($"The method '{method.Name}' explains a layer; say which (--at LAYER). 'limn inspect' lists all.");
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
