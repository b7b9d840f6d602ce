namespace Limn.Trees;

/// <summary>Reads XGBoost models: JSON and UBJSON (<c>save_model("model.json")</c>, <c>("model.ubj")</c>) of all versions from 1.0 to 3.x.</summary>
/// <remarks>
/// Boosters gbtree and dart; one tree for each output or vector leaves; parallel trees; categorical splits of both kinds. Covers are the sums of the Hessian.
/// All trees are used, whatever <c>best_iteration</c> says, as by XGBoost's <c>Booster.predict</c>. <c>multi:softmax</c>, whose prediction in XGBoost is the
/// number of the class, gives the probabilities here, as <c>multi:softprob</c>: a class number has no explanation. The base score is saved as a prediction and
/// becomes a margin by the inverse of the objective's transform.
/// </remarks>
public static class XgboostReader
{
    /// <exception cref="InvalidModelException">The file is missing, too large, truncated, no XGBoost model, or one of a linear booster.</exception>
    public static TreeEnsemble Read(string path, long largestFile = ModelBytes.DefaultLargest) => ModelBytes.Read(path, largestFile, bytes => Read(bytes));

    /// <summary>Reads a model from the bytes of a file.</summary>
    /// <exception cref="InvalidModelException">As for a file.</exception>
    public static TreeEnsemble Read(ReadOnlySpan<byte> bytes)
    {
        bool binary = LooksLikeUbjson(bytes);
        if (!binary && !LooksLikeJson(bytes))
            throw new InvalidModelException("The file is neither JSON nor UBJSON. XGBoost's old binary format is not read: load it in XGBoost and save it with save_model(\"model.json\").");
        return Read(new FileValue(binary ? UbjsonFile.Read(bytes) : JsonFile.Read(bytes.ToArray()), ""));
    }

    internal static TreeEnsemble Read(FileValue root) => Model(root["learner"]);

    // Both begin with a brace; in UBJSON a length follows, or a count, in JSON white space or a quotation mark.
    internal static bool LooksLikeUbjson(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 1 && bytes[0] == '{' && bytes[1] is (byte)'L' or (byte)'l' or (byte)'i' or (byte)'I' or (byte)'U' or (byte)'#' or (byte)'$' or (byte)'N';

    internal static bool LooksLikeJson(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        return bytes.TrimStart(" \t\r\n"u8).StartsWith("{"u8);
    }

    private static TreeEnsemble Model(FileValue learner)
    {
        FileValue parameters = learner["learner_model_param"], booster = learner["gradient_booster"];
        string name = booster["name"].Text(), objective = learner["objective"]["name"].Text();
        if (name is not ("gbtree" or "dart"))
            throw new InvalidModelException($"The booster is '{name}', which has no trees; only gbtree and dart have.");
        FileValue model = (name == "dart" ? booster["gbtree"] : booster)["model"];
        FileValue[] trees = model["trees"].Items();
        int[] info = model["tree_info"].Integers();
        double[]? weights = name == "dart" ? XgboostTree.Single(booster["weight_drop"].Numbers()) : null;
        CheckCount("num_trees", model["gbtree_model_param"]["num_trees"].Integer());
        CheckCount("entries of tree_info", info.Length);
        CheckCount("entries of weight_drop", weights?.Length ?? trees.Length);
        FileValue targets = parameters.Find("num_target");
        int outputs = Math.Max(1, Math.Max(parameters["num_class"].Integer(), targets.IsNull ? 1 : targets.Integer()));
        OutputTransform transform = XgboostObjective.Transform(objective);
        return new TreeEnsemble(new EnsembleDescription
        {
            Trees = [.. trees.Select((t, i) => XgboostTree.Read(t, outputs) with { Output = info[i], Weight = weights?[i] ?? 1 })],
            Features = parameters["num_feature"].Integer(),
            Outputs = outputs,
            BaseScore = Array.ConvertAll(parameters["base_score"].NumberOrNumbers(), b => XgboostObjective.Margin(transform, b)),
            Rule = SplitRule.Less,
            Precision = ThresholdPrecision.Single,
            Transform = transform,
            FeatureNames = Texts(learner.Find("feature_names")),
            FeatureTypes = Texts(learner.Find("feature_types")),
            Objective = objective,
        });

        void CheckCount(string what, int count)
        {
            if (count != trees.Length) throw new InvalidModelException($"The model holds {trees.Length} trees, but {count} {what}.");
        }
    }

    private static string[] Texts(FileValue list) => list.IsNull ? [] : Array.ConvertAll(list.Items(), t => t.Text());
}
