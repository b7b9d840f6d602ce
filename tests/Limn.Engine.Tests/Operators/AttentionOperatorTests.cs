using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

public class AttentionOperatorTests
{
    [Fact]
    public void Attention_is_its_formula_with_grouped_heads_a_cap_a_mask_and_a_past()
    {
        const int B = 2, Hq = 4, Hk = 2, S = 3, Past = 2, D = 4, Dv = 3, Sk = S + Past;
        NdArray q = Random(1, B, Hq, S, D), k = Random(2, B, Hk, S, D), v = Random(3, B, Hk, S, Dv), mask = Random(4, S, Sk), pastKey = Random(5, B, Hk, Past, D), pastValue = Random(6, B, Hk, Past, Dv);
        NdArray[] got = Run("Attention", 24, [q, k, v, mask, pastKey, pastValue], new() { ["softcap"] = 2f, ["is_causal"] = 1L, ["scale"] = 0.7f }, outputs: 3);
        Assert.Equal([B, Hk, Sk, D], got[1].Dims.ToArray());
        for (int b = 0; b < B; b++)
            for (int h = 0; h < Hq; h++)
                for (int i = 0; i < S; i++)
                {
                    int from = h / 2;
                    double[] scores = [.. Enumerable.Range(0, Sk).Select(j =>
                    {
                        double dot = 0;
                        for (int d = 0; d < D; d++) dot += q.Floats[((b * Hq + h) * S + i) * D + d] * (double)(j < Past ? pastKey.Floats[((b * Hk + from) * Past + j) * D + d] : k.Floats[((b * Hk + from) * S + j - Past) * D + d]);
                        return j <= i + Past ? 2 * Math.Tanh(dot * 0.7 / 2) + mask.Floats[i * Sk + j] : double.NegativeInfinity;
                    })];
                    double[] weights = [.. scores.Select(s => Math.Exp(s - scores.Max()))];
                    for (int d = 0; d < Dv; d++)
                    {
                        double expected = Enumerable.Range(0, Sk).Sum(j => weights[j] / weights.Sum() * (j < Past ? pastValue.Floats[((b * Hk + from) * Past + j) * Dv + d] : v.Floats[((b * Hk + from) * S + j - Past) * Dv + d]));
                        Assert.Equal(expected, got[0].Floats[((b * Hq + h) * S + i) * Dv + d], 1e-5);
                    }
                }
    }

