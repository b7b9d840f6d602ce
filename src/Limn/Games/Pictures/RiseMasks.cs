using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Games;

/// <summary>RISE's random masks: a coarse grid of zeros and ones, enlarged smoothly and shifted at random.</summary>
/// <remarks>
/// A grid of s × s independent cells, each 1 with probability p, is enlarged to (s + 1)⌈H/s⌉ × (s + 1)⌈W/s⌉ bilinearly (centres at half-integers, the edge repeated), and H × W of it
/// are cut out at a shift drawn evenly from ⌈H/s⌉ × ⌈W/s⌉. What one axis has a single position of needs one row of cells. Columns of a table have no neighbours: there each is 1 or 0 on its own.
/// A mask is a function of the seed and its number alone.
/// </remarks>
internal sealed class RiseMasks
{
    private readonly PicturePlace place;
    private readonly double probability;
    private readonly ulong seed;
    private readonly int rows, columns, down, across;
    private readonly float[] cells, lines;
    private readonly (int Low, int High, float Share)[] alongHeight, alongWidth;

    public RiseMasks(PicturePlace place, int grid, double probability, ulong seed)
    {
        (this.place, this.probability, this.seed) = (place, probability, seed);
        (rows, columns) = (place.Height == 1 ? 1 : grid, place.Width == 1 ? 1 : grid);
        (down, across) = ((place.Height + rows - 1) / rows, (place.Width + columns - 1) / columns);
        cells = new float[rows * columns];
        lines = new float[rows * place.Width];
        alongHeight = Between(rows, down);
        alongWidth = Between(columns, across);
    }

    /// <summary>Writes the mask of a number.</summary>
    public void Write(int index, Span<float> mask)
    {
        var random = new CounterRandom(seed, (ulong)index);
        if (place.IsTable)
        {
            for (int e = 0; e < mask.Length; e++) mask[e] = random.Uniform((ulong)e) < probability ? 1 : 0;
            return;
        }
        for (int k = 0; k < cells.Length; k++) cells[k] = random.Uniform((ulong)k) < probability ? 1 : 0;
        int top = random.Below(down, (ulong)cells.Length), left = random.Below(across, (ulong)cells.Length + 1), width = place.Width;
        for (int x = 0; x < width; x++)
        {
            var (low, high, share) = alongWidth[left + x];
            for (int r = 0; r < rows; r++)
            {
                float a = cells[r * columns + low];
                lines[r * width + x] = a + share * (cells[r * columns + high] - a);
            }
        }
        for (int y = 0; y < place.Height; y++)
        {
            var (low, high, share) = alongHeight[top + y];
            Span<float> line = mask.Slice(y * width, width);
            if (low == high || share == 0) lines.AsSpan(low * width, width).CopyTo(line);
            else TensorPrimitives.Lerp(lines.AsSpan(low * width, width), lines.AsSpan(high * width, width), share, line);
        }
    }

    /// <summary>Between which cells each position of the enlarged grid lies, and how far.</summary>
    private static (int, int, float)[] Between(int cells, int size)
    {
        var between = new (int, int, float)[(cells + 1) * size];
        for (int i = 0; i < between.Length; i++)
        {
            double centre = Math.Clamp((i + 0.5) * cells / between.Length - 0.5, 0, cells - 1);
            int low = (int)centre;
            between[i] = (low, Math.Min(low + 1, cells - 1), (float)(centre - low));
        }
        return between;
    }
}
