namespace Limn.Trees.Shap;

/// <summary>
/// Saabas' values: every split on the row's path gives the change of the mean output, from its node to the child, to its feature. Fast, adds up, but unfair: features
/// near the root get less than their due. For comparison.
/// </summary>
/// <remarks>
/// XGBoost's <c>approx_contribs</c>. Means are weighted by cover. Saabas: Interpreting random forests, 2014. shap 0.49's own code is wrong for XGBoost
/// models, whose expectations it computes in a copy.
/// </remarks>
public static class Saabas
{
    /// <summary>The values of the margins of rows [rows, features].</summary>
    /// <exception cref="InvalidOptionException">The model has no covers.</exception>
    /// <exception cref="ShapeMismatchException">The length is no multiple of the number of features.</exception>
    public static TreeShapValues Explain(TreeEnsemble model, ReadOnlyMemory<float> rows, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        double[] predictions = model.Margin(rows, cancellation);
        TreeGame game = TreeShap.Game(model, new TreeShapOptions(), TreeShapKind.PathDependent, pairs: false);
        FlatTrees trees = model.Flat;
        int features = model.Features, outputs = model.Outputs, count = rows.Length / features;
        var values = new double[count * features * outputs];
        var expected = new double[count * outputs];
        for (int o = 0; o < outputs; o++)
        {
            double[] means = TreeCovers.Means(game, o);
            double mean = model.BaseScore[o];
            for (int tree = 0; tree < trees.Trees; tree++) mean += means[trees.Roots[tree]];
            for (int r = 0; r < count; r++)
            {
                cancellation.ThrowIfCancellationRequested();
                ReadOnlySpan<float> row = rows.Span.Slice(r * features, features);
                expected[r * outputs + o] = mean;
                for (int tree = 0; tree < trees.Trees; tree++)
                {
                    if (trees.Outputs[tree] >= 0 && trees.Outputs[tree] != o) continue;
                    for (int node = trees.Roots[tree]; trees.Feature[node] != FlatTrees.Leaf;)
                    {
                        int feature = trees.Feature[node], child = trees.Left[node] + (trees.GoesLeft(node, row[feature]) ? 0 : 1);
                        values[(r * features + feature) * outputs + o] += means[child] - means[node];
                        node = child;
                    }
                }
            }
        }
        return new TreeShapValues(count, features, outputs, values, predictions, expected, Additivity.Check(values, features, outputs, expected, predictions, 1e-5));
    }
}
