using Limn.Engine.Operators;

namespace Limn.Trees;

/// <summary>Trees of an ONNX operator as <see cref="Tree"/>s. Every comparison becomes one with the smaller side on the left.</summary>
internal sealed class OnnxTreeConversion(TreeEnsembleData data, ScoreColumn[] columns)
{
    private const long MostValues = 1 << 27;

    /// <summary>Relative; covers are singles, sums of which are rounded.</summary>
    private const double CoverTolerance = 1e-4;

    // Where all comparisons are with < or ≥ the thresholds are left as they are; elsewhere those become the number before.
    private readonly bool less = All(data, b => b is not (TreeBranch.LessOrEqual or TreeBranch.Greater)) && !All(data, b => b is TreeBranch.Equal or TreeBranch.NotEqual);

    /// <summary>[scores] The columns that a score adds to.</summary>
    private readonly ILookup<int, int> columnsOf = Enumerable.Range(0, columns.Length).ToLookup(c => columns[c].From);

    public SplitRule Rule => less ? SplitRule.Less : SplitRule.LessOrEqual;

    /// <exception cref="InvalidModelException">A node is shared in another way than by a membership in a set, or the aggregate is no sum.</exception>
    public Tree[] Run()
    {
        if (data.Aggregate is not (TreeAggregate.Sum or TreeAggregate.Average))
            throw new InvalidModelException($"The trees are aggregated by {data.Aggregate}, which is no sum: explain the model as a black box.");
        double weight = data.Aggregate == TreeAggregate.Average ? 1.0 / data.Roots.Length : 1;
        Tree[] trees = [.. data.Roots.ToArray().Select(root => Convert(root) with { Weight = weight })];
        return Array.TrueForAll(trees, AddsUp) ? trees : Array.ConvertAll(trees, t => t with { Cover = null });
    }

    private static bool All(TreeEnsembleData data, Predicate<TreeBranch> test)
    {
        foreach (TreeNode node in data.Nodes)
            if (node.Feature >= 0 && !test(node.Branch)) return false;
        return true;
    }

    private Tree Convert(int root)
    {
        List<int> nodes = [root], left = [], right = [], feature = [], leaves = [];
        List<double> threshold = [], cover = [];
        List<bool> defaultLeft = [];
        Dictionary<int, int[]> categories = [];
        HashSet<int> seen = [root];
        for (int i = 0; i < nodes.Count; i++)
        {
            TreeNode node = data.Nodes[nodes[i]];
            cover.Add(node.Cover);
            feature.Add(Math.Max(0, node.Feature));
            if (node.Feature < 0)
            {
                leaves.Add(i);
                left.Add(-1);
                right.Add(-1);
                threshold.Add(0);
                defaultLeft.Add(true);
                continue;
            }
            Split split = Of(node, seen);
            if (split.Set is not null) categories[i] = split.Set;
            threshold.Add(split.Threshold);
            defaultLeft.Add(split.DefaultLeft);
            left.Add(nodes.Count);
            right.Add(nodes.Count + 1);
            nodes.AddRange([split.Left, split.Right]);
            if (!seen.Add(split.Left) | !seen.Add(split.Right)) throw Shared();
        }
        (double[] values, int output) = Values(nodes, leaves);
        return new Tree
        {
            Left = [.. left],
            Right = [.. right],
            Feature = [.. feature],
            Threshold = [.. threshold],
            Values = values,
            Cover = [.. cover],
            DefaultLeft = [.. defaultLeft],
            Categories = categories,
            Output = output,
        };
    }

    private readonly record struct Split(int Left, int Right, double Threshold, bool DefaultLeft, int[]? Set);

