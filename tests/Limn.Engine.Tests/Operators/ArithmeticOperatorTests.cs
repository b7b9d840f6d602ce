using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.OperatorRunner;

namespace Limn.Engine.Tests.Operators;

public class ArithmeticOperatorTests
{
    private static readonly int[][] Broadcasting = [[2, 3], [3]];

    public static TheoryData<string, Func<GraphBuilder, Value[], Value>> Binary => new()
    {
        { "add", (g, x) => g.Add(x[0], x[1]) },
        { "sub", (g, x) => g.Sub(x[0], x[1]) },
        { "mul", (g, x) => g.Mul(x[0], x[1]) },
        { "div", (g, x) => g.Div(x[0], x[1]) },
        { "pow", (g, x) => g.Pow(x[0], x[1]) },
        { "remainder", (g, x) => g.Op(new Mod { TruncatesQuotient = true }, g.Scale(x[0], 3), x[1]) },
        { "sum", (g, x) => g.Sum(x[0], g.Mul(x[0], x[1]), x[0]) },
        { "mean", (g, x) => g.Mean(x[0], g.Mul(x[1], x[1])) },
        { "max", (g, x) => g.Max(g.Mul(x[0], x[0]), g.Scale(x[1], 1.3f), g.Scale(x[0], 0.9f)) },
        { "min", (g, x) => g.Min(g.Mul(x[0], x[0]), g.Scale(x[1], 1.3f)) },
        { "where", (g, x) => g.Where(g.Constant(new NdArray([true, false], 2, 1)), g.Mul(x[0], x[0]), g.Mul(x[1], x[1])) },
    };

    [Theory]
    [MemberData(nameof(Binary))]
    public void Gradients_match_central_differences_where_inputs_broadcast(string name, Func<GraphBuilder, Value[], Value> build)
    {
        GradientCheck.Run(build, Broadcasting, 0.6f, 1.4f, seed: 3, symbolic: name != "where");
        GradientCheck.Run(build, [[2, 1], [2, 1]], 0.6f, 1.4f, seed: 4);
    }

    [Theory]
    [InlineData(0.5f)]
    [InlineData(-1f)]
    [InlineData(1f)]
    [InlineData(2f)]
    [InlineData(3f)]
    [InlineData(2.7f)]
    public void A_constant_power_has_the_gradient_of_central_differences(float exponent) =>
        GradientCheck.Run((g, x) => g.Pow(x[0], exponent), [[2, 3]], 0.6f, 1.4f);

    [Fact]
    public void A_power_of_zero_or_of_a_zero_exponent_has_no_NaN_in_its_gradients()
    {
        NdArray x = NdArray.Vector(0f, 0f, 0f, -2f), p = NdArray.Vector(0f, 1f, 2f, 2f);
        Assert.Equal([0f, 1f, 0f, -4f], Slope((g, v) => g.Pow(v[0], v[1]), x, p));
        Assert.Equal([0f, 0f, 0f], Slope((g, v) => g.Pow(v[1], v[0]), NdArray.Vector(0f, 1f, 2f), NdArray.Vector(0f, 0f, 0f)));
        Assert.Equal([0f, 0f, 0f, 0f], Slope((g, v) => g.Pow(v[0], 0f), x));
    }

    [Fact]
    public void Powers_mix_integers_and_floats_in_the_type_of_the_base()
    {
        NdArray broken = Run(new Pow(), Integers(ElementType.Int32, 4, 9, 3), NdArray.Vector(0.5f, 1.5f, -1f));
        Assert.Equal(ElementType.Int32, broken.Type);
        Assert.Equal([2L, 27L, 0L], broken.Integers.ToArray());
        Assert.Equal([8f, 0.25f], Run(new Pow(), NdArray.Vector(2f, 2f), NdArray.Vector(3L, -2L)).Floats.ToArray());
    }

    [Fact]
    public void Integers_wrap_around_at_the_ends_of_their_type()
    {
        Assert.Equal([44L], Run(new Add(), Integers(ElementType.UInt8, 200), Integers(ElementType.UInt8, 100)).Integers.ToArray());
        Assert.Equal([254L], Run(new Sub(), Integers(ElementType.UInt8, 1), Integers(ElementType.UInt8, 3)).Integers.ToArray());
        Assert.Equal([-128L], Run(new Neg(), Integers(ElementType.Int8, -128)).Integers.ToArray());
        Assert.Equal([-2L, 0L], Run(new Div(), Integers(ElementType.Int64, -7, 1), Integers(ElementType.Int64, 3, 2)).Integers.ToArray());
        Assert.Throws<InvalidDataException>(() => Run(new Div(), Integers(ElementType.Int64, 1), Integers(ElementType.Int64, 0)));
    }

