using Limn.ClassActivation;
using Limn.Engine;
using Limn.Models;

namespace Limn;

/// <summary>Brings attributions of different shapes to a common grid and measures how far they agree there.</summary>
internal sealed class AttributionGrid
{
    private const double TopShare = 0.05;

    private readonly Attribution attribution;
    private readonly NdArray[] values;
    private readonly int[] channelAxes;
    private readonly Dictionary<(string Grid, int Row), Ranked> ranked = [];

    private AttributionGrid(IPredictor model, IReadOnlyList<NdArray> inputs, Attribution attribution)
    {
        this.attribution = attribution;
        values = [.. attribution.Tensors.Select(t => NdArray.From(t.Values))];
        channelAxes = [.. values.Select((v, i) => ChannelAxis(model, inputs, attribution.Tensors[i].Name, v))];
    }

    private int Rows => attribution.Prediction.Count;

    /// <summary>The agreement of every pair.</summary>
    public static IReadOnlyList<Agreement> Compare(IPredictor model, IReadOnlyList<NdArray> inputs, IReadOnlyList<Attribution> attributions, CancellationToken cancellation)
    {
        AttributionGrid[] grids = [.. attributions.Select(a => new AttributionGrid(model, inputs, a))];
        List<Agreement> agreements = [];
        for (int a = 0; a < grids.Length; a++)
            for (int b = a + 1; b < grids.Length; b++)
            {
                cancellation.ThrowIfCancellationRequested();
                agreements.Add(Compare(grids[a], grids[b], a, b));
            }
        return agreements;
    }

    private static Agreement Compare(AttributionGrid a, AttributionGrid b, int first, int second)
    {
        if (CommonGrid(a, b) is not { } grid)
            return new Agreement(first, second, double.NaN, double.NaN, double.NaN) { Note = $"What they explain cannot be laid over one another: {a.Describe()} and {b.Describe()}." };
        double correlation = 0, absolute = 0, overlap = 0;
        int defined = 0, absoluteDefined = 0;
        for (int r = 0; r < a.Rows; r++)
        {
            Ranked x = a.At(grid, r), y = b.At(grid, r);
            double rho = RankCorrelation.OfRanks(x.Ranks, y.Ranks), magnitude = RankCorrelation.OfRanks(x.Magnitudes, y.Magnitudes);
            if (!double.IsNaN(rho))
            {
                correlation += rho;
                overlap += (double)x.Top.Count(y.Top.Contains) / x.Top.Count;
                defined++;
            }
            if (double.IsNaN(magnitude)) continue;
            absolute += magnitude;
            absoluteDefined++;
        }
        double Mean(double sum, int count) => count == 0 ? double.NaN : sum / count;
        return new Agreement(first, second, Mean(correlation, defined), Mean(absolute, absoluteDefined), Mean(overlap, defined))
        {
            Note = defined == a.Rows ? ""
                : $"One of them is the same everywhere or not finite in {(a.Rows == 1 ? "this row" : $"{a.Rows - defined} of {a.Rows} rows")}, where a correlation is not defined{(defined == 0 || a.Rows == 1 ? "" : "; the others are averaged")}.",
        };
    }

    /// <summary>The grid on which two attributions can be compared, one list of sizes for each tensor; null if there is none.</summary>
    private static int[][]? CommonGrid(AttributionGrid a, AttributionGrid b)
    {
        if (a.values.Length != b.values.Length) return null;
        var grid = new int[a.values.Length][];
        for (int i = 0; i < grid.Length; i++)
        {
            int[] x = a.values[i].Dims[1..].ToArray(), y = b.values[i].Dims[1..].ToArray();
            int shared = Math.Min(x.Length, y.Length);
            if (x.AsSpan(0, shared).SequenceEqual(y.AsSpan(0, shared))) grid[i] = x[..shared];
            else if (a.Positions(i) is { } p && b.Positions(i) is { } q && p.Length == q.Length) grid[i] = [.. p.Zip(q, Math.Max)];
            else return null;
        }
        return grid;
    }

