using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Trees;

namespace Limn.Tests.Trees;

/// <summary>What the trees say is compared with what the whole model gives when it is run.</summary>
public class OnnxTreesTests
{
    private static readonly float[] Around = [0.5f, 1, 1.5f, 2, 3, -1, -0.5f, 0, float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    [Theory]
    [InlineData("BRANCH_LEQ")]
    [InlineData("BRANCH_LT")]
    [InlineData("BRANCH_GTE")]
    [InlineData("BRANCH_GT")]
    [InlineData("BRANCH_EQ")]
    [InlineData("BRANCH_NEQ")]
    public void Every_mode_goes_where_the_model_goes(string mode)
    {
        foreach (float threshold in (float[])[1, 0, float.PositiveInfinity, float.NegativeInfinity, float.NaN])
        {
            if (float.IsInfinity(threshold) && mode is "BRANCH_EQ" or "BRANCH_NEQ") continue;
            foreach (long missing in (long[])[0, 1])
            {
                OnnxTrees trees = Of(Regressor(Stump(mode, threshold, missing, ("target_ids", new long[2]), ("target_weights", new float[] { 1, 2 }))));
                Agrees(trees, Around, 1);
                // Beside a split with ≤ thresholds cannot be left as they are.
                OnnxTrees mixed = Of(Regressor([("nodes_treeids", new long[] { 0, 0, 0, 1, 1, 1 }), ("nodes_nodeids", new long[] { 0, 1, 2, 0, 1, 2 }), ("nodes_featureids", new long[6]),
                    ("nodes_values", new float[] { threshold, 0, 0, 2, 0, 0 }), ("nodes_modes", new[] { mode, "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF" }), ("nodes_truenodeids", new long[] { 1, 0, 0, 1, 0, 0 }),
                    ("nodes_falsenodeids", new long[] { 2, 0, 0, 2, 0, 0 }), ("nodes_missing_value_tracks_true", new long[] { missing, 0, 0, 0, 0, 0 }), ("target_treeids", new long[] { 0, 0, 1, 1 }),
                    ("target_nodeids", new long[] { 1, 2, 1, 2 }), ("target_ids", new long[4]), ("target_weights", new float[] { 1, 2, 10, 20 })]));
                Agrees(mixed, Around, 1);
            }
        }
    }

    [Theory]
    [InlineData("SUM")]
    [InlineData("AVERAGE")]
    public void Sums_and_means_of_several_targets_start_from_base_values(string aggregate)
    {
        foreach (string transform in (string[])["NONE", "LOGISTIC", "SOFTMAX"])
        {
            OnnxTrees trees = Of(Regressor([("n_targets", 2L), ("aggregate_function", aggregate), ("post_transform", transform), ("base_values", new[] { 10f, -0.5f }),
                ("nodes_treeids", new long[] { 0, 0, 0, 4, 4, 4 }), ("nodes_nodeids", new long[] { 0, 1, 2, 0, 1, 2 }), ("nodes_featureids", new long[6]), ("nodes_values", new[] { 0.5f, 0, 0, 2, 0, 0 }),
                ("nodes_modes", new[] { "BRANCH_LT", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF" }), ("nodes_truenodeids", new long[] { 1, 0, 0, 1, 0, 0 }), ("nodes_falsenodeids", new long[] { 2, 0, 0, 2, 0, 0 }),
                ("target_treeids", new long[] { 0, 0, 0, 4, 4 }), ("target_nodeids", new long[] { 1, 1, 2, 1, 2 }), ("target_ids", new long[] { 0, 1, 1, 1, 1 }), ("target_weights", new float[] { 2, 7, 3, 5, -1 })]));
            Agrees(trees, Around, 1);
            Assert.Equal([10, -0.5], trees.Ensemble.BaseScore.ToArray());
            Assert.Equal(transform switch { "NONE" => OutputTransform.Identity, "LOGISTIC" => OutputTransform.Logistic, _ => OutputTransform.Softmax }, trees.Ensemble.Transform);
        }
    }

    public static TheoryData<float[], long[], float[]?, string, int> Classifiers => new()
    {
        { [0.25f, 0.75f], [0, 0], null, "LOGISTIC", 2 }, // positive: probabilities, and not transformed
        { [0.25f, 0.75f], [1, 1], null, "NONE", 2 },
        { [-1, 1], [0, 0], null, "LOGISTIC", 2 },
        { [-1, 1], [1, 1], null, "LOGISTIC", 2 },
        { [-1, 1], [0, 0], null, "NONE", 2 },
        { [-1, 1], [0, 0], [3], "LOGISTIC", 2 },
        { [-1, 1], [0, 0], [3, 4], "SOFTMAX", 2 },
        { [-1, 1], [0, 1], [3, 4], "LOGISTIC", 2 },
        { [1, -1], [0, 1], null, "SOFTMAX", 2 },
        { [1, -1], [0, 1], null, "NONE", 2 },
        { [-3, -1], [0, 2], null, "SOFTMAX", 3 },
        { [-3, -1], [0, 2], [1, 2, 3], "LOGISTIC", 3 },
        { [-3, -1], [0, 2], [1, 2, 3], "NONE", 3 },
    };

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void A_classifier_gives_its_columns(float[] weights, long[] classes, float[]? start, string transform, int count)
    {
        List<(string, object)> more = [("class_ids", classes), ("class_weights", weights), ("post_transform", transform), ("classlabels_int64s", Enumerable.Range(0, count).Select(i => (long)i).ToArray())];
        if (start is not null) more.Add(("base_values", start));
        (string, object)[] attributes = [.. Stump("BRANCH_LT", 1, 0, [.. more]).Select(a => (a.Item1.Replace("target_", "class_"), a.Item2))];
        OnnxTrees trees = Of(OnnxFiles.Model(1, 3, ["label", "probabilities"], OnnxFiles.Node("TreeEnsembleClassifier", ["x"], ["label", "probabilities"], attributes)));
        Assert.Equal(count, trees.Ensemble.Outputs);
        Agrees(trees, Around, 1);
        OnnxTrees zipped = Of(OnnxFiles.Model(1, 3, ["label", "z"], OnnxFiles.Node("TreeEnsembleClassifier", ["x"], ["label", "p"], attributes),
            OnnxFiles.Node("ZipMap", ["p"], ["z"], ("classlabels_int64s", Enumerable.Range(0, count).Select(i => (long)i).ToArray()))));
        Assert.Equal("z", zipped.Output.Name);
        Agrees(zipped, Around, 1);
    }

    [Fact]
    public void Version_5_has_sets_and_shared_leaves()
    {
        // x0 in {1, 31, 32, 64}: leaf 0, else x1 > 2: leaf 1, else leaf 2.
        byte[] model = OnnxFiles.Model(2, 5, ["y"], OnnxFiles.Node("TreeEnsemble", ["x"], ["y"], ("n_targets", 2L), ("aggregate_function", 1L), ("post_transform", 2L), ("tree_roots", new long[] { 0 }),
            ("nodes_featureids", new long[] { 0, 1 }), ("nodes_splits", OnnxFiles.Floats(0, 2)), ("nodes_modes", OnnxFiles.Bytes(6, 3)), ("nodes_truenodeids", new long[] { 0, 1 }), ("nodes_trueleafs", new long[] { 1, 1 }),
            ("nodes_falsenodeids", new long[] { 1, 2 }), ("nodes_falseleafs", new long[] { 0, 1 }), ("membership_values", OnnxFiles.Floats(1, 31, 32, 64, float.NaN)),
            ("leaf_targetids", new long[] { 0, 1, 0 }), ("leaf_weights", OnnxFiles.Floats(1, 2, -3))));
        OnnxTrees trees = Of(model);
        Agrees(trees, [1, 0, 31, 0, 31.5f, 0, 32, 9, 33, 9, 64, 1, 63, 2, 0, 3, -1, float.NaN, float.NaN, 3], 2);
        Assert.Equal([1, 31, 32, 64], trees.Ensemble.Trees[0].Categories![0]);
    }

    [Fact]
    public void In_a_pipeline_the_features_are_those_of_the_trees()
    {
        byte[] model = OnnxFiles.Model(2, 3, ["y"], OnnxFiles.Node("Imputer", ["x"], ["filled"], ("imputed_value_floats", new float[] { 5, 7 }), ("replaced_value_float", float.NaN)),
            OnnxFiles.Node("Scaler", ["filled"], ["scaled"], ("offset", new float[] { 1, 2 }), ("scale", new float[] { 2, 0.5f })),
            OnnxFiles.Node("TreeEnsembleRegressor", ["scaled"], ["y"], Stump("BRANCH_LEQ", 3, 0, ("target_ids", new long[2]), ("target_weights", new float[] { 1, 2 }))));
        OnnxTrees trees = Of(model);
        Assert.True(trees.HasPrefix);
        Assert.False(trees.HasSuffix);
        Assert.Equal(("scaled", 2), (trees.Input.Name, trees.Ensemble.Features));
        NdArray features = trees.Features([new NdArray([1f, 2, float.NaN, 8], 2, 2)]);
        Assert.Equal([0, 0, 8, 3], features.Floats.ToArray());
        Assert.Equal([1, 2], trees.Ensemble.Predict([features])[0].Floats.ToArray());
    }

    [Fact]
    public void Hit_rates_are_covers_only_if_they_add_up()
    {
        Assert.True(Rates(5, 2, 3).HasCover);
        Assert.False(Rates(1, 1, 1).HasCover);
        Assert.False(Rates(0, 0, 0).HasCover);
        Assert.False(Rates(5, 8, -3).HasCover);

        static TreeEnsemble Rates(params float[] rates) => Of(Regressor(Stump("BRANCH_LT", 1, 0, ("nodes_hitrates", rates), ("target_ids", new long[2]), ("target_weights", new float[] { 1, 2 })))).Ensemble;
    }

    [Fact]
    public void What_is_no_sum_of_trees_is_refused_by_name()
    {
        (string, object)[] weights = [("target_ids", new long[2]), ("target_weights", new float[] { 1, 2 })];
        Refused("Max", Regressor(Stump("BRANCH_LT", 1, 0, [.. weights, ("aggregate_function", "MAX")])));
        Refused("Min", Regressor(Stump("BRANCH_LT", 1, 0, [.. weights, ("aggregate_function", "MIN")])));
        Refused("equality with 2.5", Regressor(Stump("BRANCH_EQ", 2.5f, 0, weights)));
        Refused("has no trees", OnnxFiles.Model(2, 3, ["y"], OnnxFiles.Node("Scaler", ["x"], ["y"], ("offset", new float[] { 1, 2 }), ("scale", new float[] { 2, 0.5f }))));
        (string, object)[] stump = Stump("BRANCH_LT", 1, 0, weights);
        Refused("2 ensembles", OnnxFiles.Model(1, 3, ["y", "z"], OnnxFiles.Node("TreeEnsembleRegressor", ["x"], ["y"], stump), OnnxFiles.Node("TreeEnsembleRegressor", ["x"], ["z"], stump)));
        Refused("node 9", Regressor([.. stump.Where(a => a.Item1 != "nodes_truenodeids"), ("nodes_truenodeids", new long[] { 9, 0, 0 })]));

        static void Refused(string expected, byte[] model) => Assert.Contains(expected, Assert.Throws<InvalidModelException>(() => Of(model)).Message);
    }

    [Fact]
    public void A_transform_that_trees_have_not_leaves_the_scores()
    {
        (string, object)[] attributes = Stump("BRANCH_LT", 1, 0, ("post_transform", "PROBIT"), ("target_ids", new long[2]), ("target_weights", new float[] { 0.1f, 0.2f }));
        OnnxTrees trees = Of(Regressor(attributes));
        Assert.True(trees.HasSuffix);
        Assert.Equal([0.1f, 0.2f], TreeFiles.Run(trees.Ensemble, [0, 1], 2));
    }

    [SharedTheory("models")]
    [InlineData("tract_xgboost_classifier_tree")]
    [InlineData("tract_xgboost_regressor_tree")]
    public void Models_that_xgboost_trained_are_read(string name)
    {
        OnnxTrees trees = OnnxTrees.Read(SharedFiles.Path(Path.Combine("models", "tabular", $"{name}.onnx")));
        var random = new Random(4);
        Agrees(trees, [.. Enumerable.Range(0, 100 * trees.Ensemble.Features).Select(_ => random.Next(15) == 0 ? float.NaN : (float)(random.NextDouble() * Math.Pow(10, random.Next(4))))], trees.Ensemble.Features);
        Assert.False(trees.HasSuffix);
    }

    private static OnnxTrees Of(byte[] model) => OnnxTrees.Of(OnnxReader.Read(model).Graph);

    private static void Agrees(OnnxTrees trees, float[] x, int features)
    {
        Value input = trees.Graph.Inputs[0];
        float[] expected = new Session(trees.Graph, 1).Run(new Dictionary<Value, NdArray> { [input] = new(x, x.Length / features, features) }, [trees.Output])[0].Floats.ToArray();
        Assert.Contains(trees.Output, trees.Graph.Outputs);
        TreeFiles.Equal(expected, TreeFiles.Run(trees.Ensemble, x, x.Length / features), 1e-6);
    }

    private static byte[] Regressor(params (string, object)[] attributes) => OnnxFiles.Model(1, 3, ["y"], OnnxFiles.Node("TreeEnsembleRegressor", ["x"], ["y"], attributes));

    private static (string, object)[] Stump(string mode, float threshold, long missingTrue, params (string, object)[] more) =>
    [
        ("nodes_treeids", new long[3]), ("nodes_nodeids", new long[] { 0, 1, 2 }), ("nodes_featureids", new long[3]), ("nodes_values", new[] { threshold, 0, 0 }), ("nodes_modes", new[] { mode, "LEAF", "LEAF" }),
        ("nodes_truenodeids", new long[] { 1, 0, 0 }), ("nodes_falsenodeids", new long[] { 2, 0, 0 }), ("nodes_missing_value_tracks_true", new[] { missingTrue, 0, 0 }),
        ("target_treeids", new long[2]), ("target_nodeids", new long[] { 1, 2 }), .. more,
    ];
}