    [Fact]
    public void Remainders_have_the_sign_of_the_divisor_or_of_the_dividend()
    {
        NdArray a = NdArray.Vector(-7L, 7L), b = NdArray.Vector(3L, -3L);
        Assert.Equal([2L, -2L], Run(new Mod(), a, b).Integers.ToArray());
        Assert.Equal([-1L, 1L], Run(new Mod { TruncatesQuotient = true }, a, b).Integers.ToArray());
        Assert.Equal([-1f, 1f], Run(new Mod { TruncatesQuotient = true }, NdArray.Vector(-7f, 7f), NdArray.Vector(3f, -3f)).Floats.ToArray());
    }

    [Fact]
    public void Ties_of_max_and_min_share_the_gradient_evenly()
    {
        Assert.Equal([0.5f, 1f, 0f], Slope((g, x) => g.Max(x[0], x[1]), NdArray.Vector(1f, 2f, 0f), NdArray.Vector(1f, 1f, 1f)));
        Assert.Equal([0.5f, 0f, 1f], Slope((g, x) => g.Min(x[0], x[1]), NdArray.Vector(1f, 2f, 0f), NdArray.Vector(1f, 1f, 1f)));
    }

    [Fact]
    public void A_sum_of_the_same_value_several_times_is_right_in_place()
    {
        Assert.Equal([6f, -9f], Run((g, x) => Sum3(g, g.Neg(g.Neg(x[0]))), NdArray.Vector(2f, -3f)).Floats.ToArray());
        Assert.Equal([4f, 5f, 6f], Run((g, x) => g.Sum(x[0], x[1], x[0]), NdArray.Vector(1f), NdArray.Vector(2f, 3f, 4f)).Floats.ToArray());
        Assert.Equal([3L], Run(new Max(), NdArray.Vector(3L)).Integers.ToArray());

        static Value Sum3(GraphBuilder g, Value v) => g.Neg(g.Neg(g.Sum(v, v, v)));
    }

    [Fact]
    public void NaN_passes_through_and_empty_stays_empty()
    {
        NdArray x = NdArray.Vector(float.NaN, 1f), y = NdArray.Vector(1f, float.NaN);
        foreach (Operator op in new Operator[] { new Add(), new Mul(), new Max(), new Min(), new Sum(), new Mean() })
        {
            Assert.All(Run(op, x, y).Floats.ToArray(), v => Assert.True(float.IsNaN(v), op.Name));
            Assert.Equal([0, 2], Run(op, NdArray.Create(ElementType.Float, 0, 1), x).Dims.ToArray());
        }
    }

    [Fact]
    public void Types_that_do_not_fit_are_named_in_the_error()
    {
        var error = Assert.Throws<ShapeMismatchException>(() => Run(new Add(), NdArray.Vector(1f), NdArray.Vector(1L)));
        Assert.Contains("Float and Int64", error.Message, StringComparison.Ordinal);
        Assert.Throws<ShapeMismatchException>(() => Run(new Sqrt(), NdArray.Vector(1L)));
        Assert.Throws<ShapeMismatchException>(() => Run(new Add(), new NdArray([true], 1), new NdArray([true], 1)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_written_form_of_a_sum_to_a_shape_is_the_same_for_known_and_symbolic_shapes(bool symbolic)
    {
        foreach (int[] like in new int[][] { [], [1], [3], [2, 1], [2, 3], [4, 1, 1] })
        {
            NdArray x = GradientCheck.Random([4, 2, 3], -1, 1, 5), to = NdArray.Create(ElementType.Float, like);
            var graph = new GraphBuilder();
            Shape Declared(NdArray a, string symbol) => symbolic ? Shape.Of([.. Enumerable.Range(0, a.Rank).Select(i => Dim.Named($"{symbol}{i}"))]) : Shape.Of(a.Dims);
            Value a = graph.Input("x", ElementType.Float, Declared(x, "x")), b = graph.Input("like", ElementType.Float, Declared(to, "l"));
            graph.Output(graph.SumTo(a, b));
            Node node = Assert.Single(graph.Build().Nodes);
            graph.Output(node.Operator.Decompose(graph, node)![0]);
            NdArray[] got = new Limn.Engine.Execution.Session(graph.Build(), 1).Run(x, to);
            Assert.Equal(like, got[0].Dims.ToArray());
            Assert.Equal(like, got[1].Dims.ToArray());
            Assert.Equal(got[0].Floats.ToArray(), got[1].Floats.ToArray());
            Assert.Equal(x.Floats.ToArray().Sum(v => (double)v), got[0].Floats.ToArray().Sum(v => (double)v), 5);
        }
        GradientCheck.Run((g, v) => g.SumTo(g.Mul(v[0], v[0]), v[1]), [GradientCheck.Random([2, 3], -1, 1, 6), GradientCheck.Random([3], -1, 1, 7)], constant: [1]);
    }
}
