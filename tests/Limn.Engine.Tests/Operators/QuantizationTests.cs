using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class QuantizationTests
{
    [Fact]
    public void QuantizeLinear_rounds_ties_to_even_saturates_and_takes_nan_for_the_zero_point()
    {
        NdArray y = Quantized([0.25f, 0.75f, -0.25f, 1000, -1000, float.NaN, float.PositiveInfinity], ElementType.Int8, scale: 0.5f, zero: 3);
        Assert.Equal([3, 5, 3, 127, -128, 3, 127], y.Integers.ToArray());
        Assert.Equal(ElementType.Int8, y.Type);
        Assert.Equal([0, 15], Quantized([-9, 99], ElementType.UInt4, 1, 0).Integers.ToArray());
        Assert.Empty(Quantized([], ElementType.UInt8, 1, 0).Integers.ToArray());
    }

    [Fact]
    public void Scales_may_belong_to_an_axis_or_to_blocks_along_one()
    {
        NdArray x = new([1f, 2, 3, 4, 5, 6], 2, 3);
        NdArray perAxis = OperatorRunner.Run((g, v) => g.Op(new QuantizeLinear(ElementType.UInt8) { Axis = 1 }, v[0], g.Constant(NdArray.Vector(1f, 2, 0.5f))), x);
        Assert.Equal([1, 1, 6, 4, 2, 12], perAxis.Integers.ToArray()); // 2.5 to the even 2
        NdArray blocked = OperatorRunner.Run((g, v) => g.Op(new QuantizeLinear(ElementType.UInt8) { Axis = 1, BlockSize = 2 }, v[0], g.Constant(new NdArray([1f, 3, 0.5f, 6], 2, 2))), x);
        Assert.Equal([1, 2, 1, 8, 10, 1], blocked.Integers.ToArray());
        Assert.Throws<ShapeMismatchException>(() => OperatorRunner.Run((g, v) => g.Op(new QuantizeLinear(ElementType.UInt8) { Axis = 1 }, v[0], g.Constant(NdArray.Vector(1f, 2))), x));

        float[] slope = OperatorRunner.Slope((g, v) => Value(g, v[0], g.Constant(new NdArray([1f, 3, 0.5f, 6], 2, 2)), 2), x);
        Assert.Equal([1, 1, 1, 1, 1, 1], slope);

        static Value Value(GraphBuilder g, Value x, Value scale, long block) =>
            g.Op(new DequantizeLinear(ElementType.Float) { Axis = 1, BlockSize = block }, g.Op(new QuantizeLinear(ElementType.UInt8) { Axis = 1, BlockSize = block }, x, scale), scale);
    }

    [Fact]
    public void The_gradient_goes_straight_through_where_nothing_saturates_also_if_the_integers_are_moved_and_says_so()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 2]), scale = g.Constant(0.5f), zero = g.Constant(NdArray.Scalar(0L).As(ElementType.Int8));
        Value moved = g.Transpose(g.Reshape(g.QuantizeLinear(x, scale, zero), -1, 2), 1, 0);
        g.Output(g.Scale(g.DequantizeLinear(moved, scale, zero), 3));
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        float[] slope = new Session(gradient.Graph, 1).Run(new Dictionary<Value, NdArray> { [x] = new([0.1f, 500, -500, 7], 2, 2) }, [gradient.Required()])[0].Floats.ToArray();
        Assert.Equal([3, 0, 0, 3], slope);
        Assert.Empty(gradient.Cuts);
        Assert.Contains("quantised", Assert.Single(gradient.Notes.Values), StringComparison.Ordinal);
    }

    [Fact]
    public void A_max_pool_of_quantised_numbers_sends_the_gradient_to_the_greatest()
    {
        float[] slope = OperatorRunner.Slope((g, v) =>
        {
            Value scale = g.Constant(0.5f), zero = g.Constant(NdArray.Scalar(0L).As(ElementType.UInt8));
            return g.DequantizeLinear(g.MaxPool(g.QuantizeLinear(v[0], scale, zero), new SlidingWindow { Kernel = [2], Strides = [2] }), scale, zero);
        }, new NdArray([1f, 2, 5, 3], 1, 1, 4));
        Assert.Equal([0, 1, 1, 0], slope);
    }

    [Fact]
    public void Integers_that_are_no_quantised_numbers_still_cut_the_gradient()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [2]);
        g.Output(g.Cast(g.Cast(x, ElementType.Int32), ElementType.Float));
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], [x]);
        Assert.Null(gradient.Gradients[0]);
        Assert.Single(gradient.Cuts);
        Assert.Empty(gradient.Notes);
    }

    [Fact]
    public void MatMulInteger_is_exact_with_zero_points_of_rows_and_columns()
    {
        var random = new Random(1);
        long[] a = [.. Enumerable.Range(0, 12).Select(_ => (long)random.Next(256))], b = [.. Enumerable.Range(0, 8).Select(_ => (long)random.Next(256))], za = [3, 200, 9], zb = [100, 255];
        NdArray y = OperatorRunner.Run((g, v) => g.Op(new MatMulInteger(), v[0], v[1], g.Unsqueeze(g.Integers(za), 1), g.Integers(zb)), new NdArray(a, 3, 4).As(ElementType.UInt8), new NdArray(b, 4, 2).As(ElementType.UInt8));
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 2; j++) Assert.Equal(Enumerable.Range(0, 4).Sum(k => (a[i * 4 + k] - za[i]) * (b[k * 2 + j] - zb[j])), y.Integers[i * 2 + j]);
    }

    [Fact]
    public void A_quantised_product_has_the_gradient_of_the_product_of_the_numbers_it_stands_for()
    {
        NdArray x = new([0.5f, -0.25f, 1, 0.75f], 2, 2), w = new([1L, -2, 3, 4], 2, 2);
        float[] slope = OperatorRunner.Slope((g, v) =>
        {
            Value scale = g.Constant(0.01f), zero = g.Constant(NdArray.Scalar(5L).As(ElementType.Int8));
            Value sums = g.Op(new MatMulInteger(), g.QuantizeLinear(v[0], scale, zero), g.Constant(w.As(ElementType.Int8)), zero, null);
            return g.Mul(g.Cast(sums, ElementType.Float), scale);
        }, x);
        Assert.Equal([-1, 7, -1, 7], slope.Select(v => MathF.Round(v, 4)));
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 2, 2)]
    public void ConvInteger_is_the_convolution_of_the_shifted_integers_and_its_gradient_that_of_the_convolution(int group, int stride, int dilation)
    {
        var window = new SlidingWindow { Strides = [stride, stride], Dilations = [dilation, dilation], Pads = [1, 0, 2, 1] };
        var random = new Random(3);
        long[] x = [.. Enumerable.Range(0, 2 * 2 * 7 * 6).Select(_ => (long)random.Next(256))], w = [.. Enumerable.Range(0, 4 * (2 / group) * 3 * 2).Select(_ => (long)random.Next(256))];
        int[] dims = [2, 2, 7, 6], kernel = [4, 2 / group, 3, 2];
        NdArray y = OperatorRunner.Run((g, v) => g.Op(new ConvInteger(window) { Group = group }, v[0], v[1], g.Constant(NdArray.Scalar(17L)), g.Integers(1, 2, 3, 4)), new NdArray(x, dims), new NdArray(w, kernel));
        NdArray real = OperatorRunner.Run((g, v) => g.Conv(v[0], v[1], window: window, group: group), new NdArray([.. x.Select(v => v - 17f)], dims), new NdArray([.. w.Select((v, i) => v - 1f - i / (w.Length / 4))], kernel));
        Assert.Equal(real.Dims.ToArray(), y.Dims.ToArray());
        Assert.Equal(real.Floats.ToArray().Select(v => (long)v), y.Integers.ToArray());

        NdArray input = GradientCheck.Random(dims, -1, 1, 5);
        float[] straight = OperatorRunner.Slope((g, v) =>
        {
            Value scale = g.Constant(0.02f), zero = g.Constant(NdArray.Scalar(0L).As(ElementType.Int8));
            return g.Mul(g.Cast(g.Op(new ConvInteger(window) { Group = group }, g.QuantizeLinear(v[0], scale, zero), g.Constant(new NdArray(w, kernel).As(ElementType.UInt8)), zero), ElementType.Float), scale);
        }, input);
        float[] exact = OperatorRunner.Slope((g, v) => g.Conv(v[0], g.Constant(new NdArray([.. w.Select(v => (float)v)], kernel)), window: window, group: group), input);
        for (int i = 0; i < exact.Length; i++) Assert.Equal(exact[i], straight[i], 1e-3f * Math.Max(1, Math.Abs(exact[i])));
    }

    [Fact]
    public void Dynamic_quantisation_comes_back_to_within_half_a_step_and_lets_the_gradient_through()
    {
        NdArray x = GradientCheck.Random([3, 4], -2, 5, 1);
        NdArray back = OperatorRunner.Run((g, v) => Back(g, v[0]), x);
        for (int i = 0; i < x.Length; i++) Assert.Equal(x.Floats[i], back.Floats[i], 7f / 255);
        float[] slope = OperatorRunner.Slope((g, v) => Back(g, v[0]), x);
        Assert.All(slope, s => Assert.Equal(1, s, 1e-5f));
        Assert.All(OperatorRunner.Run((g, v) => Back(g, v[0]), new NdArray(new float[3], 3)).Floats.ToArray(), v => Assert.Equal(0, v));

        static Value Back(GraphBuilder g, Value x)
        {
            Value[] q = g.DynamicQuantize(x);
            return g.DequantizeLinear(q[0], q[1], q[2]);
        }
    }

    private static NdArray Quantized(float[] x, ElementType type, float scale, long zero) =>
        OperatorRunner.Run((g, v) => g.QuantizeLinear(v[0], g.Constant(scale), g.Constant(NdArray.Scalar(zero).As(type))), new NdArray(x, x.Length));
}
