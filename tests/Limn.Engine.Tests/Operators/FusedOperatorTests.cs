using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

/// <summary>What ONNX Runtime's optimiser leaves in files, against what it was made of.</summary>
public class FusedOperatorTests
{
    [Fact]
    public void A_fused_product_is_a_product_of_turned_matrices()
    {
        NdArray a = Random(1, 2, 3, 4), b = Random(2, 2, 5, 3);
        NdArray expected = OperatorRunner.Run((g, v) => g.Scale(g.MatMul(v[0], v[1], transA: true, transB: true), 0.5f), a, b);
        Near(expected.Floats, Run("FusedMatMul", 1, [a, b], new() { ["alpha"] = 0.5f, ["transA"] = 1L, ["transB"] = 1L }, domain: OnnxRuntime)[0]);
        Assert.Throws<UnsupportedOperatorException>(() => Run("FusedMatMul", 1, [a, b], new() { ["transBatchA"] = 1L }, domain: OnnxRuntime));
    }

    [Fact]
    public void A_fused_convolution_adds_and_activates()
    {
        NdArray x = Random(1, 1, 2, 4, 4), w = Random(2, 2, 2, 3, 3), bias = Random(3, 2), more = Random(4, 1, 2, 2, 2);
        Same((g, v) => g.LeakyRelu(g.Add(g.Conv(v[0], v[1], v[2]), v[3]), 0.3f), "FusedConv", new() { ["activation"] = "LeakyRelu", ["activation_params"] = new[] { 0.3f } }, x, w, bias, more);
        Same((g, v) => g.Clip(g.Conv(v[0], v[1]), 0, 0.5f), "FusedConv", new() { ["activation"] = "Clip", ["activation_params"] = new[] { 0, 0.5f } }, x, w);
        Assert.Throws<UnsupportedOperatorException>(() => Run("FusedConv", 1, [x, w], new() { ["activation"] = "Sine" }, domain: OnnxRuntime));
    }

    [Fact]
    public void The_gelus()
    {
        NdArray x = Random(1, 2, 3), bias = Random(2, 3);
        Same((g, v) => g.Gelu(v[0]), "Gelu", [], x);
        Same((g, v) => g.Gelu(g.Add(v[0], v[1])), "BiasGelu", [], x, bias);
        Same((g, v) => g.Gelu(g.Add(v[0], v[1]), tanh: true), "FastGelu", [], x, bias);
        Same((g, v) => g.Gelu(v[0], tanh: true), "FastGelu", [], x);
        Same((g, v) => g.Mul(v[0], g.Sigmoid(g.Scale(v[0], 1.702f))), "QuickGelu", [], x);
    }

    [Fact]
    public void Skipping_normalisations_also_give_the_sum()
    {
        NdArray x = Random(1, 2, 3, 4), skip = Random(2, 2, 3, 4), gamma = Random(3, 4), beta = Random(4, 4), bias = Random(5, 4);
        NdArray sum = OperatorRunner.Run((g, v) => g.Sum(v), x, skip, bias);
        NdArray[] got = Run("SkipLayerNormalization", 1, [x, skip, gamma, beta, bias], [], 4, OnnxRuntime);
        Near(OperatorRunner.Run((g, v) => g.LayerNormalization(v[0], v[1], v[2], epsilon: 1e-12f), sum, gamma, beta).Floats, got[0]);
        Near(sum.Floats, got[3]);
        got = Run("SkipSimplifiedLayerNormalization", 1, [x, skip, gamma, bias], new() { ["epsilon"] = 1e-5f }, 4, OnnxRuntime);
        NdArray expected = OperatorRunner.Run((g, v) => g.Op(new RmsNormalization(), v[0], v[1]), sum, gamma);
        Near(expected.Floats, got[0]);
        Near(sum.Floats, got[3]);
        got = Run("SimplifiedLayerNormalization", 1, [sum, gamma], [], 2);
        Near(expected.Floats, got[0]);
        Assert.Equal(1 / Math.Sqrt(sum.Floats[..4].ToArray().Average(v => v * v) + 1e-5), got[1].Floats[0], 1e-4);
    }

    [Fact]
    public void Embeddings_of_words_places_and_segments_are_added_and_normalised()
    {
        NdArray ids = new([1L, 3, 0, 2], 2, 2), segments = new([0L, 1, 1, 0], 2, 2), word = Random(1, 4, 3), place = Random(2, 5, 3), segment = Random(3, 2, 3), gamma = Random(4, 3), beta = Random(5, 3), mask = new([1L, 1, 1, 0], 2, 2);
        NdArray[] got = Run("EmbedLayerNormalization", 1, [ids, segments, word, place, segment, gamma, beta, mask], [], 3, OnnxRuntime);
        var sum = new float[12];
        for (int i = 0; i < 12; i++) sum[i] = word.Floats[(int)ids.Integers[i / 3] * 3 + i % 3] + place.Floats[i / 3 % 2 * 3 + i % 3] + segment.Floats[(int)segments.Integers[i / 3] * 3 + i % 3];
        Near(sum, got[2]);
        Assert.Equal([2L, 1], got[1].Integers.ToArray());
        Near(OperatorRunner.Run((g, v) => g.LayerNormalization(v[0], v[1], v[2], epsilon: 1e-12f), new NdArray(sum, 2, 2, 3), gamma, beta).Floats, got[0]);
    }

