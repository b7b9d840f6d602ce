using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

/// <summary>Gradients of what moves elements. These are linear, so each result is squared: then second derivatives pass through the adjoints as well.</summary>
public sealed class MovementGradientTests
{
    private static NdArray Random(params int[] dims) => GradientCheck.Random(dims, -1, 1, 3 + dims.Length);

    private static void Check(Func<GraphBuilder, Value, Value> build, params int[] dims)
    {
        GradientCheck.Run((g, v) => Squared(g, build(g, v[0])), [Random(dims)]);
        CheckWritten(build, Random(dims));
    }

    private static Value Squared(GraphBuilder g, Value y) => g.Mul(y, y);

    /// <summary>The gradient gives the same numbers when it is written as standard ONNX and read again.</summary>
    private static void CheckWritten(Func<GraphBuilder, Value, Value> build, NdArray array)
    {
        var builder = new GraphBuilder();
        Value x = builder.Input("x", ElementType.Float, Shape.Of(array.Dims));
        Value y = Squared(builder, build(builder, x));
        Graph forward = builder.Build();
        GradientGraph gradient = Gradient.Of(forward, y, [x]);
        builder = new GraphBuilder(gradient.Graph);
        builder.ClearOutputs();
        builder.Output(gradient.Required(), "dx");
        Graph graph = builder.Build(prune: true);
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        Graph again = OnnxReader.Read(stream.ToArray()).Graph;
        Assert.DoesNotContain(again.Nodes, n => n.Operator.Domain.Length > 0);
        float[] expected = new Session(graph, 1).Run(array)[0].Floats.ToArray(), found = new Session(again, 1).Run(array)[0].Floats.ToArray();
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], 1e-5f);
    }

    [Fact]
    public void Reshape_family()
    {
        Check((g, x) => g.Reshape(x, 0, -1), 2, 3, 2);
        Check((g, x) => g.Reshape(x, -1, 4), 2, 3, 2);
        Check((g, x) => g.Flatten(x, -1), 2, 3, 2);
        Check((g, x) => g.Squeeze(x, 1, -1), 3, 1, 2, 1);
        Check((g, x) => g.Unsqueeze(x, 0, -1), 3, 2);
    }

    [Fact]
    public void Transpose_sends_back_by_the_inverse_permutation()
    {
        Check((g, x) => g.Mul(g.Transpose(x, 2, 0, 1), g.Constant(Random(4, 2, 3))), 2, 3, 4);
        Check((g, x) => g.Mul(g.Transpose(x), g.Constant(Random(4, 3, 2))), 2, 3, 4);
    }

    [Fact]
    public void Concat_sends_each_input_its_part() =>
        GradientCheck.Run((g, v) => Squared(g, g.Concat(-1, v)), [[2, 3, 2], [2, 3, 1], [2, 3, 4]]);

    [Fact]
    public void Concat_along_the_symbolic_axis()
    {
        GradientCheck.Run((g, v) => Squared(g, g.Concat(0, v)), [[2, 3], [4, 3]]);
        Check((g, x) => g.Concat(0, x, g.Constant(Random(1, 3)), g.Neg(x)), 2, 3);
    }

    [Fact]
    public void Split_with_parts_that_lead_nowhere()
    {
        Check((g, x) => g.Split(x, 1, 2, 1, 3)[1], 2, 6);
        Check((g, x) => { IReadOnlyList<Value> p = g.SplitEvenly(x, -1, 2); return g.Concat(1, p[1], g.Mul(p[0], p[0])); }, 2, 5);
        Check((g, x) => g.SplitEvenly(x, 0, 2)[0], 4, 2);
    }

    [Fact]
    public void Slice_forward_back_and_in_steps()
    {
        Check((g, x) => g.Slice(x, [1], [-1], [1]), 2, 5);
        Check((g, x) => g.Slice(x, [-1, 0], [long.MinValue, 4], [1, 0], [-2, 1]), 3, 5);
        Check((g, x) => g.Slice(x, [1], [3], [0]), 4, 2);
        Check((g, x) => g.Slice(x, g.Op(new ShapeOf { Start = 1, End = 2 }, x), g.Integers(100), g.Integers(0)), 5, 3);
    }

    [Fact]
    public void Slices_without_elements_send_zeros()
    {
        Check((g, x) => g.Concat(1, g.Slice(x, [3], [3], [1]), g.Slice(x, [0], [2], [1])), 2, 4);
    }

    [Fact]
    public void Gather_adds_up_where_an_index_comes_twice()
    {
        Check((g, x) => g.Gather(x, g.Constant(new NdArray([2L, 0, -1, 2], 2, 2)), 1), 2, 3, 2);
        Check((g, x) => g.Gather(x, g.Constant(NdArray.Scalar(1L)), -1), 2, 3);
        Check((g, x) => g.Gather(x, g.Integers(1, 1, 0)), 3, 2);
        Check((g, x) => g.Gather(x, g.Integers(), 1), 3, 2);
    }

    [Fact]
    public void Gather_and_scatter_by_elements()
    {
        var indices = new NdArray([0L, 2, -1, 0, 1, 0], 3, 2);
        Check((g, x) => g.GatherElements(x, g.Constant(indices), 0), 3, 3);
        var unique = new NdArray([2L, 0, -2, -1], 2, 2);
        GradientCheck.Run((g, v) => Squared(g, g.ScatterElements(v[0], g.Constant(unique), v[1], 1)), [[2, 4], [2, 2]], symbolic: false);
        GradientCheck.Run((g, v) => Squared(g, g.ScatterElements(v[0], g.Constant(indices), v[1], 0, ScatterMode.Add)), [[3, 3], [3, 2]]);
    }

    [Fact]
    public void Gather_and_scatter_by_tuples()
    {
        var indices = new NdArray([0L, -1, 2, 0, 0, 2], 3, 2);
        Check((g, x) => g.GatherND(x, g.Constant(indices)), 3, 3, 2);
        GradientCheck.Run((g, v) => Squared(g, g.ScatterND(v[0], g.Constant(indices), v[1], ScatterMode.Add)), [[3, 3, 2], [3, 2]]);
        var unique = new NdArray([1L, -3], 2, 1);
        GradientCheck.Run((g, v) => Squared(g, g.ScatterND(v[0], g.Constant(unique), v[1])), [[3, 2], [2, 2]]);
    }

    [Fact]
    public void Expand_and_tile_sum_over_the_repeats()
    {
        GradientCheck.Run((g, v) => Squared(g, g.Mul(g.Expand(v[0], g.Integers(2, 1, 1, 3)), g.Constant(Random(2, 2, 2, 3)))), [Random(2, 2, 1)]);
        Check((g, x) => g.Mul(g.Tile(x, 2, 1, 3), g.Constant(Random(4, 3, 6))), 2, 3, 2);
    }

    [Theory]
    [InlineData(PadMode.Constant)]
    [InlineData(PadMode.Reflect)]
    [InlineData(PadMode.Edge)]
    [InlineData(PadMode.Wrap)]
    public void Pad_in_every_mode(PadMode mode)
    {
        Check((g, x) => g.Mul(g.Pad(x, [0, 2, 1, 0], mode, 0.5f), g.Constant(Random(3, 6))), 2, 4);
        Check((g, x) => g.Pad(x, [0, -1, 0, 2], mode), 2, 4);
    }

    [Fact]
    public void Pad_sends_the_border_to_its_value() =>
        GradientCheck.Run((g, v) => Squared(g, g.Pad(v[0], g.Integers(1, 0, 0, 2), PadMode.Constant, v[1])), [Random(2, 3), NdArray.Scalar(0.3f)]);

    [Fact]
    public void Triangles_and_running_sums()
    {
        Check((g, x) => g.Trilu(x, upper: true, 1), 2, 3, 4);
        Check((g, x) => g.Trilu(x, upper: false, -1), 2, 3, 3);
        Check((g, x) => g.CumSum(x, 1, exclusive: true), 2, 4);
        Check((g, x) => g.CumSum(x, 0, reverse: true), 3, 2);
    }

    [Fact]
    public void The_two_values_of_one_hot_and_the_ends_of_a_range_have_gradients()
    {
        GradientCheck.Run((g, v) => g.Op(new OneHot { Axis = 1 }, g.Integers(1, -1, 7), g.Constant(NdArray.Scalar(3L)), v[0]), [new NdArray([0.3f, -1.2f], 2)], symbolic: false);
        GradientCheck.Run((g, v) => g.Range(v[0], g.Constant(2.9f), v[1]), [NdArray.Scalar(0.2f), NdArray.Scalar(0.7f)]);
        GradientCheck.Run((g, v) => g.Mul(g.Range(v[0], g.Constant(2.9f), v[1]), g.Range(v[0], g.Constant(2.9f), v[1])), [NdArray.Scalar(0.2f), NdArray.Scalar(0.7f)]);
    }
}
