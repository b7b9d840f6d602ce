using Limn.Trees;
using Limn.Trees.Shap;
using InvalidDataException = Limn.InvalidDataException;

namespace Limn.Tests.Trees.Shap;

public class TreeShapTests
{
    private const int Features = 5;

    public static TheoryData<int, Semivalue, TreeShapAlgorithm, bool> Games()
    {
        var data = new TheoryData<int, Semivalue, TreeShapAlgorithm, bool>();
        for (int seed = 0; seed < 6; seed++)
            foreach (Semivalue semivalue in Enum.GetValues<Semivalue>())
                foreach (TreeShapAlgorithm algorithm in new[] { TreeShapAlgorithm.Tables, TreeShapAlgorithm.Quadrature })
                    foreach (bool grouped in new[] { false, true }) data.Add(seed, semivalue, algorithm, grouped);
        return data;
    }

    [Theory]
    [MemberData(nameof(Games))]
    public void Path_dependent_values_and_interactions_are_those_of_enumeration(int seed, Semivalue semivalue, TreeShapAlgorithm algorithm, bool grouped) =>
        AreEnumerated(seed, semivalue, algorithm, grouped, background: null);

    [Theory]
    [MemberData(nameof(Games))]
    public void Interventional_values_and_interactions_are_those_of_enumeration(int seed, Semivalue semivalue, TreeShapAlgorithm algorithm, bool grouped) =>
        AreEnumerated(seed, semivalue, algorithm, grouped, RandomTrees.Rows(seed + 50, 7));

    private static void AreEnumerated(int seed, Semivalue semivalue, TreeShapAlgorithm algorithm, bool grouped, float[]? background)
    {
        // A cover of 0 at a split that a row reaches has no mean to enumerate: those trees have depth 1 to 6 and covers above 0 are tested with features present.
        TreeEnsemble model = Covered(RandomTrees.Ensemble(seed, depth: 1 + seed));
        const int rows = 5;
        float[] x = RandomTrees.Rows(seed + 20, rows);
        double[]? weights = background is null ? null : [.. Enumerable.Range(0, background.Length / Features).Select(b => (double)b)];
        var shap = new TreeShap(model, new TreeShapOptions
        {
            Background = background,
            BackgroundWeights = weights ?? [],
            Semivalue = semivalue,
            Algorithm = algorithm,
            Groups = grouped ? [[3, 1], [4]] : [],
            Threads = 1,
        });
        int[][] players = grouped ? [[3, 1], [4], [0], [2]] : [.. Enumerable.Range(0, Features).Select(f => new[] { f })];
        Assert.Equal(players, shap.Players);
        TreeShapValues values = shap.Explain(x);
        TreeShapInteractions interactions = shap.Interactions(x);
        for (int r = 0; r < rows; r++)
        {
            float[][]? others = background?.Chunk(Features).ToArray();
            double[][] worth = BruteForce.Worth(model, players, x[(r * Features)..((r + 1) * Features)], others, weights is null ? null : [.. weights.Select(w => w / weights.Sum())]);
            for (int o = 0; o < model.Outputs; o++)
            {
                double[] expected = BruteForce.Values(worth[o], players.Length, semivalue), pairs = BruteForce.Interactions(worth[o], players.Length, semivalue);
                Assert.Equal(worth[o][0], shap.ExpectedValue[o], 9);
                for (int p = 0; p < players.Length; p++)
                {
                    Assert.Equal(expected[p], values[r, p, o], 1e-6);
                    Assert.Equal(expected[p], interactions.Single[r, p, o], 1e-6);
                    for (int q = 0; q < players.Length; q++) Assert.Equal(pairs[p * players.Length + q], interactions[r, p, q, o], 1e-6);
                }
            }
        }
    }

    // Without covers of 0, whose children have no shares by definition.
    private static TreeEnsemble Covered(TreeEnsemble model) => new(new EnsembleDescription
    {
        Trees = [.. model.Trees.Select(t => t with { Cover = Refill(t) })],
        Features = model.Features,
        Outputs = model.Outputs,
        BaseScore = model.BaseScore.ToArray(),
    });

