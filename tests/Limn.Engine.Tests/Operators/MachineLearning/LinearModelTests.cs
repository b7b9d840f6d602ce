using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Limn.Engine.Tests.Onnx;

namespace Limn.Engine.Tests.Operators.MachineLearning;

public class LinearModelTests
{
    private static readonly NdArray X = new([1f, 2, 3, -1], 2, 2);

    [Fact]
    public void LinearRegressor_is_a_matrix_product()
    {
        float[] y = Pipelines.Run("LinearRegressor", X, 1, ("coefficients", new float[] { 1, 2, 3, 4 }), ("intercepts", new[] { 0.5f, -0.5f }), ("targets", 2L))[0].Floats.ToArray();
        Assert.Equal([5.5f, 10.5f, 1.5f, 4.5f], y);
        NdArray integers = new([1L, 2, 3, -1], 2, 2);
        Assert.Equal([5, 1], Pipelines.Run("LinearRegressor", integers, 1, ("coefficients", new float[] { 1, 2 }))[0].Floats.ToArray());
        Assert.Throws<InvalidModelException>(() => Pipelines.Run("LinearRegressor", X, 1, ("coefficients", new float[] { 1, 2, 3 }), ("targets", 2L)));
    }

    [Fact]
    public void LinearClassifier_chooses_the_greatest_score_or_the_sign_of_a_single_one()
    {
        NdArray[] y = Pipelines.Run("LinearClassifier", X, 2, ("coefficients", new float[] { 1, 0, 0, 1, -1, -1 }), ("intercepts", new float[3]), ("classlabels_strings", new[] { "a", "b", "c" }), ("post_transform", "SOFTMAX"), ("multi_class", 1L));
        Assert.Equal(["b", "a"], y[0].Strings.ToArray());
        double sum = Math.Exp(1) + Math.Exp(2) + Math.Exp(-3);
        Assert.Equal(Math.Exp(2) / sum, y[1].Floats[1], 1e-6);

        y = Pipelines.Run("LinearClassifier", X, 2, ("coefficients", new float[] { 1, -1 }), ("intercepts", new[] { 0.25f }), ("classlabels_ints", new long[] { 5, 9 }));
        Assert.Equal([5, 9], y[0].Integers.ToArray());
        Assert.Equal([1.75f, -0.75f, -3.25f, 4.25f], y[1].Floats.ToArray());
    }

    [Theory]
    [InlineData("LINEAR")]
    [InlineData("POLY")]
    [InlineData("RBF")]
    [InlineData("SIGMOID")]
    public void Support_vector_machines_are_sums_of_kernels_and_have_gradients(string kind)
    {
        float[] vectors = [0.5f, 1, -1, 0.25f, 2, -0.5f], coefficients = [1, -2, 0.5f], parameters = [0.3f, 0.7f, 3];
        (string, object)[] attributes = [("kernel_type", kind), ("kernel_params", parameters), ("support_vectors", vectors), ("coefficients", coefficients), ("rho", new[] { 0.1f }), ("n_supports", 3L)];
        float[] y = Pipelines.Run("SVMRegressor", X, 1, attributes)[0].Floats.ToArray();
        for (int r = 0; r < 2; r++)
            Assert.Equal(0.1 + Enumerable.Range(0, 3).Sum(k => coefficients[k] * Kernel(kind, X.Floats[2 * r], X.Floats[2 * r + 1], vectors[2 * k], vectors[2 * k + 1])), y[r], 1e-4);
        NdArray one = Pipelines.Run("SVMRegressor", X, 1, [.. attributes, ("one_class", 1L)])[0];
        Assert.Equal(y.Select(v => v > 0 ? 1f : -1), one.Floats.ToArray());

        Graph graph = Pipelines.Read(ElementType.Float, ["n", 2], ["y"], Pipelines.Ml("SVMRegressor", ["x"], ["y"], attributes));
        float[] slope = Slope(graph, graph.Outputs[0], X);
        for (int i = 0; i < 4; i++)
        {
            const float Step = 1e-2f;
            NdArray above = X.Copy(), below = X.Copy();
            above.Floats[i] += Step;
            below.Floats[i] -= Step;
            double difference = (Sum(graph, above) - Sum(graph, below)) / (2 * Step);
            Assert.Equal(difference, slope[i], 0.02 * Math.Max(1, Math.Abs(difference)));
        }
    }

