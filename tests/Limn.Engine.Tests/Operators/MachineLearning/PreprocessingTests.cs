using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Engine.Tests.Operators.MachineLearning;

public class PreprocessingTests
{
    [Fact]
    public void Scaler_takes_one_number_or_one_a_feature()
    {
        NdArray x = new([1f, 2, 3, 4], 2, 2);
        Assert.Equal([0, 6, 4, 14], Pipelines.Run("Scaler", x, 1, ("offset", new[] { 1, 0.5f }), ("scale", new float[] { 2, 4 }))[0].Floats.ToArray());
        Assert.Equal([3, 6, 9, 12], Pipelines.Run("Scaler", x, 1, ("scale", new float[] { 3 }))[0].Floats.ToArray());
        Assert.Equal([3, 6], Pipelines.Run("Scaler", NdArray.Vector(1L, 2L), 1, ("scale", new float[] { 3 }))[0].Floats.ToArray());
        Assert.Throws<InvalidModelException>(() => Pipelines.Run("Scaler", x, 1, ("scale", new float[] { 3, 4, 5 })));
    }

    [Theory]
    [InlineData("MAX", 1, -4 / 3f)] // over the greatest element, not the greatest magnitude
    [InlineData("L1", 3 / 7f, -4 / 7f)]
    [InlineData("L2", 0.6f, -0.8f)]
    public void Normalizer_divides_by_a_norm_and_leaves_rows_of_zeros(string norm, float first, float second)
    {
        NdArray x = new([3f, -4, 0, 0], 2, 2);
        float[] y = Pipelines.Run("Normalizer", x, 1, ("norm", norm))[0].Floats.ToArray();
        Assert.Equal(first, y[0], 1e-6f);
        Assert.Equal(second, y[1], 1e-6f);
        Assert.Equal([0, 0], y[2..]);

        Graph graph = Pipelines.Read(ElementType.Float, ["n", 2], ["y"], Pipelines.Ml("Normalizer", ["x"], ["y"], ("norm", norm)));
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], graph.Inputs);
        float[] slope = new Session(gradient.Graph, 1).Run(new Dictionary<Value, NdArray> { [graph.Inputs[0]] = x }, [gradient.Required()])[0].Floats.ToArray();
        Assert.All(slope, v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void Imputer_replaces_a_number_or_nan_and_integers()
    {
        Assert.Equal([1, 8, 7], Pipelines.Run("Imputer", new NdArray([1f, float.NaN, 7], 1, 3), 1, ("imputed_value_floats", new float[] { 9, 8, 6 }), ("replaced_value_float", float.NaN))[0].Floats.ToArray());
        Assert.Equal([9, 2], Pipelines.Run("Imputer", new NdArray([0f, 2], 1, 2), 1, ("imputed_value_floats", new float[] { 9 }))[0].Floats.ToArray());
        Assert.Equal([5, 2], Pipelines.Run("Imputer", new NdArray([-1L, 2], 1, 2), 1, ("imputed_value_int64s", new long[] { 5 }), ("replaced_value_int64", -1L))[0].Integers.ToArray());
    }

    [Fact]
    public void FeatureVectorizer_puts_features_beside_each_other_and_ArrayFeatureExtractor_takes_some()
    {
        NdArray y = Pipelines.Run(Pipelines.Read(ElementType.Int64, ["n", 2], ["y"], Pipelines.Ml("FeatureVectorizer", ["x", "x"], ["y"], ("inputdimensions", new long[] { 2, 2 }))), new NdArray([1L, 2, 3, 4], 2, 2))[0];
        Assert.Equal([1, 2, 1, 2, 3, 4, 3, 4], y.Floats.ToArray());
        NdArray names = Pipelines.Run(Pipelines.Read(ElementType.String, [3], ["y"], Pipelines.Ml("LabelEncoder", ["x"], ["i"], ("keys_strings", new[] { "a", "b" }), ("values_int64s", new long[] { 7, 9 })),
            Pipelines.Ml("ArrayFeatureExtractor", ["x", "at"], ["y"]), Constant("at", 2, 0)), new NdArray(["x", "y", "z"], 3))[0];
        Assert.Equal(["z", "x"], names.Strings.ToArray());
        Assert.Equal([1, 2], names.Dims.ToArray());
    }

    [Fact]
    public void LabelEncoder_maps_strings_integers_and_floats_and_gives_the_default_for_others()
    {
        NdArray words = new(["b", "q", "a"], 3);
        Assert.Equal([1, -1, 0], Pipelines.Run("LabelEncoder", words, 1, ("classes_strings", new[] { "a", "b" }))[0].Integers.ToArray());
        Assert.Equal(["b", "_Unused"], Pipelines.Run("LabelEncoder", NdArray.Vector(1L, 5L), 1, ("classes_strings", new[] { "a", "b" }))[0].Strings.ToArray());
        Assert.Equal([2.5f, 0, 1.5f], Pipelines.Run("LabelEncoder", words, 1, ("keys_strings", new[] { "a", "b" }), ("values_floats", new[] { 1.5f, 2.5f }))[0].Floats.ToArray());
        Assert.Equal([4, 3], Pipelines.Run("LabelEncoder", NdArray.Vector(float.NaN, 2f), 1, ("keys_floats", new[] { 2, float.NaN }), ("values_int64s", new long[] { 3, 4 }))[0].Integers.ToArray());
        Assert.Equal([7, 2, 7], Pipelines.Run("CategoryMapper", words, 1, ("cats_strings", new[] { "q" }), ("cats_int64s", new long[] { 2 }), ("default_int64", 7L))[0].Integers.ToArray());
        Assert.Throws<InvalidModelException>(() => Pipelines.Run("LabelEncoder", words, 1, ("keys_strings", new[] { "a" }), ("values_floats", new float[2])));
    }

    [Fact]
    public void OneHotEncoder_gives_zeros_for_the_unknown_or_refuses_it()
    {
        NdArray words = new(["b", "q"], 2, 1);
        NdArray y = Pipelines.Run("OneHotEncoder", words, 1, ("cats_strings", new[] { "a", "b" }))[0];
        Assert.Equal([2, 1, 2], y.Dims.ToArray());
        Assert.Equal([0, 1, 0, 0], y.Floats.ToArray());
        Assert.Contains("'q'", Assert.Throws<InvalidDataException>(() => Pipelines.Run("OneHotEncoder", words, 1, ("cats_strings", new[] { "a", "b" }), ("zeros", 0L))).Message, StringComparison.Ordinal);
        Assert.Equal([0, 1, 1, 0], Pipelines.Run("OneHotEncoder", NdArray.Vector(4.9f, 3f), 1, ("cats_int64s", new long[] { 3, 4 }))[0].Floats.ToArray());
    }

    private static Engine.Onnx.Schema.NodeProto Constant(string name, params long[] values)
    {
        var attribute = new Engine.Onnx.Schema.AttributeProto { Name = "value_ints", Type = Engine.Onnx.Schema.AttributeProto.Types.AttributeType.Ints };
        attribute.Ints.AddRange(values);
        return Onnx.Models.Node("Constant", [], [name], attribute);
    }
}
