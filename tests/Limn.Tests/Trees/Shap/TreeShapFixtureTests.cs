using System.Globalization;
using Limn.Data;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Tests.Trees.Shap;

/// <summary>What XGBoost and shap say, to 1e-5 of the output's range.</summary>
public class TreeShapFixtureTests
{
    [SharedTheory("trees")]
    [InlineData("reg")]
    [InlineData("logit_nan")]
    [InlineData("forest")]
    [InlineData("categorical")]
    public void Path_dependent_values_interactions_and_saabas_are_those_of_xgboost(string name)
    {
        TreeEnsemble model = XgboostReader.Read(TreeFiles.Fixture($"{name}.json"));
        float[] x = TreeFiles.Table(TreeFiles.Fixture($"{name}_X.csv")).Values;
        double range = Range(model, x);
        foreach (TreeShapAlgorithm algorithm in new[] { TreeShapAlgorithm.Tables, TreeShapAlgorithm.Quadrature })
        {
            var shap = new TreeShap(model, new TreeShapOptions { Algorithm = algorithm });
            Close(WithBias(shap.Explain(x)), Table($"{name}_contribs.csv"), range);
            Close(WithBias(shap.Interactions(x.AsMemory(0, 20 * model.Features))), Table($"{name}_interactions.csv"), range);
        }
        Close(WithBias(Saabas.Explain(model, x)), Table($"{name}_saabas.csv"), range);
    }

    [SharedTheory("trees")]
    [InlineData("reg", ExplainedOutput.Margin, "raw")]
    [InlineData("logit_nan", ExplainedOutput.Margin, "raw")]
    [InlineData("logit_nan", ExplainedOutput.Probability, "probability")]
    public void Interventional_values_are_those_of_shap(string name, ExplainedOutput output, string file)
    {
        TreeEnsemble model = XgboostReader.Read(TreeFiles.Fixture($"{name}.json"));
        float[] x = TreeFiles.Table(TreeFiles.Fixture($"{name}_X.csv")).Values, background = TreeFiles.Table(TreeFiles.Fixture($"{name}_background.csv")).Values;
        double range = output == ExplainedOutput.Margin ? Range(model, x) : 1;
        foreach (TreeShapAlgorithm algorithm in new[] { TreeShapAlgorithm.Tables, TreeShapAlgorithm.Quadrature })
        {
            var shap = new TreeShap(model, new TreeShapOptions { Algorithm = algorithm, Output = output, Background = background });
            Close(shap.Explain(x).Values, Table($"{name}_interventional_{file}.csv"), range);
            double expected = file == "probability" ? 0.38470272241323417 : name == "reg" ? -0.435407868536131 : -1.2014296889997786;
            Assert.Equal(expected, shap.ExpectedValue[0], 1e-5);
        }
    }

    [SharedFact("trees")]
    public void Log_losses_are_those_of_shap()
    {
        TreeEnsemble model = XgboostReader.Read(TreeFiles.Fixture("logit_nan.json"));
        float[] x = TreeFiles.Table(TreeFiles.Fixture("logit_nan_X.csv")).Values;
        var shap = new TreeShap(model, new TreeShapOptions { Output = ExplainedOutput.LogLoss, Background = TreeFiles.Table(TreeFiles.Fixture("logit_nan_background.csv")).Values });
        double[] expected = Table("logit_nan_interventional_log_loss.csv");
        TreeShapValues zero = shap.Explain(x, new float[200]), one = shap.Explain(x, Enumerable.Repeat(1f, 200).ToArray());
        // The labels are not in the files; the sum of a row says which it was.
        double[] actual = [.. Enumerable.Range(0, 200).SelectMany(r =>
        {
            double sum = expected[(r * 8)..((r + 1) * 8)].Sum();
            TreeShapValues of = Math.Abs(sum - (zero.Predictions[r] - zero.ExpectedValues[r])) < Math.Abs(sum - (one.Predictions[r] - one.ExpectedValues[r])) ? zero : one;
            return of.Values[(r * 8)..((r + 1) * 8)];
        })];
        Close(actual, expected, expected.Max() - expected.Min());
    }

