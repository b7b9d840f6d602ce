using Limn.Engine;

namespace Limn.Data;

/// <summary>A few rows that stand for many, and what each weighs.</summary>
/// <param name="Rows">The rows.</param>
/// <param name="Weights">The share of the data that each stands for; they add up to one.</param>
public sealed record RowSummary(NdArray Rows, IReadOnlyList<double> Weights);

/// <summary>Summaries of tables, for backgrounds: fewer rows, fewer model calls.</summary>
public static class KMeans
{
    private const int MostRounds = 100;

    /// <summary>The centres of k clusters, each of which is made of values that occur, weighted by how many rows are in it.</summary>
    /// <remarks>
    /// Lloyd's algorithm from k-means++ seeds (Arthur, Vassilvitskii 2007), on columns brought to a deviation of one, so that no unit outweighs the others. Each centre's
    /// value of a column is then replaced by the nearest of the data, as shap.kmeans does; of columns of one group (the one-hot columns of a feature) by those of the nearest row, so that no
    /// mixture arises. shap.kmeans clusters the columns as they are and rounds one-hot columns one by one. Ties go to the lower row; an empty cluster is left out.
    /// </remarks>
    /// <param name="rows">The data, [rows, columns].</param>
    /// <param name="clusters">How many clusters; all rows, each with the same weight, where there are no more.</param>
    /// <param name="seed">The same seed gives the same centres.</param>
    /// <param name="groups">The group of each column; each its own when null.</param>
    /// <exception cref="InvalidOptionException">The number of clusters is below one.</exception>
    /// <exception cref="InvalidDataException">The data are no numbers, or no rows.</exception>
    /// <exception cref="ShapeMismatchException">The data are no table, or the groups not one a column.</exception>
    public static RowSummary Summary(NdArray rows, int clusters, ulong seed = 0, IReadOnlyList<int>? groups = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (clusters < 1) throw new InvalidOptionException($"A summary needs at least one row, and {clusters} were asked for.");
        if (rows.Rank != 2) throw new ShapeMismatchException($"A summary is of a table, [rows, columns], and {rows} was given.");
        if (rows.Type.Storage() != Storage.Float) throw new InvalidDataException($"Clusters have means, and {rows.Type} elements have none; take a sample of the rows instead.");
        (int n, int columns) = (rows.Dims[0], rows.Dims[1]);
        if (n == 0) throw new InvalidDataException("There are no rows to summarise.");
        if (groups is not null && groups.Count != columns) throw new ShapeMismatchException($"The table has {columns} columns, and the groups of {groups.Count} were given.");
        if (n <= clusters) return new RowSummary(rows, [.. Enumerable.Repeat(1.0 / n, n)]);
        double[][] points = Standardised(rows);
        double[][] centres = Seeds(points, clusters, seed);
        var of = new int[n];
        for (int round = 0; round < MostRounds; round++)
        {
            bool changed = round == 0;
            for (int i = 0; i < n; i++)
            {
                int nearest = Nearest(centres, points[i]);
                changed |= nearest != of[i];
                of[i] = nearest;
            }
            if (!changed) break;
            Move(centres, points, of);
        }
        int[] sizes = new int[centres.Length];
        foreach (int c in of) sizes[c]++;
        int[] kept = [.. Enumerable.Range(0, centres.Length).Where(c => sizes[c] > 0)];
        NdArray summary = NdArray.Create(rows.Type, kept.Length, columns);
        foreach (int[] group in Enumerable.Range(0, columns).GroupBy(c => groups?[c] ?? c).Select(g => g.ToArray()))
            for (int k = 0; k < kept.Length; k++)
            {
                int row = NearestRow(points, centres[kept[k]], group);
                foreach (int c in group) summary.Floats[k * columns + c] = rows.Floats[row * columns + c];
            }
        return new RowSummary(summary, [.. kept.Select(k => (double)sizes[k] / n)]);
    }

