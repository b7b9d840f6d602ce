using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>LinearRegressor</c> and <c>LinearClassifier</c>, rewritten to matrix products when a file is read, so that gradients pass.</summary>
/// <remarks>ai.onnx.ml 1 to newest. Where the specification leaves it open, two classes with one score are treated as in ONNX Runtime.</remarks>
public static class LinearModelOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        MachineLearning.Of("LinearRegressor", ImportRegressor),
        MachineLearning.Of("LinearClassifier", ImportClassifier, "The chosen label has no gradient, the scores have."),
    ];

    private static IReadOnlyList<Value> ImportRegressor(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        int targets = checked((int)a.Int("targets", 1));
        Value scores = Scores(import, a.Floats("coefficients"), a.Floats("intercepts"), targets);
        return import.EmitAs(PostTransform.Regression(import.Graph, scores, targets, PostTransform.Of(a)));
    }

    private static IReadOnlyList<Value> ImportClassifier(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        a.Ignore("multi_class"); // how it was trained
        string transform = PostTransform.Of(a);
        var labels = new ClassLabels(a, "classlabels_ints");
        float[]? intercepts = a.Floats("intercepts");
        int targets = intercepts is { Length: > 0 } ? intercepts.Length : labels.Count;
        Value scores = Scores(import, a.Floats("coefficients"), intercepts, targets);
        if (targets > 1)
        {
            if (labels.Count != targets) throw new InvalidModelException($"it has {targets} scores and {labels.Count} class labels.");
            return [labels.Of(g, g.ArgMax(scores, 1, keepDims: false)), PostTransform.Apply(g, scores, transform)];
        }
        if (labels.Count is not (0 or 2)) throw new InvalidModelException($"it has one score and {labels.Count} class labels; two are expected.");
        Value isSecond = g.Greater(g.Squeeze(scores, 1), g.ScalarLike(scores, 0));
        return [labels.OfTwo(g, isSecond), labels.Count == 2 ? PostTransform.Both(import, scores, complement: true, transform) : PostTransform.Regression(g, scores, 1, transform)];
    }

    /// <summary>x · coefficientsᵀ + intercepts, as [rows, targets].</summary>
    internal static Value Scores(OperatorImport import, float[]? coefficients, float[]? intercepts, int targets)
    {
        GraphBuilder g = import.Graph;
        if (coefficients is null || targets < 1 || coefficients.Length == 0 || coefficients.Length % targets != 0)
            throw new InvalidModelException($"it has {coefficients?.Length ?? 0} coefficients for {targets} scores.");
        Value weights = g.Constant(new NdArray(coefficients, targets, coefficients.Length / targets));
        Value scores = g.MatMul(MachineLearning.Rows(import), weights, false, true);
        if (intercepts is not { Length: > 0 }) return scores;
        if (intercepts.Length != targets && intercepts.Length != 1) throw new InvalidModelException($"it has {intercepts.Length} intercepts for {targets} scores.");
        return g.Add(scores, g.Constant(NdArray.Vector(intercepts)));
    }
}
