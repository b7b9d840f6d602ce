using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

/// <summary>CenterCropPad, ReverseSequence, Col2Im, MaxUnpool, CumProd, Det, LpPool, MeanVarianceNormalization, RMSNormalization.</summary>
public class RearrangingOperatorTests
{
    [Fact]
    public void The_middle_is_cut_out_and_odd_zeros_go_to_the_end()
    {
        NdArray x = new(new float[] { 1, 2, 3, 4, 5 }, 5);
        Assert.Equal([2f, 3f], Run("CenterCropPad", 18, [x, NdArray.Vector(2L)])[0].Floats.ToArray());
        Assert.Equal([1f, 2, 3, 4, 5, 0], Run("CenterCropPad", 18, [x, NdArray.Vector(6L)], constant: [1])[0].Floats.ToArray());
        GradientCheck.Run((g, v) => Import(g, "CenterCropPad", 18, [v[0], g.Integers(2, 5)], new() { ["axes"] = new[] { -1L, 1L } })[0], [Random(1, 2, 3, 3)]);
    }

    [Fact]
    public void Each_row_is_reversed_up_to_its_end()
    {
        NdArray x = new(new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3);
        Assert.Equal([2f, 1, 3, 6, 5, 4], Run("ReverseSequence", 10, [x, NdArray.Vector(2L, 3L)], new() { ["batch_axis"] = 0L, ["time_axis"] = 1L })[0].Floats.ToArray());
        GradientCheck.Run((g, v) => Import(g, "ReverseSequence", 10, [v[0], g.Integers(1, 3)])[0], [Random(1, 3, 2, 2)]);
        Assert.Throws<InvalidModelException>(() => Run("ReverseSequence", 10, [x, NdArray.Vector(2L, 3L)], new() { ["batch_axis"] = 1L, ["time_axis"] = 1L }));
    }

    [Fact]
    public void Columns_become_an_image_of_which_they_are_the_gradient()
    {
        // <Col2Im(c), x> = <c, patches of x>, and the patches are a convolution with a unit kernel.
        NdArray x = Random(1, 2, 1, 5, 4), c = Random(2, 2, 4, 9);
        var window = new SlidingWindow { Kernel = [2, 2], Strides = [2, 1], Dilations = [1, 2], Pads = [0, 1, 1, 0] };
        NdArray image = Run("Col2Im", 18, [c, NdArray.Vector(5L, 4L), NdArray.Vector(2L, 2L)], new() { ["strides"] = window.Strides, ["dilations"] = window.Dilations, ["pads"] = window.Pads }, constant: [2])[0];
        NdArray[] late = [c, NdArray.Vector(5L, 4L), NdArray.Vector(2L, 2L)]; // the size of blocks arrives while the model runs
        Assert.Equal(image.Floats.ToArray(), Run("Col2Im", 18, late, new() { ["strides"] = window.Strides, ["dilations"] = window.Dilations, ["pads"] = window.Pads })[0].Floats.ToArray());
        NdArray unit = new(Enumerable.Range(0, 16).Select(i => i % 5 == 0 ? 1f : 0).ToArray(), 4, 1, 2, 2);
        NdArray patches = OperatorRunner.Run((g, v) => g.Conv(v[0], v[1], window: window), x, unit);
        Assert.Equal(c.Length, patches.Length);
        Assert.Equal(Dot(c, patches), Dot(image, x), 1e-4);
        GradientCheck.Run((g, v) => Import(g, "Col2Im", 18, [v[0], g.Integers(3, 3), g.Integers(2, 2)])[0], [Random(1, 2, 8, 4)]);
        GradientCheck.Run((g, v) => Import(g, "Col2Im", 18, v)[0], [Random(1, 2, 8, 4), NdArray.Vector(3L, 3L), NdArray.Vector(2L, 2L)]);

        static double Dot(NdArray a, NdArray b) => a.Floats.ToArray().Zip(b.Floats.ToArray(), (p, q) => (double)p * q).Sum();
    }

