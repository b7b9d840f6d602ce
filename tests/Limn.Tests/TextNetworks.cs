using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests;

/// <summary>Small text classifiers: token ids, self-attention, mean over the tokens that count or the first token, three classes.</summary>
internal static class TextNetworks
{
    public const int Words = 20, Width = 8, Heads = 2, Classes = 3;

    public static readonly NdArray Ids = new(new long[] { 3, 7, 12, 5, 9, 0, 1, 4, 4, 18, 2, 6 }, 2, 6);

    public static readonly NdArray Mask = new(new long[] { 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1 }, 2, 6);

    public static readonly NdArray Types = new(new long[] { 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1 }, 2, 6);

    /// <param name="mask">Whether there is an input attention_mask.</param>
    /// <param name="types">Whether there is an input token_type_ids.</param>
    /// <param name="layers">How many layers of attention, each with a residual sum.</param>
    /// <param name="first">Whether the first token alone is read, as a class token; the mean otherwise.</param>
    public static OnnxModel Classifier(bool mask = false, bool types = false, int layers = 1, bool first = false)
    {
        var g = new GraphBuilder("text");
        Value ids = g.Input("input_ids", ElementType.Int64, [Dim.Named("batch"), 6]);
        Value? counts = mask ? g.Input("attention_mask", ElementType.Int64, [Dim.Named("batch"), 6]) : null;
        Value? kinds = types ? g.Input("token_type_ids", ElementType.Int64, [Dim.Named("batch"), 6]) : null;
        Value x = g.Node(new Gather(), [g.Constant(Networks.Random(1, Words, Width)), ids], name: "words", outputNames: ["words"])[0];
        if (kinds is not null) x = g.Add(x, g.Node(new Gather(), [g.Constant(Networks.Random(2, 2, Width)), kinds], name: "kinds", outputNames: ["kinds"])[0]);
        Value? added = counts is null ? null : g.Scale(g.Sub(g.Constant(1f), g.Cast(g.Unsqueeze(counts, 1, 2), ElementType.Float)), -10000);
        for (int l = 0; l < layers; l++) x = g.Add(x, Attention(g, x, added, 10 * (ulong)(l + 1), l));
        Value pooled = first ? g.Squeeze(g.Slice(x, [0], [1], [1]), 1)
            : counts is null ? g.ReduceMean(x, [1], keepDims: false)
            : g.Div(g.ReduceSum(g.Mul(x, g.Cast(g.Unsqueeze(counts, 2), ElementType.Float)), [1], keepDims: false), g.ReduceSum(g.Cast(counts, ElementType.Float), [1]));
        g.Output(g.Add(g.MatMul(pooled, g.Constant(Networks.Random(5, Width, Classes))), g.Constant(Networks.Random(6, Classes))), "y");
        return new OnnxModel(g.Build());
    }

    public static Value Attention(GraphBuilder g, Value x, Value? added, ulong seed, int layer)
    {
        Value Split(ulong s) => g.Transpose(g.Reshape(g.MatMul(x, g.Constant(Scaled(s, Width, Width))), 0, -1, Heads, Width / Heads), 0, 2, 1, 3);
        Value scores = g.Scale(g.MatMul(Split(seed), g.Transpose(Split(seed + 1), 0, 1, 3, 2)), 0.5f);
        Value weights = g.Node(new Softmax(), [added is null ? scores : g.Add(scores, added)], name: $"softmax{layer}", outputNames: [$"attention{layer}"])[0];
        return g.MatMul(g.Reshape(g.Transpose(g.MatMul(weights, Split(seed + 2)), 0, 2, 1, 3), 0, -1, Width), g.Constant(Scaled(seed + 3, Width, Width)));
    }

    private static NdArray Scaled(ulong seed, params int[] dims)
    {
        NdArray array = Networks.Random(seed, dims);
        foreach (ref float v in array.Floats) v *= 0.5f;
        return array;
    }
}
