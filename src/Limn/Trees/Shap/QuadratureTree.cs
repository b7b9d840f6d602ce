using System.Numerics;

namespace Limn.Trees.Shap;

/// <summary>What <see cref="QuadratureWalk{T}"/> needs to know of a split.</summary>
internal struct QuadratureSplit<T> where T : unmanaged
{
    /// <summary>Its number among all nodes.</summary>
    public int Node;

    public int Feature, Player;

    /// <summary>The level of the last split of the same player above; -1 if there is none.</summary>
    public int Above;

    /// <summary>The left child's number in the tree.</summary>
    public int Left;

    /// <summary>For repeated players: where the constants of the two children begin.</summary>
    public int Constants;

    /// <summary>Whether it only compares with the threshold, and NaN alone is missing.</summary>
    public bool Simple;

    public bool MissingLeft, LeafLeft, LeafRight;

    public T Threshold;

    /// <summary>The product of the player's cover ratios on the path to each child.</summary>
    public T RatioLeft, RatioRight;
}

/// <summary>What <see cref="QuadratureWalk{T}"/> needs to know of a tree.</summary>
/// <remarks>
/// With t the probability of a player to be present, o whether the row satisfies all its splits on the path so far and r the product of their cover ratios, the
/// player's factor is F = (1 − t) r + t o. A split of a player that was met before takes the factor from F′ (with o′, r′) to F, and its share of the derivative
/// by o − r takes the place of the former: ((o − r) − (o′ − r′) F / F′) / F′, which is 0 where o′ = 0. These are tabulated for such splits, for every node of
/// the quadrature; o′ = o = 1, o′ = 1 and o = 0, and both 0 (of which only F / F′ = r / r′ is needed).
/// </remarks>
internal sealed class QuadratureTree<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>[nodes] The splits; leaves have none.</summary>
    public required QuadratureSplit<T>[] Splits { get; init; }

    /// <summary>[outputs of the tree, nodes] The values of leaves.</summary>
    public required T[] Values { get; init; }

    /// <summary>[children, 5, quadrature nodes] F / F′ in the three cases, and the derivative's share in the first two, for repeated players.</summary>
    public required T[] Table { get; init; }

    /// <summary>The number of splits on the longest path.</summary>
    public required int Depth { get; init; }

    /// <summary>The most distinct players on a path.</summary>
    public required int Distinct { get; init; }

    public required double[] Nodes { get; init; }

    public required double[] Weights { get; init; }

    public static QuadratureTree<T> Of(TreeGame game, int tree)
    {
        FlatTrees trees = game.Trees;
        int root = trees.Roots[tree], size = trees.Roots[tree + 1] - root, distinct = 0, outputs = game.OutputsOf(tree).Count;
        bool shares = game.LeftShare is not null;
        var splits = new QuadratureSplit<T>[size];
        var values = new T[outputs * size];
        var last = new Dictionary<int, (int Level, double Ratio)>();
        List<(int Node, double Before, double Left, double Right)> repeated = [];
        Visit(root, 0);

        (double[] nodes, double[] weights) = game.Semivalue.Nodes(distinct);
        List<T> table = [];
        foreach ((int node, double before, double left, double right) in repeated)
        {
            splits[node].Constants = table.Count;
            if (!shares) continue;
            table.AddRange(Repeated(nodes, before, left));
            table.AddRange(Repeated(nodes, before, right));
        }
        return new QuadratureTree<T> { Splits = splits, Values = values, Table = [.. table], Depth = trees.Depths[tree], Distinct = distinct, Nodes = nodes, Weights = weights };

        void Visit(int node, int level)
        {
            int at = node - root;
            if (trees.Feature[node] == FlatTrees.Leaf)
            {
                distinct = Math.Max(distinct, last.Count);
                for (int i = 0; i < outputs; i++) values[i * size + at] = T.CreateTruncating(game.Value(tree, node, i));
                return;
            }
            int player = game.Player[trees.Feature[node]], child = trees.Left[node];
            bool met = last.TryGetValue(player, out (int Level, double Ratio) before);
            double share = met ? before.Ratio : 1, left = share * game.Share(node, left: true), right = share * game.Share(node, left: false);
            splits[at] = new QuadratureSplit<T>
            {
                Node = node,
                Feature = trees.Feature[node],
                Threshold = T.CreateTruncating(trees.Threshold[node]),
                Simple = trees.Missing[node] == MissingRule.Nan && trees.Set[node] < 0 && !float.IsNaN(trees.Threshold[node]),
                MissingLeft = trees.DefaultLeft[node],
                Player = player,
                Above = met ? before.Level : -1,
                Left = child - root,
                LeafLeft = trees.Feature[child] == FlatTrees.Leaf,
                LeafRight = trees.Feature[child + 1] == FlatTrees.Leaf,
                RatioLeft = T.CreateTruncating(left),
                RatioRight = T.CreateTruncating(right),
            };
            if (met) repeated.Add((at, before.Ratio, left, right));
            last[player] = (level, left);
            Visit(child, level + 1);
            last[player] = (level, right);
            Visit(child + 1, level + 1);
            if (met) last[player] = before;
            else last.Remove(player);
        }
    }

    /// <summary>The constants of a repeated player's split.</summary>
    public static T[] Repeated(double[] nodes, double before, double ratio)
    {
        double[] table = new double[5 * nodes.Length];
        for (int q = 0; q < nodes.Length; q++)
        {
            double t = nodes[q], former = (1 - t) * before + t, both = (1 - t) * ratio + t, none = (1 - t) * ratio;
            table[q] = both / former;
            table[nodes.Length + q] = none / former;
            table[2 * nodes.Length + q] = before == 0 ? 0 : ratio / before;
            table[3 * nodes.Length + q] = (1 - ratio - (1 - before) * both / former) / former;
            table[4 * nodes.Length + q] = (-ratio - (1 - before) * none / former) / former;
        }
        return Array.ConvertAll(table, T.CreateTruncating);
    }
}
