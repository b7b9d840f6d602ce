using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Scaled dot-product attention in standard operators: softmax(cap(Q Kᵀ · scale) + bias) V, for Q [B, Hq, Sq, D], K [B, Hkv, Sk, D],
/// V [B, Hkv, Sk, Dv]. Vaswani et al.: Attention Is All You Need, NeurIPS 2017, eq. 1.
/// </summary>
/// <remarks>
/// There is no node of its own, so that gradients, rulebooks and methods that read attention weights meet a MatMul, a Softmax and
/// a MatMul. A query that may look at no key at all gets zeros, as ONNX says, and sends nothing back.
/// </remarks>
internal sealed class DotProductAttention(GraphBuilder graph)
{
    private Value? blind; // the queries that may look at nothing, true there

    /// <summary>The factor of the scores; null for 1/√D.</summary>
    public float? Scale { get; init; }

    /// <summary>Scores s become c·tanh(s / c); 0 for no cap.</summary>
    public float Softcap { get; init; }

    /// <summary>What is added to the scores.</summary>
    public Value? Bias { get; init; }

    /// <summary>Where the scores count; elsewhere they are −∞.</summary>
    public Value? Allowed { get; init; }

    /// <summary>Whether some query may be left without any key.</summary>
    public bool MayBeBlind { get; init; }

    /// <summary>What is done to the scores before the softmax.</summary>
    public Func<Value, Value>? ScoreMod { get; init; }

    /// <summary>What is done to the weights after the softmax.</summary>
    public Func<Value, Value>? ProbabilityMod { get; init; }

    /// <summary>Q Kᵀ · scale.</summary>
    public Value? Raw { get; private set; }

    /// <summary>The scores after the cap.</summary>
    public Value? Capped { get; private set; }

    /// <summary>The scores with bias and mask.</summary>
    public Value? Biased { get; private set; }

    /// <summary>The attention weights; those of a query that sees nothing are not zero yet.</summary>
    public Value? Weights { get; private set; }

    /// <summary>The attention weights.</summary>
    public Value FinalWeights => blind is null ? Weights! : graph.Where(blind, graph.ScalarLike(Weights!, 0), Weights!);

    public Value Run(Value q, Value k, Value v)
    {
        int repeat = Repeat(q, k);
        (k, v) = (graph.RepeatHeads(k, repeat), graph.RepeatHeads(v, repeat));
        Raw = graph.MatMul(graph.Mul(q, Factor(q)), graph.Transpose(k, 0, 1, 3, 2));
        Capped = Softcap > 0 ? graph.Scale(graph.Tanh(graph.Scale(Raw, 1 / Softcap)), Softcap) : Raw;
        Value scores = Bias is null ? Capped : graph.Add(Capped, Bias);
        Value nothing = graph.ScalarLike(scores, float.NegativeInfinity);
        if (Allowed is not null) scores = graph.Where(Allowed, scores, nothing);
        if (ScoreMod is not null) scores = ScoreMod(scores);
        Biased = scores;
        if (MayBeBlind)
        {
            blind = graph.Equal(graph.ReduceMax(scores, [-1]), nothing);
            scores = graph.Where(blind, graph.ScalarLike(scores, 0), scores);
        }
        Weights = graph.Softmax(scores);
        if (ProbabilityMod is not null) Weights = ProbabilityMod(Weights);
        Value y = graph.MatMul(Weights, v);
        return blind is null ? y : graph.Where(blind, graph.ScalarLike(y, 0), y);
    }

    private Value Factor(Value q)
    {
        if (Scale is { } given) return graph.ScalarLike(q, given);
        if (q.Shape![3].IsKnown) return graph.ScalarLike(q, (float)(1 / Math.Sqrt(q.Shape[3].Value)));
        return graph.Reciprocal(graph.Sqrt(graph.Cast(graph.Op(new ShapeOf { Start = 3, End = 4 }, q), q.Type)));
    }

    private static int Repeat(Value q, Value k)
    {
        Dim queries = q.Shape![1], keys = k.Shape![1];
        if (queries == keys) return 1;
        if (!queries.IsKnown || !keys.IsKnown)
            throw new UnsupportedOperatorException("the number of heads is not known before the model runs. Export the model with shape inference.");
        if (keys == 0 || queries.Value % keys.Value != 0)
            throw new InvalidModelException($"{queries} heads of queries are not a multiple of {keys} heads of keys.");
        return queries.Value / keys.Value;
    }
}

/// <summary>How tensors of attention are cut into heads and put together.</summary>
internal static class Heads
{
    /// <summary>[B, S, heads · D] as [B, heads, S, D].</summary>
    public static Value SplitHeads(this GraphBuilder graph, Value x, long heads) => graph.Transpose(graph.Reshape(x, 0, 0, heads, Width(x, heads)), 0, 2, 1, 3);

    /// <summary>[B, heads, S, D] as [B, S, heads · D].</summary>
    public static Value MergeHeads(this GraphBuilder graph, Value x)
    {
        long width = x.Shape![1].IsKnown && x.Shape[3].IsKnown ? (long)x.Shape[1].Value * x.Shape[3].Value : -1;
        return graph.Reshape(graph.Transpose(x, 0, 2, 1, 3), 0, 0, width);
    }

    /// <summary>[B, heads, ...] with each head several times in a row.</summary>
    public static Value RepeatHeads(this GraphBuilder graph, Value x, int times)
    {
        if (times == 1) return x;
        long[] repeats = [.. Enumerable.Range(0, x.Rank + 1).Select(i => i == 2 ? (long)times : 1)];
        Value many = graph.Tile(graph.Unsqueeze(x, 2), repeats);
        Value heads = graph.Mul(graph.Op(new ShapeOf { Start = 1, End = 2 }, x), graph.Integers(times));
        return graph.ReshapeExactly(many, graph.Concat(0, graph.Op(new ShapeOf { End = 1 }, x), heads, graph.Op(new ShapeOf { Start = 2 }, x)));
    }

    /// <summary>One dimension of a tensor as a vector of one integer.</summary>
    public static Value DimOf(this GraphBuilder graph, Value x, int axis) => graph.Op(new ShapeOf { Start = axis, End = axis + 1 }, x);

    /// <summary>0, 1, ..., n − 1 for a vector of one integer n.</summary>
    public static Value CountTo(this GraphBuilder graph, Value n) =>
        graph.Range(graph.Constant(NdArray.Scalar(0L)), graph.ReshapeExactly(n, graph.Constant(new NdArray(Array.Empty<long>(), 0))), graph.Constant(NdArray.Scalar(1L)));

    private static long Width(Value x, long heads)
    {
        if (heads < 1) throw new InvalidModelException($"it has {heads} heads.");
        Dim hidden = x.Shape![2];
        if (!hidden.IsKnown) return -1;
        return hidden.Value % heads == 0 ? hidden.Value / heads : throw new InvalidModelException($"{hidden} columns do not divide into {heads} heads.");
    }
}
