namespace Limn.Trees.Shap;

/// <summary>What both algorithms play: trees, who the players are, and what their values are weighted with.</summary>
/// <param name="Trees">The trees.</param>
/// <param name="Player">[features] The player that a feature belongs to.</param>
/// <param name="Players">The number of players.</param>
/// <param name="Outputs">The number of outputs.</param>
/// <param name="Semivalue">How coalitions are weighted.</param>
/// <param name="Pairs">Whether pairs of players are asked for beside single players.</param>
internal sealed record TreeGame(FlatTrees Trees, int[] Player, int Players, int Outputs, Semivalue Semivalue, bool Pairs)
{
    /// <summary>The deepest tree that is explained; the walks below are recursive.</summary>
    public const int DeepestTree = 1000;

    /// <summary>[nodes] What part of the node's cover its left child has; null where background rows take the place of covers.</summary>
    public double[]? LeftShare { get; init; }

    /// <summary>How many numbers belong to a row: the players' values, and then the pairs' interactions.</summary>
    public int Slots => (Players + (Pairs ? Players * (Players - 1) / 2 : 0)) * Outputs;

    /// <summary>Where a player's value lies.</summary>
    public int Slot(int player, int output) => player * Outputs + output;

    /// <summary>Where the interaction of two players lies, in either order: those of (0, 1), (0, 2), (1, 2), (0, 3), ...</summary>
    public int Slot(int one, int other, int output)
    {
        (int low, int high) = one < other ? (one, other) : (other, one);
        return (Players + high * (high - 1) / 2 + low) * Outputs + output;
    }

    /// <summary>The outputs that a tree adds to.</summary>
    public (int From, int Count) OutputsOf(int tree) => Trees.Outputs[tree] >= 0 ? (Trees.Outputs[tree], 1) : (0, Outputs);

    /// <summary>A leaf's value for the i-th of <see cref="OutputsOf"/>.</summary>
    public double Value(int tree, int leaf, int i) => Trees.Outputs[tree] >= 0 ? Trees.Value[leaf] : Trees.Vectors[(int)Trees.Value[leaf] + i];

    /// <summary>The share of a child in its parent's cover.</summary>
    public double Share(int node, bool left) => LeftShare is null ? 1 : left ? LeftShare[node] : RightShare![node];

    public double[]? RightShare { get; init; }
}
