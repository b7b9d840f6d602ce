using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.OperatorRunner;

namespace Limn.Engine.Tests.Operators;

public class CastAndLogicOperatorTests
{
    [Fact]
    public void Casts_to_integers_truncate_and_keep_the_low_bits()
    {
        NdArray x = NdArray.Vector(-1.9f, 1.9f, 300f, float.NaN);
        Assert.Equal([-1L, 1L, 300L, 0L], Run(new Cast(ElementType.Int64), x).Integers.ToArray());
        Assert.Equal([255L, 1L, 44L, 0L], Run(new Cast(ElementType.UInt8), x).Integers.ToArray());
        Assert.Equal([-1L, -56L], Run(new Cast(ElementType.Int8), NdArray.Vector(255L, 200L)).Integers.ToArray());
        Assert.Equal([(1L << 32) - 1], Run(new Cast(ElementType.UInt32), NdArray.Vector(-1L)).Integers.ToArray());
        Assert.Equal([18446744073709551615f], Run(new Cast(ElementType.Float), Integers(ElementType.UInt64, -1)).Floats.ToArray());
        Assert.Equal([0L, 1L], Run(new Cast(ElementType.Int32), new NdArray([false, true], 2)).Integers.ToArray());
    }

    [Fact]
    public void Casts_to_floats_of_16_bits_round_to_the_nearest_even()
    {
        Assert.Equal([2048f, 2052f, float.PositiveInfinity, 0.333251953125f], Run(new Cast(ElementType.Float16), NdArray.Vector(2049f, 2051f, 70000f, 1f / 3)).Floats.ToArray());
        Assert.Equal([256f, 260f, 0.333984375f, float.NaN], Run(new Cast(ElementType.BFloat16), NdArray.Vector(257f, 259f, 1f / 3, float.NaN)).Floats.ToArray());
        Assert.Equal([2048f], Run(new Cast(ElementType.Float16), NdArray.Vector(2049L)).Floats.ToArray());
        Assert.Equal(Half.MaxValue, (Half)Run(new Cast(ElementType.Float16), GradientCheck.Random([600], 65504, 65504, 1)).Floats[599]);
    }

    [Fact]
    public void Casts_to_truth_values_ask_whether_an_element_differs_from_zero()
    {
        Assert.Equal([false, false, true, true], Run(new Cast(ElementType.Bool), NdArray.Vector(0f, -0f, 0.1f, float.NaN)).Booleans.ToArray());
        Assert.Equal([false, true], Run(new Cast(ElementType.Bool), NdArray.Vector(0L, -3L)).Booleans.ToArray());
        Assert.Equal([0f, 1f], Run(new Cast(ElementType.Double), new NdArray([false, true], 2)).Floats.ToArray());
    }

    [Fact]
    public void The_gradient_passes_a_cast_from_float_to_float_in_the_type_of_its_input()
    {
        Assert.Equal([2f], Slope((g, x) => g.Scale(g.Cast(x[0], ElementType.Double), 2), NdArray.Vector(3f)));
        var graph = new GraphBuilder();
        Value x = graph.Input("x", ElementType.Float, [1]);
        Assert.Same(x, graph.Cast(x, ElementType.Float));
    }

    [Fact]
    public void Comparisons_broadcast_and_are_false_for_NaN()
    {
        NdArray a = new([1f, 2f, float.NaN], 3, 1), b = NdArray.Vector(1f, 2f);
        Assert.Equal([true, false, false, true, false, false], Run(new Equal(), a, b).Booleans.ToArray());
        Assert.Equal([false, false, true, false, false, false], Run(new Greater(), a, b).Booleans.ToArray());
        Assert.Equal([false, true, false, false, false, false], Run(new Less(), a, b).Booleans.ToArray());
        Assert.Equal([true, false, true, true, false, false], Run(new GreaterOrEqual(), a, b).Booleans.ToArray());
        Assert.Equal([true, true, false, true, false, false], Run(new LessOrEqual(), a, b).Booleans.ToArray());
        Assert.Equal([true, false], Run(new Equal(), new NdArray([true, false], 2), new NdArray([true], 1)).Booleans.ToArray());
        Assert.Equal([false, true], Run(new Less(), NdArray.Vector(5L, -1L), NdArray.Vector(0L)).Booleans.ToArray());
    }

    [Fact]
    public void Truth_values_combine()
    {
        NdArray a = new([true, true, false, false], 2, 2), b = new([true, false], 2);
        Assert.Equal([true, false, false, false], Run(new And(), a, b).Booleans.ToArray());
        Assert.Equal([true, true, true, false], Run(new Or(), a, b).Booleans.ToArray());
        Assert.Equal([false, true, true, false], Run(new Xor(), a, b).Booleans.ToArray());
        Assert.Equal([false, true], Run(new Not(), b).Booleans.ToArray());
        Assert.Throws<ShapeMismatchException>(() => Run(new And(), a, NdArray.Vector(1L, 2L)));
    }

    [Fact]
    public void Infinities_and_NaN_are_told_apart()
    {
        NdArray x = NdArray.Vector(1f, float.NaN, float.PositiveInfinity, float.NegativeInfinity);
        Assert.Equal([false, true, false, false], Run(new IsNaN(), x).Booleans.ToArray());
        Assert.Equal([false, false, true, true], Run(new IsInf(), x).Booleans.ToArray());
        Assert.Equal([false, false, false, true], Run(new IsInf { Positive = false }, x).Booleans.ToArray());
        Assert.Equal([false, false, true, false], Run(new IsInf { Negative = false }, x).Booleans.ToArray());
        Assert.Equal([false, false, false, false], Run(new IsInf { Positive = false, Negative = false }, x).Booleans.ToArray());
    }

    [Fact]
    public void Where_chooses_in_every_storage()
    {
        NdArray condition = new([true, false], 2, 1);
        Assert.Equal([1f, 2f, 9f, 9f], Run(new Where(), condition, NdArray.Vector(1f, 2f), NdArray.Scalar(9f)).Floats.ToArray());
        Assert.Equal([1L, 2L, 9L, 9L], Run(new Where(), condition, NdArray.Vector(1L, 2L), NdArray.Scalar(9L)).Integers.ToArray());
        Assert.Equal([true, false, true, true], Run(new Where(), condition, new NdArray([true, false], 2), NdArray.Scalar(true)).Booleans.ToArray());
    }
}
