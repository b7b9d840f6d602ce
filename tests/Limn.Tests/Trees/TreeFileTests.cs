using System.Text;
using Limn.Trees;

namespace Limn.Tests.Trees;

public class TreeFileTests
{
    [Theory]
    [InlineData("dart.json", TreeFormat.XgboostJson)]
    [InlineData("dart.ubj", TreeFormat.XgboostUbjson)]
    [InlineData("lightgbm_dart.txt", TreeFormat.LightGbm)]
    public void A_file_is_known_by_its_contents(string name, TreeFormat format)
    {
        string path = Path.Combine(Path.GetTempPath(), $"limn-{Guid.NewGuid():N}.bin");
        try
        {
            File.Copy(TreeFiles.Model(name), path);
            TreeFile file = TreeFile.Read(path);
            Assert.Equal(format, file.Format);
            Assert.Null(file.Onnx);
            Assert.Equal(5, file.Ensemble.Features);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Catboost_and_onnx_are_known_by_their_contents()
    {
        const string catBoost = """{"oblivious_trees":[{"leaf_values":[1],"splits":null}],"features_info":{"float_features":[{"feature_index":0,"flat_feature_index":0}]}}""";
        Assert.Equal(TreeFormat.CatBoost, TreeFile.Read(Encoding.UTF8.GetBytes(catBoost)).Format);
        using var stream = new MemoryStream();
        OnnxTreeWriter.Write(XgboostReader.Read(TreeFiles.Model("multi.json")), stream);
        TreeFile onnx = TreeFile.Read(stream.ToArray());
        Assert.Equal(TreeFormat.Onnx, onnx.Format);
        Assert.Same(onnx.Ensemble, onnx.Onnx!.Ensemble);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("CBM1xxxx", "CatBoost's own binary format")]
    [InlineData("binf....", "old binary format")]
    [InlineData("[{\"nodeid\":0}]", "dump_model")]
    [InlineData("booster[0]:\n0:[f0<1]", "dump_model")]
    [InlineData("{\"name\":\"tree\",\"tree_info\":[]}", "save_model(\"model.txt\")")]
    [InlineData("{\"a\":1}", "neither a model of XGBoost")]
    [InlineData("[", "dump_model")]
    [InlineData("\u0080\u0004\u0095", "pickle")]
    [InlineData("PK\u0003\u0004", "ML.NET")]
    [InlineData("tree", "neither XGBoost's JSON")]
    [InlineData("tree\n", "cut off")]
    [InlineData("some words of a letter", "neither XGBoost's JSON")]
    [InlineData("\u0089PNG\r\n", "neither XGBoost's JSON")]
    public void Foreign_files_are_refused_in_one_line_that_helps(string text, string expected)
    {
        string message = Assert.Throws<InvalidModelException>(() => TreeFile.Read(Encoding.Latin1.GetBytes(text))).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_file_that_is_missing_or_too_large_is_named()
    {
        Assert.Contains("nowhere.txt", Assert.Throws<InvalidModelException>(() => TreeFile.Read(TreeFiles.Model("nowhere.txt"))).Message);
        Assert.Contains("more than the 100", Assert.Throws<InvalidModelException>(() => TreeFile.Read(TreeFiles.Model("lightgbm_rf.txt"), 100)).Message);
    }

    // A few bytes that claim much: none may take memory for what is not there.
    [Theory]
    [InlineData("""{"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"2147483647"},"tree_info":[],"trees":[]}},"learner_model_param":{"base_score":"0","num_class":"0","num_feature":"1"},"objective":{"name":"reg:linear"}}}""", "2147483647 num_trees")]
    [InlineData("""{"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"0"},"tree_info":[],"trees":[]}},"learner_model_param":{"base_score":"0","num_class":"2147483647","num_feature":"1"},"objective":{"name":"multi:softprob"}}}""", "outputs")]
    [InlineData("""{"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],"trees":[{"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_conditions":[0,0,0],"split_indices":[0,0,0],"default_left":[0,0,0],"leaf_weights":[1,2],"tree_param":{"size_leaf_vector":"1000000"}}]}},"learner_model_param":{"base_score":"0","num_class":"1000000","num_feature":"1"},"objective":{"name":"reg:linear"}}}""", "the tree holds 0 vectors")]
    [InlineData("""{"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],"trees":[{"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_conditions":[0,0,0],"split_indices":[0,0,0],"default_left":[0,0,0],"split_type":[1,0,0],"categories":[1,2],"categories_nodes":[0,1],"categories_segments":[0,0],"categories_sizes":[2,2],"tree_param":{}}]}},"learner_model_param":{"base_score":"0","num_class":"0","num_feature":"1"},"objective":{"name":"reg:linear"}}}""", "4 categories together")]
    [InlineData("tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=2147483646\n\nTree=0\nnum_leaves=2147483647\nleaf_value=\n\nend of trees\n", "2147483647 are expected")]
    public void What_a_file_claims_is_not_believed(string text, string expected)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(expected, Assert.Throws<InvalidModelException>(() => TreeFile.Read(Encoding.UTF8.GetBytes(text))).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Sets_of_large_categories_in_many_splits_are_refused()
    {
        Tree[] trees = [.. Enumerable.Repeat(new Tree { Left = [1, -1, -1], Right = [2, -1, -1], Feature = [0, 0, 0], Threshold = [0, 0, 0], Values = [0, 1, 2], Categories = new Dictionary<int, int[]> { [0] = [1 << 24] } }, 40)];
        Assert.Contains("64 MiB", Assert.Throws<InvalidModelException>(() => new TreeEnsemble(new EnsembleDescription { Trees = trees, Features = 1 })).Message);
    }
}
