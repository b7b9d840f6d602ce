using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.OperatorRunner;

namespace Limn.Engine.Tests.Operators;

public class ReductionOperatorTests
{
    public static TheoryData<string, Func<bool, ReduceOperator>, Func<double[], double>> Reductions => new()
    {
        { "sum", k => new ReduceSum { KeepDims = k }, v => v.Sum() },
        { "mean", k => new ReduceMean { KeepDims = k }, v => v.Average() },
        { "max", k => new ReduceMax { KeepDims = k }, v => v.Max() },
        { "min", k => new ReduceMin { KeepDims = k }, v => v.Min() },
        { "product", k => new ReduceProd { KeepDims = k }, v => v.Aggregate((a, b) => a * b) },
        { "l1", k => new ReduceL1 { KeepDims = k }, v => v.Sum(Math.Abs) },
        { "l2", k => new ReduceL2 { KeepDims = k }, v => Math.Sqrt(v.Sum(a => a * a)) },
        { "sum of squares", k => new ReduceSumSquare { KeepDims = k }, v => v.Sum(a => a * a) },
        { "log of sum", k => new ReduceLogSum { KeepDims = k }, v => Math.Log(v.Sum()) },
        { "log of sum of exponentials", k => new ReduceLogSumExp { KeepDims = k }, v => Math.Log(v.Sum(Math.Exp)) },
    };

    [Theory]
    [MemberData(nameof(Reductions))]
    public void Values_and_gradients_match_the_formula_for_any_axes(string name, Func<bool, ReduceOperator> create, Func<double[], double> formula)
    {
        // Far enough apart that the largest stays the largest in a central difference.
        NdArray x = NdArray.Create(ElementType.Float, 2, 3, 2);
        for (int i = 0; i < x.Length; i++) x.Floats[i] = 0.4f + 0.1f * (i * 7 % 12);
        foreach (bool keep in new[] { true, false })
            foreach (long[]? axes in new long[]?[] { null, [0], [-1], [0, 2], [1, 0, 2], [1] })
            {
                NdArray y = Run((g, v) => g.Reduce(create(keep), v[0], axes), x);
                int[] over = [.. (axes ?? [0, 1, 2]).Select(a => (int)(a < 0 ? a + 3 : a))];
                Assert.Equal(x.Dims.ToArray().Select((d, i) => over.Contains(i) ? (keep ? 1 : -1) : d).Where(d => d > 0), y.Dims.ToArray());
                var groups = Enumerable.Range(0, x.Length).GroupBy(i => string.Join(',', new[] { i / 6, i / 2 % 3, i % 2 }.Where((_, d) => !over.Contains(d)))).ToArray();
                Assert.Equal(groups.Length, y.Length);
                for (int i = 0; i < y.Length; i++) Assert.Equal(formula([.. groups[i].Select(k => (double)x.Floats[k])]), y.Floats[i], 1e-5);
                GradientCheck.Run((g, v) => g.Reduce(create(keep), v[0], axes), [x]);
            }
        Assert.NotEmpty(name);
    }

    [Fact]
    public void Axes_that_are_known_only_when_it_runs_have_a_gradient()
    {
        NdArray x = GradientCheck.Random([2, 3], -1, 1, 3), axes = NdArray.Vector(1L);
        foreach (bool keep in new[] { true, false })
            GradientCheck.Run((g, v) => g.Op(new ReduceSumSquare { KeepDims = keep }, v), [x, axes]);
    }

