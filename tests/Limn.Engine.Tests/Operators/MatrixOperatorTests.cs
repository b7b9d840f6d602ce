using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class MatrixOperatorTests
{
    public static TheoryData<int[], int[]> Operands => new()
    {
        { [3, 4], [4, 2] },
        { [4], [4] },
        { [4], [4, 2] },
        { [3, 4], [4] },
        { [4], [2, 4, 3] },
        { [2, 3, 4], [4] },
        { [2, 3, 4], [4, 2] },
        { [3, 4], [2, 4, 2] },
        { [2, 3, 4], [2, 4, 2] },
        { [2, 1, 3, 4], [3, 4, 2] },
        { [1, 3, 4], [2, 4, 2] },
        { [2, 3, 4], [1, 4, 2] },
    };

    [Theory]
    [MemberData(nameof(Operands))]
    public void MatMul_and_its_gradients_follow_numpy(int[] a, int[] b)
    {
        NdArray left = Random(a, 1), right = Random(b, 2), product = Run(g => (x => g.MatMul(x[0], x[1])), left, right);
        int[] a2 = a.Length == 1 ? [1, a[0]] : a, b2 = b.Length == 1 ? [b[0], 1] : b;
        int m = a2[^2], k = a2[^1], n = b2[^1], batches = product.Length / (m * n);
        int countA = left.Length / (m * k), countB = right.Length / (k * n);
        for (int i = 0; i < batches; i++)
        {
            // In the cases here a stack either repeats as a whole or each of its matrices repeats for the innermost axis.
            int ia = a.Length == 4 ? i / 3 : i % countA, ib = i % countB;
            for (int r = 0; r < m; r++)
            {
                for (int c = 0; c < n; c++)
                {
                    double sum = 0;
                    for (int d = 0; d < k; d++) sum += (double)left.Floats[(ia * m + r) * k + d] * right.Floats[(ib * k + d) * n + c];
                    Assert.Equal(sum, product.Floats[(i * m + r) * n + c], 1e-5);
                }
            }
        }
        GradientCheck.Run((g, v) => g.MatMul(v[0], v[1]), [left, right], symbolic: false);
        if (a.Length > 2 && b.Length < 3) GradientCheck.Run((g, v) => g.MatMul(v[0], v[1]), [left, right], second: false, symbolic: true, constant: [1]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Transposed_products_equal_products_of_transposes_and_have_gradients(bool transA, bool transB)
    {
        foreach (int[] stack in (int[][])[[], [2], [2, 2]])
        {
            NdArray a = Random([.. stack, .. transA ? [4, 3] : (int[])[3, 4]], 1), b = Random(transB ? [2, 4] : [4, 2], 2);
            NdArray together = Run(g => (x => g.MatMul(x[0], x[1], transA, transB)), a, b);
            NdArray apart = Run(g => (x => g.MatMul(Turn(g, x[0], transA), Turn(g, x[1], transB))), a, b);
            Assert.Equal(apart.Dims.ToArray(), together.Dims.ToArray());
            for (int i = 0; i < apart.Length; i++) Assert.Equal(apart.Floats[i], together.Floats[i], 1e-5f);
            GradientCheck.Run((g, v) => g.MatMul(v[0], v[1], transA, transB), [a, b], symbolic: false);

            var builder = new GraphBuilder();
            Value x = builder.Input("x", ElementType.Float, Shape.Of(a.Dims)), w = builder.Input("w", ElementType.Float, Shape.Of(b.Dims));
            builder.Output(builder.MatMul(x, w, transA, transB), "y");
            ConvolutionOperatorTests.AssertWrittenTheSame(builder.Build(), a, b);
        }

        static Value Turn(GraphBuilder g, Value x, bool turn) => turn ? g.Transpose(x, [.. Enumerable.Range(0, x.Rank - 2), x.Rank - 1, x.Rank - 2]) : x;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Gemm_adds_C_of_any_shape_that_broadcasts_and_has_gradients(bool transA, bool transB)
    {
        NdArray a = Random(transA ? [4, 3] : [3, 4], 1), b = Random(transB ? [2, 4] : [4, 2], 2);
        foreach (int[] shape in (int[][])[[3, 2], [1, 2], [3, 1], [2], [1], []])
        {
            NdArray c = Random(shape, 3);
            NdArray y = Run(g => (x => g.Gemm(x[0], x[1], x[2], 0.5f, 2, transA, transB)), a, b, c);
            for (int i = 0; i < 3; i++)
            {
                for (int j = 0; j < 2; j++)
                {
                    double sum = 0;
                    for (int d = 0; d < 4; d++) sum += a.Floats[transA ? d * 3 + i : i * 4 + d] * b.Floats[transB ? j * 4 + d : d * 2 + j];
                    int at = (c.Rank == 2 && shape[0] > 1 ? i * shape[1] : 0) + (c.Rank > 0 && shape[^1] > 1 ? j : 0);
                    Assert.Equal(0.5 * sum + 2 * c.Floats[at], y.Floats[i * 2 + j], 1e-5);
                }
            }
            GradientCheck.Run((g, v) => g.Gemm(v[0], v[1], v[2], 0.5f, 2, transA, transB), [a, b, c], symbolic: shape.Length == 0 && !transA);
        }
    }

    [Fact]
    public void Integers_are_multiplied_as_integers()
    {
        NdArray a = new(new long[] { 1, 2, 3, 4 }, 2, 2), b = new(new long[] { 5, 6, 7, 1L << 40 }, 2, 2);
        Assert.Equal([19, 6 + (2L << 40), 43, 18 + (4L << 40)], Run(g => (x => g.MatMul(x[0], x[1])), a, b).Integers.ToArray());
        NdArray d = new(new long[] { 5, 6, 7, 8 }, 2, 2);
        Assert.Equal([48, 61, 72, 89], Run(g => (x => g.Gemm(x[0], x[1], x[2], 2, 1, true)), a, d, NdArray.Vector(-4, 1)).Integers.ToArray());
    }

    [Fact]
    public void A_product_over_no_terms_is_zero()
    {
        NdArray y = Run(g => (x => g.MatMul(x[0], x[1])), NdArray.Create(ElementType.Float, 2, 0), NdArray.Create(ElementType.Float, 0, 3));
        Assert.Equal([2, 3], y.Dims.ToArray());
        Assert.All(y.Floats.ToArray(), v => Assert.Equal(0, v));
        Assert.Equal([0, 3], Run(g => (x => g.MatMul(x[0], x[1])), NdArray.Create(ElementType.Float, 0, 2), Random([2, 3], 1)).Dims.ToArray());
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_named()
    {
        var g = new GraphBuilder();
        Value a = g.Input("a", ElementType.Float, [2, 3]), b = g.Input("b", ElementType.Float, [4, 2]), s = g.Input("s", ElementType.Float, Shape.Scalar);
        Assert.Contains("3 columns on the left meet 4 rows", Assert.Throws<ShapeMismatchException>(() => g.MatMul(a, b)).Message, StringComparison.Ordinal);
        Assert.Contains("scalars", Assert.Throws<ShapeMismatchException>(() => g.MatMul(a, s)).Message, StringComparison.Ordinal);
        Assert.Contains("3 columns meet 4 rows", Assert.Throws<ShapeMismatchException>(() => g.Gemm(a, b)).Message, StringComparison.Ordinal);
        Assert.Contains("does not broadcast", Assert.Throws<ShapeMismatchException>(() => g.Gemm(b, a, g.Constant(Random([2, 4, 3], 1)))).Message, StringComparison.Ordinal);
    }

    private static NdArray Run(Func<GraphBuilder, Func<Value[], Value>> build, params NdArray[] inputs)
    {
        var g = new GraphBuilder();
        Value[] places = [.. inputs.Select((x, i) => g.Input($"x{i}", x.Type, Shape.Of(x.Dims)))];
        g.Output(build(g)(places), "y");
        return new Session(g.Build()).Run(inputs)[0];
    }

    private static NdArray Random(int[] dims, int seed) => GradientCheck.Random(dims, -1, 1, seed);
}
