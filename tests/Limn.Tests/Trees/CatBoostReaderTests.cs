using System.Globalization;
using System.Text;
using Limn.Trees;

namespace Limn.Tests.Trees;

/// <summary>Models made here in the form of CatBoost's export (json_model_helpers.cpp), and evaluated as its documentation says: by the bits of the leaf's number.</summary>
public class CatBoostReaderTests
{
    // Columns 0 and 2 are numbers, 1 is a category that no split looks at; NaN is above every border of the last one.
    private const string Features = """
        "features_info":{"float_features":[
          {"feature_index":0,"flat_feature_index":0,"feature_id":"age","borders":[0.5],"has_nans":true,"nan_value_treatment":"AsFalse"},
          {"feature_index":1,"flat_feature_index":2,"feature_id":"","borders":[0.5],"has_nans":false,"nan_value_treatment":"AsIs"},
          {"feature_index":2,"flat_feature_index":3,"feature_name":"höhe","feature_id":"3","borders":[0.5],"has_nans":true,"nan_value_treatment":"AsTrue"}],
          "categorical_features":[{"feature_index":0,"flat_feature_index":1,"feature_id":"kind"}]}
        """;

    [Theory]
    [InlineData("RMSE", 1, OutputTransform.Identity)]
    [InlineData("Logloss", 1, OutputTransform.Logistic)]
    [InlineData("MultiClass", 3, OutputTransform.Softmax)]
    [InlineData("MultiClassOneVsAll", 3, OutputTransform.Logistic)]
    [InlineData("Poisson", 1, OutputTransform.Exponential)]
    public void The_bits_of_a_leaf_are_its_comparisons(string loss, int outputs, OutputTransform transform)
    {
        var random = new Random(outputs);
        List<(int Feature, float Border)[]> splits = [];
        List<double[]> leaves = [];
        var json = new StringBuilder();
        for (int t = 0; t < 9; t++)
        {
            (int, float)[] own = [.. Enumerable.Range(0, t % 5).Select(_ => (random.Next(3), (float)random.Next(-2, 3)))];
            double[] values = [.. Enumerable.Range(0, outputs << own.Length).Select(_ => random.NextDouble() - 0.5)];
            splits.Add(own);
            leaves.Add(values);
            string[] written = [.. own.Select(s => $$"""{"border":{{s.Item2}},"float_feature_index":{{s.Item1}},"split_index":0,"split_type":"FloatFeature"}""")];
            json.Append(t == 0 ? "" : ",").Append($$"""{"leaf_values":[{{string.Join(',', values.Select(v => v.ToString("R", CultureInfo.InvariantCulture)))}}],"leaf_weights":[{{string.Join(',', Enumerable.Range(1, 1 << own.Length))}}],"splits":{{(written.Length == 0 ? "null" : $"[{string.Join(',', written)}]")}}}""");
        }
        double[] bias = outputs == 1 ? [0.25] : [0.25, -1, 0.5];
        TreeEnsemble model = Read($$$"""{"model_info":{"params":{"loss_function":{"type":"{{{loss}}}","params":{} } } },"oblivious_trees":[{{{json}}}],"scale_and_bias":[0.5,[{{{string.Join(',', bias)}}}]],{{{Features}}} }""");
        Assert.Equal((4, outputs, transform, loss), (model.Features, model.Outputs, model.Transform, model.Objective));
        Assert.Equal(["age", "kind", "2", "höhe"], model.FeatureNames);

        float[] x = [.. Enumerable.Range(0, 4 * 300).Select(_ => random.Next(8) == 0 ? float.NaN : random.Next(2) == 0 ? random.Next(-3, 4) : (float)(6 * random.NextDouble() - 3))];
        float[] expected = [.. x.Chunk(4).SelectMany(row =>
        {
            double[] sums = (double[])bias.Clone();
            for (int t = 0; t < splits.Count; t++)
            {
                int leaf = 0;
                for (int k = 0; k < splits[t].Length; k++)
                {
                    (int feature, float border) = splits[t][k];
                    float value = row[feature == 0 ? 0 : feature + 1];
                    if (float.IsNaN(value) ? feature == 2 : value > border) leaf |= 1 << k;
                }
                for (int o = 0; o < outputs; o++) sums[o] += 0.5 * leaves[t][leaf * outputs + o];
            }
            return sums.Select(s => (float)s);
        })];
        TreeFiles.Equal(expected, TreeFiles.Run(model.Margins, x, 300), 1e-6);
    }

    [Fact]
    public void The_cover_of_a_split_is_the_sum_of_its_leaves_and_the_last_split_is_the_root()
    {
        TreeEnsemble model = Read(Symmetric("""{"leaf_values":[1,2,3,4],"leaf_weights":[1,2,4,8],"splits":[{"border":0.5,"float_feature_index":0,"split_type":"FloatFeature"},{"border":1.5,"float_feature_index":1,"split_type":"FloatFeature"}]}"""));
        Assert.Equal([15, 3, 12, 1, 2, 4, 8], model.Trees[0].Cover!);
        Assert.Equal([2, 0, 0], model.Trees[0].Feature[..3]);
        Assert.True(model.HasCover);
        Assert.False(Read(Symmetric("""{"leaf_values":[1],"splits":null}""")).HasCover);
    }

