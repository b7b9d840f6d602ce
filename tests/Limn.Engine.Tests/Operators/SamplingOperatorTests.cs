using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

public class SamplingOperatorTests
{
    [Theory]
    [InlineData("linear", "zeros", 0)]
    [InlineData("linear", "border", 1)]
    [InlineData("linear", "reflection", 0)]
    [InlineData("cubic", "zeros", 1)]
    [InlineData("cubic", "reflection", 1)]
    public void Gradients_of_grid_sampling_match_central_differences(string mode, string padding, long corners)
    {
        NdArray grid = Between([2, 2, 2, 2], size: 4, corners != 0);
        GradientCheck.Run((g, x) => Import(g, "GridSample", 20, x, new() { ["mode"] = mode, ["padding_mode"] = padding, ["align_corners"] = corners })[0], [Random(1, 2, 2, 4, 4), grid]);
    }

    [Fact]
    public void Grid_sampling_works_in_three_dimensions_and_by_nearest_neighbours()
    {
        GradientCheck.Run((g, x) => Import(g, "GridSample", 20, x, [])[0], [Random(1, 1, 2, 3, 3, 3), Between([1, 1, 2, 2, 3], size: 3, corners: false)], second: false, symbolic: false);
        GradientCheck.Run((g, x) => Import(g, "GridSample", 16, [x[0], x[1]], new() { ["mode"] = "nearest", ["padding_mode"] = "border" })[0], [Random(1, 2, 2, 4, 4), Between([2, 2, 3, 2], size: 4, corners: false)], constant: [1]);
    }

    [Fact]
    public void Places_that_are_not_numbers_lie_outside()
    {
        NdArray x = new(new float[] { 1, 2, 3, 4 }, 1, 1, 2, 2), grid = new(new[] { float.NaN, 0, float.PositiveInfinity, 0, 0, 0 }, 1, 1, 3, 2);
        Assert.Equal([0f, 0, 2.5f], Sampled("zeros"));
        Assert.Equal([float.NaN, 3, 2.5f], Sampled("border"));
        Assert.Equal([float.NaN, float.NaN, 2.5f], Sampled("reflection"));

        float[] Sampled(string padding) => Run("GridSample", 20, [x, grid], new() { ["padding_mode"] = padding })[0].Floats.ToArray();
    }

    [Fact]
    public void Without_places_or_samples_there_is_nothing()
    {
        Assert.Equal([0, 1, 3, 2], Run("GridSample", 20, [NdArray.Create(ElementType.Float, 0, 1, 2, 2), NdArray.Create(ElementType.Float, 0, 3, 2, 2)])[0].Dims.ToArray());
        Assert.Equal([1, 1, 0, 2], Run("GridSample", 20, [Random(1, 1, 1, 2, 2), NdArray.Create(ElementType.Float, 1, 0, 2, 2)])[0].Dims.ToArray());
        Assert.Equal([0, 1, 2, 2], Run("RoiAlign", 16, [Random(1, 1, 1, 3, 3), NdArray.Create(ElementType.Float, 0, 4), NdArray.Create(ElementType.Int64, 0)], new() { ["output_height"] = 2L, ["output_width"] = 2L })[0].Dims.ToArray());
    }

    [Fact]
    public void What_sampling_is_made_of_can_be_written_forwards_and_backwards()
    {
        NdArray grid = Between([2, 2, 2, 2], size: 4, corners: false);
        CheckWritten((g, x) => { Value y = Import(g, "GridSample", 20, x, [])[0]; return g.Mul(y, y); }, Random(1, 2, 2, 4, 4), grid);
    }

    [Fact]
    public void The_unit_matrix_gives_the_grid_that_samples_every_element()
    {
        foreach (long corners in new[] { 0L, 1L })
        {
            NdArray x = Random(1, 2, 3, 4, 5), theta = new(new float[] { 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0 }, 2, 2, 3);
            NdArray grid = Run("AffineGrid", 20, [theta, NdArray.Vector(2L, 3, 4, 5)], new() { ["align_corners"] = corners })[0];
            Near(x.Floats, Run("GridSample", 20, [x, grid], new() { ["align_corners"] = corners })[0], 1e-5);
        }
        GradientCheck.Run((g, x) => Import(g, "AffineGrid", 20, [x[0], g.Integers(2, 1, 2, 3)])[0], [Random(1, 2, 2, 3)]);
    }

    [Fact]
    public void A_grid_on_an_axis_of_one_element_is_its_middle() =>
        Assert.Equal([0f, 0f], Run("AffineGrid", 20, [new NdArray(new float[] { 1, 0, 0, 0, 1, 0 }, 1, 2, 3), NdArray.Vector(1L, 1, 1, 1)], new() { ["align_corners"] = 1L })[0].Floats.ToArray());

