namespace Limn.Games.Local;

/// <summary>A small regression tree with weights: each split takes away the most weighted variance.</summary>
/// <remarks>
/// Breiman, Friedman, Olshen, Stone: Classification and Regression Trees, 1984, section 8.4. Splits lie halfway between neighbouring values; of equal splits the first
/// feature's lowest is taken. A feature is credited with what the mean changes at its splits on the way to a row (Saabas 2014), so that the credits lead from the
/// mean of all samples to the tree's prediction.
/// </remarks>
internal sealed class RegressionTree
{
    private readonly LocalSamples samples;
    private readonly double[] weights;
    private readonly int[] sorted; // the samples in the order of each feature
    private readonly List<Node> nodes = [];

    /// <param name="samples">Features and scores.</param>
    /// <param name="weights">How much each sample counts.</param>
    /// <param name="order">The samples in the order of each kept feature; see <see cref="OrderOf"/>.</param>
    /// <param name="kept">The features that may split.</param>
    /// <param name="depth">The most splits on the way to a leaf.</param>
    public RegressionTree(LocalSamples samples, double[] weights, int[] order, int[] kept, int depth)
    {
        (this.samples, this.weights) = (samples, weights);
        sorted = [.. order];
        Grow(0, samples.Count, kept, depth);
    }

    /// <summary>A node: leaves have no feature.</summary>
    private readonly record struct Node(double Mean, int Feature, double Threshold, int Below, int Above);

    /// <summary>The mean of all samples.</summary>
    public double Root => nodes[0].Mean;

    /// <summary>The samples in the order of each kept feature.</summary>
    public static int[] OrderOf(LocalSamples samples, int[] kept)
    {
        int n = samples.Count;
        var order = new int[n * kept.Length];
        for (int f = 0; f < kept.Length; f++)
        {
            int[] items = Selecting.All(n);
            double[] keys = samples.Column(kept[f]).ToArray();
            Array.Sort(keys, items, 0, n);
            items.CopyTo(order, f * n);
        }
        return order;
    }

    /// <summary>What each feature adds on the way to a row.</summary>
    public double[] Credits(ReadOnlySpan<double> row)
    {
        var credits = new double[samples.Features];
        for (int at = 0; nodes[at].Feature >= 0;)
        {
            Node node = nodes[at];
            at = row[node.Feature] <= node.Threshold ? node.Below : node.Above;
            credits[node.Feature] += nodes[at].Mean - node.Mean;
        }
        return credits;
    }

    /// <summary>The prediction for a sample.</summary>
    public double Predict(int sample)
    {
        int at = 0;
        while (nodes[at].Feature >= 0) at = samples.Column(nodes[at].Feature)[sample] <= nodes[at].Threshold ? nodes[at].Below : nodes[at].Above;
        return nodes[at].Mean;
    }

    /// <summary>Adds the node of the samples that each feature's order has between two places, and those below it.</summary>
    private int Grow(int from, int to, int[] kept, int depth)
    {
        int n = samples.Count;
        double weight = 0, total = 0;
        for (int i = from; i < to; i++)
        {
            weight += weights[sorted[i]];
            total += weights[sorted[i]] * samples.Scores[sorted[i]];
        }
        int at = nodes.Count;
        nodes.Add(new Node(weight > 0 ? total / weight : 0, -1, 0, 0, 0));
        if (depth == 0 || !(weight > 0)) return at;
        double best = 1e-12 * (total * total / weight);
        (int Feature, int Index, double Threshold)? split = null;
        for (int f = 0; f < kept.Length; f++)
        {
            ReadOnlySpan<int> order = sorted.AsSpan(f * n, n);
            ReadOnlySpan<double> values = samples.Column(kept[f]), scores = samples.Scores;
            double w = 0, t = 0;
            for (int i = from; i < to - 1; i++)
            {
                int k = order[i];
                w += weights[k];
                t += weights[k] * scores[k];
                double here = values[k], next = values[order[i + 1]];
                if (here == next || !(w > 0) || !(weight - w > 0)) continue;
                double gain = t * t / w + (total - t) * (total - t) / (weight - w) - total * total / weight;
                if (gain > best) (best, split) = (gain, (f, i + 1, here + (next - here) / 2));
            }
        }
        if (split is not { } s) return at;
        var below = new bool[n];
        for (int i = from; i < s.Index; i++) below[sorted[s.Feature * n + i]] = true;
        for (int f = 0; f < kept.Length; f++)
        {
            Span<int> order = sorted.AsSpan(f * n + from, to - from);
            int[] parted = [.. order];
            int low = 0, high = s.Index - from;
            foreach (int k in parted) order[below[k] ? low++ : high++] = k;
        }
        int first = Grow(from, s.Index, kept, depth - 1), second = Grow(s.Index, to, kept, depth - 1);
        nodes[at] = nodes[at] with { Feature = kept[s.Feature], Threshold = s.Threshold, Below = first, Above = second };
        return at;
    }
}
