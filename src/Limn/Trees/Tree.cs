namespace Limn.Trees;

/// <summary>What counts as missing at a split, and so takes the default direction.</summary>
public enum MissingRule : byte
{
    /// <summary>NaN is missing.</summary>
    Nan,

    /// <summary>NaN and zero (up to 1e-35 in size) are missing: LightGBM's <c>zero_as_missing</c>.</summary>
    NanOrZero,

    /// <summary>Nothing is missing; NaN is compared as if it were zero: LightGBM's features that had no missing value in training.</summary>
    None,
}

/// <summary>
/// One decision tree, as files hold it: arrays with one entry for each node; node 0 is the root. Nodes that cannot be reached from it are ignored.
/// </summary>
public sealed record Tree
{
    /// <summary>[nodes] The left child, where <c>x &lt; threshold</c> or <c>x ≤ threshold</c> holds; -1 for a leaf.</summary>
    public required int[] Left { get; init; }

    /// <summary>[nodes] The right child; -1 for a leaf.</summary>
    public required int[] Right { get; init; }

    /// <summary>[nodes] The feature that a split looks at; any number for a leaf.</summary>
    public required int[] Feature { get; init; }

    /// <summary>[nodes] What it is compared with; any number for a leaf or a split by categories.</summary>
    public required double[] Threshold { get; init; }

    /// <summary>[nodes] for a tree of one output, or [nodes, outputs] for one whose leaves are vectors; only those of leaves are used.</summary>
    public required double[] Values { get; init; }

    /// <summary>[nodes] The weight of the training rows that passed (their number, or the sum of their Hessian); null if the file does not say.</summary>
    public double[]? Cover { get; init; }

    /// <summary>[nodes] Whether a missing value goes left; null: always right.</summary>
    public bool[]? DefaultLeft { get; init; }

    /// <summary>[nodes] What is missing; null: NaN everywhere.</summary>
    public MissingRule[]? Missing { get; init; }

    /// <summary>
    /// The categories of each split that compares with a set: a value goes RIGHT if it is one of them, by the model's
    /// <see cref="CategoryRule"/>, and left if not (also if unknown). Null or empty: there are no such splits.
    /// </summary>
    /// <remarks>As in XGBoost. LightGBM sends members left: its reader swaps the children.</remarks>
    public IReadOnlyDictionary<int, int[]>? Categories { get; init; }

    /// <summary>The output that a tree of one output adds to.</summary>
    public int Output { get; init; }

    /// <summary>What the tree's values are multiplied by: DART's weight.</summary>
    public double Weight { get; init; } = 1;
}
