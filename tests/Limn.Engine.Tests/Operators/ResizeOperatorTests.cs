using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

public class ResizeOperatorTests
{
    public static TheoryData<ResizeMode, ResizeCoordinates, bool> Cases()
    {
        var cases = new TheoryData<ResizeMode, ResizeCoordinates, bool>();
        foreach (ResizeMode mode in Enum.GetValues<ResizeMode>())
            foreach (ResizeCoordinates coordinates in Enum.GetValues<ResizeCoordinates>())
                if (coordinates != ResizeCoordinates.TfCropAndResize) cases.Add(mode, coordinates, coordinates == ResizeCoordinates.HalfPixel && mode != ResizeMode.Nearest);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_gradient_is_the_adjoint_and_can_be_written(ResizeMode mode, ResizeCoordinates coordinates, bool antialias)
    {
        var geometry = new ResizeGeometry { Mode = mode, Coordinates = coordinates, Antialias = antialias, ExcludeOutside = mode == ResizeMode.Cubic };
        Value Build(GraphBuilder g, Value[] x) => g.Resize(x[0], [1, 1, 1.7f, 0.6f], geometry);
        GradientCheck.Run(Build, [Random(1, 2, 1, 3, 5)], second: false);
        CheckWritten((g, x) => g.Mul(Build(g, x), Build(g, x)), Random(1, 2, 1, 3, 5));
    }

    [Fact]
    public void Second_derivatives_and_symbolic_lengths_work_as_well()
    {
        var geometry = new ResizeGeometry { Mode = ResizeMode.Linear };
        GradientCheck.Run((g, x) => { Value y = g.Resize(x[0], [2, 1, 1.5f], geometry); return g.Mul(y, y); }, [Random(1, 2, 2, 4)]);
        GradientCheck.Run((g, x) => Import(g, "Resize", 18, [x[0], null, null, g.Integers(3)], new() { ["axes"] = new[] { -1L }, ["mode"] = "cubic" })[0], [Random(1, 2, 2, 4)]);
    }

    [Fact]
    public void A_region_of_interest_is_cut_out_and_what_is_outside_has_one_value()
    {
        NdArray x = new(new float[] { 1, 2, 3, 4 }, 4), roi = NdArray.Vector(0f, 2f);
        Value Build(GraphBuilder g, Value[] v) => Import(g, "Resize", 13, [v[0], g.Constant(roi), null, g.Integers(3)],
            new() { ["mode"] = "linear", ["coordinate_transformation_mode"] = "tf_crop_and_resize", ["extrapolation_value"] = 9f })[0];
        Assert.Equal([1f, 4f, 9f], OperatorRunner.Run(Build, x).Floats.ToArray());
        Assert.Equal([1f, 0f, 0f, 1f], OperatorRunner.Slope(Build, x));
        CheckWritten(Build, x);
    }

    [Fact]
    public void Linear_is_the_weighted_mean_of_two_neighbours()
    {
        NdArray x = new(new float[] { 0, 10, 30 }, 3);
        float[] y = OperatorRunner.Run((g, v) => g.Resize(v[0], [2], new ResizeGeometry { Mode = ResizeMode.Linear }), x).Floats.ToArray();
        Assert.Equal([0f, 2.5f, 7.5f, 15f, 25f, 30f], y);
    }

    [Fact]
    public void Any_elements_can_be_repeated_but_only_floats_be_mixed()
    {
        var twice = new ResizeGeometry { Coordinates = ResizeCoordinates.Asymmetric, Nearest = NearestMode.Floor };
        Assert.Equal([1L, 1, 2, 2], OperatorRunner.Run((g, v) => g.Resize(v[0], [2], twice), NdArray.Vector(1L, 2L)).Integers.ToArray());
        Assert.Equal([true, true, false, false], OperatorRunner.Run((g, v) => g.Resize(v[0], [2], twice), new NdArray(new[] { true, false }, 2)).Booleans.ToArray());
        Assert.Throws<ShapeMismatchException>(() => OperatorRunner.Run((g, v) => g.Resize(v[0], [2], twice with { Mode = ResizeMode.Linear }), NdArray.Vector(1L, 2L)));
    }

    [Fact]
    public void Old_versions_round_down_where_an_axis_grows_and_up_where_it_shrinks()
    {
        NdArray x = new(new float[] { 1, 2, 3, 4, 5, 6, 7, 8 }, 2, 4);
        NdArray scales = NdArray.Vector(1.5f, 0.6f);
        foreach (int[] constant in new int[][] { [], [1] })
            Assert.Equal([1f, 3f, 1f, 3f, 5f, 7f], Run("Resize", 10, [x, scales], new() { ["mode"] = "nearest" }, constant: constant)[0].Floats.ToArray());
        Assert.Equal([1f, 1f, 2f, 2f], Run("Upsample", 7, [NdArray.Vector(1f, 2f)], new() { ["scales"] = new[] { 2f } })[0].Floats.ToArray());
        Assert.Equal([1f, 1.5f, 2f, 2f], Run("Upsample", 9, [NdArray.Vector(1f, 2f), NdArray.Vector(2f)], new() { ["mode"] = "linear" })[0].Floats.ToArray());
    }

    [Fact]
    public void The_nearest_of_old_tensorflow_exports_is_half_a_pixel_further()
    {
        NdArray x = new(Enumerable.Range(0, 5).Select(i => (float)i).ToArray(), 5);
        foreach (float scale in new[] { 0.6f, 1.7f, 2 })
            foreach (string mode in new[] { "floor", "round_prefer_floor" })
            {
                float[] y = Run("Resize", 11, [x, NdArray.Vector(Array.Empty<float>()), NdArray.Vector(scale)], new() { ["coordinate_transformation_mode"] = "tf_half_pixel_for_nn", ["nearest_mode"] = mode })[0].Floats.ToArray();
                for (int i = 0; i < y.Length; i++) Assert.Equal(Math.Clamp(mode == "floor" ? Math.Floor((i + 0.5) / scale) : Math.Ceiling((i + 0.5) / scale - 0.5), 0, 4), y[i]);
            }
        Assert.Throws<UnsupportedOperatorException>(() => Run("Resize", 11, [x, null, NdArray.Vector(2f)], new() { ["coordinate_transformation_mode"] = "tf_half_pixel_for_nn", ["nearest_mode"] = "ceil" }));
    }

    [Fact]
    public void Proportions_are_kept_by_the_policies()
    {
        NdArray x = Random(1, 3, 5);
        Dictionary<string, object> With(string policy) => new() { ["keep_aspect_ratio_policy"] = policy, ["mode"] = "linear" };
        Assert.Equal([4, 7], Run("Resize", 18, [x, null, null, NdArray.Vector(4L, 20L)], With("not_larger"))[0].Dims.ToArray());
        Assert.Equal([12, 20], Run("Resize", 18, [x, null, null, NdArray.Vector(4L, 20L)], With("not_smaller"))[0].Dims.ToArray());
    }

    [Fact]
    public void Empty_tensors_and_scales_that_are_not_positive_are_met()
    {
        var linear = new ResizeGeometry { Mode = ResizeMode.Linear };
        Assert.Equal([0, 4], OperatorRunner.Run((g, v) => g.Resize(v[0], [1, 2], linear), NdArray.Create(ElementType.Float, 0, 2)).Dims.ToArray());
        Assert.Throws<ShapeMismatchException>(() => OperatorRunner.Run((g, v) => g.Resize(v[0], [-1], linear), NdArray.Vector(1f)));
        Assert.Throws<InvalidModelException>(() => Run("Resize", 13, [NdArray.Vector(1f)]));
    }
}
