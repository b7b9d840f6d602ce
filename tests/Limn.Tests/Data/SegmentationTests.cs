using Limn.Data;

namespace Limn.Tests.Data;

public class SegmentationTests
{
    [Fact]
    public void A_grid_covers_what_does_not_divide_in_bands_that_differ_by_one()
    {
        Assert.Equal([0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3], Segmentation.Grid(3, 5, 2, 2));
        Assert.Equal(Enumerable.Range(0, 12), Segmentation.Grid(3, 4, 3, 4));
        Assert.Equal(new int[12], Segmentation.Grid(3, 4, 1, 1));
        Assert.Equal([0], Segmentation.Grid(1, 1, 1, 1));
        Assert.All(Segmentation.Grid(23, 17, 5, 4).CountBy(l => l), g => Assert.InRange(g.Value, 4 * 4, 5 * 5));
        foreach (var (rows, columns) in ((int, int)[])[(0, 1), (1, 0), (4, 1), (1, 6)])
            Assert.Throws<InvalidOptionException>(() => Segmentation.Grid(3, 5, rows, columns));
    }

    [Fact]
    public void Labels_are_renumbered_by_first_appearance()
    {
        Assert.Equal([0, 1, 0, 2, 1], Segmentation.FromLabels([7, -3, 7, int.MaxValue, -3]));
        Assert.Empty(Segmentation.FromLabels([]));
    }

    [Fact]
    public void Neighbours_touch_along_edges_and_not_at_corners()
    {
        // 0 0 1
        // 2 2 1
        // 2 3 3
        int[] labels = [0, 0, 1, 2, 2, 1, 2, 3, 3];
        Assert.Equal([(0, 1, 1), (0, 2, 2), (1, 2, 1), (1, 3, 1), (2, 3, 2)], Segmentation.Neighbours(labels, 3, 3));
        Assert.Empty(Segmentation.Neighbours([5], 1, 1));
        Assert.Empty(Segmentation.Neighbours([], 0, 0));
        Assert.Equal([(1, 2, 1)], Segmentation.Neighbours([2, 1], 2, 1));
        Assert.Equal([(1, 2, 1)], Segmentation.Neighbours([2, 1], 1, 2));
        Assert.Throws<ShapeMismatchException>(() => Segmentation.Neighbours(labels, 3, 4));
    }
}