    [Fact]
    public void Trees_that_are_not_symmetric_are_nodes_in_nodes()
    {
        const string tree = """
            {"split":{"border":1,"float_feature_index":0,"split_type":"FloatFeature","split_index":0},
             "left":{"value":[1,-1],"weight":3},
             "right":{"split":{"border":2,"float_feature_index":2,"split_type":"FloatFeature","split_index":1},"left":{"value":[2,-2],"weight":5},"right":{"value":[3,-3],"weight":7}}}
            """;
        TreeEnsemble model = Read($$$"""{"trees":[{{{tree}}},{"value":[10,20],"weight":15}],"scale_and_bias":[1,[0,0]],{{{Features}}} }""");
        float[] x = [1, 0, 0, 0, 1.5f, 0, 0, 2, 1.5f, 0, 0, 2.5f, float.NaN, 0, 0, 9, 7, 0, 0, float.NaN];
        Assert.Equal([11, 19, 12, 18, 13, 17, 11, 19, 13, 17], TreeFiles.Run(model, x, 5));
        Assert.Equal([15, 3, 12, 5, 7], model.Trees[0].Cover!);
        string deep = string.Concat(Enumerable.Repeat("""{"split":{"border":1,"float_feature_index":0},"left":{"value":1,"weight":1},"right":""", 90)) + """{"value":2,"weight":1}""" + new string('}', 90);
        Assert.Equal(90, Read($$$"""{"trees":[{{{deep}}}],{{{Features}}} }""").Flat.Depths[0]);
    }

    [Theory]
    [InlineData("""{"leaf_values":[1,2],"splits":[{"cat_feature_index":0,"split_type":"OneHotFeature","value":3}]}""", "OneHotFeature")]
    [InlineData("""{"leaf_values":[1,2],"splits":[{"border":1,"split_type":"OnlineCtr","ctr_target_border_idx":0}]}""", "OnlineCtr")]
    [InlineData("""{"leaf_values":[1,2],"splits":[{"border":1,"float_feature_index":7,"split_type":"FloatFeature"}]}""", "float feature 7")]
    [InlineData("""{"leaf_values":[1,2,3],"splits":[{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}]}""", "3 leaf values")]
    [InlineData("""{"leaf_values":[1,2],"leaf_weights":[1],"splits":[{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}]}""", "1 weights")]
    [InlineData("""{"leaf_values":[1,2],"splits":[{"border":NaN,"float_feature_index":0,"split_type":"FloatFeature"}]}""", "threshold NaN")]
    [InlineData("""{"leaf_values":[1,NaN],"splits":[{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}]}""", "value NaN")]
    [InlineData("""{"leaf_values":[],"splits":[]}""", "0 leaf values")]
    [InlineData("""{"splits":[]}""", "'oblivious_trees[0].leaf_values' is missing")]
    [InlineData("""{"leaf_values":[1],"splits":[]},{"leaf_values":[1,2],"splits":[]}""", "leaves of tree 1 have 2 values")]
    public void Trees_that_are_wrong_are_refused(string tree, string expected) => Assert.Contains(expected, Assert.Throws<InvalidModelException>(() => Read(Symmetric(tree))).Message);

    [Fact]
    public void More_splits_than_a_leaf_number_has_bits_are_refused()
    {
        string splits = string.Join(',', Enumerable.Repeat("""{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}""", 33));
        Assert.Contains("33 splits", Assert.Throws<InvalidModelException>(() => Read(Symmetric($$"""{"leaf_values":[1,2],"splits":[{{splits}}]}"""))).Message);
    }

    [Theory]
    [InlineData("\"flat_feature_index\":0", "\"flat_feature_index\":2000000000", "flat_feature_index")]
    [InlineData("AsTrue", "AsMaybe", "AsMaybe")]
    [InlineData("\"scale_and_bias\":[1,[0]]", "\"scale_and_bias\":[1]", "scale_and_bias")]
    [InlineData("\"scale_and_bias\":[1,[0]]", "\"scale_and_bias\":[1,[0,1]]", "2 base scores")]
    [InlineData("\"scale_and_bias\":[1,[0]]", "\"scale_and_bias\":[Infinity,[0]]", "weight")]
    public void Models_that_contradict_themselves_are_refused(string from, string to, string expected)
    {
        string text = Symmetric("""{"leaf_values":[1,2],"splits":[{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}]}""");
        Assert.Contains(from, text);
        Assert.Contains(expected, Assert.Throws<InvalidModelException>(() => Read(text.Replace(from, to))).Message);
    }

    [Fact]
    public void A_file_cut_off_anywhere_is_an_error()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Symmetric("""{"leaf_values":[1,2],"leaf_weights":[3,4],"splits":[{"border":1,"float_feature_index":0,"split_type":"FloatFeature"}]}"""));
        for (int length = 0; length < bytes.Length; length += 7) Assert.Throws<InvalidModelException>(() => CatBoostReader.Read(bytes.AsSpan(0, length)));
    }

    private static TreeEnsemble Read(string text) => CatBoostReader.Read(Encoding.UTF8.GetBytes(text));

    private static string Symmetric(string trees) => $$$"""{"oblivious_trees":[{{{trees}}}],"scale_and_bias":[1,[0]],{{{Features}}} }""";
}