    [Fact]
    public void What_was_pooled_goes_back_to_its_place()
    {
        NdArray x = Random(1, 2, 2, 4, 4);
        var window = new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] };
        var g = new GraphBuilder();
        Value input = g.Input("x", ElementType.Float, [2, 2, 4, 4]);
        IReadOnlyList<Value> pooled = g.Node(new MaxPool(window), [input], 2);
        Value back = Import(g, "MaxUnpool", 11, pooled, new() { ["kernel_shape"] = window.Kernel, ["strides"] = window.Strides })[0];
        g.Output(pooled[0]);
        g.Output(g.MaxPool(g.Where(g.Equal(back, g.Constant(0f)), g.Constant(-9f), back), window));
        NdArray[] got = new Session(g.Build(), 1).Run(x);
        Assert.Equal(got[0].Floats.ToArray(), got[1].Floats.ToArray());
        GradientCheck.Run((b, v) => Import(b, "MaxUnpool", 11, [v[0], b.Constant(new NdArray([3L, 6, 8, 15], 1, 1, 2, 2)), b.Integers(1, 1, 5, 4)], new() { ["kernel_shape"] = window.Kernel, ["strides"] = window.Strides })[0], [Random(1, 1, 1, 2, 2)]);
    }

    [Theory]
    [InlineData(0L, 0L)]
    [InlineData(1L, 0L)]
    [InlineData(0L, 1L)]
    [InlineData(1L, 1L)]
    public void Running_products_have_the_right_gradient_at_zeros_too(long exclusive, long reverse)
    {
        NdArray x = new(new[] { 0.5f, -1.2f, 0, 0.7f, 1.5f, 0, 1.1f, 0, -0.4f, 2 }, 2, 5);
        Dictionary<string, object> attributes = new() { ["exclusive"] = exclusive, ["reverse"] = reverse };
        var expected = new float[10];
        for (int r = 0; r < 2; r++)
            for (int k = 0; k < 5; k++)
                expected[r * 5 + k] = Enumerable.Range(0, 5).Where(j => reverse == 1 ? j > k : j < k).Concat(exclusive == 1 ? [] : [k]).Aggregate(1f, (p, j) => p * x.Floats[r * 5 + j]);
        Near(expected, Run("CumProd", 26, [x, NdArray.Scalar(1L)], attributes, constant: [1])[0]);
        GradientCheck.Run((g, v) => Import(g, "CumProd", 26, [v[0], g.Constant(NdArray.Scalar(1L))], attributes)[0], [x]);

        // Along an axis that arrives while the model runs.
        Near(expected, Run("CumProd", 26, [x, NdArray.Scalar(-1L)], attributes)[0]);
        GradientCheck.Run((g, v) => Import(g, "CumProd", 26, v, attributes)[0], [x, NdArray.Scalar(1L)]);
        Assert.Contains("out of range", Assert.ThrowsAny<LimnException>(() => Run("CumProd", 26, [x, NdArray.Scalar(-3L)], attributes)).Message, StringComparison.Ordinal);

        // Along an axis whose length is not known before the model runs.
        var g = new GraphBuilder();
        Value place = g.Input("x", ElementType.Float, [2, Dim.Named("n")]);
        g.Output(Import(g, "CumProd", 26, [place, g.Constant(NdArray.Scalar(1L))], attributes)[0]);
        Near(expected, new Session(g.Build(), 1).Run(x)[0]);
    }

    [Fact]
    public void Determinants_have_gradients_at_singular_matrices_too()
    {
        Assert.Equal([-2f, 0f, 1f], Run("Det", 11, [new NdArray(new float[] { 1, 2, 3, 4, 1, 2, 2, 4, 0, 1, -1, 0 }, 3, 2, 2)])[0].Floats.ToArray());
        Assert.Equal([1f], Run("Det", 11, [NdArray.Create(ElementType.Float, 0, 0)])[0].Floats.ToArray());
        GradientCheck.Run((g, v) => g.Op(new Determinant(), v[0]), [Random(1, 2, 4, 4)]);
        GradientCheck.Run((g, v) => g.Op(new Determinant(), v[0]), [new NdArray(new float[] { 1, 2, 3, 2, 4, 6, 3, 6, 9 }, 3, 3)], symbolic: false);
        GradientCheck.Run((g, v) => g.Op(new Determinant(), v[0]), [Random(1, 3, 1, 1)], second: false);
        Assert.Throws<ShapeMismatchException>(() => Run("Det", 11, [Random(1, 2, 3)]));
    }

    [Theory]
    [InlineData(1L, 0L)]
    [InlineData(2L, 0L)]
    [InlineData(3L, 1L)]
    public void The_norm_of_each_window_and_its_gradient(long p, long ceil)
    {
        NdArray x = GradientCheck.RandomBeside([0], [2, 1, 4, 5], -1, 1, 1);
        Dictionary<string, object> attributes = new() { ["p"] = p, ["kernel_shape"] = new[] { 2L, 2 }, ["strides"] = new[] { 2L, 2 }, ["ceil_mode"] = ceil };
        NdArray y = Run("LpPool", 18, [x], attributes)[0];
        int columns = ceil == 1 ? 3 : 2;
        Assert.Equal([2, 1, 2, columns], y.Dims.ToArray());
        for (int i = 0; i < y.Length; i++)
        {
            double sum = 0;
            for (int r = 0; r < 2; r++)
                for (int c = 0; c < 2; c++)
                    if (i % columns * 2 + c < 5) sum += Math.Pow(Math.Abs(x.Floats[i / (2 * columns) * 20 + (i / columns % 2 * 2 + r) * 5 + i % columns * 2 + c]), p);
            Assert.Equal(Math.Pow(sum, 1.0 / p), y.Floats[i], 1e-5);
        }
        GradientCheck.Run((g, v) => Import(g, "LpPool", 18, v, attributes)[0], [x]);
        GradientCheck.Run((g, v) => Import(g, "GlobalLpPool", 2, v, new() { ["p"] = p })[0], [x]);
    }

    [Fact]
    public void A_window_of_zeros_sends_zeros_back() =>
        Assert.Equal(new float[4], OperatorRunner.Slope((g, v) => Import(g, "LpPool", 18, v, new() { ["kernel_shape"] = new[] { 2L } })[0], NdArray.Create(ElementType.Float, 1, 1, 4)));

    [Fact]
    public void Normalisations_by_mean_and_deviation_and_by_the_root_mean_square()
    {
        GradientCheck.Run((g, v) => Import(g, "MeanVarianceNormalization", 13, v, new() { ["axes"] = new[] { 0L, 2L } })[0], [Random(1, 2, 2, 3)]);
        NdArray x = Random(1, 2, 3, 4), scale = Random(2, 3, 4);
        NdArray y = Run("RMSNormalization", 23, [x, scale], new() { ["axis"] = 1L, ["epsilon"] = 0.1f })[0];
        for (int r = 0; r < 2; r++)
        {
            double mean = x.Floats.Slice(r * 12, 12).ToArray().Average(v => (double)v * v);
            for (int i = 0; i < 12; i++) Assert.Equal(x.Floats[r * 12 + i] / Math.Sqrt(mean + 0.1f) * scale.Floats[i], y.Floats[r * 12 + i], 1e-5);
        }
        GradientCheck.Run((g, v) => Import(g, "RMSNormalization", 23, v, new() { ["axis"] = 1L })[0], [x, scale]);
        GradientCheck.Run((g, v) => Import(g, "RMSNormalization", 23, v)[0], [x, Random(3, 1)]);
        Assert.Throws<ShapeMismatchException>(() => Run("RMSNormalization", 23, [x, Random(3, 5)]));
        Assert.Throws<ShapeMismatchException>(() => Run("RMSNormalization", 23, [Random(1, 1, 4), scale]));
    }
}