    /// <summary>The numbers of some rows, drawn without putting back, in their order; all where there are no more.</summary>
    /// <exception cref="InvalidOptionException">The number is below one.</exception>
    public static int[] Sample(int rows, int count, ulong seed = 0)
    {
        if (count < 1) throw new InvalidOptionException($"A sample needs at least one row, and {count} were asked for.");
        return count >= rows ? [.. Enumerable.Range(0, rows)] : [.. new CounterRandom(seed).Permutation(rows).Take(count).Order()];
    }

    private static double[][] Standardised(NdArray rows)
    {
        (int n, int columns) = (rows.Dims[0], rows.Dims[1]);
        var points = new double[n][];
        for (int i = 0; i < n; i++) points[i] = new double[columns];
        for (int c = 0; c < columns; c++)
        {
            double sum = 0, squares = 0;
            for (int i = 0; i < n; i++) sum += rows.Floats[i * columns + c];
            double mean = sum / n;
            for (int i = 0; i < n; i++) squares += (rows.Floats[i * columns + c] - mean) * (rows.Floats[i * columns + c] - mean);
            double deviation = Math.Sqrt(squares / n);
            if (!double.IsFinite(deviation)) throw new InvalidDataException($"Column {c} of the rows to summarise holds a number that is missing or not finite.");
            for (int i = 0; i < n; i++) points[i][c] = deviation > 0 ? (rows.Floats[i * columns + c] - mean) / deviation : 0;
        }
        return points;
    }

    /// <summary>k-means++: each next seed is a row, drawn with the square of its distance from the seeds so far.</summary>
    private static double[][] Seeds(double[][] points, int clusters, ulong seed)
    {
        var random = new CounterRandom(seed);
        List<double[]> seeds = [[.. points[random.Below(points.Length, 0)]]];
        var nearest = Array.ConvertAll(points, p => Distance(p, seeds[0]));
        for (ulong k = 1; seeds.Count < clusters; k++)
        {
            double total = nearest.Sum();
            if (total == 0) break; // fewer different rows than clusters
            double at = random.Uniform(k) * total;
            int chosen = Array.FindLastIndex(nearest, d => d > 0);
            for (int i = 0; i < chosen; i++)
                if ((at -= nearest[i]) < 0)
                {
                    chosen = i;
                    break;
                }
            seeds.Add([.. points[chosen]]);
            for (int i = 0; i < points.Length; i++) nearest[i] = Math.Min(nearest[i], Distance(points[i], seeds[^1]));
        }
        return [.. seeds];
    }

    private static void Move(double[][] centres, double[][] points, int[] of)
    {
        var sums = Array.ConvertAll(centres, c => new double[c.Length]);
        var sizes = new int[centres.Length];
        for (int i = 0; i < points.Length; i++)
        {
            sizes[of[i]]++;
            for (int c = 0; c < points[i].Length; c++) sums[of[i]][c] += points[i][c];
        }
        for (int k = 0; k < centres.Length; k++)
            if (sizes[k] > 0) centres[k] = Array.ConvertAll(sums[k], s => s / sizes[k]);
    }

    private static int Nearest(double[][] centres, double[] point)
    {
        int best = 0;
        double distance = double.PositiveInfinity;
        for (int k = 0; k < centres.Length; k++)
            if (Distance(centres[k], point) is var d && d < distance) (best, distance) = (k, d);
        return best;
    }

    private static int NearestRow(double[][] points, double[] centre, int[] columns)
    {
        int best = 0;
        double distance = double.PositiveInfinity;
        for (int i = 0; i < points.Length; i++)
        {
            double d = 0;
            foreach (int c in columns) d += (points[i][c] - centre[c]) * (points[i][c] - centre[c]);
            if (d < distance) (best, distance) = (i, d);
        }
        return best;
    }

    private static double Distance(double[] a, double[] b)
    {
        double sum = 0;
        for (int c = 0; c < a.Length; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
        return sum;
    }
}
