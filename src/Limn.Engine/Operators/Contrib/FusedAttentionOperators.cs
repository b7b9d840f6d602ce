using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>ONNX Runtime's <c>Attention</c> and <c>MultiHeadAttention</c> (domain com.microsoft), rewritten as <see cref="DotProductAttention"/>.</summary>
/// <remarks>
/// Masked keys get mask_filter_value (default −10000) added to their scores, as there; with unidirectional, later keys are left out. Masks are
/// lengths [B], or zeros and ones [B, keys] or [B, queries, keys]. Rotary embedding inside and shared buffers are refused.
/// </remarks>
public static class FusedAttentionOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        new("Attention", FusedOperators.Microsoft, ImportAttention, Notes: "Masks of one to three dimensions."),
        new("MultiHeadAttention", FusedOperators.Microsoft, ImportMultiHead),
    ];

    private static IReadOnlyList<Value> ImportAttention(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        if (attributes.Flag("do_rotary", false)) throw import.Unsupported("Attention with rotary embedding inside is not supported.");
        if (attributes.Flag("past_present_share_buffer", false) || import.Has(6)) throw import.Unsupported("Attention with past and present in one buffer is not supported.");
        attributes.Ignore("rotary_embedding_dim");
        long heads = attributes.Int("num_heads", 0);
        Value projected = graph.MatMul(import.Input(0), import.Input(1));
        if (import.Has(2)) projected = graph.Add(projected, import.Input(2));
        long[] sizes = attributes.Ints("qkv_hidden_sizes") ?? [];
        if (sizes.Length == 0)
        {
            if (!projected.Shape![2].IsKnown) throw import.Unsupported("the width of the projections is not known before the model runs.");
            sizes = [.. Enumerable.Repeat(projected.Shape[2].Value / 3L, 3)];
        }
        IReadOnlyList<Value> parts = graph.Split(projected, 2, sizes);
        (Value q, Value k, Value v) = (graph.SplitHeads(parts[0], heads), graph.SplitHeads(parts[1], heads), graph.SplitHeads(parts[2], heads));
        Value? before = null;
        if (import.Has(4))
        {
            Value pastKey = Half(import.Input(4), 0), pastValue = Half(import.Input(4), 1);
            before = graph.DimOf(pastKey, 2);
            (k, v) = (graph.Concat(2, pastKey, k), graph.Concat(2, pastValue, v));
        }
        Value y = Run(import, q, k, v, import.Has(3) ? import.Input(3) : null, import.Has(5) ? import.Input(5) : null, before).Y;
        return import.OutputNames.Count < 2 ? [y] : [y, graph.Concat(0, graph.Unsqueeze(k, 0), graph.Unsqueeze(v, 0))];

        Value Half(Value both, long i) => graph.Gather(both, graph.Constant(NdArray.Scalar(i)), 0);
    }

    private static IReadOnlyList<Value> ImportMultiHead(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        long heads = import.Attributes.Int("num_heads", 0);
        for (int i = 8; i < import.Inputs.Count; i++)
            if (import.Has(i)) throw import.Unsupported("MultiHeadAttention with past and present in one buffer is not supported.");
        (Value q, Value k, Value v) = Parts(import, heads);
        Value? before = null;
        if (import.Has(6))
        {
            before = graph.DimOf(import.Input(6), 2);
            (k, v) = (graph.Concat(2, import.Input(6), k), graph.Concat(2, import.Input(7), v));
        }
        var (y, weights) = Run(import, q, k, v, import.Has(4) ? import.Input(4) : null, import.Has(5) ? import.Input(5) : null, before);
        return [y, k, v, weights];
    }

    /// <summary>
    /// Queries, keys and values as [B, heads, S, D]. They are three tensors of the shape [B, S, hidden], keys and values perhaps in heads already; or the keys
    /// and values are one [B, S, heads, 2, D]; or all are one [B, S, heads, 3, D].
    /// </summary>
    private static (Value Queries, Value Keys, Value Values) Parts(OperatorImport import, long heads)
    {
        GraphBuilder graph = import.Graph;
        Value packed = import.Has(1) ? import.Input(1) : import.Input(0);
        if (!import.Has(2))
        {
            int parts = import.Has(1) ? 2 : 3;
            if (packed.Rank != 5 || packed.Shape![3].IsKnown && packed.Shape[3] != parts) throw new InvalidModelException($"{(parts == 2 ? "keys and values" : "queries, keys and values")} in one tensor are [batch, length, heads, {parts}, width], and its shape is {packed.Shape}.");
            if (import.Has(3)) throw import.Unsupported("MultiHeadAttention with a bias for packed projections is not supported.");
            return (parts == 3 ? Part(0) : graph.SplitHeads(import.Input(0), heads), Part(parts - 2), Part(parts - 1));
        }
        Value[] x = [import.Input(0), packed, import.Input(2)];
        if (import.Has(3))
        {
            // One vector for all three, each as wide as its projection.
            if (x[1].Rank != 3 || !x[0].Shape![2].IsKnown || !x[2].Shape![2].IsKnown) throw import.Unsupported("the bias needs projections whose width is known before the model runs.");
            long width = x[0].Shape![2].Value;
            IReadOnlyList<Value> bias = graph.Split(import.Input(3), 0, width, width, x[2].Shape![2].Value);
            for (int i = 0; i < 3; i++) x[i] = graph.Add(x[i], bias[i]);
        }
        return (graph.SplitHeads(x[0], heads), x[1].Rank == 4 ? x[1] : graph.SplitHeads(x[1], heads), x[2].Rank == 4 ? x[2] : graph.SplitHeads(x[2], heads));

        Value Part(long i) => graph.Transpose(graph.Gather(packed, graph.Constant(NdArray.Scalar(i)), 3), 0, 2, 1, 3);
    }

    private static (Value Y, Value Scores) Run(OperatorImport import, Value q, Value k, Value v, Value? mask, Value? bias, Value? before)
    {
        GraphBuilder graph = import.Graph;
        float filter = import.Attributes.Float("mask_filter_value", -10000), scale = import.Attributes.Float("scale", 0);
        if (mask is not null)
        {
            Value keep = Kept(import, mask, q, k);
            Value added = graph.Where(keep, graph.ScalarLike(q, 0), graph.ScalarLike(q, filter));
            bias = bias is null ? added : graph.Add(bias, added);
        }
        Value? allowed = null;
        if (import.Attributes.Flag("unidirectional", false))
        {
            Value at = graph.Unsqueeze(graph.CountTo(graph.DimOf(q, 2)), 1);
            allowed = graph.LessOrEqual(graph.CountTo(graph.DimOf(k, 2)), before is null ? at : graph.Add(at, before));
        }
        var attention = new DotProductAttention(graph) { Scale = scale == 0 ? null : scale, Bias = bias, Allowed = allowed };
        Value y = graph.MergeHeads(attention.Run(q, k, v));
        return (y, attention.Biased!);
    }

    /// <summary>Where the mask lets queries look, as [B, 1, queries or 1, keys].</summary>
    private static Value Kept(OperatorImport import, Value mask, Value q, Value k)
    {
        GraphBuilder graph = import.Graph;
        Value zero = graph.Constant(NdArray.Scalar(0L).As(mask.Type));
        switch (mask.Rank)
        {
            case 1:
                if (mask.Shape![0].IsKnown && (!q.Shape![0].IsKnown || q.Shape[0] != mask.Shape[0])) throw import.Unsupported($"a mask of shape {mask.Shape} for a batch of {q.Shape![0]} is not supported; one length for each row is.");
                return graph.Less(graph.CountTo(graph.DimOf(k, 2)), graph.Unsqueeze(graph.Cast(mask, ElementType.Int64), 1, 2, 3));
            case 2: return graph.Unsqueeze(graph.Greater(mask, zero), 1, 2);
            case 3: return graph.Unsqueeze(graph.Greater(mask, zero), 1);
            default: throw import.Unsupported($"a mask of shape {mask.Shape} is not supported; one to three dimensions are.");
        }
    }
}
