using System.IO.Compression;
using System.Runtime.InteropServices;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators.MachineLearning;

public class TreeEnsembleTests
{
    [SharedTheory]
    [InlineData("tract_xgboost_classifier_tree", "probabilities")]
    [InlineData("tract_xgboost_regressor_tree", "variable")]
    public void Trees_that_xgboost_trained_give_the_numbers_of_the_reference(string model, string output)
    {
        string folder = Path.Combine(SharedFiles.Folder!, "models", "tabular");
        Dictionary<string, float[]> reference = Arrays(Path.Combine(folder, $"{model}_io.npz"));
        Graph graph = OnnxReader.Read(Path.Combine(folder, $"{model}.onnx")).Graph;
        NdArray x = new(reference["input"], 1, reference["input"].Length);
        NdArray got = Pipelines.Run(graph, x)[graph.Outputs.ToList().FindIndex(o => o.Name == output)];
        float[] expected = reference[output];
        Assert.Equal(expected.Length, got.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], got.Floats[i], 1e-6f);
    }

    [Theory]
    [InlineData("BRANCH_LEQ", 1, 1, 0)]
    [InlineData("BRANCH_LT", 1, 0, 0)]
    [InlineData("BRANCH_GTE", 0, 1, 1)]
    [InlineData("BRANCH_GT", 0, 0, 1)]
    [InlineData("BRANCH_EQ", 0, 1, 0)]
    [InlineData("BRANCH_NEQ", 1, 0, 1)]
    public void A_branch_goes_where_its_mode_says_below_at_and_above_the_threshold(string mode, int below, int at, int above)
    {
        NdArray x = new([0.5f, 1, 1.5f, float.NaN], 4, 1);
        float[] y = Pipelines.Run("TreeEnsembleRegressor", x, 1, Stump(mode, missingTrue: false))[0].Floats.ToArray();
        Assert.Equal([below, at, above, mode == "BRANCH_NEQ" ? 1 : 0], y.Select(v => (int)v));
        Assert.Equal(1, Pipelines.Run("TreeEnsembleRegressor", x, 1, Stump(mode, missingTrue: true))[0].Floats[3]);
    }

    [Theory]
    [InlineData("SUM", 5, 12)]
    [InlineData("AVERAGE", 2.5f, 6)]
    [InlineData("MIN", 2, 5)]
    [InlineData("MAX", 3, 7)]
    public void Leaves_are_aggregated_over_trees_and_base_values_added(string aggregate, float low, float high)
    {
        // Two stumps on the features 0 and 1: 2 or 7, and 3 or 5.
        NdArray x = new([0f, 0, 1, 1], 2, 2);
        float[] y = Pipelines.Run("TreeEnsembleRegressor", x, 1, ("aggregate_function", aggregate), ("base_values", new[] { 10f }),
            ("nodes_treeids", new long[] { 0, 0, 0, 4, 4, 4 }), ("nodes_nodeids", new long[] { 0, 1, 2, 0, 1, 2 }), ("nodes_featureids", new long[] { 0, 0, 0, 1, 0, 0 }),
            ("nodes_values", new[] { 0.5f, 0, 0, 0.5f, 0, 0 }), ("nodes_modes", new[] { "BRANCH_LT", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF" }),
            ("nodes_truenodeids", new long[] { 1, 0, 0, 1, 0, 0 }), ("nodes_falsenodeids", new long[] { 2, 0, 0, 2, 0, 0 }),
            ("target_treeids", new long[] { 0, 0, 4, 4 }), ("target_nodeids", new long[] { 1, 2, 1, 2 }), ("target_ids", new long[4]), ("target_weights", new float[] { 2, 7, 3, 5 }))[0].Floats.ToArray();
        Assert.Equal([low + 10, high + 10], y);
    }

    [Fact]
    public void Two_classes_with_one_score_are_treated_as_by_onnx_runtime()
    {
        NdArray x = new([0f, 2], 2, 1);
        // All weights positive: the score is a probability, decided at 0.5, and not transformed.
        NdArray[] y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([0.25f, 0.75f], [0, 0], ("post_transform", "LOGISTIC"), ("classlabels_int64s", new long[] { 3, 8 })));
        Assert.Equal([3, 8], y[0].Integers.ToArray());
        Assert.Equal([0.75f, 0.25f, 0.25f, 0.75f], y[1].Floats.ToArray());
        // Mixed weights: a margin, decided at 0.
        y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([-1, 1], [0, 0], ("post_transform", "LOGISTIC"), ("classlabels_strings", new[] { "no", "yes" })));
        Assert.Equal(["no", "yes"], y[0].Strings.ToArray());
        Assert.Equal(1 / (1 + MathF.Exp(1)), y[1].Floats[1], 1e-6f);
        Assert.Equal(1 / (1 + MathF.Exp(-1)), y[1].Floats[0], 1e-6f);
        y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([-1, 1], [0, 0], ("classlabels_int64s", new long[] { 0, 1 })));
        Assert.Equal([1, -1, -1, 1], y[1].Floats.ToArray());
        // One base value moves the margin; two make both scores of it.
        y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([-1, 1], [0, 0], ("base_values", new[] { 3f }), ("classlabels_int64s", new long[] { 0, 1 })));
        Assert.Equal([1, 1], y[0].Integers.ToArray());
        Assert.Equal([-2, 2, -4, 4], y[1].Floats.ToArray());
        // Both classes have scores: the second decides, at 0.
        y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([1, -1], [0, 1], ("classlabels_int64s", new long[] { 0, 1 })));
        Assert.Equal([0, 0], y[0].Integers.ToArray());
        Assert.Equal([1, 0, 0, -1], y[1].Floats.ToArray());
    }

    [Fact]
    public void Of_several_classes_one_without_any_score_is_not_chosen_and_transforms_apply_to_all()
    {
        NdArray x = new([0f, 2], 2, 1);
        NdArray[] y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([-3, -1], [0, 2], ("post_transform", "SOFTMAX"), ("classlabels_strings", new[] { "a", "b", "c" })));
        Assert.Equal(["c", "a"], y[0].Strings.ToArray()); // class b would have 0, the greatest
        double sum = Math.Exp(-3) + 2;
        Assert.Equal(Math.Exp(-3) / sum, y[1].Floats[0], 1e-6);
        Assert.Equal(1 / sum, y[1].Floats[1], 1e-6);
        y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([-3, -1], [0, 2], ("post_transform", "SOFTMAX_ZERO"), ("classlabels_int64s", new long[] { 0, 1, 2 })));
        Assert.Equal([1, 0, 0], y[1].Floats.ToArray()[..3]); // zeros take no part
        y = Pipelines.Run("TreeEnsembleClassifier", x, 2, Classifier([0.9f, 0.5f], [0, 2], ("post_transform", "PROBIT"), ("base_values", new[] { 0.05f, 0.5f, 0.5f }), ("classlabels_int64s", new long[] { 0, 1, 2 })));
        Assert.Equal(1.6449, y[1].Floats[0], 5e-3); // the 95 % quantile of the normal distribution
        Assert.Equal(0, y[1].Floats[1], 1e-3);
    }

    [Fact]
    public void A_chain_of_equalities_may_share_its_true_side_but_a_cycle_is_refused()
    {
        // x in {1, 2} goes to node 2.
        var data = new TreeEnsembleData([Branch(TreeBranch.Equal, 1, 2, 1), Branch(TreeBranch.Equal, 2, 2, 3), TreeNode.Leaf(), TreeNode.Leaf()], [0], [(2, 0, 5), (3, 0, 7)], 1, TreeAggregate.Sum);
        NdArray y = OperatorRunner.Run(new TreeEnsemble(data), new NdArray([1f, 2, 3], 3, 1));
        Assert.Equal([5, 5, 7], y.Floats.ToArray());

        Assert.Contains("below itself", Refused([Branch(TreeBranch.Less, 1, 1, 1), Branch(TreeBranch.Less, 1, 0, 2), TreeNode.Leaf()], [0]), StringComparison.Ordinal);
        Assert.Contains("two trees", Refused([Branch(TreeBranch.Less, 1, 2, 2), Branch(TreeBranch.Less, 1, 2, 2), TreeNode.Leaf()], [0, 1]), StringComparison.Ordinal);
        Assert.Contains("node 9", Refused([Branch(TreeBranch.Less, 1, 9, 1), TreeNode.Leaf()], [0]), StringComparison.Ordinal);
        Assert.Contains("target 1", Assert.Throws<InvalidModelException>(() => new TreeEnsembleData([TreeNode.Leaf()], [0], [(0, 1, 1)], 1, TreeAggregate.Sum)).Message, StringComparison.Ordinal);

        static TreeNode Branch(TreeBranch branch, float threshold, int yes, int no) => new(0, branch, threshold, false, yes, no, float.NaN);
        static string Refused(TreeNode[] nodes, int[] roots) => Assert.Throws<InvalidModelException>(() => new TreeEnsembleData(nodes, roots, [], 1, TreeAggregate.Sum)).Message;
    }

    [Fact]
    public void A_deep_tree_needs_no_stack_and_many_rows_give_the_same_bits_on_any_number_of_threads()
    {
        const int Depth = 200_000;
        var nodes = new TreeNode[Depth + 2];
        for (int i = 0; i < Depth; i++) nodes[i] = new TreeNode(0, TreeBranch.Less, i, false, Depth, i + 1, float.NaN);
        (nodes[Depth], nodes[Depth + 1]) = (TreeNode.Leaf(), TreeNode.Leaf());
        nodes[Depth - 1] = nodes[Depth - 1] with { False = Depth + 1 };
        var data = new TreeEnsembleData(nodes, [0], [(Depth, 0, 1), (Depth + 1, 0, 2)], 1, TreeAggregate.Sum);
        NdArray x = GradientCheck.Random([200, 1], 0, 300, 1);
        x.Floats[7] = Depth;
        var g = new GraphBuilder();
        g.Output(g.Op(new TreeEnsemble(data), g.Input("x", ElementType.Float, [200, 1])));
        float[] one = new Session(g.Build(), 1).Run(x)[0].Floats.ToArray();
        Assert.Equal(one, new Session(g.Build(), 4).Run(x)[0].Floats.ToArray());
        Assert.Equal(2, one[7]);
        Assert.Equal(1, one[8]);
    }

    [Fact]
    public void Malformed_trees_and_too_few_features_are_named_and_the_gradient_says_what_cuts_it()
    {
        Assert.Contains("'BRANCH_MAYBE'", Assert.Throws<InvalidModelException>(() => Pipelines.Run("TreeEnsembleRegressor", new NdArray(new float[1], 1, 1), 1, Stump("BRANCH_MAYBE", false))).Message, StringComparison.Ordinal);
        Assert.ThrowsAny<LimnException>(() => Pipelines.Run("TreeEnsembleRegressor", new NdArray(Array.Empty<float>(), 1, 0), 1, Stump("BRANCH_LT", false)));
        Graph graph = Pipelines.Read(ElementType.Float, ["n", 1], ["y"], Pipelines.Ml("TreeEnsembleRegressor", ["x"], ["y"], Stump("BRANCH_LT", false)));
        GradientGraph gradient = Gradient.Of(graph, graph.Outputs[0], graph.Inputs);
        Assert.Contains("TreeEnsembleRegressor", Assert.Throws<NotDifferentiableException>(() => gradient.Required()).Message, StringComparison.Ordinal);
    }

    private static (string, object)[] Stump(string mode, bool missingTrue) =>
    [
        ("nodes_treeids", new long[3]), ("nodes_nodeids", new long[] { 0, 1, 2 }), ("nodes_featureids", new long[3]), ("nodes_values", new float[] { 1, 0, 0 }),
        ("nodes_modes", new[] { mode, "LEAF", "LEAF" }), ("nodes_truenodeids", new long[] { 1, 0, 0 }), ("nodes_falsenodeids", new long[] { 2, 0, 0 }),
        ("nodes_missing_value_tracks_true", new long[] { missingTrue ? 1 : 0, 0, 0 }),
        ("target_treeids", new long[1]), ("target_nodeids", new long[] { 1 }), ("target_ids", new long[1]), ("target_weights", new float[] { 1 }),
    ];

    /// <summary>x &lt; 1 gives the first weight to the first class, else the second to the second.</summary>
    private static (string, object)[] Classifier(float[] weights, long[] classes, params (string, object)[] more) =>
    [
        ("nodes_treeids", new long[3]), ("nodes_nodeids", new long[] { 0, 1, 2 }), ("nodes_featureids", new long[3]), ("nodes_values", new float[] { 1, 0, 0 }),
        ("nodes_modes", new[] { "BRANCH_LT", "LEAF", "LEAF" }), ("nodes_truenodeids", new long[] { 1, 0, 0 }), ("nodes_falsenodeids", new long[] { 2, 0, 0 }),
        ("class_treeids", new long[2]), ("class_nodeids", new long[] { 1, 2 }), ("class_ids", classes), ("class_weights", weights), .. more,
    ];

    /// <summary>The arrays of floats of a file of numpy.</summary>
    private static Dictionary<string, float[]> Arrays(string npz)
    {
        using ZipArchive archive = ZipFile.OpenRead(npz);
        return archive.Entries.ToDictionary(e => Path.GetFileNameWithoutExtension(e.Name), e =>
        {
            using var bytes = new MemoryStream();
            using (Stream stream = e.Open()) stream.CopyTo(bytes);
            byte[] all = bytes.ToArray();
            return MemoryMarshal.Cast<byte, float>(all.AsSpan(10 + BitConverter.ToUInt16(all, 8))).ToArray();
        });
    }
}