    [Fact]
    public void Gradients_of_attention_match_central_differences()
    {
        GradientCheck.Run((g, x) => Import(g, "Attention", 23, x, new() { ["is_causal"] = 1L, ["softcap"] = 3f })[0], [Random(1, 2, 2, 3, 2), Random(2, 2, 1, 3, 2), Random(3, 2, 1, 3, 2), Random(4, 3, 3)]);
        GradientCheck.Run((g, x) => Import(g, "Attention", 23, x, new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 2L })[0], [Random(1, 2, 3, 4), Random(2, 2, 4, 4), Random(3, 2, 4, 6)], second: false);
    }

    [Fact]
    public void A_query_that_sees_no_key_gets_zeros_and_sends_none_that_are_not()
    {
        NdArray q = Random(1, 1, 1, 2, 2), mask = new(new[] { false, false, true, false }, 2, 2);
        NdArray[] got = Run("Attention", 24, [q, Random(2, 1, 1, 2, 2), Random(3, 1, 1, 2, 2), mask], new() { ["qk_matmul_output_mode"] = 3L }, outputs: 4);
        Assert.Equal([0f, 0f], got[0].Floats[..2].ToArray());
        Assert.Equal([0f, 0f, 1f, 0f], got[3].Floats.ToArray());
        float[] slope = OperatorRunner.Slope((g, x) => g.Scale(Import(g, "Attention", 24, [x[0], x[1], x[1], x[2]])[0], 2), q, Random(2, 1, 1, 2, 2), mask);
        Assert.All(slope, s => Assert.True(float.IsFinite(s)));
        Assert.Equal([0f, 0f], slope[..2]);
    }

    [Fact]
    public void A_window_lets_queries_look_so_far_and_no_further()
    {
        NdArray[] got = Run("Attention", 25, [Random(1, 1, 1, 4, 2), Random(2, 1, 1, 4, 2), Random(3, 1, 1, 4, 2)],
            new() { ["qk_matmul_output_mode"] = 3L, ["left_window_size"] = 1L, ["right_window_size"] = 0L }, outputs: 4);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) Assert.Equal(j <= i && j >= i - 1, got[3].Floats[i * 4 + j] > 0);
    }

    [Fact]
    public void Attention_is_made_of_products_and_a_softmax()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2, 3, 4]);
        Import(g, "Attention", 23, [x, x, x]);
        Assert.Equal(["MatMul", "Softmax", "MatMul"], g.Nodes.Select(n => n.Operator.Name).Where(n => n is "MatMul" or "Softmax"));
    }

    [Fact]
    public void Gradients_of_rotary_embeddings_match_central_differences()
    {
        foreach (long interleaved in new[] { 0L, 1L })
            GradientCheck.Run((g, x) => Import(g, "RotaryEmbedding", 23, x, new() { ["interleaved"] = interleaved, ["rotary_embedding_dim"] = 4L })[0],
                [Random(1, 2, 2, 3, 6), Random(2, 5, 2), Random(3, 5, 2), new NdArray([0L, 1, 2, 4, 3, 1], 2, 3)], second: false);
    }

    [Fact]
    public void The_rotary_embedding_of_onnx_runtime_takes_one_place_to_begin_with_as_all_that_follow()
    {
        NdArray x = Random(1, 2, 3, 8), cos = Random(2, 9, 2), sin = Random(3, 9, 2);
        NdArray begin = Run("RotaryEmbedding", 1, [x, NdArray.Vector(4L), cos, sin], new() { ["num_heads"] = 2L }, domain: OnnxRuntime)[0];
        NdArray all = Run("RotaryEmbedding", 23, [x, cos, sin, new NdArray([4L, 5, 6, 4, 5, 6], 2, 3)], new() { ["num_heads"] = 2L })[0];
        Near(all.Floats, begin);
        NdArray byWidth = Run("RotaryEmbedding", 1, [x, new NdArray([4L, 5, 6, 4, 5, 6], 2, 3), cos, sin], [], domain: OnnxRuntime)[0];
        Near(all.Floats, byWidth);
    }

    [Theory]
    [InlineData("linear")]
    [InlineData("gated")]
    [InlineData("delta")]
    [InlineData("gated_delta")]
    public void Gradients_of_linear_attention_match_central_differences(string rule)
    {
        bool gated = rule.StartsWith("gated", StringComparison.Ordinal), delta = rule.EndsWith("delta", StringComparison.Ordinal);
        List<NdArray> inputs = [Random(1, 2, 3, 4), Random(2, 2, 3, 2), Random(3, 2, 3, 3), Random(4, 2, 1, 2, 3)];
        if (gated) inputs.Add(Random(5, 2, 3, 1));
        if (delta) inputs.Add(Random(6, 2, 3, 1));
        GradientCheck.Run((g, x) => Import(g, "LinearAttention", 27, [x[0], x[1], x[2], x[3], gated ? x[4] : null, .. delta ? (Value?[])[x[^1]] : []],
            new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 1L, ["update_rule"] = rule })[0], [.. inputs], second: false, symbolic: false);
    }

    [Fact]
    public void Gradients_of_the_causal_convolution_and_of_a_written_cache_match_central_differences()
    {
        GradientCheck.Run((g, x) => Import(g, "CausalConvWithState", 27, x, new() { ["activation"] = "silu" })[0], [Random(1, 2, 3, 4), Random(2, 3, 1, 3), Random(3, 3), Random(4, 2, 3, 2)], symbolic: false, second: false);
        foreach (string mode in new[] { "linear", "circular" })
            GradientCheck.Run((g, x) => Import(g, "TensorScatter", 24, [x[0], x[1], g.Integers(1, mode == "linear" ? 2 : 3)], new() { ["mode"] = mode })[0], [Random(1, 2, 2, 4, 2), Random(2, 2, 2, 2, 2)]);
    }

    [Fact]
    public void What_attention_does_not_take_is_refused()
    {
        NdArray x = Random(1, 2, 3, 4);
        Assert.Throws<InvalidModelException>(() => Run("Attention", 23, [x, x, x]));
        Assert.Throws<InvalidModelException>(() => Run("Attention", 23, [x, x, x], new() { ["q_num_heads"] = 3L, ["kv_num_heads"] = 3L }));
        Assert.Throws<InvalidModelException>(() => Run("LinearAttention", 27, [x, x, x], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 2L, ["update_rule"] = "gated" }));
    }
}
