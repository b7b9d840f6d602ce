using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Models;

/// <summary>Where in a network a target reads: the graph (grown if the target adds to it) and the value.</summary>
internal sealed record TargetSource(Graph Graph, Value Value)
{
    /// <summary>What a detector found, where the target is one of its boxes.</summary>
    public Detections? Detections { get; init; }

    /// <summary>All that must be evaluated at the clean input to know what is read.</summary>
    public IReadOnlyList<Value> Evaluated => Detections is not { } d ? [Value] : d.Labels is { } labels ? [d.Scores, d.Boxes, labels] : [d.Scores, d.Boxes];

    /// <exception cref="UnknownNameException">An output or layer does not exist.</exception>
    /// <exception cref="InvalidTargetException">The scale asked for cannot be had.</exception>
    public static TargetSource Of(OnnxModel model, Target target)
    {
        Graph graph = model.Graph;
        switch (target)
        {
            case NeuronTarget neuron: return new TargetSource(graph, model.Layers.Find(neuron.In));
            case LayerTarget layer: return new TargetSource(graph, model.Layers.Find(layer.In));
            case ExpressionTarget expression:
                var builder = new GraphBuilder(graph);
                Value value = expression.Expression(builder, graph.Outputs);
                return new TargetSource(builder.Build(), value);
            case BoxTarget box:
                var detector = new GraphBuilder(graph);
                var detections = Detections.Of(detector, graph.Outputs, box.Where, box.Scale, v => Squashing(graph, v)?.Inputs[0] ?? v);
                return new TargetSource(detector.Build(), detections.Scores) { Detections = detections };
        }

        string? name = target switch { ClassTarget c => c.From, SumTarget s => s.From, _ => null };
        Value output = name is null ? graph.Outputs[0] : graph.Outputs.FirstOrDefault(o => o.Name == name)
            ?? throw new UnknownNameException($"The model has no output '{name}'. Its outputs: {string.Join(", ", graph.Outputs.Select(o => o.Name))}.");
        return target.Scale switch
        {
            OutputScale.Logit => new TargetSource(graph, Squashing(graph, output)?.Inputs[0] ?? output),
            OutputScale.Probability => WithProbability(graph, output),
            _ => new TargetSource(graph, output),
        };
    }

    /// <summary>The final Softmax, LogSoftmax or Sigmoid behind an output, if only reshaping stands between; null if there is none.</summary>
    public static Node? Squashing(Graph graph, Value output)
    {
        Node? node = graph.ProducerOf(output);
        while (node?.Operator.Name is "Identity" or "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Cast" or "Dropout")
            node = graph.ProducerOf(node.Inputs[0]!);
        return node?.Operator.Name is "Softmax" or "LogSoftmax" or "Sigmoid" ? node : null;
    }

    private static TargetSource WithProbability(Graph graph, Value output)
    {
        if (Squashing(graph, output)?.Operator.Name is "Softmax" or "Sigmoid") return new TargetSource(graph, output);
        var builder = new GraphBuilder(graph);
        bool single = output.Shape is { Rank: >= 2 } s && s[1] == 1;
        Value probability = Squashing(graph, output) is not null ? builder.Exp(output) : single ? builder.Sigmoid(output) : builder.Softmax(output, 1);
        return new TargetSource(builder.Build(), probability);
    }
}
