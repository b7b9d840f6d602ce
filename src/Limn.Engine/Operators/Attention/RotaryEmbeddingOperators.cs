using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>RotaryEmbedding</c> of ONNX 23 to newest: pairs of numbers of each head are turned by an angle that grows with the position. Su et al.:
/// RoFormer, 2021. Rewritten as products and sums.
/// </summary>
/// <remarks>
/// X [B, H, S, D] or [B, S, H · D]; the caches hold an angle a position [positions, R/2] if positions are given, and [B, S, R/2] if not, where R is
/// D or rotary_embedding_dim. Pairs are (i, i + R/2), or (2i, 2i + 1) if interleaved.
/// </remarks>
public static class RotaryEmbeddingOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("RotaryEmbedding", Import, since: 23),
        new("RotaryEmbedding", "com.microsoft", ImportContrib, Notes: "Not with packed batches."),
    ];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        Value x = import.Input(0), cos = import.Input(1), sin = import.Input(2);
        if (import.Has(3)) (cos, sin) = (graph.Gather(cos, import.Input(3)), graph.Gather(sin, import.Input(3)));
        return import.EmitAs(Turn(import, x, cos, sin, attributes.Int("num_heads", 0), attributes.Int("rotary_embedding_dim", 0)));
    }

    /// <summary>As the standard one, with the positions before the caches; one position alone is where each row begins.</summary>
    private static IReadOnlyList<Value> ImportContrib(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        if (attributes.Flag("is_packed_batching", false)) throw import.Unsupported("RotaryEmbedding with packed batches is not supported.");
        if (attributes.Float("scale", 1) != 1) throw import.Unsupported("RotaryEmbedding with a scale is not supported.");
        Value x = import.Input(0), positions = import.Input(1), cos = import.Input(2), sin = import.Input(3);
        if (positions.Rank == 1) positions = graph.Unsqueeze(graph.Add(positions, graph.CountTo(graph.DimOf(x, x.Rank == 4 ? 2 : 1))), 0);
        (cos, sin) = (graph.Gather(cos, positions), graph.Gather(sin, positions));
        long heads = attributes.Int("num_heads", 0), rotated = attributes.Int("rotary_embedding_dim", 0);
        if (heads == 0 && x is { Rank: 3, Shape: { } shape })
        {
            // Without a number of heads a head is as wide as the caches say.
            if (!shape[2].IsKnown || !cos.Shape![^1].IsKnown) throw import.Unsupported("num_heads is not given, and does not follow from the shapes.");
            heads = shape[2].Value / (2 * cos.Shape[^1].Value);
        }
        return import.EmitAs(Turn(import, x, cos, sin, heads, rotated));
    }

    private static Value Turn(OperatorImport import, Value x, Value cos, Value sin, long heads, long rotated)
    {
        bool packed = x.Rank == 3;
        if (packed && heads < 1) throw new InvalidModelException("num_heads is needed for an input of three dimensions.");
        GraphBuilder graph = import.Graph;
        if (packed) x = graph.SplitHeads(x, heads);
        if (cos.Rank == 3) (cos, sin) = (graph.Unsqueeze(cos, 1), graph.Unsqueeze(sin, 1)); // the same for all heads
        Value y = Rotated(graph, x, cos, sin, rotated, import.Attributes.Flag("interleaved", false));
        return packed ? graph.MergeHeads(y) : y;
    }

    /// <summary>Turns the first <paramref name="rotated"/> numbers (all if 0) of [B, H, S, D].</summary>
    internal static Value Rotated(GraphBuilder graph, Value x, Value cos, Value sin, long rotated, bool interleaved)
    {
        if (rotated == 0)
            rotated = x.Shape![3].IsKnown ? x.Shape[3].Value : throw new UnsupportedOperatorException("the width of a head is not known before the model runs. Export the model with shape inference.");
        bool all = x.Shape![3].IsKnown && x.Shape[3].Value == rotated;
        Value turned = all ? x : graph.Slice(x, [0], [rotated], [3]);
        long half = rotated / 2;
        Value a = interleaved ? graph.Slice(turned, [0], [rotated], [3], [2]) : graph.Slice(turned, [0], [half], [3]);
        Value b = interleaved ? graph.Slice(turned, [1], [rotated], [3], [2]) : graph.Slice(turned, [half], [rotated], [3]);
        Value real = graph.Sub(graph.Mul(cos, a), graph.Mul(sin, b)), imaginary = graph.Add(graph.Mul(sin, a), graph.Mul(cos, b));
        Value y = interleaved
            ? graph.Reshape(graph.Concat(4, graph.Unsqueeze(real, 4), graph.Unsqueeze(imaginary, 4)), 0, 0, 0, rotated)
            : graph.Concat(3, real, imaginary);
        return all ? y : graph.Concat(3, y, graph.Slice(x, [rotated], [long.MaxValue], [3]));
    }
}
