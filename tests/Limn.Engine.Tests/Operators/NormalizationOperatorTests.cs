using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class NormalizationOperatorTests
{
    [Fact]
    public void BatchNormalization_has_gradients_for_all_five_inputs()
    {
        foreach (int[] shape in (int[][])[[3, 2], [2, 2, 3], [2, 2, 2, 2]])
        {
            GradientCheck.Run((g, v) => g.BatchNormalization(v[0], v[1], v[2], v[3], v[4], 0.01f),
                [Random(shape, 1), Random([2], 2), Random([2], 3), Random([2], 4), GradientCheck.Random([2], 0.5f, 1.5f, 5)], symbolic: false);
            GradientCheck.Run((g, v) => Squares(g, g.BatchNormalization(v[0], v[1], v[2], v[3], v[4])),
                [Random(shape, 1), Random([2], 2), Random([2], 3), Random([2], 4), GradientCheck.Random([2], 0.5f, 1.5f, 5)], constant: [1, 2, 3, 4]);
        }
    }

    [Fact]
    public void LayerNormalization_has_gradients_through_all_outputs()
    {
        foreach (long axis in (long[])[-1, 1, 0])
        {
            int[] row = axis == -1 ? [4] : axis == 1 ? [2, 4] : [3, 2, 4];
            GradientCheck.Run((g, v) => g.LayerNormalization(v[0], v[1], v[2], axis, 0.05f), [Random([3, 2, 4], 1), Random(row, 2), Random(row, 3)], symbolic: false);
        }
        for (int output = 1; output <= 2; output++)
        {
            int wanted = output;
            GradientCheck.Run((g, v) => g.Node(new LayerNormalization { Epsilon = 0.05f }, [v[0], v[1]], 3)[wanted], [Random([3, 4], 1), Random([4], 2)], symbolic: true, constant: [1]);
        }
        GradientCheck.Run((g, v) => All(g, g.Node(new LayerNormalization { Epsilon = 0.05f }, [v[0], v[1]], 3)), [Random([3, 4], 1), Random([4], 2)], symbolic: false);

        static Value All(GraphBuilder g, IReadOnlyList<Value> outputs) => g.Mul(g.Mul(outputs[0], outputs[1]), outputs[2]);
    }

    [Fact]
    public void LayerNormalization_takes_scales_that_broadcast()
    {
        NdArray x = Random([2, 3, 4], 1), scale = Random([3, 1], 2), bias = Random([4], 3);
        var g = new GraphBuilder();
        Value input = g.Input("x", ElementType.Float, [2, 3, 4]);
        g.Output(g.LayerNormalization(input, g.Constant(scale), g.Constant(bias), 1));
        float[] y = new Session(g.Build()).Run(x)[0].Floats.ToArray();
        for (int n = 0; n < 2; n++)
        {
            float[] row = x.Floats.Slice(n * 12, 12).ToArray();
            double mean = row.Average(), inverse = 1 / Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + 1e-5);
            for (int i = 0; i < 12; i++) Assert.Equal((row[i] - mean) * inverse * scale.Floats[i / 4] + bias.Floats[i % 4], y[n * 12 + i], 1e-4);
        }
        GradientCheck.Run((b, v) => b.LayerNormalization(v[0], v[1], v[2], 1, 0.05f), [x, scale, bias], symbolic: false, second: false);
        Value wide = g.Input("w", ElementType.Float, [2, 1]);
        Assert.Contains("does not broadcast to the normalised axes", Assert.Throws<ShapeMismatchException>(
            () => g.LayerNormalization(wide, g.Constant(Random([3], 1)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Instance_and_group_normalization_have_gradients()
    {
        foreach (int[] shape in (int[][])[[2, 4, 3], [2, 4, 2, 2]])
        {
            NdArray x = Random(shape, 1), scale = Random([4], 2), bias = Random([4], 3);
            GradientCheck.Run((g, v) => g.InstanceNormalization(v[0], v[1], v[2], 0.05f), [x, scale, bias], symbolic: false);
            GradientCheck.Run((g, v) => g.GroupNormalization(v[0], v[1], v[2], 2, 0.05f), [x, scale, bias], symbolic: false);
            GradientCheck.Run((g, v) => Squares(g, g.GroupNormalization(v[0], v[1], v[2], 2, 0.05f)), [x, scale, bias], second: false, constant: [1, 2]);
        }
        var builder = new GraphBuilder();
        Assert.Contains("do not divide into 3 groups", Assert.Throws<ShapeMismatchException>(() => builder.GroupNormalization(
            builder.Input("x", ElementType.Float, [1, 4, 2]), builder.Constant(Random([4], 1)), builder.Constant(Random([4], 1)), 3)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Local_response_normalization_has_gradients()
    {
        foreach (int size in (int[])[1, 2, 3, 5])
        {
            GradientCheck.Run((g, v) => g.Op(new LocalResponseNormalization(size) { Alpha = 0.8f, Beta = 0.6f, Bias = 1.5f }, v[0]), [[2, 4, 2, 2]]);
            GradientCheck.Run((g, v) => g.Op(new LocalResponseNormalization(size) { Alpha = 0.8f }, v[0]), [[3, 4]], second: false);
        }
    }

    [Fact]
    public void LpNormalization_has_gradients_and_leaves_zeros_alone()
    {
        foreach (int p in (int[])[1, 2])
        {
            foreach (long axis in (long[])[-1, 0])
                GradientCheck.Run((g, v) => g.Op(new LpNormalization(p) { Axis = axis }, v[0]), [GradientCheck.RandomBeside([0], [3, 4], -1, 1, 1)], symbolic: true);
            var builder = new GraphBuilder();
            Value x = builder.Input("x", ElementType.Float, [2, 2]);
            Value y = builder.Op(new LpNormalization(p), x);
            Graph graph = builder.Build();
            var gradient = Limn.Engine.Differentiation.Gradient.Of(graph, y, [x]);
            NdArray[] results = new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = new([0f, 0, 3, 4], 2, 2) }, [y, gradient.Required()]);
            Assert.Equal(p == 1 ? [0, 0, 3f / 7, 4f / 7] : [0, 0, 0.6f, 0.8f], results[0].Floats.ToArray());
            Assert.Equal([0, 0], results[1].Floats[..2].ToArray());
        }
    }

    [Fact]
    public void Empty_batches_pass()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 4, 2]), four = g.Constant(Random([4], 1)), two = g.Constant(Random([2], 1));
        Value y = g.GroupNormalization(g.InstanceNormalization(g.LayerNormalization(x, two), four, four), four, four, 2);
        y = g.GlobalMaxPool(g.Op(new LocalResponseNormalization(3), g.BatchNormalization(y, four, four, four, four)));
        Graph graph = g.Build();
        var gradient = Limn.Engine.Differentiation.Gradient.Of(graph, y, [x]);
        NdArray[] results = new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [x] = NdArray.Create(ElementType.Float, 0, 4, 2) }, [y, gradient.Required()]);
        Assert.Equal([0, 4, 1], results[0].Dims.ToArray());
        Assert.Equal([0, 4, 2], results[1].Dims.ToArray());
    }

    private static Value Squares(GraphBuilder g, Value y) => g.Mul(y, y);

    private static NdArray Random(int[] dims, int seed) => GradientCheck.Random(dims, -1, 1, seed);
}
