namespace Limn.Games.Local;

/// <summary>How the columns of a table are cut into bins.</summary>
public enum Discretizer
{
    /// <summary>At the quartiles of the data.</summary>
    Quartile,

    /// <summary>At the deciles of the data.</summary>
    Decile,

    /// <summary>Where a decision tree of depth 3 on the column tells the model's predictions for the data apart best (by their entropy).</summary>
    Entropy,

    /// <summary>Not at all.</summary>
    None,
}

/// <summary>Where a column is cut: a value x falls into the bin of the number of cuts below x.</summary>
internal static class Cuts
{
    private const int Depth = 3;

    /// <param name="values">The column, in any order.</param>
    /// <param name="discretizer">How it is cut.</param>
    /// <param name="labels">The model's predictions, for those that look at them.</param>
    public static float[] Of(float[] values, Discretizer discretizer, Lazy<int[]> labels) => discretizer switch
    {
        Discretizer.Quartile => Quantiles(values, 4),
        Discretizer.Decile => Quantiles(values, 10),
        Discretizer.Entropy => Entropy(values, labels.Value),
        _ => [],
    };

    public static int BinOf(float[] cuts, float x)
    {
        int bin = 0;
        while (bin < cuts.Length && x > cuts[bin]) bin++;
        return bin;
    }

    /// <summary>The distinct quantiles i / parts, interpolated between the neighbouring values (numpy's default).</summary>
    public static float[] Quantiles(float[] values, int parts)
    {
        float[] sorted = [.. values.Order()];
        return [.. Enumerable.Range(1, parts - 1).Select(i =>
        {
            double at = (double)i / parts * (sorted.Length - 1);
            int below = (int)at;
            return (float)(sorted[below] + (at - below) * (sorted[Math.Min(below + 1, sorted.Length - 1)] - sorted[below]));
        }).Distinct()];
    }

    private static float[] Entropy(float[] values, int[] labels)
    {
        float[] sorted = [.. values];
        int[] classes = [.. labels];
        Array.Sort(sorted, classes);
        int[] distinct = [.. classes.Distinct().Order()];
        classes = Array.ConvertAll(classes, c => Array.BinarySearch(distinct, c));
        var cuts = new SortedSet<float>();
        Split(0, sorted.Length, Depth);
        return cuts.Count > 0 ? [.. cuts] : [Quantiles(values, 2)[0]]; // as the authors: a column that tells nothing apart is cut at its median

        void Split(int from, int to, int depth)
        {
            int[] above = new int[distinct.Length], below = new int[distinct.Length];
            for (int i = from; i < to; i++) above[classes[i]]++;
            if (depth == 0 || above.Count(n => n > 0) < 2) return;
            double least = Disorder(above) * (1 - 1e-12);
            int at = -1;
            for (int i = from; i < to - 1; i++)
            {
                below[classes[i]]++;
                above[classes[i]]--;
                if (sorted[i] != sorted[i + 1] && Disorder(below) + Disorder(above) is var left && left < least) (least, at) = (left, i + 1);
            }
            if (at < 0) return;
            cuts.Add(sorted[at - 1] + (sorted[at] - sorted[at - 1]) / 2);
            Split(from, at, depth - 1);
            Split(at, to, depth - 1);
        }

        // The number of values times their entropy.
        static double Disorder(int[] counts)
        {
            double sum = counts.Sum(), disorder = 0;
            foreach (int n in counts) disorder -= n == 0 ? 0 : n * Math.Log(n / sum);
            return disorder;
        }
    }
}
