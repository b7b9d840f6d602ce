namespace Limn.Trees;

/// <summary>
/// All nodes of an ensemble in arrays, tree after tree, in breadth-first order: the two children of a node are neighbours, and whatever the model's rule, a
/// number goes left if it is at most the threshold. Values are final: tree weights and averaging are multiplied in.
/// </summary>
/// <remarks>
/// Inputs are of single precision, so any rule has an equal one of this form: x &lt; t is x ≤ the number before t, and x ≤ t with t of double precision is
/// x ≤ the largest single at most t. A threshold of NaN (x &lt; −∞) sends all numbers right.
/// </remarks>
internal sealed class FlatTrees
{
    /// <summary>A leaf's <see cref="Feature"/>.</summary>
    public const int Leaf = -1;

    /// <summary>What is not above it in size is zero, where zero is missing: LightGBM's number.</summary>
    public const float LargestZero = 1e-35f;

    /// <summary>[trees + 1] Where each tree's nodes begin; its root is the first.</summary>
    public required int[] Roots { get; init; }

    /// <summary>[trees] The number of splits on the longest path.</summary>
    public required int[] Depths { get; init; }

    /// <summary>[trees] The output that a tree adds to; -1 if its leaves are vectors.</summary>
    public required int[] Outputs { get; init; }

    /// <summary>[trees] Whether all splits compare with thresholds and NaN alone is missing.</summary>
    public required bool[] Simple { get; init; }

    /// <summary>[nodes] The feature of a split; <see cref="Leaf"/> for a leaf.</summary>
    public required int[] Feature { get; init; }

    /// <summary>[nodes] The threshold; +∞ for a leaf.</summary>
    public required float[] Threshold { get; init; }

    /// <summary>[nodes] The left child's index among all nodes, one below the right child's; a leaf's own.</summary>
    public required int[] Left { get; init; }

    /// <summary>[nodes] Whether a missing value goes left; true for a leaf.</summary>
    public required bool[] DefaultLeft { get; init; }

    /// <summary>[nodes] What is missing: <see cref="MissingRule.Nan"/>, or <see cref="MissingRule.NanOrZero"/> where that makes a difference.</summary>
    public required MissingRule[] Missing { get; init; }

    /// <summary>[nodes] Where a split's set begins in <see cref="Sets"/>; -1 if it has none.</summary>
    public required int[] Set { get; init; }

    /// <summary>Sets of categories: the number of words, then the words; bit c % 32 of word c / 32 says that category c is in it and goes right.</summary>
    public required uint[] Sets { get; init; }

    /// <summary>Which category a number is.</summary>
    public CategoryRule Categories { get; init; }

    /// <summary>[nodes] The cover; null if a tree has none.</summary>
    public required double[]? Cover { get; init; }

    /// <summary>[nodes] A leaf's value, or for vector leaves where the vector begins in <see cref="Vectors"/>.</summary>
    public required double[] Value { get; init; }

    /// <summary>The values of vector leaves, one after the other.</summary>
    public required double[] Vectors { get; init; }

    public int Trees => Outputs.Length;

    /// <summary>The leaf that a row of features ends in.</summary>
    public int Find(int tree, ReadOnlySpan<float> row)
    {
        int node = Roots[tree];
        while (Feature[node] != Leaf) node = Left[node] + (GoesLeft(node, row[Feature[node]]) ? 0 : 1);
        return node;
    }

    /// <summary>Whether a value of its feature goes left at a split.</summary>
    public bool GoesLeft(int node, float x)
    {
        if (float.IsNaN(x) || (Missing[node] == MissingRule.NanOrZero && Math.Abs(x) <= LargestZero)) return DefaultLeft[node];
        return Set[node] < 0 ? x <= Threshold[node] : !IsMember(Set[node], x);
    }

    /// <summary>Whether NaN goes left; null where zero goes with it, and not where a number would.</summary>
    public bool? NanGoesLeft(int node) => Missing[node] == MissingRule.NanOrZero ? null : DefaultLeft[node];

    /// <summary>The categories that go right at a split by categories.</summary>
    public int[] Members(int node)
    {
        int first = Set[node] + 1, words = (int)Sets[Set[node]];
        List<int> members = [];
        for (int c = 0; c < 32 * words; c++)
        {
            if ((Sets[first + (c >> 5)] >> (c & 31) & 1) != 0) members.Add(c);
        }
        return [.. members];
    }

    // What is beyond the last word is in no set.
    private bool IsMember(int set, float x)
    {
        bool named = Categories switch
        {
            CategoryRule.Truncated => x >= 0,
            CategoryRule.TruncatedFirst => x > -1,
            _ => x >= 0 && x == MathF.Floor(x),
        };
        if (!named || x >= 32f * Sets[set]) return false;
        int category = (int)x;
        return (Sets[set + 1 + (category >> 5)] >> (category & 31) & 1) != 0;
    }
}