    /// <summary>The sizes of a map without rows and channels; null for what has no channels.</summary>
    private int[]? Positions(int tensor) => values[tensor].Rank < 3 ? null : [.. values[tensor].Dims.ToArray().Where((_, d) => d != 0 && d != channelAxes[tensor])];

    private string Describe() => $"{attribution.Method} {string.Join(", ", values.Select(v => NdArray.Describe(v.Dims)))}";

    private Ranked At(int[][] grid, int row)
    {
        var key = (string.Join(';', grid.Select(g => string.Join(',', g))), row);
        if (!ranked.TryGetValue(key, out Ranked? found)) ranked.Add(key, found = Ranked.Of([.. grid.SelectMany((g, i) => OnGrid(i, g, row))]));
        return found;
    }

    private float[] OnGrid(int tensor, int[] grid, int row)
    {
        ReadOnlySpan<float> all = values[tensor].Rows(row, 1).Floats;
        int[] dims = values[tensor].Dims[1..].ToArray();
        if (dims.AsSpan().SequenceEqual(grid)) return all.ToArray();
        if (dims.AsSpan(0, Math.Min(dims.Length, grid.Length)).SequenceEqual(grid)) return Summed(all, NdArray.Count(grid), all.Length / NdArray.Count(grid), 1);
        int axis = channelAxes[tensor] - 1, outer = NdArray.Count(dims.AsSpan(0, axis)), inner = NdArray.Count(dims.AsSpan(axis + 1));
        return Upsampling.Resize(Summed(all, outer, dims[axis], inner), Positions(tensor)!, grid, MapInterpolation.Bilinear);
    }

    /// <summary>The sum over the middle one of three axes.</summary>
    private static float[] Summed(ReadOnlySpan<float> values, int outer, int channels, int inner)
    {
        var sums = new float[outer * inner];
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++)
            {
                double sum = 0;
                for (int c = 0; c < channels; c++) sum += values[(o * channels + c) * inner + i];
                sums[o * inner + i] = (float)sum;
            }
        return sums;
    }

    /// <summary>The axis that counts channels: for the inputs of a network as it reads them, for layers and maps the first after the rows.</summary>
    private static int ChannelAxis(IPredictor model, IReadOnlyList<NdArray> inputs, string name, NdArray values)
    {
        if (model is not OnnxModel network || network.Graph.Inputs.FirstOrDefault(i => i.Name == name) is not { } input) return 1;
        int index = Enumerable.Range(0, network.Graph.Inputs.Count).First(i => network.Graph.Inputs[i] == input);
        return inputs[index].Dims.SequenceEqual(values.Dims) ? InputChannels.Axis(network.Graph, input) : 1;
    }

    /// <summary>The ranks of a row's values and of their absolute values, and which are largest.</summary>
    private sealed record Ranked(double[]? Ranks, double[]? Magnitudes, IReadOnlySet<int> Top)
    {
        public static Ranked Of(float[] values)
        {
            float[] magnitudes = Array.ConvertAll(values, Math.Abs);
            return new Ranked(RankCorrelation.Ranks(values), RankCorrelation.Ranks(magnitudes), Largest(magnitudes));
        }

        /// <summary>The elements above the threshold that the share makes, and of those at it the first.</summary>
        private static HashSet<int> Largest(float[] magnitudes)
        {
            if (magnitudes.Length == 0) return [];
            float[] sorted = [.. magnitudes];
            Array.Sort(sorted);
            int count = Math.Max(1, (int)Math.Ceiling(TopShare * sorted.Length)), above = 0;
            float threshold = sorted[^count];
            foreach (float m in magnitudes)
                if (m > threshold) above++;
            var largest = new HashSet<int>(count);
            for (int i = 0, ties = count - above; i < magnitudes.Length; i++)
                if (magnitudes[i] > threshold || (magnitudes[i] == threshold && ties-- > 0)) largest.Add(i);
            return largest;
        }
    }
}
