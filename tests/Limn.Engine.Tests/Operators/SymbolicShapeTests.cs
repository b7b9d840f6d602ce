using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

/// <summary>Models are exported with dimensions that are known only when they run: the numbers and gradients are the same.</summary>
public class SymbolicShapeTests
{
    [Fact]
    public void Attention()
    {
        Same("Attention", 24, [Random(1, 2, 3, 4), Random(2, 2, 5, 2), Random(3, 2, 5, 2), Random(4, 3, 5)], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 1L, ["is_causal"] = 1L }, widths: [4, 2, 2, null]);
        Same("Attention", 24, [Random(1, 2, 3, 4), Random(2, 2, 5, 2), Random(3, 2, 5, 2), Random(4, 3, 4), null, null, NdArray.Vector(3L, 4L)], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 1L });
        Same("Attention", 23, [Random(1, 2, 2, 3, 4), Random(2, 2, 2, 3, 4), Random(3, 2, 2, 3, 4)], [], heads: 2);
        Same("RotaryEmbedding", 23, [Random(1, 2, 3, 8), Random(2, 6, 2), Random(3, 6, 2), new NdArray([0L, 1, 2, 3, 4, 5], 2, 3)], new() { ["num_heads"] = 2L }, widths: [8, null, null, null]);
        Same("LinearAttention", 27, [Random(1, 2, 3, 4), Random(2, 2, 3, 2), Random(3, 2, 3, 3), null, Random(5, 2, 3, 1), Random(6, 2, 3, 1)], new() { ["q_num_heads"] = 2L, ["kv_num_heads"] = 1L }, widths: [4, null, null, null, 1, 1]);
        Same("CausalConvWithState", 27, [Random(1, 2, 3, 4), Random(2, 3, 1, 3)], [], constant: [1]);
        Same("TensorScatter", 24, [Random(1, 2, 4, 3), Random(2, 2, 2, 3), NdArray.Vector(1L, 2L)], []);
    }

    [Fact]
    public void Attention_of_onnx_runtime()
    {
        Same("MultiHeadAttention", 1, [Random(1, 2, 3, 4), Random(2, 2, 5, 4), Random(3, 2, 5, 4), Random(4, 12), new NdArray([1L, 1, 1, 0, 0, 1, 1, 1, 1, 0], 2, 5)], new() { ["num_heads"] = 2L }, widths: [4, 4, 4, null, null], domain: OnnxRuntime);
        Same("Attention", 1, [Random(1, 2, 3, 4), Random(2, 4, 12), Random(3, 12), NdArray.Vector(2L, 3L)], new() { ["num_heads"] = 2L, ["unidirectional"] = 1L }, constant: [1, 2], domain: OnnxRuntime);
        Same("EmbedLayerNormalization", 1, [new NdArray([1L, 3, 0, 2], 2, 2), null, Random(2, 4, 3), Random(3, 5, 3), null, Random(4, 3), Random(5, 3)], [], constant: [2, 3], domain: OnnxRuntime);
        Same("SkipSimplifiedLayerNormalization", 1, [Random(1, 2, 3, 4), Random(2, 2, 3, 4), Random(3, 4)], [], domain: OnnxRuntime);
        Same("FusedMatMul", 1, [Random(1, 2, 3, 4), Random(2, 2, 5, 4)], new() { ["transB"] = 1L, ["alpha"] = 0.3f }, domain: OnnxRuntime);
    }

    [Fact]
    public void Sampling()
    {
        Same("Resize", 19, [Random(1, 1, 2, 3, 4), null, NdArray.Vector(1f, 1, 1.5f, 2)], new() { ["mode"] = "cubic" }, constant: [2]);
        Same("Resize", 19, [Random(1, 1, 2, 3, 4), null, null, NdArray.Vector(5L, 6L)], new() { ["mode"] = "linear", ["axes"] = new[] { 2L, 3L } });
        Same("GridSample", 20, [Random(1, 2, 2, 3, 4), Random(2, 2, 3, 2, 2)], []);
        Same("RoiAlign", 16, [Random(1, 2, 2, 5, 5), new NdArray(new[] { 0.3f, 0.4f, 3.6f, 3.2f, 1.1f, 0.2f, 2.5f, 3.9f }, 2, 4), NdArray.Vector(0L, 1L)], new() { ["output_height"] = 2L, ["output_width"] = 2L }, widths: [null, 4, null]);
        Same("DeformConv", 19, [Random(1, 2, 2, 3, 3), Random(2, 2, 2, 2, 2), Random(3, 2, 8, 2, 2)], [], constant: [1]);
        Same("MaxRoiPool", 22, [Random(1, 2, 2, 5, 5), new NdArray(new float[] { 0, 0, 0, 3, 3, 1, 1, 1, 4, 2 }, 2, 5)], new() { ["pooled_shape"] = new[] { 2L, 2 } }, widths: [null, 5], constant: [1]);
        Same("LpPool", 18, [Random(1, 1, 2, 4, 4)], new() { ["kernel_shape"] = new[] { 2L, 2 } });
    }

    [Fact]
    public void Moving_and_multiplying()
    {
        Same("Einsum", 12, [Random(1, 2, 3, 4, 5), Random(2, 2, 3, 6, 5)], new() { ["equation"] = "bhid,bhjd->bihj" });
        Same("Einsum", 12, [Random(1, 2, 3, 3), Random(2, 3, 4)], new() { ["equation"] = "...ii,ij->...j" });
        Same("TopK", 11, [Random(1, 3, 4), NdArray.Vector(2L)], []);
        Same("CenterCropPad", 18, [Random(1, 3, 4), NdArray.Vector(2L, 7L)], []);
        Same("ReverseSequence", 10, [Random(1, 3, 2, 2), NdArray.Vector(2L, 3L)], []);
        Same("Col2Im", 18, [Random(1, 2, 8, 4), NdArray.Vector(3L, 3L), NdArray.Vector(2L, 2L)], [], constant: [2]);
        Same("MaxUnpool", 11, [Random(1, 1, 1, 2, 2), new NdArray([0L, 3, 8, 15], 1, 1, 2, 2)], new() { ["kernel_shape"] = new[] { 2L, 2 }, ["strides"] = new[] { 2L, 2 } });
        Same("RMSNormalization", 23, [Random(1, 2, 3, 4), Random(2, 4)], []);
        Same("MeanVarianceNormalization", 13, [Random(1, 2, 3, 4, 2)], []);
    }

    /// <summary>Compares output 0 and its gradients with all dimensions known, and with none but those of constants, the last ones in <paramref name="widths"/> and a number of heads.</summary>
    private static void Same(string name, int opset, NdArray?[] inputs, Dictionary<string, object> attributes, int[]? constant = null, int?[]? widths = null, string domain = "", int? heads = null)
    {
        NdArray[] known = Results(symbolic: false), unknown = Results(symbolic: true);
        Assert.Equal(known.Length, unknown.Length);
        for (int i = 0; i < known.Length; i++)
        {
            Assert.Equal(known[i].Dims.ToArray(), unknown[i].Dims.ToArray());
            Near(known[i].Floats, unknown[i], 1e-6);
        }

        NdArray[] Results(bool symbolic)
        {
            var g = new GraphBuilder();
            Value?[] places = [.. inputs.Select((x, i) => x is null ? null : constant?.Contains(i) == true ? g.Constant(x) : g.Input($"x{i}", x.Type, ShapeOf(x, i, symbolic)))];
            g.Output(g.Identity(Import(g, name, opset, places, attributes, domain: domain)[0]));
            Graph forward = g.Build();
            Value[] at = [.. places.Where((p, i) => p is not null && p.Type.IsFloating() && constant?.Contains(i) != true).Select(p => p!)];
            GradientGraph gradient = at.Length == 0 ? new GradientGraph(forward, [], []) : Gradient.Of(forward, forward.Outputs[0], at);
            var feeds = new Dictionary<Value, NdArray>();
            for (int i = 0; i < inputs.Length; i++)
                if (places[i] is { } place && constant?.Contains(i) != true) feeds[place] = inputs[i]!;
            return new Session(gradient.Graph, 1).Run(feeds, [forward.Outputs[0], .. gradient.Gradients.OfType<Value>()]);
        }

        Shape ShapeOf(NdArray x, int i, bool symbolic) => !symbolic ? Shape.Of(x.Dims)
            : Shape.Of([.. Enumerable.Range(0, x.Rank).Select(d => d == x.Rank - 1 && widths?[i] is { } width ? width : d == 1 && heads is { } h && x.Rank == 4 ? h : Dim.Named($"x{i}.{d}"))]);
    }
}
