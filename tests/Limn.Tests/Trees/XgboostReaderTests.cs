using System.Text;
using Limn.Trees;

namespace Limn.Tests.Trees;

public class XgboostReaderTests
{
    [SharedTheory("trees")]
    [InlineData("reg")]
    [InlineData("logit_nan")]
    [InlineData("forest")]
    [InlineData("categorical")]
    public void Shared_models_predict_as_in_xgboost(string name)
    {
        TreeEnsemble model = XgboostReader.Read(TreeFiles.Fixture($"{name}.json"));
        (float[] x, int rows) = TreeFiles.Table(TreeFiles.Fixture($"{name}_X.csv"));
        TreeFiles.Equal(TreeFiles.Table(TreeFiles.Fixture($"{name}_margin.csv")).Values, TreeFiles.Run(model.Margins, x, rows));
        TreeFiles.Equal(TreeFiles.Table(TreeFiles.Fixture($"{name}_pred.csv")).Values, TreeFiles.Run(model, x, rows));
        Assert.True(model.HasCover);
    }

    [Theory]
    [InlineData("dart", OutputTransform.Logistic, 1)]
    [InlineData("multi", OutputTransform.Softmax, 3)]
    [InlineData("poisson", OutputTransform.Exponential, 1)]
    [InlineData("hinge", OutputTransform.Step, 1)]
    [InlineData("logitraw", OutputTransform.Identity, 1)]
    [InlineData("targets", OutputTransform.Identity, 2)]
    [InlineData("categories", OutputTransform.Identity, 1)]
    public void Models_of_every_kind_predict_as_in_xgboost(string name, OutputTransform transform, int outputs)
    {
        TreeEnsemble model = XgboostReader.Read(TreeFiles.Model($"{name}.json"));
        Assert.Equal((transform, outputs, 5), (model.Transform, model.Outputs, model.Features));
        (float[] x, float[] margins, float[] predictions, int rows) = TreeFiles.Expected($"{name}.csv", 5, outputs);
        TreeFiles.Equal(margins, TreeFiles.Run(model.Margins, x, rows));
        TreeFiles.Equal(predictions, TreeFiles.Run(model, x, rows));
    }

    [Theory]
    [InlineData("dart")]
    [InlineData("multi")]
    [InlineData("categories")]
    public void Ubjson_is_the_same_model_as_json(string name)
    {
        TreeEnsemble json = XgboostReader.Read(TreeFiles.Model($"{name}.json")), binary = XgboostReader.Read(TreeFiles.Model($"{name}.ubj"));
        Assert.Equal(json.Flat.Threshold, binary.Flat.Threshold);
        Assert.Equal(json.Flat.Left, binary.Flat.Left);
        Assert.Equal(json.Flat.Feature, binary.Flat.Feature);
        Assert.Equal(json.Flat.DefaultLeft, binary.Flat.DefaultLeft);
        Assert.Equal(json.Flat.Sets, binary.Flat.Sets);
        Assert.Equal(json.Flat.Value, binary.Flat.Value);
        Assert.Equal(json.Flat.Cover!, binary.Flat.Cover!);
        Assert.Equal(json.FeatureTypes, binary.FeatureTypes);
        Assert.Equal(json.BaseScore.ToArray(), binary.BaseScore.ToArray());
    }

    [Theory]
    [InlineData("\"5E-1\"", 0)]
    [InlineData("0.5", 0)]
    [InlineData("\"[5E-1]\"", 0)]
    [InlineData("[5E-1]", 0)]
    [InlineData("\"[2.5E-1]\"", -1.0986122886681098)]
    public void The_base_score_of_every_generation_is_understood(string written, double margin)
    {
        string text = File.ReadAllText(TreeFiles.Model("dart.json")).Replace("\"base_score\":\"3E-1\"", $"\"base_score\":{written}");
        Assert.Equal(margin, Read(text).BaseScore[0], 1e-12);
    }

    [Fact]
    public void A_vector_of_base_scores_has_one_for_each_class_and_no_transform()
    {
        string text = File.ReadAllText(TreeFiles.Model("multi.json")).Replace("\"base_score\":\"5E-1\"", "\"base_score\":\"[-1E-1,0E0,2.5E-1]\"");
        Assert.Equal([-0.1, 0, 0.25], Read(text).BaseScore.ToArray());
        LimnException error = Assert.Throws<InvalidModelException>(() => Read(text.Replace("[-1E-1,", "[")));
        Assert.Contains("2 base scores for 3 outputs", error.Message);
    }

