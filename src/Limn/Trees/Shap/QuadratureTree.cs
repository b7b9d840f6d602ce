using System.Numerics;

namespace Limn.Trees.Shap;

/// <summary>What <see cref="QuadratureWalk{T}"/> needs to know of a tree.</summary>
/// <remarks>
/// With t the probability of a player to be present, o whether the row satisfies all its splits on the path so far and r the product of their cover ratios, the
/// player's factor is F = (1 − t) r + t o. A split of a player that was met before takes the factor from F′ (with o′, r′) to F, and its share of the derivative
/// by o − r takes the place of the former: ((o − r) − (o′ − r′) F / F′) / F′, which is 0 where o′ = 0. These are tabulated for such splits, for every node of
/// the quadrature; o′ = o = 1, o′ = 1 and o = 0, and both 0 (of which only F / F′ = r / r′ is needed).
/// </remarks>
internal sealed class QuadratureTree<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>[nodes] The level of the last split of the same player above; -1 if there is none.</summary>
    public required int[] Above { get; init; }

    /// <summary>[nodes, 2] The product of the player's cover ratios on the path to the left and the right child; empty where background rows take the place of covers.</summary>
    public required T[] Ratios { get; init; }

    /// <summary>[nodes] Where the constants of the two children of a repeated player's split begin; -1 for others.</summary>
    public required int[] Constants { get; init; }

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
        int root = game.Trees.Roots[tree], size = game.Trees.Roots[tree + 1] - root, distinct = 0;
        int[] above = new int[size], constants = new int[size];
        double[] ratios = game.LeftShare is null ? [] : new double[2 * size];
        Array.Fill(constants, -1);
        var last = new Dictionary<int, (int Level, double Ratio)>();
        List<(int Node, double Before, int Side)> repeated = [];
        Visit(root, 0);

        (double[] nodes, double[] weights) = game.Semivalue.Nodes(distinct);
        List<T> table = [];
        foreach ((int node, double before, int side) in repeated)
        {
            if (ratios.Length == 0) break;
            if (side == 0) constants[node] = table.Count;
            table.AddRange(Repeated(nodes, before, ratios[2 * node + side]));
        }
        return new QuadratureTree<T>
        {
            Above = above, Ratios = Array.ConvertAll(ratios, T.CreateTruncating), Constants = constants, Table = [.. table],
            Depth = game.Trees.Depths[tree], Distinct = distinct, Nodes = nodes, Weights = weights,
        };

        void Visit(int node, int level)
        {
            FlatTrees trees = game.Trees;
            if (trees.Feature[node] == FlatTrees.Leaf)
            {
                distinct = Math.Max(distinct, last.Count);
                return;
            }
            int player = game.Player[trees.Feature[node]], at = node - root;
            bool met = last.TryGetValue(player, out (int Level, double Ratio) before);
            above[at] = met ? before.Level : -1;
            for (int side = 0; side < 2; side++)
            {
                double ratio = (met ? before.Ratio : 1) * game.Share(node, side == 0);
                if (ratios.Length > 0) ratios[2 * at + side] = ratio;
                if (met) repeated.Add((at, before.Ratio, side));
            }
            for (int side = 0; side < 2; side++)
            {
                last[player] = (level, ratios.Length > 0 ? ratios[2 * at + side] : 1);
                Visit(trees.Left[node] + side, level + 1);
            }
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
