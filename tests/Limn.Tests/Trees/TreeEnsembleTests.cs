using Limn.Data;
using Limn.Engine;
using Limn.Trees;

namespace Limn.Tests.Trees;

public class TreeEnsembleTests
{
    private static readonly Tree Stump = new() { Left = [1, -1, -1], Right = [2, -1, -1], Feature = [0, -2, -2], Threshold = [0.5, 0, 0], Values = [0, -1, 1] };

    [SharedFact("trees")]
    public void A_forest_of_scikit_learn_adds_its_leaf_vectors()
    {
        (float[] x, int rows) = TreeFiles.Table(TreeFiles.Fixture("rf_X.csv"));
        TreeFiles.Equal(TreeFiles.Table(TreeFiles.Fixture("rf_proba.csv")).Values, TreeFiles.Run(TreeFiles.Sklearn(TreeFiles.Fixture("rf.json")), x, rows));
    }

    [SharedFact("trees")]
    public void Boosting_of_scikit_learn_adds_to_its_base()
    {
        (float[] x, int rows) = TreeFiles.Table(TreeFiles.Fixture("rf_X.csv"));
        TreeFiles.Equal(TreeFiles.Table(TreeFiles.Fixture("gbr_pred.csv")).Values, TreeFiles.Run(TreeFiles.Sklearn(TreeFiles.Fixture("gbr.json")), x, rows));
    }

    [SharedFact("trees")]
    public void Many_rows_on_any_threads_are_bit_equal_to_one_at_a_time()
    {
        string path = SharedFiles.Path("trees/small.json");
        TreeEnsemble two = XgboostReader.Read(path);
        float[] x = Numbers.Of(NpyFile.Read(SharedFiles.Path("trees/small_X.npy")).ToFloat());
        var random = new Random(3);
        for (int i = 0; i < 2000; i++) x[random.Next(x.Length)] = i % 3 == 0 ? float.PositiveInfinity : float.NaN;
        x = x[..(20 * 601)];
        double[] all = two.Margin(x);
        for (int r = 0; r < 601; r++) Assert.Equal(two.Margin(x.AsMemory(r * 20, 20))[0], all[r]);
        Assert.Equal(all, Naive(two, x));
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(6, 1)]
    [InlineData(7, 3)]
    [InlineData(13, 2)]
    public void Rows_in_groups_end_in_the_leaf_that_one_row_ends_in(int depth, int outputs)
    {
        var random = new Random(depth);
        TreeEnsemble model = new(new EnsembleDescription { Trees = [.. Enumerable.Range(0, 20).Select(_ => Random(random, depth, outputs))], Features = 4, Outputs = outputs });
        var x = new float[4 * 387];
        for (int i = 0; i < x.Length; i++) x[i] = random.Next(9) == 0 ? float.NaN : random.Next(9) == 0 ? float.NegativeInfinity : random.Next(20);
        double[] all = model.Margin(x);
        for (int r = 0; r < 387; r++)
        {
            var sums = new double[outputs];
            for (int t = 0; t < 20; t++)
            {
                int leaf = model.Flat.Find(t, x.AsSpan(4 * r, 4));
                if (model.Flat.Outputs[t] >= 0) sums[model.Flat.Outputs[t]] += model.Flat.Value[leaf];
                else for (int o = 0; o < outputs; o++) sums[o] += model.Flat.Vectors[(int)model.Flat.Value[leaf] + o];
            }
            Assert.Equal(sums, all[(r * outputs)..((r + 1) * outputs)]);
        }
    }

