namespace Limn.Engine.Operators;

/// <summary>Makes <see cref="TreeEnsembleData"/> of the attributes of a node of a file.</summary>
internal static class TreeEnsembleReader
{
    private static readonly string[] Modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

    /// <summary>The name of a branch's mode in a file.</summary>
    public static string NameOf(TreeBranch branch) => Modes[(int)branch];

    /// <summary>TreeEnsembleClassifier and TreeEnsembleRegressor: nodes are known by their tree and their number in it.</summary>
    /// <param name="a">The attributes.</param>
    /// <param name="prefix">What the names of the weights' attributes begin with: "class" or "target".</param>
    /// <param name="targets">The number of targets.</param>
    /// <param name="aggregate">How leaves become a score.</param>
    public static TreeEnsembleData Read(NodeAttributes a, string prefix, int targets, TreeAggregate aggregate)
    {
        long[] trees = a.Ints("nodes_treeids") ?? [], numbers = Of(a.Ints("nodes_nodeids"), "nodes_nodeids");
        long[] features = Of(a.Ints("nodes_featureids"), "nodes_featureids"), yes = Of(a.Ints("nodes_truenodeids"), "nodes_truenodeids"), no = Of(a.Ints("nodes_falsenodeids"), "nodes_falsenodeids");
        float[] thresholds = Of(FloatsOf(a, "nodes_values"), "nodes_values");
        string[] modes = Of(a.Strings("nodes_modes"), "nodes_modes");
        long[] missing = a.Ints("nodes_missing_value_tracks_true") is { Length: > 0 } m ? Of(m, "nodes_missing_value_tracks_true") : new long[trees.Length];
        float[]? covers = FloatsOf(a, "nodes_hitrates") is { Length: > 0 } h ? Of(h, "nodes_hitrates") : null;

        var index = new Dictionary<(long Tree, long Number), int>(trees.Length);
        for (int i = 0; i < trees.Length; i++)
            if (!index.TryAdd((trees[i], numbers[i]), i)) throw new InvalidModelException($"the node {numbers[i]} of the tree {trees[i]} is there twice.");
        var nodes = new TreeNode[trees.Length];
        var below = new bool[trees.Length];
        for (int i = 0; i < nodes.Length; i++)
        {
            float cover = covers?[i] ?? float.NaN;
            if (modes[i] == "LEAF")
            {
                nodes[i] = TreeNode.Leaf(cover);
                continue;
            }
            int mode = Array.IndexOf(Modes, modes[i]);
            if (mode < 0) throw new InvalidModelException($"a node of a tree has the mode '{modes[i]}'; LEAF, {string.Join(", ", Modes)} are expected.");
            int t = Find(trees[i], yes[i]), f = Find(trees[i], no[i]);
            below[t] = below[f] = true;
            nodes[i] = new TreeNode(Feature(features[i]), (TreeBranch)mode, thresholds[i], missing[i] != 0, t, f, cover);
        }

        var roots = new Dictionary<long, int>();
        for (int i = 0; i < nodes.Length; i++)
            if (!below[i] && !roots.TryAdd(trees[i], i)) throw new InvalidModelException($"the tree {trees[i]} has two roots, the nodes {numbers[roots[trees[i]]]} and {numbers[i]}.");
        foreach (long tree in trees)
            if (!roots.ContainsKey(tree)) throw new InvalidModelException($"the tree {tree} has no root: its nodes are below each other.");

        long[] ids = a.Ints($"{prefix}_ids") ?? [], weightTrees = Same(a.Ints($"{prefix}_treeids"), $"{prefix}_treeids"), weightNodes = Same(a.Ints($"{prefix}_nodeids"), $"{prefix}_nodeids");
        float[] weights = Same(FloatsOf(a, $"{prefix}_weights"), $"{prefix}_weights");
        var leaves = new (int, int, float)[ids.Length];
        for (int i = 0; i < ids.Length; i++) leaves[i] = (Find(weightTrees[i], weightNodes[i]), checked((int)ids[i]), weights[i]);
        return new TreeEnsembleData(nodes, [.. roots.Values], leaves, targets, aggregate);

        T[] Of<T>(T[]? values, string name) => Expect(values, trees.Length, name);
        T[] Same<T>(T[]? values, string name) => Expect(values, ids.Length, name);
        int Find(long tree, long number) => index.TryGetValue((tree, number), out int found) ? found
            : throw new InvalidModelException($"the tree {tree} has no node {number}, which is referred to.");
    }

