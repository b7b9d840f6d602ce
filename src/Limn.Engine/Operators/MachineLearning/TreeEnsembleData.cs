using System.Runtime.InteropServices;

namespace Limn.Engine.Operators;

/// <summary>When a branch goes to its true side: how the feature compares with the threshold. NaN makes every comparison but ≠ false.</summary>
public enum TreeBranch : byte
{
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
}

/// <summary>How the leaves that the trees reach become one score of a target.</summary>
public enum TreeAggregate : byte
{
    Sum,

    /// <summary>The sum over the number of trees, whether or not all have a leaf for the target.</summary>
    Average,

    Min,
    Max,
}

/// <summary>A node of a tree as it is read, before it has its place in a <see cref="TreeEnsembleData"/>.</summary>
/// <param name="Feature">The feature that is compared; -1 for a leaf.</param>
/// <param name="Branch">How.</param>
/// <param name="Threshold">With what.</param>
/// <param name="MissingTrue">Whether a NaN goes to the true side.</param>
/// <param name="True">The node for true, as an index into the list of nodes.</param>
/// <param name="False">The node for false.</param>
/// <param name="Cover">The weight of the training rows that came here, if the file says it; NaN otherwise.</param>
public readonly record struct TreeNode(int Feature, TreeBranch Branch, float Threshold, bool MissingTrue, int True, int False, float Cover)
{
    public static TreeNode Leaf(float cover = float.NaN) => new(-1, default, 0, false, 0, 0, cover);
}

/// <summary>
/// Trees in flat arrays, one element a node: the nodes of a tree lie together, each before the nodes below it, so evaluation always moves
/// forward and ends. Checked when made, so that evaluation needs no checks but the number of features.
/// </summary>
/// <remarks>
/// A node may be below several nodes of its tree (chains of <see cref="TreeBranch.Equal"/> that stand for membership in a set share their
/// true side), so a "tree" is a directed graph without cycles.
/// </remarks>
public sealed class TreeEnsembleData
{
    private readonly TreeNode[] nodes;
    private readonly int[] roots;
    private readonly int[] weightsFrom;
    private readonly int[] weightTargets;
    private readonly float[] weights;

    /// <param name="nodes">The nodes, in any order.</param>
    /// <param name="roots">The root of each tree, as an index into the nodes.</param>
    /// <param name="leafWeights">What a leaf adds to which target, in any order.</param>
    /// <param name="targets">The number of targets.</param>
    /// <param name="aggregate">How leaves become a score.</param>
    /// <exception cref="InvalidModelException">A node, target or feature is out of range, a node is below itself, or belongs to two trees.</exception>
    public TreeEnsembleData(IReadOnlyList<TreeNode> nodes, IReadOnlyList<int> roots, IReadOnlyList<(int Node, int Target, float Weight)> leafWeights, int targets, TreeAggregate aggregate)
    {
        if (targets < 1) throw new InvalidModelException($"the trees have {targets} targets.");
        Targets = targets;
        Aggregate = aggregate;
        var order = new List<int>(nodes.Count); // the new order, as old indices
        int[] place = Order(nodes, roots, order);
        this.nodes = new TreeNode[order.Count];
        for (int i = 0; i < order.Count; i++)
        {
            TreeNode node = nodes[order[i]];
            this.nodes[i] = node.Feature < 0 ? node : node with { True = place[node.True], False = place[node.False] };
            FeatureCount = Math.Max(FeatureCount, node.Feature + 1);
        }
        this.roots = [.. roots.Select(r => place[r])];

        weightsFrom = new int[order.Count + 1];
        var kept = new List<(int Node, int Target, float Weight)>(leafWeights.Count);
        foreach (var (node, target, weight) in leafWeights)
        {
            if ((uint)node >= (uint)nodes.Count) throw new InvalidModelException($"a weight belongs to the node {node}, and there are {nodes.Count}.");
            if ((uint)target >= (uint)targets) throw new InvalidModelException($"a weight belongs to the target {target}, and there are {targets}.");
            if (place[node] < 0 || nodes[node].Feature >= 0) continue; // no row gets there
            kept.Add((place[node], target, weight));
            weightsFrom[place[node] + 1]++;
        }
        for (int i = 0; i < order.Count; i++) weightsFrom[i + 1] += weightsFrom[i];
        int[] next = weightsFrom[..^1];
        (weightTargets, weights) = (new int[kept.Count], new float[kept.Count]);
        foreach (var (node, target, weight) in kept)
        {
            (weightTargets[next[node]], weights[next[node]]) = (target, weight);
            next[node]++;
        }
    }

    /// <summary>The nodes; those of a tree lie together, its root first.</summary>
    public ReadOnlySpan<TreeNode> Nodes => nodes;

