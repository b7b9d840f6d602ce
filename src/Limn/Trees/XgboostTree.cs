namespace Limn.Trees;

/// <summary>Reads one tree of an XGBoost model.</summary>
internal static class XgboostTree
{
    public static Tree Read(FileValue tree, int outputs)
    {
        int[] left = tree["left_children"].Integers(), right = tree["right_children"].Integers();
        double[] conditions = Single(tree["split_conditions"].Numbers());
        FileValue size = tree["tree_param"].Find("size_leaf_vector"), cover = tree.Find("sum_hessian");
        int width = size.IsNull ? 1 : Math.Max(1, size.Integer());
        if (width > 1 && width != outputs) throw new InvalidModelException($"The leaves of a tree are vectors of {width} numbers, but the model has {outputs} outputs.");
        double[] values = width == 1 ? conditions : LeafVectors(tree, left, right, width);
        return new Tree
        {
            Left = left,
            Right = right,
            Feature = tree["split_indices"].Integers(),
            Threshold = conditions,
            Values = values,
            Cover = Covers(cover, left),
            DefaultLeft = Array.ConvertAll(tree["default_left"].Numbers(), d => d != 0),
            Categories = Categories(tree, left),
        };
    }

    /// <summary>The sums of the Hessian. They say nothing where they are missing, or where that of a root with children is 0.</summary>
    private static double[]? Covers(FileValue cover, int[] left)
    {
        if (cover.IsNull) return null;
        double[] sums = Single(cover.Numbers());
        return left.Length > 0 && (sums.Length == 0 || (left[0] != -1 && sums[0] == 0)) ? null : sums;
    }

    /// <summary>What JSON gives as decimals are singles.</summary>
    public static double[] Single(double[] numbers) => Array.ConvertAll(numbers, n => (double)(float)n);

    /// <summary>
    /// Up to 3.1 the vector of every node lies in <c>base_weights</c>; later those of leaves lie in <c>leaf_weights</c>, and the right child of a leaf (whose left
    /// child is -1) is the number of its vector. As elsewhere, -1 stands for both children of a leaf afterwards.
    /// </summary>
    private static double[] LeafVectors(FileValue tree, int[] left, int[] right, int width)
    {
        FileValue leaves = tree.Find("leaf_weights");
        if (leaves.IsNull) return Single(tree["base_weights"].Numbers());
        double[] vectors = Single(leaves.Numbers());
        if (right.Length != left.Length) throw new InvalidModelException($"A tree has {left.Length} left and {right.Length} right children.");
        if ((long)left.Length * width > 2L * vectors.Length) // more than half of the nodes are leaves
            throw new InvalidModelException($"The leaves of a tree of {left.Length} nodes are vectors of {width} numbers, but the tree holds {vectors.Length / width} vectors.");
        double[] values = new double[left.Length * width];
        for (int node = 0; node < left.Length; node++)
        {
            if (left[node] != -1) continue;
            int leaf = right[node];
            if (leaf < 0 || (leaf + 1L) * width > vectors.Length)
                throw new InvalidModelException($"Leaf {node} of a tree has vector {leaf}, but there are {vectors.Length / width}.");
            vectors.AsSpan(leaf * width, width).CopyTo(values.AsSpan(node * width));
            right[node] = -1;
        }
        return values;
    }

    /// <summary>
    /// The sets of splits by category; both kinds, one against the rest and partitions, are sets of those that go right. Models before 1.5 have none.
    /// </summary>
    private static Dictionary<int, int[]> Categories(FileValue tree, int[] left)
    {
        Dictionary<int, int[]> sets = [];
        if (tree.Find("split_type").IsNull) return sets;
        int[] types = tree["split_type"].Integers();
        if (types.Length != 0 && types.Length != left.Length) throw new InvalidModelException($"A tree of {left.Length} nodes has {types.Length} split types.");
        if (Array.TrueForAll(types, t => t == 0)) return sets;
        int[] nodes = tree["categories_nodes"].Integers(), from = tree["categories_segments"].Integers();
        int[] sizes = tree["categories_sizes"].Integers(), categories = tree["categories"].Integers();
        if (from.Length != nodes.Length || sizes.Length != nodes.Length)
            throw new InvalidModelException($"A tree has {nodes.Length} nodes with categories, but {from.Length} segments and {sizes.Length} sizes.");
        // Each category belongs to one node, so that the sets take no more room than the file.
        if (sizes.Sum(s => (long)Math.Max(0, s)) > categories.Length) throw new InvalidModelException($"The nodes of a tree have {sizes.Sum(s => (long)Math.Max(0, s))} categories together, but it holds {categories.Length}.");
        for (int i = 0; i < nodes.Length; i++)
        {
            if (from[i] < 0 || sizes[i] < 0 || (long)from[i] + sizes[i] > categories.Length)
                throw new InvalidModelException($"The categories {from[i]} to {from[i] + (long)sizes[i] - 1} of node {nodes[i]} go beyond the {categories.Length} of the tree.");
            sets[nodes[i]] = categories.AsSpan(from[i], sizes[i]).ToArray();
        }
        for (int node = 0; node < types.Length; node++)
        {
            if (types[node] == 1 && left[node] != -1 && !sets.ContainsKey(node)) throw new InvalidModelException($"Node {node} of a tree splits by category, but has no categories.");
        }
        return sets;
    }
}