    [SharedTheory("trees")]
    [InlineData(TreeShapAlgorithm.Tables)]
    [InlineData(TreeShapAlgorithm.Quadrature)]
    public void Two_thousand_rows_of_five_hundred_trees_are_explained(TreeShapAlgorithm algorithm)
    {
        TreeEnsemble model = XgboostReader.Read(SharedFiles.Path("trees/small.json"));
        float[] x = Numbers.Of(NpyFile.Read(SharedFiles.Path("trees/small_X.npy")).ToFloat());
        double range = Range(model, x[..(2000 * 20)]);
        Close(WithBias(new TreeShap(model, new TreeShapOptions { Algorithm = algorithm }).Explain(x.AsMemory(0, 2000 * 20))), Npy("small_contribs.npy"), range);
        Close(WithBias(new TreeShap(model, new TreeShapOptions { Algorithm = algorithm }).Interactions(x.AsMemory(0, 20 * 20))), Npy("small_interactions.npy"), range);
        if (algorithm == TreeShapAlgorithm.Quadrature) return; // one background row after the other takes its time
        var interventional = new TreeShap(model, new TreeShapOptions { Algorithm = algorithm, Background = x.AsMemory(9900 * 20) });
        Close(WithBias(interventional.Explain(x.AsMemory(0, 200 * 20))), Npy("small_interventional.npy"), range);
    }

    [SharedFact("trees")]
    public void Forests_and_boosting_of_scikit_learn_are_explained()
    {
        float[] x = TreeFiles.Table(TreeFiles.Fixture("rf_X.csv")).Values;
        TreeEnsemble forest = TreeFiles.Sklearn(TreeFiles.Fixture("rf.json")), boosting = TreeFiles.Sklearn(TreeFiles.Fixture("gbr.json"));
        foreach (TreeShapAlgorithm algorithm in new[] { TreeShapAlgorithm.Tables, TreeShapAlgorithm.Quadrature })
        {
            var shap = new TreeShap(forest, new TreeShapOptions { Algorithm = algorithm });
            Close(shap.Explain(x).Values, Table("rf_shap.csv"), 1);
            double[] expected = [0.4568, 0.3012, 0.2420];
            for (int o = 0; o < 3; o++) Assert.Equal(expected[o], shap.ExpectedValue[o], 1e-6);
            double[] interactions = Table("rf_shap_interactions.csv");
            Close(shap.Interactions(x.AsMemory(0, interactions.Length / (8 * 8 * 3) * 8)).Values, interactions, 1);
            shap = new TreeShap(boosting, new TreeShapOptions { Algorithm = algorithm });
            Close(shap.Explain(x).Values, Table("gbr_shap.csv"), Range(boosting, x));
            Assert.Equal(-0.42367158856505566, shap.ExpectedValue[0], 1e-6);
        }
    }

    private static double Range(TreeEnsemble model, float[] x)
    {
        double[] margins = model.Margin(x);
        return margins.Max() - margins.Min();
    }

    private static double[] Table(string name) =>
        [.. File.ReadAllLines(TreeFiles.Fixture(name)).SelectMany(l => l.Split(',')).Select(c => double.Parse(c, CultureInfo.InvariantCulture))];

    private static double[] Npy(string name)
    {
        float[] values = Numbers.Of(NpyFile.Read(SharedFiles.Path($"trees/{name}")).ToFloat());
        return Array.ConvertAll(values, v => (double)v);
    }

    // One output: the last column is the expected value.
    private static double[] WithBias(TreeShapValues values) =>
        [.. Enumerable.Range(0, values.Rows).SelectMany(r => (IEnumerable<double>)[.. values.Values[(r * values.Players)..((r + 1) * values.Players)], values.ExpectedValues[r]])];

    // The last row and column are zero but for their corner, the expected value.
    private static double[] WithBias(TreeShapInteractions values)
    {
        int n = values.Players;
        return [.. from r in Enumerable.Range(0, values.Rows) from k in Enumerable.Range(0, n + 1) from l in Enumerable.Range(0, n + 1)
                   select k < n && l < n ? values[r, k, l] : k == n && l == n ? values.Single.ExpectedValues[r] : 0];
    }

    private static void Close(double[] actual, double[] expected, double range)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
            Assert.True(Math.Abs(actual[i] - expected[i]) <= 1e-5 * range, $"element {i}: {actual[i]}, and {expected[i]} is expected; the range is {range}");
    }
}