    private Split Of(in TreeNode node, HashSet<int> seen)
    {
        float t = node.Threshold;
        bool nan = node.MissingTrue;
        double strict = less ? t : MathF.BitDecrement(t); // x < t is x ≤ the number before t
        switch (node.Branch)
        {
            case TreeBranch.LessOrEqual:
                return float.IsNaN(t) ? Always(node.False, node.True, !nan) : new Split(node.True, node.False, t, nan, null);
            case TreeBranch.Greater:
                return float.IsNaN(t) ? Always(node.False, node.True, !nan) : new Split(node.False, node.True, t, !nan, null);
            case TreeBranch.Less:
                return float.IsNaN(t) || float.IsNegativeInfinity(t) ? Always(node.False, node.True, !nan) : new Split(node.True, node.False, strict, nan, null);
            case TreeBranch.GreaterOrEqual:
                if (float.IsNaN(t)) return Always(node.False, node.True, !nan);
                return float.IsNegativeInfinity(t) ? Always(node.True, node.False, nan) : new Split(node.False, node.True, strict, !nan, null);
            case TreeBranch.NotEqual:
                return float.IsNaN(t) ? Always(node.True, node.False, true) : new Split(node.True, node.False, 0, true, [Category(t)]);
            default:
                return Membership(node, seen);
        }
    }

    // An empty set: all numbers go left.
    private static Split Always(int numbers, int others, bool nanWithNumbers) => new(numbers, others, 0, nanWithNumbers, []);

    /// <summary>A chain of comparisons for equality whose true sides are one and the same node is a set.</summary>
    private Split Membership(TreeNode node, HashSet<int> seen)
    {
        List<int> set = [];
        bool nan = false;
        TreeNode at = node;
        while (true)
        {
            if (!float.IsNaN(at.Threshold)) set.Add(Category(at.Threshold));
            nan |= at.MissingTrue;
            TreeNode next = data.Nodes[at.False];
            if (next.Feature != node.Feature || next.Branch != TreeBranch.Equal || next.True != node.True) break;
            if (!seen.Add(at.False)) throw Shared();
            at = next;
        }
        return new Split(at.False, node.True, 0, !nan, [.. set]);
    }

    private static int Category(float value) => value >= 0 && value <= TreeFlattening.LargestCategory && value == MathF.Floor(value) ? (int)value
        : throw new InvalidModelException($"A tree compares for equality with {value}, which is no category (a whole number from 0 to {TreeFlattening.LargestCategory}): explain the model as a black box.");

    /// <summary>One value a node where all leaves add to one and the same output, else one for each output.</summary>
    private (double[] Values, int Output) Values(List<int> nodes, List<int> leaves)
    {
        HashSet<int> used = [.. leaves.SelectMany(i => data.TargetsOf(nodes[i]).ToArray()).SelectMany(t => columnsOf[t])];
        int width = used.Count < 2 ? 1 : columns.Length, output = used.Count == 1 ? used.First() : 0;
        if ((long)nodes.Count * width > MostValues) throw new InvalidModelException($"A tree has {nodes.Count} nodes with values for {width} outputs, which is more than {MostValues} values.");
        var values = new double[nodes.Count * width];
        foreach (int i in leaves)
        {
            ReadOnlySpan<int> targets = data.TargetsOf(nodes[i]);
            ReadOnlySpan<float> weights = data.WeightsOf(nodes[i]);
            for (int k = 0; k < targets.Length; k++)
                foreach (int c in columnsOf[targets[k]]) values[i * width + (width == 1 ? 0 : c)] += columns[c].Factor * weights[k];
        }
        return (values, output);
    }

    /// <summary>Whether the hit rates are covers: in most files they are missing, or 1 everywhere.</summary>
    private static bool AddsUp(Tree tree)
    {
        double[] cover = tree.Cover!;
        if (tree.Left[0] >= 0 && !(cover[0] > 0)) return false;
        for (int i = 0; i < cover.Length; i++)
        {
            if (!(cover[i] >= 0)) return false;
            if (tree.Left[i] >= 0 && !(Math.Abs(cover[tree.Left[i]] + cover[tree.Right[i]] - cover[i]) <= CoverTolerance * cover[i])) return false;
        }
        return true;
    }

    private static InvalidModelException Shared() => new("A node of a tree is below two others, and not only because they are one membership in a set: explain the model as a black box.");
}
