using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Limn.Trees;

/// <summary>Writes ensembles, wherever they came from, as JSON that XGBoost (1.6 and later) and Limn read.</summary>
/// <remarks>
/// Predictions are the same up to the single precision of XGBoost's leaves. Weights, averaging and the scale of the transform are multiplied into the leaves, so
/// that with a scale the margins of the file are scaled ones. Vector leaves become one tree for each output. Base scores that XGBoost cannot hold (one for each
/// class, or a probability too near to 1) become trees of one leaf, and trees of the leaf 0 fill up iterations. Values of a feature that is split by categories
/// must be whole numbers: what is not goes where XGBoost sends it. Without covers the sums of the Hessian are 0, which is read as no covers.
/// </remarks>
public static class XgboostWriter
{
    private const double BaseTolerance = 1e-7;

    /// <summary>Writes a file. It is written aside and then renamed, so that a failure leaves an existing file as it was.</summary>
    /// <exception cref="LimnException">XGBoost has no such model, or the file cannot be written.</exception>
    public static void Write(TreeEnsemble model, string path) => ModelBytes.Write(path, stream => Write(model, stream));

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <exception cref="LimnException">XGBoost has no such model: zero is missing and goes elsewhere than it would, or predictions are made by a function that no objective has.</exception>
    public static void Write(TreeEnsemble model, Stream stream)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(stream);
        (string objective, string? parameters, string? name, string value) = Objective(model);
        bool softmax = model.Transform == OutputTransform.Softmax;
        (double baseScore, IReadOnlyList<XgboostWrittenTree> trees) = Trees(model);
        string count = Text(model.Features);
        // XGBoost does not decode \u002B, nor \u00E9 in a name.
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteStartObject("learner");
        json.WriteStartObject("attributes");
        json.WriteEndObject();
        Texts(json, "feature_names", model.FeatureNames);
        Texts(json, "feature_types", Types(model));
        json.WriteStartObject("gradient_booster");
        json.WriteStartObject("model");
        Parameters(json, "gbtree_model_param", ("num_parallel_tree", "1"), ("num_trees", Text(trees.Count)), ("size_leaf_vector", "0"));
        json.WriteStartArray("tree_info");
        foreach (XgboostWrittenTree tree in trees) json.WriteNumberValue(tree.Output);
        json.WriteEndArray();
        json.WriteStartArray("trees");
        for (int i = 0; i < trees.Count; i++) trees[i].Write(json, i, count);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteString("name", "gbtree");
        json.WriteEndObject();
        Parameters(json, "learner_model_param", ("base_score", baseScore.ToString("E8", CultureInfo.InvariantCulture)), ("boost_from_average", "0"),
            ("num_class", softmax ? Text(model.Outputs) : "0"), ("num_feature", count), ("num_target", softmax ? "1" : Text(model.Outputs)));
        json.WriteStartObject("objective");
        json.WriteString("name", objective);
        if (parameters is not null) Parameters(json, parameters, (name!, value));
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartArray("version");
        foreach (int part in (ReadOnlySpan<int>)[1, 7, 0]) json.WriteNumberValue(part);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static (string Name, string? Parameters, string? Parameter, string Value) Objective(TreeEnsemble model) => model.Transform switch
    {
        OutputTransform.Identity when model.Objective is "binary:logitraw" or "reg:squaredlogerror" => (model.Objective, "reg_loss_param", "scale_pos_weight", "1"),
        OutputTransform.Identity => ("reg:squarederror", "reg_loss_param", "scale_pos_weight", "1"),
        OutputTransform.Logistic => (model.Objective == "reg:logistic" ? "reg:logistic" : "binary:logistic", "reg_loss_param", "scale_pos_weight", "1"),
        OutputTransform.Softmax when model.Outputs > 1 => ("multi:softprob", "softmax_multiclass_param", "num_class", Text(model.Outputs)),
        OutputTransform.Exponential => ("count:poisson", "poisson_regression_param", "max_delta_step", "0.7"),
        OutputTransform.Step => ("binary:hinge", null, null, ""),
        _ => throw new LimnException($"XGBoost has no objective whose predictions are the {model.Transform} of {model.Outputs} margins; write the model as ONNX, or its margins (Transform = Identity)."),
    };

    private static (double BaseScore, IReadOnlyList<XgboostWrittenTree> Trees) Trees(TreeEnsemble model)
    {
        double scale = model.Description.TransformScale;
        double[] margins = Array.ConvertAll(model.BaseScore.ToArray(), b => b * scale);
        List<XgboostWrittenTree>[] byOutput = [.. margins.Select(_ => new List<XgboostWrittenTree>())];
        double? shared = Array.TrueForAll(margins, m => m == margins[0]) ? AsPrediction(model.Transform, margins[0]) : null;
        if (shared is null)
        {
            for (int o = 0; o < margins.Length; o++) byOutput[o].Add(new XgboostConstant((float)margins[o], o));
        }
        for (int t = 0; t < model.Flat.Trees; t++)
        {
            for (int o = 0; o < margins.Length; o++)
            {
                if (model.Flat.Outputs[t] < 0 || model.Flat.Outputs[t] == o) byOutput[o].Add(new XgboostFlatTree(model.Flat, t, o, scale));
            }
        }
        int rounds = byOutput.Max(t => t.Count);
        return (shared ?? AsPrediction(model.Transform, 0)!.Value,
            [.. Enumerable.Range(0, rounds).SelectMany(r => byOutput.Select((trees, o) => r < trees.Count ? trees[r] : new XgboostConstant(0, o)))]);
    }

    /// <summary>The base score, which XGBoost holds as a prediction in single precision; null where reading it again gives another margin.</summary>
    private static double? AsPrediction(OutputTransform transform, double margin)
    {
        float score = (float)(transform switch
        {
            OutputTransform.Logistic => 1 / (1 + Math.Exp(-margin)),
            OutputTransform.Exponential => Math.Exp(margin),
            _ => margin,
        });
        double back = transform switch
        {
            OutputTransform.Logistic => Math.Log(score) - Math.Log(1 - (double)score),
            OutputTransform.Exponential => Math.Log(score),
            _ => score,
        };
        return Math.Abs(back - margin) <= BaseTolerance * Math.Max(1, Math.Abs(margin)) ? score : null;
    }

    // c for features that are split by categories, which XGBoost wants to be told, if there are any.
    private static IReadOnlyList<string> Types(TreeEnsemble model)
    {
        FlatTrees flat = model.Flat;
        HashSet<int> categorical = [.. Enumerable.Range(0, flat.Feature.Length).Where(n => flat.Set[n] >= 0).Select(n => flat.Feature[n])];
        if (categorical.Count == 0 || model.FeatureTypes.Count > 0) return model.FeatureTypes;
        return [.. Enumerable.Range(0, model.Features).Select(f => categorical.Contains(f) ? "c" : "float")];
    }

    private static void Texts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    internal static void Parameters(Utf8JsonWriter json, string name, params ReadOnlySpan<(string Name, string Value)> members)
    {
        json.WriteStartObject(name);
        foreach ((string member, string value) in members) json.WriteString(member, value);
        json.WriteEndObject();
    }

    internal static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