    private static double[] Refill(Tree tree)
    {
        var cover = new double[tree.Left.Length];
        for (int n = cover.Length - 1; n >= 0; n--) cover[n] = tree.Left[n] < 0 ? 1 + n % 4 : cover[tree.Left[n]] + cover[tree.Right[n]];
        return cover;
    }

    [Theory]
    [InlineData(5)]
    [InlineData(12)]
    [InlineData(30)]
    [InlineData(60)]
    public void Both_algorithms_agree_on_trees_of_any_depth(int depth)
    {
        TreeEnsemble model = RandomTrees.Ensemble(depth, trees: 3, features: 40, depth: depth);
        float[] x = RandomTrees.Rows(1, 19, 40), background = RandomTrees.Rows(2, 3, 40);
        foreach (ReadOnlyMemory<float> b in new ReadOnlyMemory<float>[] { default, background })
        {
            TreeShapInteractions tables = new TreeShap(model, new TreeShapOptions { Background = b, Algorithm = TreeShapAlgorithm.Tables }).Interactions(x);
            TreeShapInteractions quadrature = new TreeShap(model, new TreeShapOptions { Background = b, Algorithm = TreeShapAlgorithm.Quadrature }).Interactions(x);
            for (int i = 0; i < tables.Values.Length; i++) Assert.Equal(quadrature.Values[i], tables.Values[i], 1e-6);
        }
    }

    [Fact]
    public void A_row_has_the_same_bits_among_any_others_and_on_any_threads()
    {
        TreeEnsemble model = RandomTrees.Ensemble(3, trees: 40, features: 9, depth: 8);
        float[] x = RandomTrees.Rows(4, 600, 9);
        foreach (TreeShapAlgorithm algorithm in new[] { TreeShapAlgorithm.Tables, TreeShapAlgorithm.Quadrature })
        {
            TreeShapOptions options = new() { Algorithm = algorithm, Threads = 1 };
            double[] all = new TreeShap(model, options).Explain(x).Values;
            for (int threads = 2; threads <= 4; threads++) Assert.Equal(all, new TreeShap(model, options with { Threads = threads }).Explain(x).Values);
            var one = new TreeShap(model, options);
            int width = all.Length / 600;
            for (int rows = 1; rows <= 33; rows++) Assert.Equal(all[..(rows * width)], one.Explain(x.AsMemory(0, rows * 9)).Values);
            Assert.Equal(all[(500 * width)..], one.Explain(x.AsMemory(500 * 9)).Values);
        }
    }

    [Fact]
    public void Tables_that_are_not_kept_give_the_same_bits()
    {
        TreeEnsemble model = RandomTrees.Ensemble(3, trees: 40, features: 9, depth: 8);
        float[] x = RandomTrees.Rows(4, 120, 9);
        TreeShapOptions options = new() { Background = RandomTrees.Rows(5, 30, 9) };
        Assert.Equal(new TreeShap(model, options).Explain(x).Values, new TreeShap(model, options with { TableMemory = 0 }).Explain(x).Values);
    }

    [Fact]
    public void No_rows_no_trees_and_single_leaves_are_explained()
    {
        Tree leaf = new() { Left = [-1], Right = [-1], Feature = [0], Threshold = [0], Values = [3], Cover = [10] };
        TreeEnsemble constant = new(new EnsembleDescription { Trees = [leaf], Features = 2, BaseScore = [1] }), none = new(new EnsembleDescription { Trees = [], Features = 2, BaseScore = [1] });
        foreach (TreeShapAlgorithm algorithm in Enum.GetValues<TreeShapAlgorithm>())
        {
            foreach (float[] background in new float[][] { [], [1, 2] })
            {
                var shap = new TreeShap(constant, new TreeShapOptions { Algorithm = algorithm, Background = background });
                Assert.Equal([4.0], shap.ExpectedValue.ToArray());
                Assert.Equal(new double[4], shap.Explain(new float[4]).Values);
                Assert.Equal(new double[8], shap.Interactions(new float[4]).Values);
                Assert.Empty(shap.Explain(default).Values);
                Assert.Equal(new double[4], new TreeShap(none, new TreeShapOptions { Algorithm = algorithm, Background = background }).Explain(new float[4]).Values);
            }
        }
    }

