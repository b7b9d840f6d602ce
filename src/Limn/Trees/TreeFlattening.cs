using System.Diagnostics.CodeAnalysis;

namespace Limn.Trees;

/// <summary>Checks the trees of a description and lays them out as <see cref="FlatTrees"/>.</summary>
internal sealed class TreeFlattening(EnsembleDescription description)
{
    /// <summary>The largest category: beyond it single precision skips whole numbers. XGBoost has the same limit.</summary>
    public const int LargestCategory = 1 << 24;

    /// <summary>The most words that all sets of categories may take together: 64 MiB.</summary>
    private const int MostWords = 1 << 24;

    private readonly List<int> feature = [], left = [], set = [];
    private readonly List<float> threshold = [];
    private readonly List<bool> defaultLeft = [];
    private readonly List<MissingRule> missing = [];
    private readonly List<double> cover = [], value = [], vectors = [];
    private readonly List<uint> sets = [];

    public FlatTrees Run()
    {
        IReadOnlyList<Tree> trees = description.Trees;
        bool covers = trees.All(t => t.Cover is not null);
        int[] roots = new int[trees.Count + 1], depths = new int[trees.Count], outputs = new int[trees.Count];
        var simple = new bool[trees.Count];
        for (int i = 0; i < trees.Count; i++) outputs[i] = Check(trees[i], i);
        for (int i = 0; i < trees.Count; i++)
        {
            roots[i] = feature.Count;
            double scale = trees[i].Weight;
            if (description.Average) scale /= outputs.Count(o => o == outputs[i] || o < 0);
            depths[i] = Append(trees[i], i, scale, covers);
            simple[i] = Enumerable.Range(roots[i], feature.Count - roots[i]).All(n => set[n] < 0 && missing[n] == MissingRule.Nan);
        }
        roots[^1] = feature.Count;
        return new FlatTrees
        {
            Roots = roots,
            Depths = depths,
            Outputs = outputs,
            Simple = simple,
            Feature = [.. feature],
            Threshold = [.. threshold],
            Left = [.. left],
            DefaultLeft = [.. defaultLeft],
            Missing = [.. missing],
            Set = [.. set],
            Sets = [.. sets],
            Categories = description.Categories,
            Cover = covers ? [.. cover] : null,
            Value = [.. value],
            Vectors = [.. vectors],
        };
    }

    /// <returns>The output that the tree adds to; -1 for vector leaves.</returns>
    private int Check(Tree tree, int index)
    {
        ArgumentNullException.ThrowIfNull(tree);
        int nodes = tree.Left.Length;
        if (nodes == 0) Fail(index, "it has no nodes; even a constant is a tree of one leaf");
        CheckLength(index, "right children", tree.Right.Length, nodes);
        CheckLength(index, "features", tree.Feature.Length, nodes);
        CheckLength(index, "thresholds", tree.Threshold.Length, nodes);
        CheckLength(index, "covers", tree.Cover?.Length ?? nodes, nodes);
        CheckLength(index, "default directions", tree.DefaultLeft?.Length ?? nodes, nodes);
        CheckLength(index, "missing rules", tree.Missing?.Length ?? nodes, nodes);
        if (!double.IsFinite(tree.Weight)) Fail(index, $"its weight is {tree.Weight}, not a finite number");
        if (tree.Values.Length == nodes)
        {
            if (tree.Output < 0 || tree.Output >= description.Outputs)
                Fail(index, $"it adds to output {tree.Output}, but the model has outputs 0 to {description.Outputs - 1}");
            return tree.Output;
        }
        if (tree.Values.Length != (long)nodes * description.Outputs)
            Fail(index, $"{tree.Values.Length} values belong to {nodes} nodes; there must be one for each node, or one for each node and each of {description.Outputs} outputs");
        return -1;
    }

    /// <summary>Breadth first, so that children are neighbours. A node that is met twice has two parents or lies on a cycle.</summary>
    private int Append(Tree tree, int index, double scale, bool covers)
    {
        int nodes = tree.Left.Length, root = feature.Count;
        var seen = new bool[nodes];
        List<(int Node, int Depth)> order = [(0, 0)];
        seen[0] = true;
        for (int next = 0; next < order.Count; next++)
        {
            (int node, int depth) = order[next];
            int l = tree.Left[node], r = tree.Right[node];
            if (covers)
            {
                if (!(tree.Cover![node] >= 0) || double.IsInfinity(tree.Cover[node])) Fail(index, $"node {node} has the cover {tree.Cover[node]}; it must be finite and not negative");
                cover.Add(tree.Cover[node]);
            }
            if (l == -1 && r == -1)
            {
                AppendLeaf(tree, index, node, root + next, scale);
                continue;
            }
            Child(l);
            Child(r);
            AppendSplit(tree, index, node, root + order.Count);
            order.Add((l, depth + 1));
            order.Add((r, depth + 1));

            void Child(int child)
            {
                if (child < 0 || child >= nodes) Fail(index, $"node {node} has the child {child}, but the nodes are 0 to {nodes - 1} (-1 twice for a leaf)");
                if (seen[child]) Fail(index, $"node {child} is reached twice, the second time from node {node}: this is no tree");
                seen[child] = true;
            }
        }
        return order[^1].Depth;
    }

