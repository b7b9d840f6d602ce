using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Decision trees: <c>TreeEnsembleClassifier</c>, <c>TreeEnsembleRegressor</c> (ai.onnx.ml 1 and 3) and <c>TreeEnsemble</c> (5). When a file is
/// read these become one <see cref="TreeEnsemble"/> that gives the raw scores, and standard operators for what comes after it: base values,
/// the choice of the class, the post-transform. So the scores before the transform (the margin) are a value of the graph.
/// </summary>
/// <remarks>
/// Special cases of two classes follow ONNX Runtime (tree_ensemble_aggregator.h). A class that no leaf has a weight for has no score and is never
/// chosen; one that merely none of the reached leaves has a weight for counts as 0 (ONNX Runtime leaves it out of the choice).
/// Labels of two classes are always those of the file. Thresholds and features of type double are compared as floats.
/// </remarks>
public static class TreeEnsembleOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        MachineLearning.Of("TreeEnsembleRegressor", ImportRegressor, "No gradient: a step function. Doubles are compared as floats."),
        MachineLearning.Of("TreeEnsembleClassifier", ImportClassifier, "No gradient: a step function. Doubles are compared as floats."),
        MachineLearning.Of("TreeEnsemble", ImportLists, "No gradient: a step function. Doubles are compared as floats."),
    ];

    private static IReadOnlyList<Value> ImportRegressor(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        int targets = checked((int)a.Int("n_targets", 1));
        TreeEnsembleData data = TreeEnsembleReader.Read(a, "target", targets, TreeEnsembleReader.Aggregate(a.String("aggregate_function", "SUM")));
        Value scores = import.Graph.Op(new TreeEnsemble(data), MachineLearning.Rows(import));
        if (TreeEnsembleReader.FloatsOf(a, "base_values") is { Length: > 0 } start)
            scores = import.Graph.Add(scores, import.Graph.Constant(NdArray.Vector(start.Length == targets ? start : throw WrongBase(start.Length, targets))));
        return import.EmitAs(PostTransform.Regression(import.Graph, scores, targets, PostTransform.Of(a)));
    }

    private static IReadOnlyList<Value> ImportLists(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        TreeAggregate aggregate = a.Int("aggregate_function", 1) switch
        {
            0 => TreeAggregate.Average,
            1 => TreeAggregate.Sum,
            2 => TreeAggregate.Min,
            3 => TreeAggregate.Max,
            long other => throw new InvalidModelException($"its aggregate_function is {other}; 0 to 3 are expected."),
        };
        TreeEnsembleData data = TreeEnsembleReader.ReadLists(a, aggregate);
        Value scores = import.Graph.Op(new TreeEnsemble(data), MachineLearning.Rows(import));
        Value result = PostTransform.Regression(import.Graph, scores, data.Targets, PostTransform.Of(a.Int("post_transform", 0)));
        return import.EmitAs(import.Graph.Cast(result, import.Input(0).Type));
    }

    private static IReadOnlyList<Value> ImportClassifier(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        NodeAttributes a = import.Attributes;
        var labels = new ClassLabels(a, "classlabels_int64s");
        if (labels.Count < 2) throw import.Unsupported($"it has {labels.Count} class labels; at least two are expected.");
        string transform = PostTransform.Of(a);
        TreeEnsembleData data = TreeEnsembleReader.Read(a, "class", labels.Count, TreeAggregate.Sum);
        Value scores = g.Op(new TreeEnsemble(data), MachineLearning.Rows(import));
        float[] start = TreeEnsembleReader.FloatsOf(a, "base_values") ?? [];
        HashSet<long> scored = [.. a.Ints("class_ids") ?? []];
        bool positive = TreeEnsembleReader.FloatsOf(a, "class_weights")!.All(w => w >= 0);

        if (labels.Count > 2)
        {
            if (start.Length > 0) scores = g.Add(scores, g.Constant(NdArray.Vector(start.Length == labels.Count ? start : throw WrongBase(start.Length, labels.Count))));
            Value eligible = scores;
            if (start.Length == 0 && scored.Count > 0 && scored.Count < labels.Count)
                eligible = g.Add(scores, g.Constant(NdArray.Vector([.. Enumerable.Range(0, labels.Count).Select(k => scored.Contains(k) ? 0f : float.NegativeInfinity)])));
            return [labels.Of(g, g.ArgMax(eligible, 1, keepDims: false)), PostTransform.Apply(g, scores, transform)];
        }

        bool second = scored.Contains(1), complement = scored.Count == 1 && positive;
        Value s0 = g.Slice(scores, [0], [1], [1]), s1 = g.Slice(scores, [1], [2], [1]);
        if (start.Length > 2) throw WrongBase(start.Length, 2);
        if (start.Length == 2 && second)
        {
            s1 = g.Add(s0, g.ScalarLike(s0, start[1])); // what ONNX Runtime does
            s0 = g.Neg(s1);
        }
        else if (start.Length == 2) (s0, s1) = (g.Add(s0, g.ScalarLike(s0, start[0])), g.Add(s1, g.ScalarLike(s1, start[1])));
        else if (start.Length == 1) s0 = g.Add(s0, g.ScalarLike(s0, start[0]));

        Value deciding = second ? s1 : s0;
        Value isSecond = g.Greater(g.Squeeze(deciding, 1), g.ScalarLike(deciding, complement ? 0.5f : 0));
        Value result = second || start.Length == 2 ? PostTransform.Apply(g, g.Concat(1, s0, s1), transform) : PostTransform.Both(import, s0, complement, transform);
        return [labels.OfTwo(g, isSecond), result];
    }

    private static InvalidModelException WrongBase(int got, int wanted) => new($"it has {got} base_values, and {wanted} scores.");
}

