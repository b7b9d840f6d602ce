namespace Limn.Trees;

/// <summary>Reads CatBoost models: what <c>save_model("model.json", format="json")</c> writes, with symmetric trees and others.</summary>
/// <remarks>
/// A value goes right where it is above a border, compared in single precision; NaN takes the side that the feature's <c>nan_value_treatment</c> says. Covers
/// are the leaves' weights, and for splits their sums. A feature is counted as in the training table (<c>flat_feature_index</c>), and the scale of the model is
/// in the trees' weights. Splits by categorical features are refused: they hash texts or compute statistics, which a table of numbers has not.
/// </remarks>
public static class CatBoostReader
{
    /// <exception cref="InvalidModelException">The file is missing, too large, cut off, no CatBoost model, or one with categorical splits.</exception>
    public static TreeEnsemble Read(string path, long largestFile = ModelBytes.DefaultLargest) => ModelBytes.Read(path, largestFile, bytes => Read(bytes));

    /// <summary>Reads a model from the bytes of a file.</summary>
    /// <exception cref="InvalidModelException">As for a file.</exception>
    public static TreeEnsemble Read(ReadOnlySpan<byte> bytes) => XgboostReader.LooksLikeJson(bytes)
        ? Read(new FileValue(JsonFile.Read(bytes.ToArray()), ""))
        : throw new InvalidModelException("The file is no JSON. CatBoost's own binary format is not read: load it in CatBoost and save it with save_model(\"model.json\", format=\"json\").");

    internal static bool LooksRight(FileValue root) => !root.Find("oblivious_trees").IsNull || (!root.Find("features_info").IsNull && !root.Find("trees").IsNull);

    internal static TreeEnsemble Read(FileValue root)
    {
        CatBoostFeatures features = new(root["features_info"]);
        FileValue symmetric = root.Find("oblivious_trees"), scaleAndBias = root.Find("scale_and_bias");
        (double scale, double[] bias) = (1, []);
        if (!scaleAndBias.IsNull)
        {
            FileValue[] both = scaleAndBias.ItemsOrNumbers();
            if (both.Length != 2) throw new InvalidModelException($"'scale_and_bias' holds {both.Length} items, and a scale and a bias are expected.");
            (scale, bias) = (both[0].Number(), both[1].NumberOrNumbers());
        }
        Tree[] trees = symmetric.IsNull ? [.. root["trees"].Items().Select(t => CatBoostTree.Read(t, features))] : [.. symmetric.Items().Select(t => CatBoostTree.ReadSymmetric(t, features))];
        int outputs = trees.Length > 0 ? trees[0].Values.Length / trees[0].Left.Length : Math.Max(1, bias.Length);
        if (Array.FindIndex(trees, t => t.Values.Length != (long)t.Left.Length * outputs) is >= 0 and int odd)
            throw new InvalidModelException($"The leaves of tree {odd} have {trees[odd].Values.Length / trees[odd].Left.Length} values, and those of the first tree {outputs}.");
        string? objective = Objective(root);
        return new TreeEnsemble(new EnsembleDescription
        {
            Trees = [.. trees.Select(t => t with { Weight = scale })],
            Features = features.Count,
            Outputs = outputs,
            BaseScore = bias.Length == 1 && outputs > 1 ? [bias[0], .. new double[outputs - 1]] : bias,
            Rule = SplitRule.LessOrEqual,
            Precision = ThresholdPrecision.Single,
            Transform = Transform(objective),
            FeatureNames = features.Names,
            Objective = objective,
        });
    }

    /// <summary>The loss: its name without its parameters.</summary>
    private static string? Objective(FileValue root)
    {
        FileValue info = root.Find("model_info");
        FileValue parameters = info.IsNull ? info : info.Find("params");
        FileValue loss = parameters.IsNull ? parameters : parameters.Find("loss_function");
        FileValue type = loss.IsNull ? loss : loss.Find("type");
        return type.IsNull ? null : type.Text().Split(':')[0];
    }

    // Of the losses whose predictions CatBoost makes by a function of the margins; it gives the margins of all others.
    private static OutputTransform Transform(string? objective) => objective switch
    {
        "Logloss" or "CrossEntropy" or "MultiClassOneVsAll" or "MultiLogloss" or "MultiCrossEntropy" => OutputTransform.Logistic,
        "MultiClass" => OutputTransform.Softmax,
        "Poisson" or "Tweedie" => OutputTransform.Exponential,
        _ => OutputTransform.Identity,
    };
}

/// <summary>The features of a CatBoost model by their numbers among those of numbers.</summary>
internal sealed class CatBoostFeatures
{
    private const int Most = 1 << 24;

    private readonly Dictionary<int, (int Flat, bool NanRight)> byNumber = [];

    /// <param name="info">The file's <c>features_info</c>.</param>
    public CatBoostFeatures(FileValue info)
    {
        Dictionary<int, string> names = [];
        foreach (string kind in (ReadOnlySpan<string>)["float_features", "categorical_features", "text_features", "embedding_features"])
        {
            FileValue list = info.Find(kind);
            if (list.IsNull) continue;
            foreach (FileValue feature in list.Items())
            {
                int flat = feature["flat_feature_index"].Integer();
                if (flat is < 0 or >= Most) throw new InvalidModelException($"A feature has the flat_feature_index {flat}; 0 to {Most - 1} are expected.");
                Count = Math.Max(Count, flat + 1);
                FileValue name = feature.Find("feature_name") is { IsNull: false } given ? given : feature.Find("feature_id");
                if (!name.IsNull && name.Text().Length > 0) names[flat] = name.Text();
                if (kind != "float_features") continue;
                string treatment = feature.Find("nan_value_treatment") is { IsNull: false } t ? t.Text() : "AsIs";
                // As it is, NaN is above no border.
                byNumber[feature["feature_index"].Integer()] = (flat, treatment switch
                {
                    "AsIs" or "AsFalse" => false,
                    "AsTrue" => true,
                    _ => throw new InvalidModelException($"Feature {flat} has the nan_value_treatment '{treatment}'; AsIs, AsFalse or AsTrue is expected."),
                });
            }
        }
        if (Count == 0) throw new InvalidModelException("The model has no features.");
        if (names.Count > 0) Names = [.. Enumerable.Range(0, Count).Select(f => names.GetValueOrDefault(f, $"{f}"))];
    }

    /// <summary>The number of columns of the training table, as far as the model knows.</summary>
    public int Count { get; }

    public string[] Names { get; } = [];

    /// <summary>The column of a split, its border, and whether NaN goes right.</summary>
    public (int Feature, double Border, bool NanRight) Split(FileValue split)
    {
        FileValue type = split.Find("split_type");
        if (!type.IsNull && type.Text() != "FloatFeature")
            throw new InvalidModelException($"The model splits by a categorical feature ({type.Text()}), which needs CatBoost's hashes or statistics of texts; train with numeric features, or explain the model as a black box.");
        int number = split["float_feature_index"].Integer();
        return byNumber.TryGetValue(number, out (int Flat, bool NanRight) feature) ? (feature.Flat, (float)split["border"].Number(), feature.NanRight)
            : throw new InvalidModelException($"A split refers to the float feature {number}, which the file does not list.");
    }
}
