using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.OperatorRunner;

namespace Limn.Engine.Tests.Operators;

public sealed class TopKOperatorTests
{
    [Theory]
    [InlineData(true, new[] { 5f, 5f, 3f }, new[] { 1L, 3L, 0L })]
    [InlineData(false, new[] { -1f, 2f, 3f }, new[] { 4L, 2L, 0L })]
    public void The_best_come_first_and_of_equals_the_first(bool largest, float[] values, long[] places)
    {
        var x = new NdArray([3f, 5f, 2f, 5f, -1f], 1, 5);
        Assert.Equal(values, Run((g, v) => g.TopK(v[0], 3, 1, largest).Values, x).Floats.ToArray());
        Assert.Equal(places, Run((g, v) => g.TopK(v[0], 3, 1, largest).Indices, x).Integers.ToArray());
    }

    [Fact]
    public void It_runs_along_any_axis_and_nan_is_the_largest()
    {
        var x = new NdArray([1f, 6f, 5f, float.NaN, 3f, 4f], 3, 2);
        NdArray best = Run((g, v) => g.TopK(v[0], 2, 0).Values, x);
        Assert.Equal([2, 2], best.Dims.ToArray());
        Assert.Equal([5f, float.NaN, 3f, 6f], best.Floats.ToArray());
        Assert.Equal([3L, 1L], Run((g, v) => g.TopK(v[0], 2, 0).Values, new NdArray([1L, 3L], 2)).Integers.ToArray());
        Assert.Empty(Run((g, v) => g.TopK(v[0], 0, 0).Values, x).Floats.ToArray());
        Assert.Throws<ShapeMismatchException>(() => Run((g, v) => g.TopK(v[0], 4, 0).Values, x));
    }

    [Fact]
    public void The_gradient_goes_to_the_chosen() =>
        Assert.Equal([0f, 1f, 0f, 1f, 0f], Slope((g, v) => g.TopK(v[0], 2, 1).Values, new NdArray([3f, 5f, 2f, 5f, -1f], 1, 5)));

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    [InlineData(50)]
    [InlineData(98)]
    [InlineData(100)]
    public void A_percentile_of_rows_is_written_as_standard_operators(double percentile)
    {
        NdArray x = NdArray.Create(ElementType.Float, 2, 3, 5);
        new CounterRandom(4).FillNormal(x.Floats);
        var g = new GraphBuilder();
        g.Output(g.RowPercentile(g.Input("x", ElementType.Float, [Dim.Named("batch"), 3, 5]), percentile), "y");
        using var file = new MemoryStream();
        OnnxWriter.Write(g.Build(), file);
        Graph read = OnnxReader.Read(file.ToArray()).Graph;
        Assert.All(read.Nodes, n => Assert.Equal("", n.Operator.Domain));
        NdArray expected = new Session(g.Build()).Run(x)[0], got = new Session(read).Run(x)[0];
        Assert.Equal(expected.Dims.ToArray(), got.Dims.ToArray());
        Assert.Equal(expected.Floats.ToArray(), got.Floats.ToArray());
    }
}