    [Fact]
    public void Vector_leaves_are_read_as_versions_2_and_3_write_them()
    {
        const string old = """ "base_weights":[9,9,9,1,2,3,4,5,6],"left_children":[1,-1,-1],"right_children":[2,-1,-1],"split_conditions":[0.5,NaN,NaN]""";
        const string later = """ "base_weights":[9,8,7],"leaf_weights":[4,5,6,1,2,3],"left_children":[1,-1,-1],"right_children":[2,1,0],"split_conditions":[0.5,NaN,NaN],"sum_hessian":[5,3,2]""";
        foreach (string body in new[] { old, later })
        {
            TreeEnsemble model = Read($$$"""
                {"learner":{"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],"trees":[
                 {{{{body}}},"default_left":[true,false,false],"split_indices":[1,0,0],"tree_param":{"size_leaf_vector":"3"}}]}},
                 "learner_model_param":{"base_score":"[5E-1]","num_class":"0","num_target":"3","num_feature":"2"},"objective":{"name":"reg:squarederror"}},"version":[3,1,0]}
                """);
            Assert.Equal([1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 1.5f, 2.5f, 3.5f], TreeFiles.Run(model, [7, 0.4f, 7, 0.5f, 7, float.NaN], 3));
            Assert.Equal(body == later, model.HasCover);
        }
    }

    [Theory]
    [InlineData("dart.json")]
    [InlineData("categories.ubj")]
    public void A_file_cut_off_anywhere_is_an_error(string name)
    {
        byte[] bytes = File.ReadAllBytes(TreeFiles.Model(name));
        for (int length = 0; length < bytes.Length; length += 1 + length / 60)
            Assert.Throws<InvalidModelException>(() => XgboostReader.Read(bytes.AsSpan(0, length)));
    }

    [Theory]
    [InlineData("categories.json")]
    [InlineData("categories.ubj")]
    public void Damaged_bytes_give_a_model_or_an_error_of_limn(string name)
    {
        byte[] bytes = File.ReadAllBytes(TreeFiles.Model(name));
        var random = new Random(1);
        int errors = 0;
        for (int i = 0; i < 600; i++)
        {
            byte[] damaged = [.. bytes];
            for (int k = 0; k < 1 + i % 3; k++) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                TreeEnsemble model = XgboostReader.Read(damaged);
                model.Margin(new float[model.Features]);
            }
            catch (LimnException)
            {
                errors++;
            }
        }
        Assert.InRange(errors, 50, 599);
    }

    [Theory]
    [InlineData("", "neither JSON nor UBJSON")]
    [InlineData("binf", "neither JSON nor UBJSON")]
    [InlineData("{}", "'learner' is missing")]
    [InlineData("{\"learner\":3}", "an object is expected")]
    [InlineData("{\"a\":NaN", "cut off")]
    [InlineData("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "no valid JSON")]
    [InlineData("{$Z#L\u007F\u007F\u007F\u007F\u007F\u007F\u007F\u007F", "UBJSON")]
    [InlineData("{i\u0001a[$d#L\u007F\u007F\u007F\u007F\u007F\u007F\u007F\u007F", "goes beyond its end")]
    [InlineData("{i\u0001a[#L\u0000\u0000\u0000\u0000\u007F\u007F\u007F\u007F", "goes beyond its end")]
    [InlineData("{L\u007F\u007F\u007F\u007F\u007F\u007F\u007F\u007Fa", "goes beyond its end")]
    public void Foreign_files_are_refused_in_one_line(string text, string expected)
    {
        var error = Assert.Throws<InvalidModelException>(() => XgboostReader.Read(Encoding.Latin1.GetBytes(text)));
        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("\"num_feature\":\"5\",\"num_target\"", "\"num_feature\":\"2\",\"num_target\"", "splits feature")]
    [InlineData("\"name\":\"dart\"", "\"name\":\"gblinear\"", "no trees")]
    [InlineData("\"name\":\"binary:logistic\"", "\"name\":\"my:loss\"", "'my:loss' is not known")]
    [InlineData("\"base_score\":\"3E-1\"", "\"base_score\":\"1E0\"", "no possible prediction")]
    [InlineData("\"num_trees\":\"8\"", "\"num_trees\":\"9\"", "8 trees, but 9")]
    [InlineData("\"left_children\":[1,", "\"left_children\":[0,", "is reached twice")]
    [InlineData("\"left_children\":[1,", "\"left_children\":[9999,", "child 9999")]
    [InlineData("\"left_children\":[1,", "\"left_children\":[1.5,", "whole numbers")]
    [InlineData("\"left_children\":[1,", "\"left_children\":[", "split types")]
    [InlineData("\"feature_names\":[]", "\"feature_names\":[\"a\"]", "1 feature names for 5 features")]
    [InlineData("\"weight_drop\":[", "\"weight_drop\":[1,", "9 entries of weight_drop")]
    public void Models_that_contradict_themselves_are_refused(string from, string to, string expected)
    {
        string text = File.ReadAllText(TreeFiles.Model("dart.json"));
        Assert.Contains(from, text);
        Assert.Contains(expected, Assert.Throws<InvalidModelException>(() => Read(text.Replace(from, to))).Message);
    }

    [Fact]
    public void A_file_that_is_missing_or_too_large_is_named()
    {
        string path = TreeFiles.Model("dart.json");
        Assert.Contains("dart.json", Assert.Throws<InvalidModelException>(() => XgboostReader.Read(path, 100)).Message);
        Assert.Contains("nowhere.json", Assert.Throws<InvalidModelException>(() => XgboostReader.Read(TreeFiles.Model("nowhere.json"))).Message);
    }

    private static TreeEnsemble Read(string text) => XgboostReader.Read(Encoding.UTF8.GetBytes(text));
}