    /// <summary>TreeEnsemble, version 5: nodes and leaves are two lists; membership in a set becomes a chain of comparisons.</summary>
    public static TreeEnsembleData ReadLists(NodeAttributes a, TreeAggregate aggregate)
    {
        float[] splits = (a.Tensor("nodes_splits") ?? throw new InvalidModelException("its nodes_splits are missing.")).Floats.ToArray();
        int count = splits.Length;
        long[] modes = Of((a.Tensor("nodes_modes") ?? throw new InvalidModelException("its nodes_modes are missing.")).Integers.ToArray(), "nodes_modes");
        long[] features = Of(a.Ints("nodes_featureids"), "nodes_featureids");
        long[] yes = Of(a.Ints("nodes_truenodeids"), "nodes_truenodeids"), no = Of(a.Ints("nodes_falsenodeids"), "nodes_falsenodeids");
        long[] yesLeaf = Of(a.Ints("nodes_trueleafs"), "nodes_trueleafs"), noLeaf = Of(a.Ints("nodes_falseleafs"), "nodes_falseleafs");
        long[] missing = a.Ints("nodes_missing_value_tracks_true") is { Length: > 0 } m ? Of(m, "nodes_missing_value_tracks_true") : new long[count];
        float[]? covers = a.Tensor("nodes_hitrates") is { Length: > 0 } h ? Of(h.Floats.ToArray(), "nodes_hitrates") : null;
        long[] leafTargets = a.Ints("leaf_targetids") ?? [];
        float[] leafWeights = Expect(a.Tensor("leaf_weights")?.Floats.ToArray(), leafTargets.Length, "leaf_weights");
        Queue<float[]> sets = Sets(a.Tensor("membership_values"));

        var nodes = new List<TreeNode>(count + leafTargets.Length);
        for (int i = 0; i < count; i++) nodes.Add(default); // the file's nodes keep their numbers; leaves and chains come after
        var weights = new List<(int, int, float)>();
        for (int i = 0; i < count; i++)
        {
            int t = Below(yes[i], yesLeaf[i]), f = yes[i] == no[i] && yesLeaf[i] != 0 && noLeaf[i] != 0 ? t : Below(no[i], noLeaf[i]);
            float cover = covers?[i] ?? float.NaN;
            const int Member = 6;
            if (modes[i] is < 0 or > Member) throw new InvalidModelException($"a node of a tree has the mode {modes[i]}; 0 to {Member} are expected.");
            if (modes[i] < Member)
            {
                nodes[i] = new TreeNode(Feature(features[i]), (TreeBranch)modes[i], splits[i], missing[i] != 0, t, f, cover);
                continue;
            }
            if (!sets.TryDequeue(out float[]? set)) throw new InvalidModelException("membership_values holds fewer sets than there are nodes that ask for one.");
            int next = f;
            for (int k = set.Length - 1; k > 0; k--)
            {
                nodes.Add(new TreeNode(Feature(features[i]), TreeBranch.Equal, set[k], MissingTrue: false, t, next, float.NaN));
                next = nodes.Count - 1;
            }
            // An empty set has no member: the comparison with NaN is false.
            nodes[i] = new TreeNode(Feature(features[i]), TreeBranch.Equal, set.Length == 0 ? float.NaN : set[0], missing[i] != 0, t, next, cover);
        }
        long[] roots = a.Ints("tree_roots") ?? throw new InvalidModelException("its tree_roots are missing.");
        foreach (long root in roots)
            if (root < 0 || root >= count) throw new InvalidModelException($"a tree begins at the node {root}, and there are {count}.");
        return new TreeEnsembleData(nodes, [.. roots.Select(r => (int)r)], weights, checked((int)a.Int("n_targets", 1)), aggregate);

        int Below(long number, long leaf)
        {
            if (leaf == 0) return number >= 0 && number < count ? (int)number : throw new InvalidModelException($"a tree refers to the node {number}, and there are {count}.");
            if (number < 0 || number >= leafTargets.Length) throw new InvalidModelException($"a tree refers to the leaf {number}, and there are {leafTargets.Length}.");
            nodes.Add(TreeNode.Leaf());
            weights.Add((nodes.Count - 1, checked((int)leafTargets[number]), leafWeights[number]));
            return nodes.Count - 1;
        }

        T[] Of<T>(T[]? values, string name) => Expect(values, count, name);
    }

    public static TreeAggregate Aggregate(string name) => name switch
    {
        "SUM" => TreeAggregate.Sum,
        "AVERAGE" => TreeAggregate.Average,
        "MIN" => TreeAggregate.Min,
        "MAX" => TreeAggregate.Max,
        _ => throw new InvalidModelException($"its aggregate_function is '{name}'; SUM, AVERAGE, MIN or MAX are expected."),
    };

    /// <summary>An attribute that is a list of floats, or, where these are of another type, a tensor.</summary>
    public static float[]? FloatsOf(NodeAttributes a, string name) => a.Tensor($"{name}_as_tensor") is { Length: > 0 } tensor ? tensor.Floats.ToArray() : a.Floats(name);

    /// <summary>Sets of numbers, each ended by a NaN.</summary>
    private static Queue<float[]> Sets(NdArray? values)
    {
        var sets = new Queue<float[]>();
        var set = new List<float>();
        foreach (float value in values is null ? [] : values.Floats)
        {
            if (!float.IsNaN(value))
            {
                set.Add(value);
                continue;
            }
            sets.Enqueue([.. set]);
            set.Clear();
        }
        if (set.Count > 0) sets.Enqueue([.. set]);
        return sets;
    }

    private static int Feature(long feature) => feature is >= 0 and < int.MaxValue ? (int)feature : throw new InvalidModelException($"a node of a tree asks for the feature {feature}.");

    private static T[] Expect<T>(T[]? values, int count, string name) => values?.Length == count ? values
        : throw new InvalidModelException($"its {name} has {values?.Length ?? 0} elements, and {count} are expected.");
}
