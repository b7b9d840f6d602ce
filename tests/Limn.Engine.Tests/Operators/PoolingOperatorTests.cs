using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class PoolingOperatorTests
{
    private static readonly AutoPad[] Paddings = [AutoPad.NotSet, AutoPad.NotSet, AutoPad.SameUpper, AutoPad.SameLower, AutoPad.Valid];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void MaxPool_gradients_match_differences_of_any_window(int seed)
    {
        var (window, shape) = Random(seed);
        // Any two elements are further apart than a difference step moves them.
        float[] apart = [.. Enumerable.Range(0, NdArray.Count(shape)).Select(i => i * 0.05f)];
        new Random(seed).Shuffle(apart);
        GradientCheck.Run((g, v) => Squares(g, Finite(g, g.MaxPool(v[0], window))), [new NdArray(apart, shape)], second: seed % 3 == 0, symbolic: seed % 2 == 0);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void AveragePool_gradients_match_differences_of_any_window(int seed)
    {
        var (window, shape) = Random(seed);
        GradientCheck.Run((g, v) => Squares(g, g.AveragePool(v[0], window, seed % 2 == 0)), [shape], second: seed % 3 == 0);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void AveragePool_gradients_are_the_same_when_written_in_standard_operators(int seed)
    {
        var (window, shape) = Random(seed);
        foreach (bool known in (bool[])[true, false])
        {
            var g = new GraphBuilder();
            Value x = g.Input("x", ElementType.Float, known ? Shape.Of(shape) : Shape.OfRank(shape.Length));
            Value y = g.AveragePool(x, window, seed % 2 == 0);
            Graph forward = g.Build();
            var builder = new GraphBuilder(forward);
            builder.Output(Gradient.Of(builder, forward, y, [x], seed: builder.Mul(y, y)).Required(), "dx");
            ConvolutionOperatorTests.AssertWrittenTheSame(builder.Build(), GradientCheck.Random(shape, -1, 1, seed));
        }
    }

    [Fact]
    public void Global_poolings_have_gradients_of_any_rank()
    {
        foreach (int[] shape in (int[][])[[2, 3, 4], [2, 3, 2, 3], [2, 2, 2, 2, 2]])
        {
            GradientCheck.Run((g, v) => Squares(g, g.GlobalAveragePool(v[0])), [shape]);
            float[] apart = [.. Enumerable.Range(0, NdArray.Count(shape)).Select(i => i * 0.05f)];
            new Random(1).Shuffle(apart);
            GradientCheck.Run((g, v) => Squares(g, g.GlobalMaxPool(v[0])), [new NdArray(apart, shape)]);
        }
    }

    [Fact]
    public void The_first_of_equal_maxima_gets_the_gradient()
    {
        NdArray x = new([1f, 5, 5, 5, 2, 5], 1, 1, 2, 3);
        Assert.Equal([0, 2, 0, 0, 0, 0], GradientOf((g, v) => g.MaxPool(v, new SlidingWindow { Kernel = [2, 2] }), x));
        Assert.Equal([0, 1, 0, 0, 0, 0], GradientOf((g, v) => g.GlobalMaxPool(v), x));
    }

    [Fact]
    public void Overlapping_windows_with_one_maximum_add_their_gradients() =>
        Assert.Equal([0, 0, 3, 0, 0], GradientOf((g, v) => g.MaxPool(v, new SlidingWindow { Kernel = [3] }), new NdArray([1f, 2, 9, 4, 3], 1, 1, 5)));

    [Fact]
    public void A_window_wholly_in_the_padding_is_minus_infinity_and_sends_nothing()
    {
        // Taps three apart around one position: the windows at 0 and 2 miss it.
        var window = new SlidingWindow { Kernel = [2], Dilations = [3], Pads = [3, 2] };
        NdArray x = new([4f, 6], 1, 1, 2);
        Assert.Equal([0, 0], GradientOf((g, v) => g.MaxPool(v, window with { Dilations = [4], Pads = [2, 2], Strides = [2] }), x));
        Assert.True(GradientOf((g, v) => g.MaxPool(v, window), x).Sum() <= 4);
    }

    [Fact]
    public void Column_major_indices_count_the_last_axis_slowest()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1, 2, 2, 3]);
        foreach (Value output in g.Node(new MaxPool(new SlidingWindow { Kernel = [2, 3] }) { ColumnMajor = true }, [x], 2)) g.Output(output);
        NdArray[] results = new Session(g.Build()).Run(new NdArray([0f, 0, 9, 0, 0, 0, 0, 0, 0, 0, 9, 0], 1, 2, 2, 3));
        Assert.Equal([9, 9], results[0].Floats.ToArray());
        Assert.Equal([4, 9], results[1].Integers.ToArray());
    }

    [Fact]
    public void A_dropped_last_window_and_pads_beyond_the_window_are_told()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [1, 1, 2]);
        // Windows of one at 0 and 2 (rounded up) with padding 0: the second would start beyond the input.
        Assert.Equal([1, 1, 1], g.MaxPool(x, new SlidingWindow { Kernel = [1], Strides = [2], CeilMode = true }).Shape!.ToArray());
        Assert.Contains("less than the window's reach", Assert.Throws<ShapeMismatchException>(() => g.MaxPool(x, new SlidingWindow { Kernel = [2], Pads = [2, 0] })).Message, StringComparison.Ordinal);
        Assert.Contains("kernel_shape is missing", Assert.Throws<ShapeMismatchException>(() => g.MaxPool(x, new SlidingWindow())).Message, StringComparison.Ordinal);
    }

    private static Value Squares(GraphBuilder g, Value y) => g.Mul(y, y);

    /// <summary>Replaces the −∞ of windows that miss the input, which differences cannot handle.</summary>
    private static Value Finite(GraphBuilder g, Value y) => g.Where(g.Greater(y, g.Constant(-1e30f)), y, g.Constant(0f));

    private static float[] GradientOf(Func<GraphBuilder, Value, Value> build, NdArray x)
    {
        var g = new GraphBuilder();
        Value input = g.Input("x", ElementType.Float, Shape.Of(x.Dims));
        Value y = build(g, input);
        Graph graph = g.Build();
        GradientGraph gradient = Gradient.Of(graph, y, [input]);
        return new Session(gradient.Graph).Run(new Dictionary<Value, NdArray> { [input] = x }, [gradient.Required()])[0].Floats.ToArray();
    }

    private static (SlidingWindow Window, int[] Shape) Random(int seed)
    {
        var random = new Random(seed);
        int axes = 1 + seed % 3;
        var window = new SlidingWindow
        {
            Kernel = new long[axes], Strides = new long[axes], Dilations = new long[axes], Pads = new long[2 * axes],
            AutoPad = Paddings[random.Next(Paddings.Length)], CeilMode = random.Next(2) == 0,
        };
        var input = new int[axes];
        for (int i = 0; i < axes; i++)
        {
            window.Kernel[i] = 1 + random.Next(axes == 3 ? 2 : 3);
            window.Strides[i] = 1 + random.Next(3);
            window.Dilations[i] = 1 + random.Next(2);
            int reach = ((int)window.Kernel[i] - 1) * (int)window.Dilations[i] + 1;
            window.Pads[i] = random.Next(Math.Min(3, reach));
            window.Pads[axes + i] = random.Next(Math.Min(3, reach));
            input[i] = Math.Max(reach, 2 + random.Next(axes == 3 ? 3 : 5));
        }
        return (window, [2, 2, .. input]);
    }
}