    [Fact]
    public void A_cancelled_prediction_stops()
    {
        TreeEnsemble model = new(new EnsembleDescription { Trees = [Stump], Features = 1 });
        Assert.ThrowsAny<OperationCanceledException>(() => model.Margin(new float[1000], new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData(SplitRule.Less, ThresholdPrecision.Single)]
    [InlineData(SplitRule.Less, ThresholdPrecision.Double)]
    [InlineData(SplitRule.LessOrEqual, ThresholdPrecision.Single)]
    [InlineData(SplitRule.LessOrEqual, ThresholdPrecision.Double)]
    public void Every_rule_and_precision_splits_between_neighbouring_numbers(SplitRule rule, ThresholdPrecision precision)
    {
        double[] thresholds = [0.1, 0.1f, Math.BitIncrement(0.1f), Math.BitDecrement(0.1f), 0, -0.0, 1e-300, -1e-300, 1e300, -1e300, double.PositiveInfinity, double.NegativeInfinity, float.MaxValue];
        foreach (double t in thresholds)
        {
            float s = (float)t;
            TreeEnsemble model = new(new EnsembleDescription { Trees = [Stump with { Threshold = [t, 0, 0] }], Features = 1, Rule = rule, Precision = precision });
            float[] xs = [float.BitDecrement(s), s, float.BitIncrement(s), 0, -0.0f, float.MinValue, float.MaxValue, float.PositiveInfinity, float.NegativeInfinity];
            double limit = precision == ThresholdPrecision.Single ? s : t;
            foreach (float x in xs.Where(x => !float.IsNaN(x)))
            {
                bool left = rule == SplitRule.Less ? x < limit : x <= limit;
                float[] many = TreeFiles.Run(model, [.. Enumerable.Repeat(x, 33)], 33);
                Assert.All(many, m => Assert.Equal(left ? -1 : 1, m));
            }
        }
    }

    [Theory]
    [InlineData(MissingRule.Nan, -1, 1, 1)]
    [InlineData(MissingRule.NanOrZero, -1, -1, 1)]
    [InlineData(MissingRule.None, 1, 1, 1)]
    public void Missing_values_take_the_default_direction(MissingRule rule, float nan, float zero, float one)
    {
        Tree tree = Stump with { Threshold = [-0.5, 0, 0], DefaultLeft = [true, false, false], Missing = [rule, rule, rule] };
        TreeEnsemble model = new(new EnsembleDescription { Trees = [tree], Features = 1 });
        Assert.Equal([nan, zero, one], TreeFiles.Run(model, [float.NaN, 0, 1], 3));
    }

    [Fact]
    public void Members_of_a_set_go_right_and_all_other_numbers_left()
    {
        Tree tree = Stump with { Categories = new Dictionary<int, int[]> { [0] = [0, 31, 32, 70] } };
        TreeEnsemble model = new(new EnsembleDescription { Trees = [tree], Features = 1 });
        float[] members = [0, 0.5f, 31, 32.9f, 70], others = [-0.5f, -1, 1, 30, 33, 71, 96, 1e9f, float.PositiveInfinity, float.NegativeInfinity];
        Assert.All(TreeFiles.Run(model, members, members.Length), v => Assert.Equal(1, v));
        Assert.All(TreeFiles.Run(model, others, others.Length), v => Assert.Equal(-1, v));
        Assert.Equal([1], TreeFiles.Run(model, [float.NaN], 1));
    }

    [Fact]
    public void Averaging_counts_the_trees_of_each_output()
    {
        TreeEnsemble model = new(new EnsembleDescription { Trees = [Stump, Stump, Stump with { Output = 1, Weight = 3 }], Features = 1, Outputs = 2, Average = true, BaseScore = [1, 2] });
        Assert.Equal([2f, 5f], TreeFiles.Run(model, [1], 1));
    }

    [Theory]
    [InlineData(OutputTransform.Logistic, 0.7310585786300049, 0.11920292202211755)]
    [InlineData(OutputTransform.Softmax, 0.9525741268224334, 0.04742587317756678)]
    [InlineData(OutputTransform.Exponential, 2.718281828459045, 0.1353352832366127)]
    [InlineData(OutputTransform.Step, 1, 0)]
    [InlineData(OutputTransform.Softplus, 1.3132616875182228, 0.1269280110429725)]
    [InlineData(OutputTransform.SignedSquare, 1, -4)]
    public void Transforms_are_their_formulas(OutputTransform transform, double one, double minusTwo)
    {
        Tree leaf = new() { Left = [-1], Right = [-1], Feature = [0], Threshold = [0], Values = [0.5, -1] };
        TreeEnsemble model = new(new EnsembleDescription { Trees = [leaf], Features = 1, Outputs = 2, Transform = transform, TransformScale = 2 });
        TreeFiles.Equal([(float)one, (float)minusTwo], TreeFiles.Run(model, [0], 1));
    }

    [Fact]
    public void No_trees_and_no_rows_are_allowed()
    {
        TreeEnsemble model = new(new EnsembleDescription { Trees = [], Features = 2, BaseScore = [3] });
        Assert.Equal([3f, 3f], TreeFiles.Run(model, new float[4], 2));
        Assert.Equal(0, model.Predict([new NdArray(Array.Empty<float>(), 0, 2)])[0].Length);
    }

    [Fact]
    public void What_is_not_a_tree_is_refused()
    {
        Refused(Stump with { Left = [0, -1, -1] }, "reached twice");
        Refused(Stump with { Left = [2, -1, -1] }, "reached twice");
        Refused(Stump with { Left = [3, -1, -1] }, "child 3");
        Refused(Stump with { Left = [-1, -1, -1] }, "child -1");
        Refused(Stump with { Feature = [1, 0, 0] }, "feature 1");
        Refused(Stump with { Threshold = [double.NaN, 0, 0] }, "threshold NaN");
        Refused(Stump with { Values = [0, double.NaN, 0] }, "value NaN");
        Refused(Stump with { Values = [0, 0] }, "2 values");
        Refused(Stump with { Cover = [1, 1] }, "2 covers");
        Refused(Stump with { Cover = [1, -1, 1] }, "cover -1");
        Refused(Stump with { Output = 1 }, "output 1");
        Refused(Stump with { Weight = double.NaN }, "weight");
        Refused(Stump with { Left = [], Right = [], Feature = [], Threshold = [], Values = [] }, "no nodes");
        Refused(Stump with { Categories = new Dictionary<int, int[]> { [0] = [-1] } }, "category -1");
    }

    [Fact]
    public void Inputs_of_another_shape_are_refused()
    {
        TreeEnsemble model = new(new EnsembleDescription { Trees = [Stump], Features = 1 });
        Assert.Throws<ShapeMismatchException>(() => TreeFiles.Run(model, new float[4], 2));
        Assert.Throws<ShapeMismatchException>(() => model.Predict([]));
        Assert.Throws<ShapeMismatchException>(() => model.Predict([new NdArray(new long[2], 2, 1)]));
    }

    // An unbalanced tree with a path of the given length, of which every third has vector leaves.
    private static Tree Random(Random random, int depth, int outputs)
    {
        List<int> left = [-1], right = [-1], depths = [0];
        for (int node = 0; node < left.Count; node++)
        {
            bool last = node == left.Count - 1;
            if (depths[node] == depth || (!last && random.Next(3) == 0) || left.Count > 400 && !last) continue;
            (left[node], right[node]) = random.Next(2) == 0 ? (left.Count, left.Count + 1) : (left.Count + 1, left.Count);
            for (int child = 0; child < 2; child++)
            {
                left.Add(-1);
                right.Add(-1);
                depths.Add(depths[node] + 1);
            }
        }
        int width = random.Next(3) == 0 ? outputs : 1;
        return new Tree
        {
            Left = [.. left],
            Right = [.. right],
            Feature = [.. left.Select(_ => random.Next(4))],
            Threshold = [.. left.Select(_ => (double)random.Next(20))],
            DefaultLeft = [.. left.Select(_ => random.Next(2) == 0)],
            Values = [.. Enumerable.Range(0, left.Count * width).Select(_ => random.NextDouble())],
            Output = random.Next(outputs),
        };
    }

    private static void Refused(Tree tree, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidModelException>(() => new TreeEnsemble(new EnsembleDescription { Trees = [tree], Features = 1 })).Message);

    // Straight from the trees as they were given, in XGBoost's rule and precision.
    private static double[] Naive(TreeEnsemble model, float[] x) => [.. x.Chunk(model.Features).Select(row =>
    {
        double sum = model.BaseScore[0];
        foreach (Tree tree in model.Trees)
        {
            int node = 0;
            while (tree.Left[node] >= 0)
            {
                float value = row[tree.Feature[node]];
                bool left = float.IsNaN(value) ? tree.DefaultLeft![node] : value < (float)tree.Threshold[node];
                node = left ? tree.Left[node] : tree.Right[node];
            }
            sum += tree.Values[node];
        }
        return sum;
    })];
}
