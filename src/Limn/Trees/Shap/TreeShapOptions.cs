namespace Limn.Trees.Shap;

/// <summary>What the absence of a feature means.</summary>
public enum TreeShapKind
{
    /// <summary>
    /// At a split on an absent feature both children count, by their share of the training rows (their cover): shap's <c>tree_path_dependent</c>, XGBoost's
    /// <c>pred_contribs</c>.
    /// </summary>
    PathDependent,

    /// <summary>Absent features take their values from background rows, one row at a time, and the outputs are averaged.</summary>
    Interventional,
}

/// <summary>What is explained.</summary>
public enum ExplainedOutput
{
    /// <summary>The sum of the trees.</summary>
    Margin,

    /// <summary>The prediction: the margin passed through the model's <see cref="OutputTransform"/>. Interventional only.</summary>
    Probability,

    /// <summary>The loss of each row against its label: of a logistic model for each output, of a softmax model one loss. Interventional only.</summary>
    LogLoss,
}

/// <summary>How values are computed; all ways are exact.</summary>
public enum TreeShapAlgorithm
{
    /// <summary>The faster one for the model and the number of rows.</summary>
    Automatic,

    /// <summary>Tables of patterns, for every tree whose paths have few enough distinct players.</summary>
    Tables,

    /// <summary>Quadrature, for all trees.</summary>
    Quadrature,
}

/// <summary>How <see cref="TreeShap"/> explains.</summary>
public sealed record TreeShapOptions
{
    /// <summary>The kind of values; null: interventional where there is a background, else path-dependent.</summary>
    public TreeShapKind? Kind { get; init; }

    /// <summary>[rows, features] The background of interventional values.</summary>
    public ReadOnlyMemory<float> Background { get; init; }

    /// <summary>What each background row counts; they are divided by their sum. Empty: all the same.</summary>
    public IReadOnlyList<double> BackgroundWeights { get; init; } = [];

    /// <summary>[rows, features] Rows whose ways through the trees are counted, and take the place of the covers in the model; empty: the model's.</summary>
    public ReadOnlyMemory<float> CoverRows { get; init; }

    public ExplainedOutput Output { get; init; }

    public Semivalue Semivalue { get; init; }

    /// <summary>
    /// Features that are present and absent together, and share one value. Players are these groups, in this order, and then each other feature on its own. Empty: every
    /// feature is a player.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<int>> Groups { get; init; } = [];

    /// <summary>How many threads may work; 0 for all processors. The result does not depend on it.</summary>
    public int Threads { get; init; }

    public TreeShapAlgorithm Algorithm { get; init; }

    /// <summary>
    /// How far values plus the expected value may be from the output, relative to the sum of the values' sizes (in the row where it is largest); beyond it
    /// <see cref="AdditivityException"/> is thrown. Infinity: there is no limit.
    /// </summary>
    public double Tolerance { get; init; } = 1e-5;

    /// <summary>Tables are kept for the next rows if they take at most so many bytes.</summary>
    public long TableMemory { get; init; } = 192L << 20;
}

/// <summary>Values do not add up to the output.</summary>
public sealed class AdditivityException(string message) : LimnException(message);
