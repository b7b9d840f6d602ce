using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>LinearAttention</c> and <c>CausalConvWithState</c> of ONNX 27: the layers of linear transformers and state-space models. Rewritten as a loop
/// over the steps, and as a convolution.
/// </summary>
public static class LinearAttentionOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("LinearAttention", Import, since: 27),
        OperatorDefinition.Of("CausalConvWithState", ImportConvolution, since: 27),
    ];

    /// <summary>
    /// S ← exp(g) S if gated; u = v, or β (v − Sᵀ k) with the delta rule; S ← S + k uᵀ; y = scale · Sᵀ q. Katharopoulos et al. 2020 (linear), Yang et al.:
    /// Gated Delta Networks, 2024.
    /// </summary>
    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        attributes.Ignore("chunk_size"); // how the work is cut, not what comes out
        string rule = attributes.String("update_rule", "gated_delta");
        if (rule is not ("linear" or "gated" or "delta" or "gated_delta")) throw import.Unsupported($"update_rule '{rule}' is not known; linear, gated, delta and gated_delta are.");
        bool gated = rule is "gated" or "gated_delta", delta = rule is "delta" or "gated_delta";
        if (gated != import.Has(4)) throw new InvalidModelException($"the rule '{rule}' {(gated ? "needs" : "takes no")} decay.");
        if (delta != import.Has(5)) throw new InvalidModelException($"the rule '{rule}' {(delta ? "needs" : "takes no")} beta.");
        long queryHeads = attributes.Int("q_num_heads", 0), heads = attributes.Int("kv_num_heads", 0);
        if (heads < 1 || queryHeads < 1 || queryHeads % heads != 0) throw new InvalidModelException($"{queryHeads} heads of queries are not a multiple of {heads} heads of keys.");

        ElementType type = import.Input(0).Type;
        ElementType wide = type is ElementType.Float16 or ElementType.BFloat16 ? ElementType.Float : type;
        Value q = Steps(0, queryHeads), k = Steps(1, heads), v = Steps(2, heads);
        float scale = attributes.Float("scale", 0);
        if (scale == 0) scale = q.Shape![3].IsKnown ? (float)(1 / Math.Sqrt(q.Shape[3].Value)) : throw import.Unsupported("the width of a head is not known before the model runs, and no scale is given.");
        q = graph.Scale(q, scale);
        List<Value> slices = [q, k, v];
        if (gated)
        {
            Value decay = Wide(4);
            if (!decay.Shape![2].IsKnown) throw import.Unsupported("the width of decay is not known before the model runs.");
            slices.Add(graph.Exp(Stepwise(decay, heads))); // [T, B, H, d_k or 1]
        }
        if (delta)
        {
            Value beta = Wide(5);
            if (!beta.Shape![2].IsKnown) throw import.Unsupported("the width of beta is not known before the model runs.");
            slices.Add(Stepwise(beta, beta.Shape[2].Value)); // [T, B, H or 1, 1]
        }
        Value state = import.Has(3) ? Wide(3) : graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(wide)),
            graph.Concat(0, graph.DimOf(k, 1), graph.Integers(heads), graph.DimOf(k, 3), graph.DimOf(v, 3)));
        Graph step = Step($"{import.Node}.step", state, slices, gated, delta, checked((int)(queryHeads / heads)));
        IReadOnlyList<Value> results = graph.Scan(step, [state], slices, new long[slices.Count], new bool[slices.Count], []);
        Value y = graph.Transpose(results[1], 1, 0, 2, 3); // [B, T, H, d_v]
        y = graph.Reshape(y, 0, 0, y.Shape![2].IsKnown && y.Shape[3].IsKnown ? (long)y.Shape[2].Value * y.Shape[3].Value : -1);
        return [graph.Cast(y, type), graph.Cast(results[0], import.Has(3) ? import.Input(3).Type : type)];

        Value Wide(int input) => graph.Cast(import.Input(input), wide);
        Value Steps(int input, long count) => Stepwise(Wide(input), count);
        Value Stepwise(Value x, long count) => graph.Transpose(graph.SplitHeads(x, count), 2, 0, 1, 3); // [T, B, H, D]
    }

    /// <summary>One step: the state [B, H, d_k, d_v] before, then q, k, v and what the rule takes.</summary>
    private static Graph Step(string name, Value state, List<Value> slices, bool gated, bool delta, int repeat)
    {
        var g = new GraphBuilder(name);
        Value s = g.Input("state", state.Type, state.Shape);
        Value[] x = [.. slices.Select((v, i) => g.Input($"slice.{i}", v.Type, v.Shape is { } shape ? Shape.Of([.. shape.Skip(1)]) : null))];
        Value k = g.Unsqueeze(x[1], 3), u = g.Unsqueeze(x[2], 2); // columns of keys, rows of values
        if (gated) s = g.Mul(s, g.Unsqueeze(x[3], 3));
        if (delta) u = g.Mul(g.Unsqueeze(x[^1], 3), g.Sub(u, g.MatMul(g.Unsqueeze(x[1], 2), s)));
        s = g.Add(s, g.MatMul(k, u));
        Value y = g.Squeeze(g.MatMul(g.Unsqueeze(x[0], 2), g.RepeatHeads(s, repeat)), 2);
        g.Output(g.Identity(s));
        g.Output(y);
        return g.Build();
    }

    private static IReadOnlyList<Value> ImportConvolution(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value x = import.Input(0), w = import.Input(1);
        if (w.Shape is not { Rank: 3 } shape || !shape[0].IsKnown || !shape[2].IsKnown) throw import.Unsupported("weights [channels, 1, k] of a shape that is known before the model runs are expected.");
        long before = shape[2].Value - 1;
        Value padded = import.Has(3) ? graph.Concat(2, import.Input(3), x) : graph.Pad(x, [0, 0, before, 0, 0, 0]);
        Value y = graph.Conv(padded, w, import.Has(2) ? import.Input(2) : null, group: shape[0].Value);
        string activation = import.Attributes.String("activation", "none");
        y = activation switch
        {
            "none" => y,
            "silu" or "swish" => graph.Mul(y, graph.Sigmoid(y)),
            _ => throw import.Unsupported($"activation '{activation}' is not known; none, silu and swish are."),
        };
        Value end = graph.DimOf(padded, 2);
        return [y, graph.Slice(padded, graph.Sub(end, graph.Integers(before)), end, graph.Integers(2))];
    }
}
