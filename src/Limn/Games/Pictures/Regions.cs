using Limn.Data;
using Limn.Engine;

namespace Limn.Games;

/// <summary>The segments of a picture: where they are, and which of them belong together.</summary>
internal sealed class Regions
{
    private readonly int[] labels;
    private readonly int channels, height, width;
    private readonly double[] sizes;
    private readonly double[][] colours; // the mean of each

    /// <param name="labels">The segment of each pixel, from 0.</param>
    /// <param name="picture">The picture [C,H,W].</param>
    public Regions(int[] labels, NdArray picture)
    {
        this.labels = labels;
        (channels, height, width) = (picture.Dims[0], picture.Dims[1], picture.Dims[2]);
        int count = labels.Max() + 1;
        sizes = new double[count];
        colours = new double[count][];
        var places = new (double X, double Y)[count];
        for (int k = 0; k < count; k++) colours[k] = new double[channels];
        for (int p = 0; p < labels.Length; p++)
        {
            int k = labels[p];
            sizes[k]++;
            places[k] = (places[k].X + p % width, places[k].Y + p / width);
            for (int c = 0; c < channels; c++) colours[k][c] += picture.Floats[c * labels.Length + p];
        }
        for (int k = 0; k < count; k++)
            for (int c = 0; c < channels; c++) colours[k][c] /= sizes[k];
        Centres = [.. places.Select((p, k) => ((int)Math.Round(p.X / sizes[k]), (int)Math.Round(p.Y / sizes[k])))];
    }

    /// <summary>The mean place of each segment's pixels: column and row.</summary>
    public IReadOnlyList<(int X, int Y)> Centres { get; }

    /// <summary>Joins neighbours again and again, those first that are most alike.</summary>
    /// <remarks>
    /// How unlike two regions are is what joining them adds to the squared distances of all pixels from their region's mean colour, |A||B| / (|A| + |B|) ‖μ_A − μ_B‖²
    /// (Ward: Hierarchical Grouping to Optimize an Objective Function, 1963), for each pixel of their common border. Of equals the smaller union goes first, then the lower numbers.
    /// </remarks>
    public Hierarchy Tree()
    {
        int players = sizes.Length;
        int[] node = [.. Enumerable.Range(0, players)];
        double[] size = [.. sizes];
        double[][] colour = [.. colours.Select(c => c.ToArray())];
        var borders = new SortedDictionary<int, double>[players];
        for (int k = 0; k < players; k++) borders[k] = [];
        foreach (var (a, b, border) in Segmentation.Neighbours(labels, height, width)) borders[a][b] = borders[b][a] = border;
        List<(int, int)> joins = [];
        while (joins.Count < players - 1)
        {
            (double, double, int A, int B) best = (double.PositiveInfinity, double.PositiveInfinity, -1, -1);
            for (int a = 0; a < players; a++)
                foreach (var (b, border) in borders[a])
                    if (a < b && (Unlike(a, b) / border, size[a] + size[b], a, b) is var pair && pair.CompareTo(best) < 0) best = pair;
            (int to, int from) = (best.A, best.B);
            joins.Add((node[to], node[from]));
            node[to] = players + joins.Count - 1;
            for (int c = 0; c < channels; c++) colour[to][c] = (size[to] * colour[to][c] + size[from] * colour[from][c]) / (size[to] + size[from]);
            size[to] += size[from];
            foreach (var (other, border) in borders[from])
            {
                borders[other].Remove(from);
                if (other != to) borders[to][other] = borders[other][to] = borders[to].GetValueOrDefault(other) + border;
            }
            borders[from].Clear();
        }
        return new Hierarchy(players, joins);

        double Unlike(int a, int b)
        {
            double sum = 0;
            for (int c = 0; c < channels; c++) sum += (colour[a][c] - colour[b][c]) * (colour[a][c] - colour[b][c]);
            return Math.Round(size[a] * size[b] / (size[a] + size[b]) * sum, 9); // rounding must not decide between equals
        }
    }
}
