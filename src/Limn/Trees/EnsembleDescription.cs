namespace Limn.Trees;

/// <summary>When a value goes left.</summary>
public enum SplitRule
{
    /// <summary><c>x &lt; threshold</c>: XGBoost.</summary>
    Less,

    /// <summary><c>x ≤ threshold</c>: scikit-learn, LightGBM.</summary>
    LessOrEqual,
}

/// <summary>The precision that thresholds have in the model.</summary>
public enum ThresholdPrecision
{
    /// <summary>Single: XGBoost. Thresholds are rounded to it before they are compared.</summary>
    Single,

    /// <summary>Double: scikit-learn, LightGBM. A value is compared as if it were converted to double.</summary>
    Double,
}

/// <summary>Which category a number is, at a split by <see cref="Tree.Categories"/>. NaN is missing or 0, as at every split.</summary>
public enum CategoryRule
{
    /// <summary>What is below 0 is none; anything else is truncated: XGBoost.</summary>
    Truncated,

    /// <summary>Truncated towards zero, then what is below 0 is none: LightGBM, for which −0.5 is category 0.</summary>
    TruncatedFirst,

    /// <summary>Whole numbers from 0 alone; anything else is none: ONNX, which compares for equality.</summary>
    Whole,
}

/// <summary>What a <see cref="TreeEnsemble"/> is made of.</summary>
public sealed record EnsembleDescription
{
    public required IReadOnlyList<Tree> Trees { get; init; }

    /// <summary>The number of features, at least 1.</summary>
    public required int Features { get; init; }

    /// <summary>The number of outputs (classes, or targets).</summary>
    public int Outputs { get; init; } = 1;

    /// <summary>What the sum of trees starts from, as a margin: one for each output, or one for all; empty for 0.</summary>
    public IReadOnlyList<double> BaseScore { get; init; } = [];

    /// <summary>Divide the sum of each output by the number of trees that add to it: a forest. The base score is not divided.</summary>
    public bool Average { get; init; }

    public SplitRule Rule { get; init; } = SplitRule.LessOrEqual;

    public ThresholdPrecision Precision { get; init; } = ThresholdPrecision.Double;

    public CategoryRule Categories { get; init; }

    /// <summary>From margins to predictions.</summary>
    public OutputTransform Transform { get; init; }

    /// <summary>What margins are multiplied by before <see cref="Transform"/>: LightGBM's <c>sigmoid</c>.</summary>
    public double TransformScale { get; init; } = 1;

    /// <summary>One for each feature, or none.</summary>
    public IReadOnlyList<string> FeatureNames { get; init; } = [];

    /// <summary>One for each feature as the file calls it (XGBoost: float, int, i, q, c), or none.</summary>
    public IReadOnlyList<string> FeatureTypes { get; init; } = [];

    /// <summary>The loss that the model was trained with, as the file calls it.</summary>
    public string? Objective { get; init; }
}
