namespace Limn.Trees.Shap;

/// <summary>The shares of children in their parents' covers, and the means that follow.</summary>
internal static class TreeCovers
{
    /// <summary>How many rows pass each node.</summary>
    public static double[] Count(FlatTrees trees, int features, ReadOnlySpan<float> rows)
    {
        var cover = new double[trees.Feature.Length];
        for (int at = 0; at < rows.Length; at += features)
        {
            ReadOnlySpan<float> row = rows.Slice(at, features);
            for (int tree = 0; tree < trees.Trees; tree++)
            {
                int node = trees.Roots[tree];
                for (cover[node]++; trees.Feature[node] != FlatTrees.Leaf; cover[node]++)
                    node = trees.Left[node] + (trees.GoesLeft(node, row[trees.Feature[node]]) ? 0 : 1);
            }
        }
        return cover;
    }

    /// <summary>[nodes] The shares of the left and right children. Below a node that no row passed each child has a half.</summary>
    public static (double[] Left, double[] Right) Shares(FlatTrees trees, double[] cover)
    {
        double[] left = new double[cover.Length], right = new double[cover.Length];
        for (int node = 0; node < cover.Length; node++)
        {
            if (trees.Feature[node] == FlatTrees.Leaf) continue;
            bool any = cover[node] > 0;
            left[node] = any ? cover[trees.Left[node]] / cover[node] : 0.5;
            right[node] = any ? cover[trees.Left[node] + 1] / cover[node] : 0.5;
        }
        return (left, right);
    }

    /// <summary>[nodes] The mean of an output at every node of the trees that add to it, weighted by shares; 0 in other trees.</summary>
    public static double[] Means(TreeGame game, int output)
    {
        FlatTrees trees = game.Trees;
        var means = new double[trees.Feature.Length];
        for (int tree = 0; tree < trees.Trees; tree++)
        {
            (int first, int count) = game.OutputsOf(tree);
            if (output < first || output >= first + count) continue;
            // Children come after their parents.
            for (int node = trees.Roots[tree + 1] - 1; node >= trees.Roots[tree]; node--)
            {
                means[node] = trees.Feature[node] == FlatTrees.Leaf
                    ? game.Value(tree, node, output - first)
                    : game.LeftShare![node] * means[trees.Left[node]] + game.RightShare![node] * means[trees.Left[node] + 1];
            }
        }
        return means;
    }
}