    /// <summary>The root of each tree.</summary>
    public ReadOnlySpan<int> Roots => roots;

    /// <summary>How many scores a row gets.</summary>
    public int Targets { get; }

    /// <summary>How leaves become a score.</summary>
    public TreeAggregate Aggregate { get; }

    /// <summary>How many features a row must have at least.</summary>
    public int FeatureCount { get; }

    /// <summary>The targets that a leaf adds to.</summary>
    public ReadOnlySpan<int> TargetsOf(int leaf) => weightTargets.AsSpan(weightsFrom[leaf]..weightsFrom[leaf + 1]);

    /// <summary>What a leaf adds to each of <see cref="TargetsOf"/>.</summary>
    public ReadOnlySpan<float> WeightsOf(int leaf) => weights.AsSpan(weightsFrom[leaf]..weightsFrom[leaf + 1]);

    /// <summary>The leaf that a row reaches from a node.</summary>
    public int LeafOf(int node, ReadOnlySpan<float> row)
    {
        while (true)
        {
            ref readonly TreeNode at = ref nodes[node];
            if (at.Feature < 0) return node;
            node = GoesTrue(at, row[at.Feature]) ? at.True : at.False;
        }
    }

    /// <summary>The scores of one row: for each target the aggregate over the trees; 0 where no leaf has a weight for it.</summary>
    /// <param name="row">At least <see cref="FeatureCount"/> features.</param>
    /// <param name="scores">One for each target.</param>
    public void Evaluate(ReadOnlySpan<float> row, Span<double> scores)
    {
        bool extreme = Aggregate is TreeAggregate.Min or TreeAggregate.Max;
        scores.Fill(extreme ? double.NaN : 0); // NaN: none yet
        foreach (int root in roots)
        {
            int leaf = LeafOf(root, row);
            for (int k = weightsFrom[leaf]; k < weightsFrom[leaf + 1]; k++)
            {
                ref double score = ref scores[weightTargets[k]];
                if (!extreme) score += weights[k];
                else if (double.IsNaN(score) || (Aggregate == TreeAggregate.Min ? weights[k] < score : weights[k] > score)) score = weights[k];
            }
        }
        if (Aggregate == TreeAggregate.Average && roots.Length > 0)
            foreach (ref double score in scores) score /= roots.Length;
        if (extreme)
            foreach (ref double score in scores) score = double.IsNaN(score) ? 0 : score;
    }

    /// <summary>Whether a value goes to the true side of a branch.</summary>
    public static bool GoesTrue(in TreeNode branch, float value) => (branch.MissingTrue && float.IsNaN(value)) || branch.Branch switch
    {
        TreeBranch.LessOrEqual => value <= branch.Threshold,
        TreeBranch.Less => value < branch.Threshold,
        TreeBranch.GreaterOrEqual => value >= branch.Threshold,
        TreeBranch.Greater => value > branch.Threshold,
        TreeBranch.Equal => value == branch.Threshold,
        _ => value != branch.Threshold,
    };

    /// <summary>Puts each tree's nodes in an order in which every node comes before those below it. Returns the place of each; -1 for one that no tree has.</summary>
    private static int[] Order(IReadOnlyList<TreeNode> nodes, IReadOnlyList<int> roots, List<int> order)
    {
        var place = new int[nodes.Count];
        Array.Fill(place, -1);
        var tree = new int[nodes.Count]; // one more than the tree that a node was found in; negative while nodes below it are being gone through
        var path = new Stack<(int Node, int Next)>();
        for (int t = 0; t < roots.Count; t++)
        {
            int first = order.Count;
            Enter(roots[t]);
            while (path.TryPop(out var step))
            {
                (int node, int next) = step;
                if (next == 2)
                {
                    tree[node] = t + 1;
                    order.Add(node); // after all nodes below it: turned round at the end
                    continue;
                }
                path.Push((node, next + 1));
                Enter(next == 0 ? nodes[node].True : nodes[node].False);
            }
            CollectionsMarshal.AsSpan(order)[first..].Reverse();
            for (int i = first; i < order.Count; i++) place[order[i]] = i;

            void Enter(int node)
            {
                if ((uint)node >= (uint)nodes.Count) throw new InvalidModelException($"a tree refers to the node {node}, and there are {nodes.Count}.");
                if (tree[node] == t + 1) return;
                if (tree[node] < 0) throw new InvalidModelException($"the node {node} of a tree is below itself.");
                if (tree[node] > 0) throw new InvalidModelException($"the node {node} belongs to two trees.");
                tree[node] = -1;
                path.Push((node, nodes[node].Feature < 0 ? 2 : 0));
            }
        }
        return place;
    }
}