    [Fact]
    public void A_stump_gives_all_to_its_feature()
    {
        Tree stump = new() { Left = [1, -1, -1], Right = [2, -1, -1], Feature = [1, 0, 0], Threshold = [0.5, 0, 0], Values = [0, -1, 3], Cover = [4, 3, 1] };
        TreeEnsemble model = new(new EnsembleDescription { Trees = [stump], Features = 2 });
        Assert.Equal([0, -1, 0, 3], new TreeShap(model).Explain(new float[] { 9, 0, 9, 1 }).Values.Select(v => Math.Round(v, 6)));
        Assert.Equal(0.0, new TreeShap(model).ExpectedValue[0]);
        Assert.Equal([0, -2, 0, 2], new TreeShap(model, new TreeShapOptions { Background = new float[] { 0, 0, 0, 1 } }).Explain(new float[] { 9, 0, 9, 1 }).Values.Select(v => Math.Round(v, 6)));
    }

    [Fact]
    public void Doubled_background_rows_change_nothing()
    {
        TreeEnsemble model = RandomTrees.Ensemble(8);
        float[] x = RandomTrees.Rows(9, 20), background = RandomTrees.Rows(10, 6), twice = [.. background, .. background];
        TreeShapValues one = new TreeShap(model, new TreeShapOptions { Background = background }).Explain(x);
        TreeShapValues two = new TreeShap(model, new TreeShapOptions { Background = twice }).Explain(x);
        TreeShapValues weighted = new TreeShap(model, new TreeShapOptions { Background = twice, BackgroundWeights = [.. Enumerable.Repeat(3.0, 6), .. Enumerable.Repeat(0.0, 6)] }).Explain(x);
        for (int i = 0; i < one.Values.Length; i++)
        {
            Assert.Equal(one.Values[i], two.Values[i], 1e-6);
            Assert.Equal(one.Values[i], weighted.Values[i], 1e-6);
        }
    }

    [Fact]
    public void Features_that_no_tree_looks_at_get_nothing_and_equal_ones_get_the_same()
    {
        // max(x0, x1 > 0), in two orders.
        Tree tree = new() { Left = [1, 3, -1, -1, -1], Right = [2, 4, -1, -1, -1], Feature = [0, 1, 0, 0, 0], Threshold = [0, 0, 0, 0, 0], Values = [0, 0, 1, 0, 1], Cover = [4, 2, 2, 1, 1] };
        Tree mirrored = tree with { Feature = [1, 0, 0, 0, 0] };
        TreeEnsemble model = new(new EnsembleDescription { Trees = [tree, mirrored], Features = 3 });
        foreach (ReadOnlyMemory<float> background in new ReadOnlyMemory<float>[] { default, new float[] { -1, -1, 5 } })
        {
            TreeShapInteractions values = new TreeShap(model, new TreeShapOptions { Background = background }).Interactions(new float[] { 1, 1, 1 });
            Assert.Equal(values.Single[0, 0], values.Single[0, 1], 1e-7);
            Assert.Equal(0, values.Single[0, 2]);
            Assert.Equal(values[0, 0, 1], values[0, 1, 0]);
            Assert.All([values[0, 2, 0], values[0, 2, 1], values[0, 2, 2]], v => Assert.Equal(0, v));
        }
    }

