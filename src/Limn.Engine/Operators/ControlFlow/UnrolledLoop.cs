using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>A <see cref="Loop"/> that carries sequences: its iterations, of which the number must be known, one after the other.</summary>
internal static class UnrolledLoop
{
    private const long MostTrips = 1 << 16;

    public static IReadOnlyList<Value> Import(OperatorImport import, Value? most, Value? condition, IReadOnlyList<Value> state)
    {
        GraphBuilder graph = import.Graph;
        if (most is null || graph.ConstantOf(most) is not { Length: 1 } trips)
            throw import.Unsupported("it carries a sequence, and how often it runs is not known before the model runs.");
        if (trips.Integers[0] > MostTrips) throw import.Unsupported($"it carries a sequence and runs {trips.Integers[0]} times; up to {MostTrips} are supported.");
        if (condition is not null && graph.ConstantOf(condition) is not { Length: 1 })
            throw import.Unsupported("it carries a sequence, and whether it begins is not known before the model runs.");
        bool goesOn = condition is null || graph.ConstantOf(condition)!.Booleans[0];
        int carried = state.Count;
        List<Value>[]? scanned = null;
        for (long trip = 0; trip < trips.Integers[0] && goesOn; trip++)
        {
            ImportedBody body = import.Body("body", [Known(NdArray.Scalar(trip)), Known(NdArray.Scalar(true)), .. state.Select(Formal.Of)]);
            if (body.Lengths.Count < 1 + carried || body.Lengths[0] >= 0) throw new InvalidModelException($"its graph has {body.Lengths.Count} outputs, and a condition and {carried} carried values are needed.");
            goesOn = ConstantOf(body.Graph, body.Graph.Outputs[0])?.Booleans[0] ?? throw import.Unsupported("it carries a sequence, and whether it goes on is decided while the model runs.");
            IReadOnlyList<Value> results = body.Inline(import, state);
            state = [.. results.Skip(1).Take(carried)];
            scanned ??= [.. results.Skip(1 + carried).Select(_ => new List<Value>())];
            for (int k = 0; k < scanned.Length; k++) scanned[k].Add(graph.Unsqueeze(results[1 + carried + k], 0));
        }
        import.Attributes.Ignore("body");
        if (scanned is null && import.OutputNames.Count > carried) throw import.Unsupported("it carries a sequence and never runs, so that what it keeps of its iterations has no shape.");
        return [.. state, .. (scanned ?? []).Select(parts => graph.Concat(0, [.. parts]))];
    }

    private static Formal Known(NdArray content) => new(content.Type, Shape.Scalar) { Content = content };

    /// <summary>The elements of a value that is an initializer, or one under another name.</summary>
    private static NdArray? ConstantOf(Graph graph, Value value)
    {
        while (graph.ProducerOf(value) is { Operator: Identity } node) value = node.Inputs[0]!;
        return graph.Initializers.TryGetValue(value, out NdArray? known) && known is { Type: ElementType.Bool, Length: 1 } ? known : null;
    }
}