    [Fact]
    public void An_svm_of_three_classes_votes_over_pairs_and_couples_their_probabilities()
    {
        // One vector a class, at (1, 0), (0, 1) and (-1, -1); against each other class every vector speaks for its own.
        (string, object)[] attributes =
        [
            ("kernel_type", "LINEAR"), ("kernel_params", new float[3]), ("support_vectors", new float[] { 1, 0, 0, 1, -1, -1 }), ("vectors_per_class", new long[] { 1, 1, 1 }),
            ("coefficients", new float[] { 1, -1, -1, 1, 1, -1 }), ("rho", new float[3]), ("classlabels_strings", new[] { "e", "n", "sw" }),
        ];
        NdArray x = new([3f, 1, 1, 3, -2, -2], 3, 2);
        NdArray[] y = Pipelines.Run("SVMClassifier", x, 2, attributes);
        Assert.Equal(["e", "n", "sw"], y[0].Strings.ToArray());
        Assert.Equal([2, 7, 5], y[1].Floats.ToArray()[..3]); // (3,1)·((1,0) - (0,1)), ((1,0) + (1,1)), ((0,1) + (1,1))

        NdArray[] p = new Session(Pipelines.Read(ElementType.Float, ["n", 2], ["label", "p"], Pipelines.Ml("SVMClassifier", ["x"], ["label", "p"],
            [.. attributes, ("prob_a", new float[] { -1, -1, -1 }), ("prob_b", new float[3])])), 1).Run(x);
        for (int r = 0; r < 3; r++)
        {
            float[] row = p[1].Floats.Slice(3 * r, 3).ToArray();
            Assert.Equal(1, row.Sum(), 1e-5f);
            Assert.Equal(r, Array.IndexOf(row, row.Max()));
        }
        Assert.Equal(["e", "n", "sw"], p[0].Strings.ToArray());
    }

    [Fact]
    public void Probabilities_of_pairs_that_agree_are_coupled_to_those_they_came_from()
    {
        float[] p = [0.2f, 0.3f, 0.5f];
        NdArray pairs = new([p[0] / (p[0] + p[1]), p[0] / (p[0] + p[2]), p[1] / (p[1] + p[2])], 1, 3);
        NdArray y = OperatorRunner.Run(new PairwiseCoupling(3), pairs);
        for (int i = 0; i < 3; i++) Assert.Equal(p[i], y.Floats[i], 5e-3f);
        float[] slope = OperatorRunner.Slope((g, v) => g.Slice(g.Op(new PairwiseCoupling(2), v), [0], [1], [1]), new NdArray([0.7f], 1, 1));
        Assert.Equal([1], slope);
    }

    [Fact]
    public void Two_classes_of_an_svm_get_the_decision_with_both_signs()
    {
        (string, object)[] attributes = [("support_vectors", new float[] { 1, 0, 0, 1 }), ("vectors_per_class", new long[] { 1, 1 }), ("coefficients", new float[] { 1, -1 }), ("rho", new[] { 0.5f }), ("classlabels_ints", new long[] { 0, 1 })];
        NdArray[] y = Pipelines.Run("SVMClassifier", X, 2, attributes);
        Assert.Equal([1, 0], y[0].Integers.ToArray()); // decisions -0.5 and 4.5, the latter for class 0
        Assert.Equal([0.5f, -0.5f, -4.5f, 4.5f], y[1].Floats.ToArray());
        Assert.Throws<InvalidModelException>(() => Pipelines.Run("SVMClassifier", X, 2, [.. attributes[..2], ("coefficients", new float[] { 1, -1, 3 }), .. attributes[3..]]));
    }

    [Fact]
    public void A_pipeline_of_scaler_classifier_and_zipmap_runs_with_string_labels_and_lets_the_gradient_through()
    {
        Graph graph = Pipelines.Read(ElementType.Float, ["n", 2], ["label", "p"],
            Pipelines.Ml("Imputer", ["x"], ["filled"], ("imputed_value_floats", new float[] { 4, 0 }), ("replaced_value_float", float.NaN)),
            Pipelines.Ml("Scaler", ["filled"], ["scaled"], ("offset", new float[] { 1, -1 }), ("scale", new[] { 2, 0.5f })),
            Pipelines.Ml("LinearClassifier", ["scaled"], ["label", "scores"], ("coefficients", new float[] { -1, 1, 1, -1 }), ("intercepts", new float[2]), ("classlabels_strings", new[] { "left", "right" }), ("post_transform", "LOGISTIC")),
            Pipelines.Ml("Normalizer", ["scores"], ["normed"], ("norm", "L1")),
            Pipelines.Ml("ZipMap", ["normed"], ["p"], ("classlabels_strings", new[] { "left", "right" })));
        NdArray x = new([0f, 3, float.NaN, 1], 2, 2);
        NdArray[] y = Pipelines.Run(graph, x);
        Assert.Equal(["left", "right"], y[0].Strings.ToArray());
        Assert.Equal(1 / (1 + Math.Exp(-4)), y[1].Floats[0], 1e-5); // scaled (-2, 2): scores 4 and -4
        Assert.Equal(["left", "right"], ((ZipMap)graph.ProducerOf(graph.Outputs[1])!.Operator).Labels.Strings.ToArray());

        GradientGraph gradient = Gradient.Of(graph, graph.Find("scores")!, graph.Inputs);
        Assert.Equal("IsNaN", Assert.Single(gradient.Cuts).Operator.Name); // whether a value is missing
        float[] slope = Slope(graph, graph.Find("scores")!, x);
        Assert.Equal(0, slope[2]); // the filled-in value does not depend on the input
        Assert.True(Math.Abs(slope[0]) < 1e-6); // both logistics move against each other
    }