    [Fact]
    public void Covers_are_counted_from_rows()
    {
        TreeEnsemble model = RandomTrees.Ensemble(11);
        float[] x = RandomTrees.Rows(12, 300);
        TreeEnsemble bare = new(new EnsembleDescription { Trees = [.. model.Trees.Select(t => t with { Cover = null })], Features = Features, Outputs = 2, BaseScore = model.BaseScore.ToArray() });
        Assert.Contains("background", Assert.Throws<InvalidOptionException>(() => new TreeShap(bare)).Message);
        var shap = new TreeShap(bare, new TreeShapOptions { CoverRows = x });
        // The expected value is the mean over the rows that were counted: every row is in one leaf of each tree.
        double[] margins = model.Margin(x);
        for (int o = 0; o < 2; o++) Assert.Equal(Enumerable.Range(0, 300).Average(r => margins[2 * r + o]), shap.ExpectedValue[o], 9);
        shap.Explain(x);
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused()
    {
        TreeEnsemble model = RandomTrees.Ensemble(1);
        Refused<InvalidOptionException>(new TreeShapOptions { Kind = TreeShapKind.Interventional }, "background");
        Refused<InvalidOptionException>(new TreeShapOptions { Output = ExplainedOutput.Probability }, "background rows");
        Refused<InvalidOptionException>(new TreeShapOptions { Output = ExplainedOutput.LogLoss, Background = new float[5] }, "log-loss");
        Refused<InvalidOptionException>(new TreeShapOptions { Background = new float[5], BackgroundWeights = [1, 2] }, "2 weights");
        Refused<InvalidOptionException>(new TreeShapOptions { Background = new float[5], BackgroundWeights = [-1] }, "weight -1");
        Refused<InvalidOptionException>(new TreeShapOptions { Background = new float[5], BackgroundWeights = [0] }, "sum to 0");
        Refused<InvalidOptionException>(new TreeShapOptions { Groups = [[0], [0]] }, "Feature 0");
        Refused<InvalidOptionException>(new TreeShapOptions { Groups = [[5]] }, "feature 5");
        Refused<InvalidOptionException>(new TreeShapOptions { Groups = [[]] }, "no features");
        Refused<ShapeMismatchException>(new TreeShapOptions { Background = new float[6] }, "6 numbers");
        Refused<ShapeMismatchException>(new TreeShapOptions { CoverRows = new float[6] }, "6 numbers");
        Assert.Throws<ShapeMismatchException>(() => new TreeShap(model).Explain(new float[6]));
        Assert.Throws<ShapeMismatchException>(() => new TreeShap(model).Explain(new float[5], new float[1]));
        Assert.ThrowsAny<OperationCanceledException>(() => new TreeShap(model).Explain(new float[5], default, new CancellationToken(canceled: true)));

        void Refused<T>(TreeShapOptions options, string part) where T : LimnException => Assert.Contains(part, Assert.Throws<T>(() => new TreeShap(model, options)).Message);
    }

    [Fact]
    public void Values_that_do_not_add_up_are_named()
    {
        // Two rows of two players and one output; the second is off by 0.01 of 2.
        double[] values = [0.5, 1, 1, 1], expected = [1, 1], predictions = [2.5, 3.01];
        Assert.Contains("row 1", Assert.Throws<AdditivityException>(() => Additivity.Check(values, 2, 1, expected, predictions, 1e-5)).Message);
        Assert.Equal(0.005, Additivity.Check(values, 2, 1, expected, predictions, 0.01), 6);
        Assert.Throws<AdditivityException>(() => Additivity.Check([double.NaN, 1, 1, 1], 2, 1, expected, predictions, 0.01));
        Assert.True(double.IsNaN(new TreeShap(RandomTrees.Ensemble(1), new TreeShapOptions { Semivalue = Semivalue.Banzhaf }).Explain(new float[5]).AdditivityError));
    }

    [Theory]
    [InlineData(OutputTransform.Logistic, ExplainedOutput.Probability)]
    [InlineData(OutputTransform.Exponential, ExplainedOutput.Probability)]
    [InlineData(OutputTransform.Softplus, ExplainedOutput.Probability)]
    [InlineData(OutputTransform.SignedSquare, ExplainedOutput.Probability)]
    [InlineData(OutputTransform.Softmax, ExplainedOutput.Probability)]
    [InlineData(OutputTransform.Logistic, ExplainedOutput.LogLoss)]
    [InlineData(OutputTransform.Softmax, ExplainedOutput.LogLoss)]
    public void Predictions_and_losses_are_split_in_proportion_to_the_margin(OutputTransform transform, ExplainedOutput output)
    {
        TreeEnsemble margins = RandomTrees.Ensemble(21);
        TreeEnsemble model = new(new EnsembleDescription { Trees = margins.Trees, Features = Features, Outputs = 2, BaseScore = margins.BaseScore.ToArray(), Transform = transform, TransformScale = 0.7 });
        float[] x = RandomTrees.Rows(22, 3), background = RandomTrees.Rows(23, 2);
        var shap = new TreeShap(model, new TreeShapOptions { Background = background, Output = output });
        float[] labels = [.. Enumerable.Range(0, output == ExplainedOutput.LogLoss ? 3 * shap.Outputs : 0).Select(i => (float)(i % 2))];
        TreeShapValues values = shap.Explain(x, labels);
        Assert.True(values.AdditivityError < 1e-5);

        // Against the first background row alone, and the first output of two: a logistic or other link of its own margin multiplies by the secant's slope.
        var one = new TreeShap(model, new TreeShapOptions { Background = background.AsMemory(0, Features), Output = output });
        TreeShapValues linked = one.Explain(x, labels), margin = new TreeShap(model, new TreeShapOptions { Background = background.AsMemory(0, Features) }).Explain(x);
        for (int r = 0; transform != OutputTransform.Softmax && r < 3; r++)
        {
            if (margin.Predictions[2 * r] == margin.ExpectedValues[2 * r]) continue;
            double slope = (linked.Predictions[2 * r] - linked.ExpectedValues[2 * r]) / (margin.Predictions[2 * r] - margin.ExpectedValues[2 * r]);
            for (int p = 0; p < Features; p++) Assert.Equal(slope * margin[r, p], linked[r, p], 1e-6);
        }
        double[] predicted = TreeFiles.Run(model, x, 3).Select(v => (double)v).ToArray();
        if (output == ExplainedOutput.Probability) Assert.All(Enumerable.Range(0, 6), i => Assert.Equal(predicted[i], values.Predictions[i], 1e-5));
        else if (transform == OutputTransform.Softmax) Assert.All(Enumerable.Range(0, 3), r => Assert.Equal(-Math.Log(predicted[2 * r + (int)labels[r]]), values.Predictions[r], 1e-5));
        else Assert.All(Enumerable.Range(0, 6), i => Assert.Equal(-Math.Log(labels[i] == 1 ? predicted[i] : 1 - predicted[i]), values.Predictions[i], 1e-5));
    }

    [Fact]
    public void Labels_out_of_range_are_refused()
    {
        TreeEnsemble margins = RandomTrees.Ensemble(21);
        foreach ((OutputTransform transform, float[] wrong) in new[] { (OutputTransform.Logistic, new float[] { 0, 2 }), (OutputTransform.Softmax, [2]), (OutputTransform.Softmax, [0.5f]), (OutputTransform.Logistic, [float.NaN, 0]) })
        {
            TreeEnsemble model = new(new EnsembleDescription { Trees = margins.Trees, Features = Features, Outputs = 2, Transform = transform });
            var shap = new TreeShap(model, new TreeShapOptions { Background = new float[5], Output = ExplainedOutput.LogLoss });
            Assert.True(shap.ExpectedValue.IsEmpty);
            Assert.Contains("label", Assert.Throws<InvalidDataException>(() => shap.Explain(new float[5], wrong)).Message);
            Assert.Contains("labels", Assert.Throws<ShapeMismatchException>(() => shap.Explain(new float[5])).Message);
        }
    }
}