    [Fact]
    public void No_axes_reduce_all_or_nothing_as_asked()
    {
        NdArray x = new([1f, 2f, 3f, 4f], 2, 2), none = NdArray.Vector(Array.Empty<long>());
        Assert.Equal([10f], Run(new ReduceSum(), x, none).Floats.ToArray());
        Assert.Equal([1f, 2f, 3f, 4f], Run(new ReduceSum { NoopWithEmptyAxes = true }, x, none).Floats.ToArray());
        Assert.Equal([1f, 2f, 3f, 4f], Run(new ReduceSum { NoopWithEmptyAxes = true }, x).Floats.ToArray());
        GradientCheck.Run((g, v) => g.Op(new ReduceMax { NoopWithEmptyAxes = true }, v[0]), [x]);
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.ReduceSum(v[0], [0, -2]), x));
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.ReduceSum(v[0], [2]), x));
    }

    [Fact]
    public void Reductions_of_nothing_are_the_neutral_elements()
    {
        NdArray x = NdArray.Create(ElementType.Float, 2, 0);
        float Of(ReduceOperator op) => Run((g, v) => g.Reduce(op, v[0], [1]), x).Floats[1];
        Assert.Equal([0f, 1f, float.NegativeInfinity, float.PositiveInfinity, float.NaN, 0f, float.NegativeInfinity],
            [Of(new ReduceSum()), Of(new ReduceProd()), Of(new ReduceMax()), Of(new ReduceMin()), Of(new ReduceMean()), Of(new ReduceL2()), Of(new ReduceLogSumExp())]);
        NdArray integers = NdArray.Create(ElementType.Int8, 0);
        Assert.Equal([-128L], Run(new ReduceMax(), integers).Integers.ToArray());
        Assert.Equal([127L], Run(new ReduceMin(), integers).Integers.ToArray());
        Assert.Equal([false], Run(new ReduceMax(), NdArray.Create(ElementType.Bool, 0)).Booleans.ToArray());
        Assert.Equal([true], Run(new ReduceMin(), NdArray.Create(ElementType.Bool, 0)).Booleans.ToArray());
    }

    [Fact]
    public void Integers_and_booleans_are_reduced_in_their_own_type()
    {
        NdArray x = new NdArray([3L, -4L, 5L, 12L], 2, 2).As(ElementType.Int32);
        long[] Of(ReduceOperator op) => Run((g, v) => g.Reduce(op, v[0], [1]), x).Integers.ToArray();
        Assert.Equal([-1L, 17L], Of(new ReduceSum()));
        Assert.Equal([0L, 8L], Of(new ReduceMean()));
        Assert.Equal([-12L, 60L], Of(new ReduceProd()));
        Assert.Equal([7L, 17L], Of(new ReduceL1()));
        Assert.Equal([5L, 13L], Of(new ReduceL2()));
        Assert.Equal([25L, 169L], Of(new ReduceSumSquare()));
        Assert.Equal([2L], Run(new ReduceLogSum(), NdArray.Vector(4L, 5L)).Integers.ToArray());
        Assert.Equal([12L], Run(new ReduceLogSumExp(), NdArray.Vector(3L, 12L)).Integers.ToArray());
        NdArray flags = new([true, false, false, false], 2, 2);
        Assert.Equal([true, false], Run((g, v) => g.ReduceMax(v[0], [1]), flags).Booleans.ToArray());
        Assert.Equal([false, false], Run((g, v) => g.ReduceMin(v[0], [0]), flags).Booleans.ToArray());
    }

    [Fact]
    public void Ties_share_the_gradient_of_an_extreme_and_zeros_do_not_spoil_a_product_or_a_norm()
    {
        Assert.Equal([0.5f, 0.5f, 0f], Slope((g, x) => g.ReduceMax(x[0], null), NdArray.Vector(2f, 2f, 1f)));
        Assert.Equal([0f, 6f, 0f], Slope((g, x) => g.Reduce(new ReduceProd(), x[0], null), NdArray.Vector(2f, 0f, 3f)));
        Assert.Equal([0f, 0f, 0f], Slope((g, x) => g.Reduce(new ReduceProd(), x[0], null), NdArray.Vector(0f, 0f, 3f)));
        Assert.Equal([0f, 0f], Slope((g, x) => g.Reduce(new ReduceL2(), x[0], null), NdArray.Vector(0f, 0f)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    public void Softmaxes_have_the_gradients_of_central_differences(int axis)
    {
        GradientCheck.Run((g, x) => g.Softmax(x[0], axis), [[3, 2, 4]], -2, 2);
        GradientCheck.Run((g, x) => g.LogSoftmax(x[0], axis), [[3, 2, 4]], -2, 2);
        NdArray y = Run((g, x) => g.ReduceSum(g.Exp(g.LogSoftmax(x[0], axis)), [axis]), GradientCheck.Random([3, 2, 4], -90, 90, 4));
        Assert.All(y.Floats.ToArray(), v => Assert.Equal(1, v, 1e-5));
    }

    [Fact]
    public void The_written_forms_of_the_softmax_gradients_compute_the_same()
    {
        foreach (Operator op in new Operator[] { new SoftmaxGradient { Axis = 1 }, new LogSoftmaxGradient { Axis = 1 } })
        {
            NdArray y = GradientCheck.Random([2, 3, 2], -1, 1, 1), d = GradientCheck.Random([2, 3, 2], -1, 1, 2);
            float[] fused = Run(op, y, d).Floats.ToArray();
            float[] written = Run((g, x) =>
            {
                g.Op(op, x);
                return op.Decompose(g, g.Build().Nodes[^1])![0];
            }, y, d).Floats.ToArray();
            for (int i = 0; i < fused.Length; i++) Assert.Equal(fused[i], written[i], 1e-5);
            GradientCheck.Run((g, x) => g.Op(op, x), [y, d]);
        }
    }

    [Fact]
    public void Arguments_of_extremes_take_the_first_or_last_of_ties_and_NaN_first_of_all()
    {
        NdArray x = new([1f, 3f, 3f, float.NaN, 5f, 1f], 2, 3);
        Assert.Equal([1L, 0L], Run(new ArgMax { Axis = 1 }, x).Integers.ToArray());
        Assert.Equal([2L, 0L], Run(new ArgMax { Axis = -1, TakesLast = true, KeepDims = false }, x).Integers.ToArray());
        Assert.Equal([1L], Run(new ArgMin { KeepDims = false }, NdArray.Vector(4L, -2L, -2L)).Integers.ToArray());
        Assert.Equal([0f, 1f, 0f, 1f, 0f, 0f], Run(new Hardmax { Axis = 1 }, x).Floats.ToArray());
        Assert.Equal([0f, 0f, 1f, 1f, 1f, 0f], Run(new Hardmax { Axis = 0 }, new([1f, 2f, 3f, 4f, 5f, 1f], 2, 3)).Floats.ToArray());
        Assert.Throws<ShapeMismatchException>(() => Run(new ArgMax(), NdArray.Create(ElementType.Float, 0)));
    }
}
