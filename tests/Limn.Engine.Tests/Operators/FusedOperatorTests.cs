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
    }

    [Fact]
    public void Projections_may_be_packed_into_one_tensor()
    {
        NdArray qkv = Random(1, 2, 3, 2, 3, 4), kv = Random(2, 2, 5, 2, 2, 4), q = Random(3, 2, 3, 8);
        NdArray Part(NdArray packed, int i) => OperatorRunner.Run((g, v) => g.Reshape(g.Slice(v[0], [i], [i + 1], [3]), 0, 0, -1), packed);
        Dictionary<string, object> heads = new() { ["num_heads"] = 2L };
        Near(Run("MultiHeadAttention", 1, [Part(qkv, 0), Part(qkv, 1), Part(qkv, 2)], heads, domain: OnnxRuntime)[0].Floats, Run("MultiHeadAttention", 1, [qkv], heads, domain: OnnxRuntime)[0]);
        Near(Run("MultiHeadAttention", 1, [q, Part(kv, 0), Part(kv, 1)], heads, domain: OnnxRuntime)[0].Floats, Run("MultiHeadAttention", 1, [q, kv], heads, domain: OnnxRuntime)[0]);
        GradientCheck.Run((g, v) => Import(g, "MultiHeadAttention", 1, v, heads, domain: OnnxRuntime)[0], [qkv], second: false);
        Assert.Throws<InvalidModelException>(() => Run("MultiHeadAttention", 1, [kv], heads, domain: OnnxRuntime));
        Assert.Throws<UnsupportedOperatorException>(() => Run("MultiHeadAttention", 1, [qkv, null, null, Random(1, 24)], heads, domain: OnnxRuntime));
    }

    [Fact]
    public void Grouped_queries_attend_causally_and_go_on_where_the_cache_of_a_row_ends()
    {
        NdArray x = Random(1, 2, 5, 16), cos = Random(2, 8, 1), sin = Random(3, 8, 1), q = Cut(x, 2, 0, 8), k = Cut(x, 2, 8, 12), v = Cut(x, 2, 12, 16);
        Dictionary<string, object> heads = new() { ["num_heads"] = 4L, ["kv_num_heads"] = 2L };
        NdArray full = NdArray.Vector(4L, 4L).As(ElementType.Int32), total = NdArray.Scalar(5L).As(ElementType.Int32);
        NdArray expected = Run("Attention", 23, [q, k, v], new() { ["q_num_heads"] = 4L, ["kv_num_heads"] = 2L, ["is_causal"] = 1L, ["softcap"] = 2f })[0];
        Dictionary<string, object> capped = new(heads) { ["softcap"] = 2f };
        Near(expected.Floats, Gqa([q, k, v, null, null, full, total], capped)[0]);
        Near(expected.Floats, Gqa([x, null, null, null, null, full, total], capped)[0]);
        GradientCheck.Run((g, p) => Import(g, "GroupQueryAttention", 1, [p[0], null, null, null, null, p[1], p[2]], heads, domain: OnnxRuntime)[0], [x, full, total], second: false);

        // All at once, with rotary embedding; and in two steps, the second from a cache, which in the second case is longer than what is in it.
        Dictionary<string, object> turning = new(heads) { ["do_rotary"] = 1L };
        NdArray[] whole = Gqa([x, null, null, null, null, full, total, cos, sin], turning);
        NdArray[] first = Gqa([Cut(x, 1, 0, 3), null, null, null, null, Lengths(2, 2), One(3), cos, sin], turning);
        Near(Cut(whole[0], 1, 0, 3).Floats, first[0]);
        foreach (int spare in new[] { 0, 4 })
        {
            NdArray[] cache = [.. first.Skip(1).Select(c => OperatorRunner.Run((g, p) => g.Pad(p[0], g.Integers(0, 0, 0, 0, 0, 0, spare, 0)), c))];
            NdArray[] second = Gqa([Cut(x, 1, 3, 5), null, null, cache[0], cache[1], full, total, cos, sin], turning);
            Near(Cut(whole[0], 1, 3, 5).Floats, second[0]);
            for (int i = 1; i < 3; i++) Near(whole[i].Floats, Cut(second[i], 2, 0, 5));
            Assert.Equal(Math.Max(5, 3 + spare), second[1].Dims[2]);
        }

        // A row whose cache ends earlier: its new keys come right after, as if it were alone.
        NdArray[] mixed = Gqa([Cut(x, 1, 3, 5), null, null, first[1], first[2], Lengths(4, 3), total, cos, sin], turning);
        NdArray[] alone = Gqa([Cut(x, 1, 3, 5).Rows(1, 1), null, null, Cut(first[1].Rows(1, 1), 2, 0, 2), Cut(first[2].Rows(1, 1), 2, 0, 2), NdArray.Vector(3L).As(ElementType.Int32), One(4), cos, sin], turning);
        Near(alone[0].Floats, mixed[0].Rows(1, 1));

        foreach (var (name, value) in new (string, object)[] { ("local_window_size", 2L), ("smooth_softmax", 1L), ("k_quant_type", "PER_TENSOR") })
            Assert.Throws<UnsupportedOperatorException>(() => Gqa([x, null, null, null, null, full, total], new(heads) { [name] = value }));
        Assert.Contains("head_sink", Assert.Throws<UnsupportedOperatorException>(() => Gqa([x, null, null, null, null, full, total, null, null, null, null, Random(1, 4)], heads)).Message, StringComparison.Ordinal);

        static NdArray[] Gqa(NdArray?[] inputs, Dictionary<string, object> attributes) => Run("GroupQueryAttention", 1, inputs, attributes, 3, OnnxRuntime);
        static NdArray Cut(NdArray a, int axis, int from, int to) => OperatorRunner.Run((g, p) => g.Slice(p[0], [from], [to], [axis]), a);
        static NdArray Lengths(long a, long b) => NdArray.Vector(a, b).As(ElementType.Int32);
        static NdArray One(long n) => NdArray.Scalar(n).As(ElementType.Int32);
    }

    private static void Same(Func<GraphBuilder, Value[], Value> build, string name, Dictionary<string, object> attributes, params NdArray[] inputs) =>
        Near(OperatorRunner.Run(build, inputs).Floats, Run(name, 1, inputs, attributes, domain: OnnxRuntime)[0]);
}
