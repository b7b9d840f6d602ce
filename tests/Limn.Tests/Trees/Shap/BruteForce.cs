using System.Numerics;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Tests.Trees.Shap;

/// <summary>Values by enumeration of all coalitions, straight from the definitions.</summary>
internal static class BruteForce
{
    /// <summary>[outputs, 2^players] The worth of every coalition in a row.</summary>
    public static double[][] Worth(TreeEnsemble model, int[][] players, float[] row, float[][]? background, double[]? shares)
    {
        var worth = new double[model.Outputs][];
        for (int o = 0; o < model.Outputs; o++) worth[o] = new double[1 << players.Length];
        for (int s = 0; s < 1 << players.Length; s++)
        {
            var present = new bool[model.Features];
            for (int p = 0; p < players.Length; p++)
                foreach (int f in players[p]) present[f] = (s >> p & 1) != 0;
            double[] mean = background is null ? OfCovers(model, row, present) : OfBackground(model, row, present, background, shares!);
            for (int o = 0; o < model.Outputs; o++) worth[o][s] = mean[o];
        }
        return worth;
    }

    private static double[] OfBackground(TreeEnsemble model, float[] row, bool[] present, float[][] background, double[] shares)
    {
        var mean = new double[model.Outputs];
        for (int b = 0; b < background.Length; b++)
        {
            double[] margin = model.Margin(Mixed(row, present, background[b]));
            for (int o = 0; o < mean.Length; o++) mean[o] += shares[b] * margin[o];
        }
        return mean;
    }

    public static float[] Mixed(float[] row, bool[] present, float[] other) => [.. row.Select((x, f) => present[f] ? x : other[f])];

    private static double[] OfCovers(TreeEnsemble model, float[] row, bool[] present)
    {
        FlatTrees trees = model.Flat;
        double[] sum = model.BaseScore.ToArray();
        for (int t = 0; t < trees.Trees; t++) Visit(trees.Roots[t], t, 1);
        return sum;

        void Visit(int node, int tree, double weight)
        {
            int feature = trees.Feature[node];
            if (feature == FlatTrees.Leaf)
            {
                if (trees.Outputs[tree] >= 0) sum[trees.Outputs[tree]] += weight * trees.Value[node];
                else for (int o = 0; o < sum.Length; o++) sum[o] += weight * trees.Vectors[(int)trees.Value[node] + o];
                return;
            }
            int left = trees.Left[node];
            if (present[feature]) Visit(trees.GoesLeft(node, row[feature]) ? left : left + 1, tree, weight);
            else
            {
                Visit(left, tree, weight * trees.Cover![left] / trees.Cover[node]);
                Visit(left + 1, tree, weight * trees.Cover[left + 1] / trees.Cover[node]);
            }
        }
    }

    /// <summary>[players] The semivalues of a game.</summary>
    public static double[] Values(double[] worth, int players, Semivalue semivalue)
    {
        var values = new double[players];
        for (int p = 0; p < players; p++)
        {
            for (int s = 0; s < worth.Length; s++)
            {
                if ((s >> p & 1) == 0) values[p] += Weight(BitOperations.PopCount((uint)s), players - 1, semivalue) * (worth[s | 1 << p] - worth[s]);
            }
        }
        return values;
    }

    /// <summary>[players, players] Half the interaction indices beside the diagonal, and on it what is left of the values.</summary>
    public static double[] Interactions(double[] worth, int players, Semivalue semivalue)
    {
        var matrix = new double[players * players];
        double[] values = Values(worth, players, semivalue);
        for (int k = 0; k < players; k++)
        {
            matrix[k * players + k] += values[k];
            for (int l = 0; l < players; l++)
            {
                if (l == k) continue;
                double sum = 0;
                for (int s = 0; s < worth.Length; s++)
                {
                    int a = 1 << k, b = 1 << l;
                    if ((s & (a | b)) == 0) sum += Weight(BitOperations.PopCount((uint)s), players - 2, semivalue) * (worth[s | a | b] - worth[s | a] - worth[s | b] + worth[s]);
                }
                matrix[k * players + l] = sum / 2;
                matrix[k * players + k] -= sum / 2;
            }
        }
        return matrix;
    }

    // Shapley: s! (n - s)! / (n + 1)! for n others; Banzhaf: 2^-n.
    private static double Weight(int s, int n, Semivalue semivalue)
    {
        if (semivalue == Semivalue.Banzhaf) return Math.Pow(2, -n);
        double weight = 1.0 / (n + 1);
        for (int i = 1; i <= s; i++) weight *= (double)i / (n - s + i);
        return weight;
    }
}
