using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>TensorScatter</c> of ONNX 24: new keys or values written into a cache, from a place of each row on. Rewritten as a ScatterElements.</summary>
/// <remarks>Places past the end are an error in the mode linear, and begin again at the front in the mode circular.</remarks>
public static class CacheOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("TensorScatter", Import, since: 24)];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value cache = import.Input(0), update = import.Input(1);
        int axis = Shape.Axis(import.Attributes.Int("axis", -2), cache.Rank);
        if (axis == 0) throw new InvalidModelException("axis is 0, which is the axis of the rows.");
        Value places = graph.CountTo(graph.DimOf(update, axis));
        long[] others = [.. Enumerable.Range(0, cache.Rank).Where(d => d != axis).Select(d => (long)d)];
        places = graph.Unsqueeze(places, others);
        if (import.Has(2)) places = graph.Add(places, graph.Unsqueeze(graph.Cast(import.Input(2), ElementType.Int64), [.. Enumerable.Range(1, cache.Rank - 1).Select(d => (long)d)]));
        string mode = import.Attributes.String("mode", "linear");
        if (mode == "circular") places = graph.Op(new Mod(), places, graph.DimOf(cache, axis));
        else if (mode != "linear") throw import.Unsupported($"mode '{mode}' is not known; linear and circular are.");
        return import.EmitAs(graph.ScatterElements(cache, graph.ExpandLike(places, update), update, axis));
    }
}
