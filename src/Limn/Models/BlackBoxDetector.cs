using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Models;

/// <summary>Reads boxes from the outputs of a model that is no graph, by the same steps as from one that is.</summary>
internal static class BlackBoxDetector
{
    /// <exception cref="InvalidTargetException">The outputs hold no boxes, or it is not clear which do.</exception>
    public static FoundBoxes Read(IReadOnlyList<NdArray> outputs, BoxOutputs given)
    {
        var g = new GraphBuilder();
        Value[] values = [.. outputs.Select((o, i) => g.Input($"output{i}", o.Type, Shape.Of(o.Dims)))];
        Detections detections = Detections.Of(g, values, given);
        Value[] wanted = detections.Labels is { } labels ? [detections.Scores, detections.Boxes, labels] : [detections.Scores, detections.Boxes];
        var feeds = new Dictionary<Value, NdArray>();
        for (int i = 0; i < values.Length; i++) feeds.Add(values[i], outputs[i]);
        return FoundBoxes.Of(new Session(g.Build(), threads: 1).Run(feeds, wanted), detections);
    }
}
