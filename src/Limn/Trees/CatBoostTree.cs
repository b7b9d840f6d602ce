namespace Limn.Trees;

/// <summary>Reads one tree of a CatBoost model.</summary>
internal static class CatBoostTree
{
    /// <summary>More than CatBoost makes: 16.</summary>
    private const int Deepest = 24;

    /// <summary>
    /// A symmetric tree, in which all splits of a level are the same: bit k of a leaf's number says whether a value is above the border of split k. The last
    /// split is the root, as where CatBoost computes Shapley values.
    /// </summary>
    public static Tree ReadSymmetric(FileValue tree, CatBoostFeatures features)
    {
        FileValue list = tree.Find("splits"), weights = tree.Find("leaf_weights");
        FileValue[] splits = list.IsNull ? [] : list.Items(); // null for a constant
        double[] leaves = tree["leaf_values"].Numbers();
        int depth = splits.Length;
        if (depth > Deepest || leaves.Length == 0 || leaves.Length % (1 << depth) != 0)
            throw new InvalidModelException($"A tree has {depth} splits and {leaves.Length} leaf values; there must be a multiple of 2 to the number of splits, which is at most {Deepest}.");
        int count = 1 << depth, inner = count - 1, nodes = inner + count, width = leaves.Length / count;
        double[] cover = new double[nodes];
        if (!weights.IsNull)
        {
            double[] numbers = weights.Numbers();
            if (numbers.Length != count) throw new InvalidModelException($"A tree has {count} leaves and {numbers.Length} weights of leaves.");
            numbers.CopyTo(cover, inner);
            for (int i = inner - 1; i >= 0; i--) cover[i] = cover[2 * i + 1] + cover[2 * i + 2];
        }
        var (left, right, feature) = (new int[nodes], new int[nodes], new int[nodes]);
        var (threshold, defaultLeft) = (new double[nodes], new bool[nodes]);
        Array.Fill(left, -1);
        Array.Fill(right, -1);
        for (int level = 0, i = 0; level < depth; level++)
        {
            (int at, double border, bool nanRight) = features.Split(splits[depth - 1 - level]);
            for (; i < (2 << level) - 1; i++) (left[i], right[i], feature[i], threshold[i], defaultLeft[i]) = (2 * i + 1, 2 * i + 2, at, border, !nanRight);
        }
        double[] values = new double[nodes * width];
        leaves.CopyTo(values, inner * width);
        return new Tree { Left = left, Right = right, Feature = feature, Threshold = threshold, Values = values, DefaultLeft = defaultLeft, Cover = weights.IsNull ? null : cover };
    }

    /// <summary>A tree of nodes in nodes: <c>split</c>, <c>left</c> and <c>right</c>, or <c>value</c> and <c>weight</c>.</summary>
    public static Tree Read(FileValue tree, CatBoostFeatures features)
    {
        List<FileValue> nodes = [tree];
        List<int> left = [], right = [], feature = [];
        List<double> threshold = [], cover = [];
        List<bool> defaultLeft = [];
        List<double[]> values = [];
        bool weighted = true;
        for (int i = 0; i < nodes.Count; i++)
        {
            FileValue node = nodes[i], value = node.Find("value"), weight = node.Find("weight");
            bool leaf = !value.IsNull;
            (int at, double border, bool nanRight) = leaf ? (0, 0, false) : features.Split(node["split"]);
            left.Add(leaf ? -1 : nodes.Count);
            right.Add(leaf ? -1 : nodes.Count + 1);
            feature.Add(at);
            threshold.Add(border);
            defaultLeft.Add(!nanRight);
            cover.Add(leaf && !weight.IsNull ? weight.Number() : 0);
            values.Add(leaf ? value.NumberOrNumbers() : []);
            weighted &= !leaf || !weight.IsNull;
            if (!leaf) nodes.AddRange([node["left"], node["right"]]);
        }
        int width = values[^1].Length; // the last node is a leaf
        if (width == 0) throw new InvalidModelException("The leaves of a tree have no values.");
        for (int i = 0; i < nodes.Count; i++)
        {
            if (left[i] < 0 && values[i].Length != width) throw new InvalidModelException($"One leaf of a tree has {values[i].Length} values, another {width}.");
        }
        double[] all = new double[checked(nodes.Count * width)]; // less than two for each that the file holds
        for (int i = nodes.Count - 1; i >= 0; i--)
        {
            if (left[i] >= 0) cover[i] = cover[left[i]] + cover[right[i]];
            else values[i].CopyTo(all, i * width);
        }
        return new Tree
        {
            Left = [.. left],
            Right = [.. right],
            Feature = [.. feature],
            Threshold = [.. threshold],
            Values = all,
            DefaultLeft = [.. defaultLeft],
            Cover = weighted ? [.. cover] : null,
        };
    }
}