/// <summary>The raw scores [rows, targets] of an ensemble of trees for rows of features.</summary>
/// <remarks>
/// Written as a TreeEnsembleRegressor (ai.onnx.ml 3). Sums are made in double, in the order of the trees. A step function: no gradient.
/// </remarks>
public sealed class TreeEnsemble(TreeEnsembleData data) : Operator
{
    /// <summary>The trees.</summary>
    public TreeEnsembleData Data { get; } = data;

    public override string Name => "TreeEnsembleRegressor";

    public override string Domain => MachineLearning.Domain;

    public override int OpsetVersion => 3;

    // Sequences that are made when they are written: two nodes count as the same only if they share this instance.
    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            int[] nodes = [.. Enumerable.Range(0, Data.Nodes.Length)], tree = TreeOfNode();
            int[] leaves = [.. nodes.Where(i => Data.Nodes[i].Feature < 0)], owners = [.. leaves.SelectMany(i => Enumerable.Repeat(i, Data.TargetsOf(i).Length))];
            yield return new("n_targets", (long)Data.Targets);
            yield return new("aggregate_function", Data.Aggregate.ToString().ToUpperInvariant());
            yield return new("nodes_treeids", nodes.Select(i => (long)tree[i]));
            yield return new("nodes_nodeids", nodes.Select(i => (long)i));
            yield return new("nodes_featureids", nodes.Select(i => (long)Math.Max(0, Data.Nodes[i].Feature)));
            yield return new("nodes_values", nodes.Select(i => Data.Nodes[i].Threshold));
            yield return new("nodes_modes", nodes.Select(i => Data.Nodes[i].Feature < 0 ? "LEAF" : TreeEnsembleReader.NameOf(Data.Nodes[i].Branch)));
            yield return new("nodes_truenodeids", nodes.Select(i => (long)Data.Nodes[i].True));
            yield return new("nodes_falsenodeids", nodes.Select(i => (long)Data.Nodes[i].False));
            yield return new("nodes_missing_value_tracks_true", nodes.Select(i => Data.Nodes[i].MissingTrue ? 1L : 0));
            if (!nodes.Any(i => float.IsNaN(Data.Nodes[i].Cover))) yield return new("nodes_hitrates", nodes.Select(i => Data.Nodes[i].Cover));
            yield return new("target_treeids", owners.Select(i => (long)tree[i]));
            yield return new("target_nodeids", owners.Select(i => (long)i));
            yield return new("target_ids", leaves.SelectMany(i => Data.TargetsOf(i).ToArray()).Select(t => (long)t));
            yield return new("target_weights", leaves.SelectMany(i => Data.WeightsOf(i).ToArray()));
        }
    }

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsFloating()) throw context.Error($"it takes rows of floats, and its input is {context.TypeOf(0)}.");
        Shape? shape = context.ShapeOf(0);
        if (shape is not null && shape.Rank != 2) throw context.Error($"it takes rows of features ([rows, features]), and its input has the shape {shape}.");
        if (shape is not null && shape[1].IsKnown && shape[1].Value < Data.FeatureCount)
            throw context.Error($"its trees ask for {Data.FeatureCount} features, and its input has {shape[1].Value}.");
        context.Output(0, context.TypeOf(0), [shape?[0] ?? Dim.Unknown, Data.Targets]);
    }

    public override void Execute(KernelContext context)
    {
        const int Block = 32; // rows, the work of a thread at least
        NdArray x = context.Input(0), y = context.Output(0);
        int features = x.Dims[1];
        if (features < Data.FeatureCount) throw new ShapeMismatchException($"The trees ask for {Data.FeatureCount} features, and the input has {features}.");
        context.Workers.Ranges(x.Dims[0], Block, (from, to) =>
        {
            var scores = new double[Data.Targets];
            for (int r = from; r < to; r++)
            {
                Data.Evaluate(x.Floats.Slice(r * features, features), scores);
                Span<float> row = y.Floats.Slice(r * scores.Length, scores.Length);
                for (int k = 0; k < row.Length; k++) row[k] = (float)scores[k];
            }
        });
    }

    private int[] TreeOfNode()
    {
        var tree = new int[Data.Nodes.Length];
        for (int t = 0; t < Data.Roots.Length; t++) tree.AsSpan(Data.Roots[t]).Fill(t); // the trees lie one after the other
        return tree;
    }
}
