using Limn.Data;
using Limn.Engine;

namespace Limn.Games;

/// <summary>Masks that are the same all over each cell: the rectangles of a grid over a picture, or the columns of a table.</summary>
internal sealed class CellMasks
{
    private readonly int[] cells;

    /// <param name="place">What is covered.</param>
    /// <param name="grid">How many cells a side is divided into; at most as many as it has pixels.</param>
    public CellMasks(PicturePlace place, int grid)
    {
        if (grid < 1) throw new InvalidOptionException($"The option 'grid' must be at least 1, and {grid} was given.");
        cells = place.IsTable ? [.. Enumerable.Range(0, place.Positions)]
            : Segmentation.FromLabels(Segmentation.Grid(place.Height, place.Width, Math.Min(grid, place.Height), Math.Min(grid, place.Width)));
        Count = cells.Length == 0 ? 0 : cells.Max() + 1;
    }

    public int Count { get; }

    /// <summary>Gives every position its cell's number.</summary>
    public void Spread(ReadOnlySpan<float> values, Span<float> positions)
    {
        for (int p = 0; p < cells.Length; p++) positions[p] = values[cells[p]];
    }

    /// <summary>The same as a new array.</summary>
    public float[] Spread(double[] values) => Array.ConvertAll(cells, c => (float)values[c]);
}
