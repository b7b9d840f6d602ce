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
        IReadOnlyList<NdArray> outputs = options.Shared?.Outputs(log) ?? BlackBox.Predict(method.Model, inputs, $"{inputs[0].Dims[0]} rows", options.Cancellation);
        return target is BoxTarget boxes
            ? new Question(method.Model, BoxMatch.At(boxes, BlackBoxDetector.Read(outputs, boxes.Where), PictureOf(null, inputs)), inputs, log) { BoxOutputs = boxes.Where, MatchesAgain = true }
            : new Question(method.Model, Readout.Of(target, outputs[0]), inputs, log) { TargetIsPredicted = target is PredictedTarget };
    }

    private static Question OfNetwork(Method method, OnnxModel network, IReadOnlyList<NdArray> inputs, Target target, ExplainOptions options, RunLog log)
    {
        TargetSource source = options.Shared?.SourceOf(network, target) ?? TargetSource.Of(network, target);
        IReadOnlyDictionary<Value, NdArray> feeds = network.FeedsOf(inputs);
        IReadOnlyList<Value> places = PlacesOf(method, network, source, options.At);
        // A layer's value comes free with the score; given it, gradients and scores start at the layer. A method that takes one gradient
        // at just these rows also keeps what the backward pass will read.
        IReadOnlyList<Value> evaluated = source.Evaluated;
        Value[] layers = [.. places.Where(p => !feeds.ContainsKey(p))], fetches = [.. evaluated, .. layers];
        if (source.Detections is { OneRow: true } && inputs[0].Dims[0] > 1 && network.FixedRows != 1)
            throw new InvalidTargetException($"The detector's outputs have no axis of rows, so it takes one picture at a time, and {inputs[0].Dims[0]} rows were given. Explain them one by one.");
        IReadOnlyList<Value> gates = method.TakesGradients ? DeadUnits.Gates(source, places) : [];
        if (options.Shared is { } shared)
        {
            Readout common = ReadoutOf(target, source, shared.Fetch(network, source.Graph, fetches, log), network, inputs);
            Dictionary<Value, NdArray> all = shared.Of(network, inputs[0].Dims[0]);
            gates = [.. gates.Where(all.ContainsKey)];
            return new Question(network, common, inputs, log)
            {
                Source = source, Places = places, Known = all, MatchesAgain = common.Match is not null && !method.LooksInside,
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
        Readout readout = ReadoutOf(target, source, values, network, inputs);
        IReadOnlyList<DeadGate> dead = DeadUnits.Of(source.Graph, gates, [.. gates.Select(g => values[Array.IndexOf(seen, g)])], readout.Rows);
        var known = new Dictionary<Value, NdArray>();
        for (int i = 0; i < fetches.Length; i++)
            if (values[i].Rank > 0 && values[i].Dims[0] == readout.Rows && (i >= evaluated.Count || method.TakesOneGradient)) known[fetches[i]] = values[i];
        return new Question(network, readout, inputs, log) { Source = source, Places = places, Known = known, DeadGates = dead, MatchesAgain = readout.Match is not null && !method.LooksInside };
    }

    private static Readout ReadoutOf(Target target, TargetSource source, IReadOnlyList<NdArray> values, OnnxModel network, IReadOnlyList<NdArray> inputs) =>
        target is BoxTarget box ? BoxMatch.At(box, FoundBoxes.Of(values, source.Detections!), PictureOf(network, inputs)) : Readout.Of(target, values[0]);

    /// <summary>Height and width of the picture that a detector reads; null where no input is one.</summary>
    private static (int Height, int Width)? PictureOf(OnnxModel? network, IReadOnlyList<NdArray> inputs)
    {
        int picture = Enumerable.Range(0, inputs.Count).FirstOrDefault(i => inputs[i].Rank == 4, -1);
        if (picture < 0) return null;
        int[] sides = network is null ? inputs[picture].Dims[2..].ToArray() : ClassActivation.InputChannels.Spatial(network.Graph, network.Graph.Inputs[picture], inputs[picture].Dims);
        return (sides[0], sides[1]);
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
        return InputPlaces.Of(network).Explained;
    }
}
