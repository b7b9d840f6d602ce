using Limn.Trees;

namespace Limn.Tests.Trees.Shap;

/// <summary>Small trees of every kind: unbalanced, with repeated features, sets of categories, all missing rules, vector leaves and covers.</summary>
internal static class RandomTrees
{
    public static TreeEnsemble Ensemble(int seed, int trees = 4, int features = 5, int outputs = 2, int depth = 5, bool plain = false)
    {
        var random = new Random(seed);
        return new TreeEnsemble(new EnsembleDescription
        {
            Trees = [.. Enumerable.Range(0, trees).Select(_ => Tree(random, features, outputs, depth, plain))],
            Features = features,
            Outputs = outputs,
            BaseScore = [.. Enumerable.Range(0, outputs).Select(o => o - 0.25)],
        });
    }

    /// <summary>Small whole numbers, so that features meet thresholds and categories; some are missing.</summary>
    public static float[] Rows(int seed, int rows, int features = 5)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * features).Select(_ => random.Next(10) == 0 ? float.NaN : (float)random.Next(-1, 6))];
    }

    public static Tree Tree(Random random, int features, int outputs, int depth, bool plain = false)
    {
        List<int> left = [-1], right = [-1], depths = [0];
        List<double> cover = [random.Next(20, 100)];
        for (int node = 0; node < left.Count; node++)
        {
            bool goesOn = node == left.Count - 1 || random.Next(4) != 0; // the last one reaches the depth
            if (depths[node] == depth || !goesOn || (left.Count > 120 && node < left.Count - 1)) continue;
            (left[node], right[node]) = (left.Count, left.Count + 1);
            double part = random.Next(8) == 0 ? 0 : random.NextDouble();
            for (int child = 0; child < 2; child++)
            {
                left.Add(-1);
                right.Add(-1);
                depths.Add(depths[node] + 1);
            }
            cover.Add(cover[node] * part);
            cover.Add(cover[node] * (1 - part));
        }
        int[] nodes = [.. Enumerable.Range(0, left.Count)];
        int width = !plain && outputs > 1 && random.Next(2) == 0 ? outputs : 1;
        return new Tree
        {
            Left = [.. left],
            Right = [.. right],
            Feature = [.. nodes.Select(_ => random.Next(features))],
            Threshold = [.. nodes.Select(_ => random.Next(0, 5) + 0.5)],
            DefaultLeft = [.. nodes.Select(_ => random.Next(2) == 0)],
            Missing = plain ? null : [.. nodes.Select(_ => (MissingRule)random.Next(3))],
            Categories = plain ? null : nodes.Where(_ => random.Next(5) == 0).ToDictionary(n => n, _ => new[] { random.Next(6), random.Next(6) }),
            Cover = [.. cover],
            Values = [.. Enumerable.Range(0, left.Count * width).Select(_ => random.NextDouble() - 0.5)],
            Output = random.Next(outputs),
            Weight = 1.5,
        };
    }
}