    [Theory]
    [InlineData("avg", 2)]
    [InlineData("avg", 0)]
    [InlineData("max", 2)]
    public void Gradients_of_aligned_regions_match_central_differences(string mode, long ratio)
    {
        NdArray rois = new(new[] { 0.31f, 0.42f, 3.63f, 3.21f, 1.13f, 0.27f, 2.58f, 3.94f }, 2, 4);
        GradientCheck.Run((g, x) => Import(g, "RoiAlign", 16, [x[0], x[1], g.Integers(0, 1)], new() { ["mode"] = mode, ["sampling_ratio"] = ratio, ["output_height"] = 2L, ["output_width"] = 2L })[0],
            [GradientCheck.Random([2, 2, 5, 5], 0.5f, 2, 1), rois], second: mode == "avg", symbolic: ratio > 0);
    }

    [Fact]
    public void The_mean_over_a_region_of_a_constant_map_is_that_constant()
    {
        NdArray x = NdArray.Create(ElementType.Float, 1, 1, 6, 6);
        x.Floats.Fill(3);
        NdArray y = Run("RoiAlign", 10, [x, new NdArray(new float[] { 1, 1, 4, 4, 2, 0, 5, 3 }, 2, 4), NdArray.Vector(0L, 0L)], new() { ["output_height"] = 2L, ["output_width"] = 3L })[0];
        Assert.Equal([2, 1, 2, 3], y.Dims.ToArray());
        Near(Enumerable.Repeat(3f, 12).ToArray(), y);
    }

    [Fact]
    public void The_largest_of_each_bin_of_a_region()
    {
        NdArray x = new(Enumerable.Range(0, 50).Select(i => i * 7 % 25 * 0.1f + i / 25).ToArray(), 2, 1, 5, 5), rois = new(new[] { 0, 0, 0, 7.6f, 5.4f, 1, 2, 2, 20, 4, 0, 14, 14, 16, 16 }, 3, 5);
        Dictionary<string, object> attributes = new() { ["pooled_shape"] = new[] { 2L, 2 }, ["spatial_scale"] = 0.5f };
        NdArray y = Run("MaxRoiPool", 22, [x, rois], attributes)[0];
        Assert.Equal([3, 1, 2, 2], y.Dims.ToArray());
        // Rounded, the first is columns 0 to 4 and rows 0 to 3, the second columns 1 to 10 and rows 1 to 2 of the second map, the third is outside.
        float[] expected = [Max(0, 0, 2, 0, 3), Max(0, 0, 2, 2, 5), Max(0, 2, 4, 0, 3), Max(0, 2, 4, 2, 5), Max(1, 1, 2, 1, 5), 0, Max(1, 2, 3, 1, 5), 0, 0, 0, 0, 0];
        Near(expected, y);
        GradientCheck.Run((g, v) => Import(g, "MaxRoiPool", 22, [v[0], g.Constant(rois)], attributes)[0], [x], second: false, symbolic: false);

        float Max(int n, int top, int bottom, int left, int right)
        {
            float most = float.NegativeInfinity;
            for (int r = top; r < bottom; r++)
                for (int c = left; c < right; c++) most = Math.Max(most, x.Floats[n * 25 + r * 5 + c]);
            return most;
        }
    }

    [Fact]
    public void Without_offsets_a_deformable_convolution_is_a_convolution()
    {
        NdArray x = Random(1, 2, 4, 5, 5), w = Random(2, 4, 2, 3, 3), bias = Random(3, 4), offset = NdArray.Create(ElementType.Float, 2, 2 * 18, 3, 3);
        long[] pads = [1, 1, 1, 1], strides = [2, 2];
        NdArray got = Run("DeformConv", 19, [x, w, offset, bias], new() { ["pads"] = pads, ["strides"] = strides, ["group"] = 2L, ["offset_group"] = 2L })[0];
        NdArray expected = OperatorRunner.Run((g, v) => g.Conv(v[0], v[1], v[2], new SlidingWindow { Pads = pads, Strides = strides }, 2), x, w, bias);
        Assert.Equal(expected.Dims.ToArray(), got.Dims.ToArray());
        Near(expected.Floats, got);
    }

    [Fact]
    public void Gradients_of_deformable_convolutions_match_central_differences() =>
        GradientCheck.Run((g, x) => Import(g, "DeformConv", 19, x, new() { ["pads"] = new[] { 0L, 1, 0, 1 } })[0],
            [Random(1, 2, 2, 3, 3), Random(2, 2, 2, 2, 2), GradientCheck.Random([2, 8, 2, 4], 0.2f, 0.8f, 3), Random(4, 2), Random(5, 2, 4, 2, 4)], second: false, symbolic: false);

    [Fact]
    public void An_index_outside_is_an_error() =>
        Assert.ThrowsAny<LimnException>(() => OperatorRunner.Run(new WeightedGather(), Random(1, 1, 1, 2), new NdArray([2L], 1, 1, 1), Random(2, 1, 1, 1)));

    /// <summary>Places of a grid well between the elements of an axis, some of them outside.</summary>
    private static NdArray Between(int[] dims, int size, bool corners)
    {
        var random = new Random(5);
        NdArray grid = NdArray.Create(ElementType.Float, dims);
        foreach (ref float v in grid.Floats)
        {
            float at = random.Next(-1, size) + 0.2f + 0.2f * random.NextSingle();
            v = corners ? at * 2 / (size - 1) - 1 : (2 * at + 1) / size - 1;
        }
        return grid;
    }
}
