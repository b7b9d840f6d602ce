using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using static Limn.Engine.Tests.Operators.Importing;

namespace Limn.Engine.Tests.Operators;

/// <summary>TopK and NonMaxSuppression.</summary>
public class SelectionByValueTests
{
    [Fact]
    public void The_largest_come_in_order_equal_ones_by_place_and_nan_above_all()
    {
        NdArray x = new(new float[] { 1, 3, float.NaN, 3, -1, float.PositiveInfinity }, 6);
        NdArray[] got = Run("TopK", 11, [x, NdArray.Vector(5L)], outputs: 2);
        Assert.Equal([float.NaN, float.PositiveInfinity, 3f, 3f, 1f], got[0].Floats.ToArray());
        Assert.Equal([2L, 5, 1, 3, 0], got[1].Integers.ToArray());
        got = Run("TopK", 11, [x, NdArray.Vector(3L)], new() { ["largest"] = 0L, ["sorted"] = 0L }, outputs: 2);
        Assert.Equal([-1f, 1f, 3f], got[0].Floats.ToArray());
        Assert.Equal([4L, 0, 1], got[1].Integers.ToArray());
    }

    [Fact]
    public void It_is_what_sorting_everything_gives()
    {
        var random = new Random(1);
        for (int length = 1; length < 40; length++)
        {
            float[] x = [.. Enumerable.Range(0, length).Select(_ => random.Next(12) switch { 0 => float.NaN, 1 => float.NegativeInfinity, 2 => -0f, var n => n - 6f })];
            int k = random.Next(length + 1);
            foreach (bool largest in new[] { true, false })
            {
                int[] order = [.. Enumerable.Range(0, length).OrderBy(i => float.IsNaN(x[i]) == largest ? 0 : 1).ThenBy(i => largest ? -x[i] : x[i])];
                NdArray[] got = Run("TopK", 11, [new NdArray(x, length), NdArray.Vector((long)k)], new() { ["largest"] = largest ? 1L : 0L }, outputs: 2);
                Assert.Equal(order.Take(k).Select(i => (long)i), got[1].Integers.ToArray());
                Assert.Equal(order.Take(k).Select(i => x[i]), got[0].Floats.ToArray());
            }
        }
    }

    [Fact]
    public void Any_axis_integers_and_old_versions_are_taken()
    {
        NdArray x = new(new long[] { 5, 1, 9, 2, 7, 9 }, 2, 3);
        Assert.Equal([5L, 7, 9], Run("TopK", 10, [x, NdArray.Vector(1L)], new() { ["axis"] = 0L }, outputs: 2)[0].Integers.ToArray());
        Assert.Equal([9L, 5, 9, 7], Run("TopK", 1, [x], new() { ["k"] = 2L }, outputs: 2)[0].Integers.ToArray());
        Assert.Equal([2, 0], Run("TopK", 11, [x, NdArray.Vector(0L)], outputs: 2)[0].Dims.ToArray());
        Assert.Throws<ShapeMismatchException>(() => Run("TopK", 11, [x, NdArray.Vector(4L)], constant: [1]));
    }

    [Fact]
    public void The_gradient_goes_to_what_was_chosen()
    {
        NdArray x = new(new[] { 0.1f, 0.9f, 0.5f, -0.3f, 0.7f, -0.8f, 0.2f, -0.5f }, 2, 2, 2);
        foreach (long axis in new[] { 1L, 2L })
            GradientCheck.Run((g, v) => { Value y = g.Node(new TopK { Axis = axis }, [v[0], g.Integers(1)], 2)[0]; return g.Mul(y, y); }, [x]);
        CheckWritten((g, v) => g.Node(new TopK(), [v[0], g.Integers(1)], 2)[0], x);
    }

    [Fact]
    public void Of_boxes_that_overlap_the_best_stays()
    {
        NdArray boxes = new(new float[] { 0, 0, 2, 2, 2, 2, 0, 0.2f, 0, 5, 2, 7, 0, 0, 1, 2 }, 1, 4, 4), scores = new(new[] { 0.6f, 0.9f, 0.7f, float.NaN }, 1, 1, 4);
        Assert.Equal([0L, 0, 1, 0, 0, 2], Select(boxes, scores, 10, 0.5f, 0));
        Assert.Equal([0L, 0, 1, 0, 0, 2, 0, 0, 0], Select(boxes, scores, 10, 0.95f, 0.6f));
        Assert.Equal([0L, 0, 1], Select(boxes, scores, 1, 0.5f, 0));
        Assert.Empty(Select(boxes, scores, 10, 0.5f, 0.95f));
        Assert.Empty(Run("NonMaxSuppression", 10, [boxes, scores])[0].Integers.ToArray());

        static long[] Select(NdArray boxes, NdArray scores, long most, float overlap, float least) =>
            Run("NonMaxSuppression", 11, [boxes, scores, NdArray.Vector(most), NdArray.Vector(overlap), NdArray.Vector(least)])[0].Integers.ToArray();
    }

    [Fact]
    public void What_is_gathered_by_selected_boxes_still_has_a_gradient()
    {
        NdArray boxes = new(new float[] { 0, 0, 2, 2, 0, 5, 2, 7 }, 1, 2, 4), scores = new(new[] { 0.6f, 0.9f }, 1, 1, 2);
        float[] slope = OperatorRunner.Slope((g, v) =>
        {
            Value chosen = Import(g, "NonMaxSuppression", 11, [v[1], v[0], g.Constant(NdArray.Scalar(1L))])[0];
            return g.Op(new GatherND(), v[0], chosen);
        }, scores, boxes);
        Assert.Equal([0f, 1f], slope);
    }
}