    private void AppendLeaf(Tree tree, int index, int node, int self, double scale)
    {
        feature.Add(FlatTrees.Leaf);
        threshold.Add(float.PositiveInfinity);
        left.Add(self);
        defaultLeft.Add(true);
        missing.Add(MissingRule.Nan);
        set.Add(-1);
        int width = tree.Values.Length / tree.Left.Length;
        ReadOnlySpan<double> values = tree.Values.AsSpan(node * width, width);
        foreach (double v in values)
        {
            if (!double.IsFinite(v)) Fail(index, $"leaf {node} has the value {v}, not a finite number");
        }
        if (tree.Values.Length == tree.Left.Length)
        {
            value.Add(values[0] * scale);
            return;
        }
        value.Add(vectors.Count);
        foreach (double v in values) vectors.Add(v * scale);
    }

    private void AppendSplit(Tree tree, int index, int node, int firstChild)
    {
        int at = tree.Feature[node];
        if (at < 0 || at >= description.Features) Fail(index, $"node {node} splits feature {at}, but the model has features 0 to {description.Features - 1}");
        feature.Add(at);
        left.Add(firstChild);
        value.Add(0);
        MissingRule rule = tree.Missing?[node] ?? MissingRule.Nan;
        bool byDefault = tree.DefaultLeft?[node] ?? false;
        if (tree.Categories is not null && tree.Categories.TryGetValue(node, out int[]? categories))
        {
            threshold.Add(float.NaN);
            set.Add(sets.Count);
            AppendSet(categories, index, node);
            AppendMissing(rule, byDefault, Array.IndexOf(categories, 0) < 0, null);
            return;
        }
        if (double.IsNaN(tree.Threshold[node])) Fail(index, $"node {node} has the threshold NaN");
        float limit = Canonical(tree.Threshold[node]);
        threshold.Add(limit);
        set.Add(-1);
        AppendMissing(rule, byDefault, 0 <= limit, FlatTrees.LargestZero <= limit == -FlatTrees.LargestZero <= limit);
    }

    /// <summary>
    /// Where NaN alone is missing, rows descend in groups. So NaN that is compared as zero goes where zero goes, and zeros that count as missing but would go where
    /// missing values go are not.
    /// </summary>
    private void AppendMissing(MissingRule rule, bool byDefault, bool zeroGoesLeft, bool? zerosStayTogether)
    {
        bool plain = rule == MissingRule.None || (rule == MissingRule.NanOrZero && zerosStayTogether == true && zeroGoesLeft == byDefault);
        defaultLeft.Add(rule == MissingRule.None ? zeroGoesLeft : byDefault);
        missing.Add(plain ? MissingRule.Nan : rule);
    }

    private void AppendSet(int[] categories, int index, int node)
    {
        int largest = -1;
        foreach (int c in categories)
        {
            if (c < 0 || c > LargestCategory) Fail(index, $"node {node} has the category {c}; categories are 0 to {LargestCategory}");
            largest = Math.Max(largest, c);
        }
        int words = (largest >> 5) + 1, first = sets.Count + 1;
        if (sets.Count + 1L + words > MostWords) Fail(index, $"with the set of node {node} the categories take more than {MostWords / 262144} MiB; number them from 0 without gaps");
        sets.Add((uint)words);
        sets.AddRange(new uint[words]);
        foreach (int c in categories) sets[first + (c >> 5)] |= 1u << (c & 31);
    }

    /// <summary>The single-precision s for which x ≤ s says what the rule says of every single-precision x.</summary>
    private float Canonical(double t)
    {
        float s = (float)t;
        if (description.Precision == ThresholdPrecision.Double)
        {
            // The exact t lies between neighbours: the one below, and with x < t that is all there is to it unless t is a single itself.
            if (s > t) return float.BitDecrement(s);
            if (s < t) return s;
        }
        if (description.Rule == SplitRule.LessOrEqual) return s;
        return float.IsNegativeInfinity(s) ? float.NaN : float.BitDecrement(s);
    }

    private static void CheckLength(int index, string what, int length, int nodes)
    {
        if (length != nodes) Fail(index, $"it has {nodes} left children, but {length} {what}");
    }

    [DoesNotReturn]
    private static void Fail(int tree, string message) => throw new InvalidModelException($"Tree {tree} is not valid: {message}.");
}
