using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>Attention</c> of ONNX 23 to newest and the preview operator <c>FlexAttention</c>, rewritten as <see cref="DotProductAttention"/>.</summary>
/// <remarks>
/// Queries look at keys j ≤ i + offset if is_causal is set, where offset counts the keys before the first query (those of past_key, or
/// nonpad_kv_seqlen − Sq), and at i + offset − left ≤ j ≤ i + offset + right for windows. softmax_precision has no effect: everything is computed in float.
/// </remarks>
public static class AttentionOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Attention", Import, since: 23),
        new("FlexAttention", "ai.onnx.preview", ImportFlex),
    ];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        attributes.Ignore("softmax_precision");
        (Value q, Value k, Value v) = (import.Input(0), import.Input(1), import.Input(2));
        bool packed = q.Rank == 3;
        long queryHeads = attributes.Int("q_num_heads", 0), keyHeads = attributes.Int("kv_num_heads", 0);
        if (packed)
        {
            if (queryHeads < 1 || keyHeads < 1) throw new InvalidModelException("q_num_heads and kv_num_heads are needed for inputs of three dimensions.");
            (q, k, v) = (graph.SplitHeads(q, queryHeads), graph.SplitHeads(k, keyHeads), graph.SplitHeads(v, keyHeads));
        }
        if (q.Rank != 4 || k.Rank != 4 || v.Rank != 4) throw new InvalidModelException("queries, keys and values of three or of four dimensions are expected.");
        if (import.Has(4) != import.Has(5)) throw new InvalidModelException("past_key and past_value are given together or not at all.");
        if (import.Has(4)) (k, v) = (graph.Concat(2, import.Input(4), k), graph.Concat(2, import.Input(5), v));

        var (bias, allowed) = Masks(import, q, k);
        var attention = new DotProductAttention(graph)
        {
            Scale = attributes.Has("scale") ? attributes.Float("scale", 1) : null,
            Softcap = attributes.Float("softcap", 0),
            Bias = bias,
            Allowed = allowed,
            MayBeBlind = import.Has(3) || import.Has(6) || attributes.Int("left_window_size", -1) >= 0 || attributes.Int("right_window_size", -1) >= 0,
        };
        Value y = attention.Run(q, k, v);
        if (packed) y = graph.MergeHeads(y);
        long mode = attributes.Int("qk_matmul_output_mode", 0);
        if (import.OutputNames.Count < 4 || import.OutputNames[3].Length == 0) return [y, k, v];
        Value scores = mode switch
        {
            0 => attention.Raw!,
            1 => attention.Capped!,
            2 => attention.Biased!,
            3 => attention.FinalWeights,
            _ => throw import.Unsupported($"qk_matmul_output_mode is {mode}; 0 to 3 are known."),
        };
        return [y, k, v, scores];
    }

    /// <summary>What is added to the scores, and where they count.</summary>
    private static (Value? Bias, Value? Allowed) Masks(OperatorImport import, Value q, Value k)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        Value queries = graph.DimOf(q, 2), keys = graph.DimOf(k, 2);
        Value? bias = null, allowed = null;
        if (import.Has(3))
        {
            Value mask = Widened(graph, import.Input(3), k, import.Has(6));
            if (mask.Type == ElementType.Bool) allowed = mask;
            else bias = graph.Cast(mask, q.Type);
        }
        long left = attributes.Int("left_window_size", -1), right = attributes.Int("right_window_size", -1);
        if (attributes.Flag("is_causal", false)) right = right < 0 ? 0 : Math.Min(0, right);
        Value? valid = import.Has(6) ? graph.Unsqueeze(graph.Cast(import.Input(6), ElementType.Int64), 1, 2, 3) : null;
        if (left >= 0 || right >= 0)
        {
            Value at = graph.Unsqueeze(graph.CountTo(queries), 1), key = graph.CountTo(keys);
            if (import.Has(4)) at = graph.Add(at, graph.DimOf(import.Input(4), 2));
            else if (valid is not null) at = graph.Add(at, graph.Sub(valid, queries));
            if (left >= 0) allowed = And(allowed, graph.GreaterOrEqual(key, left == 0 ? at : graph.Sub(at, graph.Integers(left))));
            if (right >= 0) allowed = And(allowed, graph.LessOrEqual(key, right == 0 ? at : graph.Add(at, graph.Integers(right))));
        }
        if (valid is not null) allowed = And(allowed, graph.Less(graph.CountTo(keys), valid));
        return (bias, allowed);

        Value And(Value? a, Value b) => a is null ? b : graph.And(a, b);
    }

    /// <summary>A mask that ends before the keys do forbids the rest.</summary>
    private static Value Widened(GraphBuilder graph, Value mask, Value k, bool cache)
    {
        Dim columns = mask.Shape![^1], keys = k.Shape![2];
        if (columns == 1 || columns == keys || !(columns.IsKnown && keys.IsKnown) && !cache) return mask;
        Value rest = graph.Sub(graph.DimOf(k, 2), graph.DimOf(mask, mask.Rank - 1));
        Value pads = graph.Concat(0, graph.Integers(new long[2 * mask.Rank - 1]), rest);
        if (mask.Type == ElementType.Bool) return graph.Pad(mask, pads);
        if (mask.Type.IsInteger()) mask = graph.Cast(mask, ElementType.Float);
        return graph.Pad(mask, pads, PadMode.Constant, graph.ScalarLike(mask, float.NegativeInfinity));
    }

    private static IReadOnlyList<Value> ImportFlex(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        import.Attributes.Ignore("softmax_precision");
        Func<Value, Value> Mod(string attribute) => x =>
        {
            ImportedBody body = import.Body(attribute, [new Formal(x.Type, x.Shape)]);
            return graph.Inline(body.Graph, [x, .. body.Around])[0];
        };
        (Value q, Value k, Value v) = (import.Input(0), import.Input(1), import.Input(2));
        bool half = q.Type is ElementType.Float16 or ElementType.BFloat16; // the graphs compute in float
        ElementType type = half ? ElementType.Float : q.Type;
        var attention = new DotProductAttention(graph)
        {
            Scale = import.Attributes.Has("scale") ? import.Attributes.Float("scale", 1) : null,
            ScoreMod = import.Attributes.Has("score_mod") ? Mod("score_mod") : null,
            ProbabilityMod = import.Attributes.Has("prob_mod") ? Mod("prob_mod") : null,
        };
        return import.EmitAs(graph.Cast(attention.Run(graph.Cast(q, type), graph.Cast(k, type), graph.Cast(v, type)), v.Type));
    }
}
