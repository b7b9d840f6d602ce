using System.Text;
using Limn.Trees;

namespace Limn.Tests.Trees;

public class LightGbmReaderTests
{
    public static TheoryData<string, OutputTransform, int> Models => new()
    {
        { "regression", OutputTransform.Identity, 1 },
        { "complete", OutputTransform.Identity, 1 },
        { "zero", OutputTransform.Identity, 1 },
        { "binary", OutputTransform.Logistic, 1 },
        { "multiclass", OutputTransform.Softmax, 3 },
        { "ova", OutputTransform.Logistic, 3 },
        { "poisson", OutputTransform.Exponential, 1 },
        { "sqrt", OutputTransform.SignedSquare, 1 },
        { "lambda", OutputTransform.Softplus, 1 },
        { "dart", OutputTransform.Logistic, 1 },
        { "rf", OutputTransform.Logistic, 1 },
        { "leaf", OutputTransform.Identity, 1 },
        { "categories", OutputTransform.Identity, 1 },
        { "v2", OutputTransform.Identity, 1 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Models_of_every_kind_predict_as_in_lightgbm(string name, OutputTransform transform, int outputs)
    {
        TreeEnsemble model = LightGbmReader.Read(TreeFiles.Model($"lightgbm_{name}.txt"));
        Assert.Equal((transform, outputs, 5), (model.Transform, model.Outputs, model.Features));
        (float[] x, float[] margins, float[] predictions, int rows) = TreeFiles.Expected($"lightgbm_{name}.csv", 5, outputs);
        TreeFiles.Equal(margins, TreeFiles.Run(model.Margins, x, rows), 1e-6);
        TreeFiles.Equal(predictions, TreeFiles.Run(model, x, rows), 1e-6);
        Assert.True(model.HasCover);
    }

    [Fact]
    public void The_cover_is_the_number_of_rows()
    {
        TreeEnsemble model = LightGbmReader.Read(TreeFiles.Model("lightgbm_regression.txt"));
        foreach (Tree tree in model.Trees)
        {
            Assert.Equal(400, tree.Cover![0]);
            for (int n = 0; n < tree.Left.Length; n++)
                if (tree.Left[n] >= 0) Assert.Equal(tree.Cover[n], tree.Cover[tree.Left[n]] + tree.Cover[tree.Right[n]]);
        }
        Assert.Equal(["age", "kind", "size", "x_3", "längd"], model.FeatureNames);
        Assert.Equal("regression", model.Objective);
        Assert.False(Read(Stump(extra: "")).HasCover);
        Assert.True(Read(Stump(extra: "internal_weight=3\nleaf_weight=1 2\n")).HasCover);
        Assert.False(Read(Stump(extra: "internal_count=0\nleaf_count=0 0\n")).HasCover);
    }

    // LightGBM 4.6 on the same file: members and what truncates to them go left; negative, unknown and missing ones right.
    [Fact]
    public void Categories_at_the_edges_of_words_are_found()
    {
        uint[] words = [0x80000001, 0x80000001, 0x1];
        TreeEnsemble model = Read(Stump("decision_type=9\nthreshold=0\nnum_cat=1\ncat_boundaries=0 3\n" + $"cat_threshold={string.Join(' ', words)}\n"));
        float[] members = [0, 0.9f, -0.5f, -0.0f, 31, 31.99f, 32, 63, 63.5f, 64], others = [-1, -1.5f, 1, 30, 30.99f, 33, 62, 65, 95, 96, 1000, 1e10f, -1e10f, float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        Assert.All(TreeFiles.Run(model, members, members.Length), v => Assert.Equal(1, v));
        Assert.All(TreeFiles.Run(model, others, others.Length), v => Assert.Equal(2, v));
    }

    [Theory]
    [InlineData(0, 0, 2)] // nothing is missing: NaN is 0, which is above the threshold
    [InlineData(2, 0, 2)]
    [InlineData(4, 2, 2)] // zero is missing, and so is NaN
    [InlineData(6, 1, 1)]
    [InlineData(8, 2, 2)]
    [InlineData(10, 0, 1)]
    public void Missing_values_of_each_kind_take_their_side(int decision, int zero, int nan)
    {
        float[] got = TreeFiles.Run(Read(Stump($"decision_type={decision}\nthreshold=-0.5\n")), [0, 1e-36f, float.NaN, -1, 1], 5);
        int atZero = zero == 0 ? 2 : zero;
        Assert.Equal([atZero, atZero, nan, 1, 2], got);
    }

    [Fact]
    public void Only_zeros_that_go_elsewhere_slow_rows_down()
    {
        Assert.All(LightGbmReader.Read(TreeFiles.Model("lightgbm_complete.txt")).Flat.Simple, Assert.True);
        Assert.All(LightGbmReader.Read(TreeFiles.Model("lightgbm_regression.txt")).Flat.Simple, Assert.True);
        Assert.True(Read(Stump("decision_type=4\nthreshold=-0.5\n")).Flat.Simple[0]);
        Assert.False(Read(Stump("decision_type=6\nthreshold=-0.5\n")).Flat.Simple[0]);
        Assert.Equal([1f, 1f, 1f, 2f], TreeFiles.Run(Read(Stump("decision_type=6\nthreshold=-1.0000000180025095e-35\n")), [0, -1e-35f, 1e-35f, 2e-35f], 4));
    }

    [Fact]
    public void Thresholds_are_compared_in_double_precision()
    {
        const float X = 0.1f; // 0.100000001490116...
        Assert.Equal([2f], TreeFiles.Run(Read(Stump("threshold=0.1\n")), [X], 1));
        Assert.Equal([1f], TreeFiles.Run(Read(Stump("threshold=0.10000000149011612\n")), [X], 1));
    }

    [Fact]
    public void Line_ends_of_windows_are_understood()
    {
        byte[] unix = File.ReadAllBytes(TreeFiles.Model("lightgbm_multiclass.txt"));
        byte[] windows = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(unix).Replace("\n", "\r\n"));
        Assert.Equal(LightGbmReader.Read(unix).Flat.Value, LightGbmReader.Read(windows).Flat.Value);
    }

    [Theory]
    [InlineData("lightgbm_categories.txt")]
    [InlineData("lightgbm_v2.txt")]
    public void A_file_cut_off_anywhere_is_an_error_or_the_same_model(string name)
    {
        byte[] bytes = File.ReadAllBytes(TreeFiles.Model(name));
        int trees = bytes.AsSpan().IndexOf("end of trees"u8) + 12;
        for (int i = 0; i < 80; i++)
        {
            int length = (int)((long)bytes.Length * i / 80);
            if (length < trees) Assert.Throws<InvalidModelException>(() => LightGbmReader.Read(bytes.AsMemory(0, length)));
        }
        Assert.Throws<InvalidModelException>(() => LightGbmReader.Read(bytes.AsMemory(0, bytes.Length - 100))); // in the parameters
    }

    [Fact]
    public void Linear_trees_are_refused_by_name() =>
        Assert.Contains("linear_tree=false", Assert.Throws<InvalidModelException>(() => LightGbmReader.Read(TreeFiles.Model("lightgbm_linear.txt"))).Message);

    [Theory]
    [InlineData("version=v4", "version=v9", "'v9'")]
    [InlineData("objective=regression", "objective=my_loss", "'my_loss' is not known")]
    [InlineData("objective=regression", "objective=multiclass num_class:3", "1 trees")]
    [InlineData("max_feature_idx=4", "max_feature_idx=1", "feature")]
    [InlineData("max_feature_idx=4", "max_feature_idx=2147483647", "features up to")]
    [InlineData("num_tree_per_iteration=1", "num_tree_per_iteration=0", "0 trees")]
    [InlineData("num_tree_per_iteration=1", "num_tree_per_iteration=2000000000", "outputs")]
    [InlineData("num_leaves=8", "num_leaves=2000000000", "2000000000 are expected")]
    [InlineData("num_leaves=8", "num_leaves=0", "0 are expected")]
    [InlineData("num_leaves=8", "num_leaves=8.5", "whole number")]
    [InlineData("left_child=4", "left_child=0", "reached twice")]
    [InlineData("left_child=4", "left_child=7", "whole numbers from -8 to 6")]
    [InlineData("left_child=4", "left_child=-9", "whole numbers from -8 to 6")]
    [InlineData("decision_type=1", "decision_type=13", "kind of missing")]
    [InlineData("threshold=0 1", "threshold=0 7", "categories 7")]
    [InlineData("threshold=0 1", "threshold=0 nan", "categories NaN")]
    [InlineData("threshold=0 1", "threshold=0 x", "'x'")]
    [InlineData("cat_boundaries=0 1 4 6", "cat_boundaries=0 5 4 6", "goes from 5 to 4")]
    [InlineData("cat_boundaries=0 1 4 6", "cat_boundaries=0 1 9 6", "goes from 1 to 9")]
    [InlineData("cat_boundaries=0 1 4 6", "cat_boundaries=0 1 4 2000000000", "2000000000 are expected")]
    [InlineData("num_cat=3", "num_cat=2147483647", "num_cat")]
    [InlineData("leaf_value=-0", "leaf_value=nan -0", "9 numbers")]
    [InlineData("feature_names=age", "feature_names=age age2", "6 feature names")]
    [InlineData("tree_sizes=887", "tree_sizes=1 887", "7 numbers")]
    public void Models_that_contradict_themselves_are_refused(string from, string to, string expected)
    {
        string text = File.ReadAllText(TreeFiles.Model("lightgbm_categories.txt"));
        Assert.Contains(from, text);
        int at = text.IndexOf(from, StringComparison.Ordinal);
        string message = Assert.Throws<InvalidModelException>(() => Read(text[..at] + to + text[(at + from.Length)..])).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    private static TreeEnsemble Read(string text) => LightGbmReader.Read(Encoding.UTF8.GetBytes(text));

    /// <summary>One split: leaf 0 has the value 1 and is on the left, leaf 1 the value 2.</summary>
    private static string Stump(string lines = "threshold=0\n", string extra = "") =>
        $"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\nTree=0\nnum_leaves=2\nsplit_feature=0\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n{lines}{extra}shrinkage=1\n\nend of trees\n";
}
