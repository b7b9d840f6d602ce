using System.Globalization;

namespace Limn.Trees;

/// <summary>Reads LightGBM models: the text that <c>save_model("model.txt")</c> writes, versions v2 (LightGBM 2.1) to v4 (4.x).</summary>
/// <remarks>
/// Boosters gbdt, dart, goss and rf; the shrinkage is already in the leaves. Covers are the numbers of training rows, as in LightGBM's own contributions
/// (the sums of the Hessian where the counts are missing). Missing values follow LightGBM 4: at a split by categories NaN goes right, also in files of
/// versions that took it for category 0. LightGBM compares in double precision and converts rows to it; rows here are of single precision. Files of
/// <c>linear_tree</c> are refused, and so is <c>dump_model</c>'s JSON, which rounds its numbers.
/// </remarks>
public static class LightGbmReader
{
    /// <exception cref="InvalidModelException">The file is missing, too large, cut off, no LightGBM model, or one of linear trees.</exception>
    public static TreeEnsemble Read(string path, long largestFile = ModelBytes.DefaultLargest) => ModelBytes.Read(path, largestFile, bytes => Read(bytes.AsMemory()));

    /// <summary>Reads a model from the bytes of a file.</summary>
    /// <exception cref="InvalidModelException">As for a file.</exception>
    public static TreeEnsemble Read(ReadOnlyMemory<byte> bytes)
    {
        if (!LooksRight(bytes.Span)) throw new InvalidModelException("The file is no LightGBM model: its first line is not 'tree'.");
        LightGbmText text = LightGbmText.Read(bytes);
        LightGbmSection header = text.Header;
        if (!header.Has("version") || header.Text("version") is not ("v2" or "v3" or "v4"))
            throw new InvalidModelException($"The model is of version '{(header.Has("version") ? header.Text("version") : "1")}', and v2 to v4 are read; load it in a newer LightGBM and save it again.");
        int outputs = header.Integer("num_tree_per_iteration", header.Integer("num_class", 1)), features = header.Integer("max_feature_idx");
        if (outputs < 1 || features is < 0 or int.MaxValue) throw new InvalidModelException($"The model has {outputs} trees in an iteration and features up to {features}.");
        if (header.Has("tree_sizes")) _ = header.Numbers("tree_sizes", text.Trees.Count);
        string? objective = header.Has("objective") ? header.Text("objective") : null;
        (OutputTransform transform, double scale) = Transform(objective, outputs);
        bool average = header.Has("average_output");
        return new TreeEnsemble(new EnsembleDescription
        {
            Trees = [.. text.Trees.Select((t, i) => LightGbmTree.Read(t, i % outputs))],
            Features = features + 1,
            Outputs = outputs,
            Average = average,
            Rule = SplitRule.LessOrEqual,
            Precision = ThresholdPrecision.Double,
            Categories = CategoryRule.TruncatedFirst,
            // Before 2.2, whose files have no end mark, the leaves of a random forest held predictions and not margins.
            Transform = average && !text.Marked ? OutputTransform.Identity : transform,
            TransformScale = average && !text.Marked ? 1 : scale,
            FeatureNames = header.Has("feature_names") ? header.Text("feature_names").Split(' ', StringSplitOptions.RemoveEmptyEntries) : [],
            Objective = objective?.Split(' ')[0],
        });
    }

    internal static bool LooksRight(ReadOnlySpan<byte> bytes) => bytes.StartsWith("tree\n"u8) || bytes.StartsWith("tree\r\n"u8);

    private static (OutputTransform Transform, double Scale) Transform(string? objective, int outputs)
    {
        if (objective is null) return (OutputTransform.Identity, 1); // a loss of one's own: LightGBM gives margins
        string[] words = objective.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double sigmoid = 1;
        foreach (string word in words)
        {
            if (word.StartsWith("sigmoid:", StringComparison.Ordinal) && !double.TryParse(word[8..], NumberStyles.Float, CultureInfo.InvariantCulture, out sigmoid))
                throw new InvalidModelException($"The objective '{objective}' has no readable sigmoid.");
            if (word.StartsWith("num_class:", StringComparison.Ordinal) && word[10..] != outputs.ToString(CultureInfo.InvariantCulture))
                throw new InvalidModelException($"The objective is '{objective}', but an iteration has {outputs} trees.");
        }
        return (words.Length == 0 ? "" : words[0]) switch
        {
            "regression" or "regression_l1" or "huber" or "fair" or "quantile" or "mape" => (words.Contains("sqrt") ? OutputTransform.SignedSquare : OutputTransform.Identity, 1),
            "poisson" or "gamma" or "tweedie" => (OutputTransform.Exponential, 1),
            "binary" or "multiclassova" => (OutputTransform.Logistic, sigmoid),
            "multiclass" => (OutputTransform.Softmax, 1),
            "cross_entropy" or "xentropy" => (OutputTransform.Logistic, 1),
            "cross_entropy_lambda" or "xentlambda" => (OutputTransform.Softplus, 1),
            "lambdarank" or "rank_xendcg" or "custom" or "none" => (OutputTransform.Identity, 1),
            string name => throw new InvalidModelException($"The objective '{name}' is not known, so nothing can be said about its predictions; save the model with one of LightGBM's own objectives."),
        };
    }
}