    [Fact]
    public void A_map_is_fed_as_a_table_with_the_columns_of_the_vocabulary()
    {
        NodeProto dictionary = Pipelines.Ml("DictVectorizer", ["x"], ["v"], ("string_vocabulary", new[] { "age", "height" }));
        NodeProto linear = Pipelines.Ml("LinearRegressor", ["v"], ["y"], ("coefficients", new[] { 2f, 3 }), ("intercepts", new[] { 1f }));
        Graph graph = ReadMap(ElementType.Float, dictionary, linear);
        Assert.Equal(["age", "height"], graph.Nodes.Select(n => n.Operator).OfType<DictVectorizer>().Single().Labels.Strings.ToArray());
        NdArray x = new([1f, 1, 10, 0], 2, 2);
        Assert.Equal([6f, 21], Pipelines.Run(graph, x)[0].Floats.ToArray());
        Assert.Equal([2f, 3, 2, 3], Slope(graph, graph.Outputs[0], x));

        // Two nodes must look at the same keys, and nothing else can read a map.
        NodeProto other = Pipelines.Ml("DictVectorizer", ["x"], ["w"], ("string_vocabulary", new[] { "height", "age" }));
        Assert.Contains("different keys", Assert.Throws<UnsupportedOperatorException>(() => ReadMap(ElementType.Float, dictionary, other, linear)).Message, StringComparison.Ordinal);
        Assert.Contains("LinearRegressor", Assert.Throws<UnsupportedOperatorException>(() => ReadMap(ElementType.Float, Pipelines.Ml("LinearRegressor", ["x"], ["y"], ("coefficients", new[] { 2f }), ("intercepts", new[] { 1f })))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SPARSE", 3)]
    [InlineData("DENSE", null)]
    public void A_map_that_is_cast_has_a_column_for_each_key(string form, int? columns)
    {
        Graph graph = ReadMap(ElementType.String, Pipelines.Ml("CastMap", ["x"], ["y"], ("cast_to", "TO_FLOAT"), ("map_form", form), ("max_map", 3L)));
        Assert.Equal(columns?.ToString() ?? "?", graph.Inputs[0].Shape![1].ToString());
        Assert.Equal([1.5f, 0, -2], Pipelines.Run(graph, new NdArray(["1.5", "0", "-2"], 1, 3))[0].Floats.ToArray());
    }

    /// <summary>A model whose input x is a map of strings, or of integers where the values are strings; its output is y.</summary>
    private static Graph ReadMap(ElementType values, params NodeProto[] nodes)
    {
        ModelProto model = Models.Model(nodes).WithOutput("y");
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx.ml", Version = 3 });
        TypeProto value = new() { TensorType = new TypeProto.Types.Tensor { ElemType = (int)values, Shape = new TensorShapeProto() } };
        var map = new TypeProto.Types.Map { KeyType = (int)(values == ElementType.String ? ElementType.Int64 : ElementType.String), ValueType = value };
        model.Graph.Input.Add(new ValueInfoProto { Name = "x", Type = new TypeProto { MapType = map } });
        return Models.Read(model).Graph;
    }

    private static double Kernel(string kind, double x0, double x1, double v0, double v1)
    {
        double dot = x0 * v0 + x1 * v1, distance = (x0 - v0) * (x0 - v0) + (x1 - v1) * (x1 - v1);
        return kind switch { "LINEAR" => dot, "POLY" => Math.Pow(0.3 * dot + 0.7, 3), "RBF" => Math.Exp(-0.3 * distance), _ => Math.Tanh(0.3 * dot + 0.7) };
    }

    private static double Sum(Graph graph, NdArray x) => new Session(graph, 1).Run(x)[0].Floats.ToArray().Sum(v => (double)v);

    private static float[] Slope(Graph graph, Value at, NdArray x)
    {
        GradientGraph gradient = Gradient.Of(graph, at, graph.Inputs);
        return new Session(gradient.Graph, 1).Run(new Dictionary<Value, NdArray> { [graph.Inputs[0]] = x }, [gradient.Required()])[0].Floats.ToArray();
    }
}
