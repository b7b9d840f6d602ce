using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// ONNX Runtime's <c>GroupQueryAttention</c> (domain com.microsoft), the attention of its language models, rewritten as <see cref="DotProductAttention"/>:
/// causal, several heads of queries to one of keys and values, with a cache and, if asked for, rotary embedding. Ainslie et al.: GQA, EMNLP 2023.
/// </summary>
/// <remarks>
/// Inputs: queries [B, S, heads · D], keys and values [B, S, kv_heads · D] or left out where the queries hold all three side by side; the cache of keys and
/// of values [B, kv_heads, P, D]; for each row the number of valid keys less one; the most keys of a row; the caches of cosines and sines. The new keys of a
/// row follow those that are valid in its cache: at n − S, or at 0 where the row is shorter than S, as in a padded prompt. A query at t sees the keys 0..t.
/// Windows, biases, sinks, quantised caches and positions of one's own are refused.
/// </remarks>
public static class GroupQueryAttentionOperator
{
    private static readonly string[] Inputs = ["", "", "", "", "", "", "", "", "", "position_ids", "attention_bias", "head_sink", "k_scale", "v_scale"];

    internal static IEnumerable<OperatorDefinition> Definitions =>
        [new("GroupQueryAttention", FusedOperators.Microsoft, Import, Notes: "Without windows, biases, sinks, quantised caches and position_ids.")];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        Refuse(import);
        long heads = attributes.Int("num_heads", 0), shared = attributes.Int("kv_num_heads", 0);
        float scale = attributes.Float("scale", 0);
        (Value q, Value k, Value v) = Parts(import, heads, shared);

        Value length = graph.DimOf(q, 2), one = graph.Integers(1);
        Value valid = graph.Reshape(graph.Add(graph.Cast(import.Input(5), ElementType.Int64), one), -1, 1); // [B, 1]
        Value before = graph.Max(graph.Sub(valid, length), graph.Integers(0));
        Value at = graph.Add(before, graph.CountTo(length)); // [B, S]
        if (attributes.Flag("do_rotary", false))
        {
            if (!import.Has(7) || !import.Has(8)) throw new InvalidModelException("do_rotary is set, and cos_cache or sin_cache is missing.");
            bool interleaved = attributes.Flag("rotary_interleaved", false);
            Value cos = graph.Unsqueeze(graph.Gather(import.Input(7), at), 1), sin = graph.Unsqueeze(graph.Gather(import.Input(8), at), 1);
            long rotated = cos.Shape![3].IsKnown ? 2L * cos.Shape[3].Value : 0;
            q = RotaryEmbeddingOperators.Rotated(graph, q, cos, sin, rotated, interleaved);
            k = RotaryEmbeddingOperators.Rotated(graph, k, cos, sin, rotated, interleaved);
        }
        else attributes.Ignore("rotary_interleaved");

        Value present = k, presentValues = v;
        if (import.Has(3) != import.Has(4)) throw new InvalidModelException("one of past_key and past_value is given without the other.");
        if (import.Has(3))
        {
            Value cached = graph.DimOf(import.Input(3), 2), all = graph.Add(cached, length), place = graph.CountTo(all);
            // Key t of a row is that of the cache, and from the row's end on a new one; what comes after those is not looked at.
            Value from = graph.Where(graph.Less(place, before), place, graph.Min(graph.Add(graph.Sub(place, before), cached), graph.Sub(all, one)));
            (k, v) = (Joined(import.Input(3), k), Joined(import.Input(4), v));
            Value end = graph.Max(cached, graph.Reshape(graph.Cast(import.Input(6), ElementType.Int64), 1));
            (present, presentValues) = (Cut(k), Cut(v));

            Value Joined(Value past, Value added)
            {
                Value both = graph.Concat(2, past, added);
                return graph.GatherElements(both, graph.Expand(graph.Unsqueeze(from, 1, 3), graph.ShapeOf(both)), 2);
            }

            Value Cut(Value x) => import.OutputNames.Count < 2 ? x : graph.Slice(x, graph.Integers(0), end, graph.Integers(2));
        }
        Value seen = graph.LessOrEqual(graph.CountTo(graph.DimOf(k, 2)), graph.Unsqueeze(at, 2)); // [B, S, keys]
        var attention = new DotProductAttention(graph) { Scale = scale == 0 ? null : scale, Softcap = attributes.Float("softcap", 0), Allowed = graph.Unsqueeze(seen, 1) };
        return [graph.MergeHeads(attention.Run(q, k, v)), present, presentValues];
    }

    private static (Value Queries, Value Keys, Value Values) Parts(OperatorImport import, long heads, long shared)
    {
        GraphBuilder graph = import.Graph;
        if (heads < 1 || shared < 1) throw new InvalidModelException($"it has {heads} heads of queries and {shared} of keys.");
        if (import.Has(1) && import.Has(2)) return (graph.SplitHeads(import.Input(0), heads), graph.SplitHeads(import.Input(1), shared), graph.SplitHeads(import.Input(2), shared));
        Value packed = import.Input(0);
        if (!packed.Shape![2].IsKnown) throw import.Unsupported("the width of packed queries, keys and values is not known before the model runs.");
        (long width, long rest) = Math.DivRem(packed.Shape[2].Value, heads + 2 * shared);
        if (rest != 0) throw new InvalidModelException($"{packed.Shape[2]} columns do not divide into {heads} heads of queries and {shared} of keys and of values.");
        IReadOnlyList<Value> parts = graph.Split(packed, 2, heads * width, shared * width, shared * width);
        return (graph.SplitHeads(parts[0], heads), graph.SplitHeads(parts[1], shared), graph.SplitHeads(parts[2], shared));
    }

    private static void Refuse(OperatorImport import)
    {
        NodeAttributes attributes = import.Attributes;
        string? what = attributes.Int("local_window_size", -1) >= 0 ? "local_window_size" : attributes.Int("smooth_softmax", -1) > 0 ? "smooth_softmax"
            : attributes.Int("qk_output", 0) != 0 || import.OutputNames.Count > 3 ? "the output of scores"
            : attributes.String("k_quant_type", "NONE") != "NONE" || attributes.String("v_quant_type", "NONE") != "NONE" || attributes.Int("kv_cache_bit_width", 0) != 0 ? "a quantised cache"
            : Enumerable.Range(0, import.Inputs.Count).Where(i => i >= Inputs.Length || Inputs[i].Length > 0 && import.Has(i)).Select(i => i < Inputs.Length ? Inputs[i] : $"input {i}").FirstOrDefault();
        if (what is not null) throw import.Unsupported($"GroupQueryAttention with {what} is not supported.");
    }
}