    [Fact]
    public void Attention_with_its_projections_is_that_of_onnx()
    {
        NdArray x = Random(1, 2, 3, 4), w = Random(2, 4, 12), bias = Random(3, 12), past = Random(4, 2, 2, 2, 1, 2);
        NdArray[] got = Run("Attention", 1, [x, w, bias, null, past], new() { ["num_heads"] = 2L, ["unidirectional"] = 1L }, 2, OnnxRuntime);
        Assert.Equal([2, 2, 2, 4, 2], got[1].Dims.ToArray());
        NdArray projected = OperatorRunner.Run((g, v) => g.Add(g.MatMul(v[0], v[1]), v[2]), x, w, bias);
        NdArray[] parts = [.. Enumerable.Range(0, 3).Select(i => OperatorRunner.Run((g, v) => g.Slice(v[0], [4 * i], [4 * i + 4], [2]), projected))];
        NdArray[] halves = [past.Rows(0, 1).Reshape(2, 2, 1, 2), past.Rows(1, 1).Reshape(2, 2, 1, 2)];
        NdArray[] expected = Run("Attention", 23, [parts[0], parts[1], parts[2], null, halves[0], halves[1]], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 2L, ["is_causal"] = 1L }, 3);
        Near(expected[0].Floats, got[0]);
        Near(expected[1].Floats, got[1].Rows(0, 1));
        GradientCheck.Run((g, v) => Import(g, "Attention", 1, v, new() { ["num_heads"] = 2L }, domain: OnnxRuntime)[0], [x, w, bias], second: false);
    }

    [Fact]
    public void Masks_are_lengths_or_ones_and_zeros()
    {
        NdArray q = Random(1, 2, 2, 4), k = Random(2, 2, 3, 4), v = Random(3, 2, 3, 4);
        NdArray[] masks = [NdArray.Vector(2L, 3L).As(ElementType.Int32), new(new[] { 1L, 1, 0, 1, 1, 1 }, 2, 3), new(new[] { 1L, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1 }, 2, 2, 3)];
        NdArray expected = Run("Attention", 23, [q, k, v, new NdArray(new[] { true, true, false, true, true, true }, 2, 1, 1, 3)], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 2L })[0];
        foreach (NdArray mask in masks) Near(expected.Floats, Run("MultiHeadAttention", 1, [q, k, v, null, mask], new() { ["num_heads"] = 2L }, domain: OnnxRuntime)[0]);
    }

    [Fact]
    public void Multi_head_attention_takes_a_bias_a_past_and_keys_in_heads()
    {
        NdArray q = Random(1, 2, 2, 4), k = Random(2, 2, 3, 4), v = Random(3, 2, 3, 4), bias = Random(4, 12), pastKey = Random(5, 2, 2, 1, 2), pastValue = Random(6, 2, 2, 1, 2), added = Random(7, 1, 2, 2, 4);
        NdArray[] x = [.. new[] { q, k, v }.Select((t, i) => OperatorRunner.Run((g, p) => g.Add(p[0], g.Slice(p[1], [4 * i], [4 * i + 4], [0])), t, bias))];
        NdArray[] expected = Run("Attention", 23, [x[0], x[1], x[2], added, pastKey, pastValue], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 2L }, 3);
        NdArray[] got = Run("MultiHeadAttention", 1, [q, k, v, bias, null, added, pastKey, pastValue], new() { ["num_heads"] = 2L }, 3, OnnxRuntime);
        for (int i = 0; i < 3; i++) Near(expected[i].Floats, got[i]);
        NdArray inHeads = Run("MultiHeadAttention", 1, [q, Random(8, 2, 2, 3, 2), Random(9, 2, 2, 3, 2)], new() { ["num_heads"] = 2L }, domain: OnnxRuntime)[0];
        Assert.Equal([2, 2, 4], inHeads.Dims.ToArray());
        Assert.Throws<UnsupportedOperatorException>(() => Run("MultiHeadAttention", 1, [Random(1, 1, 2, 2, 3, 2)], new() { ["num_heads"] = 2L }, domain: OnnxRuntime));
    }

    private static void Same(Func<GraphBuilder, Value[], Value> build, string name, Dictionary<string, object> attributes, params NdArray[] inputs) =>
        Near(OperatorRunner.Run(build, inputs).Floats, Run(name, 1, inputs, attributes, domain: OnnxRuntime)[0]);
}
