namespace Limn.Trees;

/// <summary>Reads one tree of a LightGBM model.</summary>
internal static class LightGbmTree
{
    private const int Categorical = 1, DefaultsLeft = 2, MissingShift = 2, LargestSet = TreeFlattening.LargestCategory / 32 + 1;

    public static Tree Read(LightGbmSection section, int output)
    {
        if (section.Integer("is_linear", 0) != 0)
            throw section.Wrong("is_linear", "says that the leaves are linear models, which are not read; train with linear_tree=false");
        int leaves = section.Integer("num_leaves"), splits = leaves - 1;
        double[] values = section.Numbers("leaf_value", leaves);
        if (leaves < 1) throw section.Wrong("num_leaves", $"is {leaves}");
        if (leaves == 1) return new Tree { Left = [-1], Right = [-1], Feature = [0], Threshold = [0], Values = values, Cover = Cover(section, 1), Output = output };

        // Splits keep their numbers and leaves follow them; the file has -1 - k for leaf k.
        int[] left = Children(section, "left_child", leaves), right = Children(section, "right_child", leaves);
        int[] decisions = section.Has("decision_type") ? section.Integers("decision_type", splits, 0, 15) : new int[splits];
        double[] thresholds = section.Numbers("threshold", splits);
        var defaultLeft = new bool[splits + leaves];
        var missing = new MissingRule[splits + leaves];
        Dictionary<int, int[]> categories = [];
        uint[][]? sets = Array.Exists(decisions, d => (d & Categorical) != 0) ? Sets(section) : null;
        for (int i = 0; i < splits; i++)
        {
            defaultLeft[i] = (decisions[i] & DefaultsLeft) != 0;
            missing[i] = (decisions[i] >> MissingShift) switch
            {
                0 => MissingRule.None,
                1 => MissingRule.NanOrZero,
                2 => MissingRule.Nan,
                _ => throw section.Wrong("decision_type", $"holds {decisions[i]}, and no such kind of missing value is known"),
            };
            if ((decisions[i] & Categorical) == 0) continue;
            double set = thresholds[i];
            if (!(set >= 0 && set < sets!.Length && set == Math.Floor(set))) throw section.Wrong("threshold", $"refers to the categories {set}, and there are {sets!.Length} sets");
            categories[i] = Members(sets[(int)set]);
            (left[i], right[i]) = (right[i], left[i]); // LightGBM sends members left, and NaN with the others
            (defaultLeft[i], missing[i]) = (true, MissingRule.Nan);
        }
        return new Tree
        {
            Left = left,
            Right = right,
            Feature = [.. section.Integers("split_feature", splits), .. new int[leaves]],
            Threshold = [.. thresholds, .. new double[leaves]],
            Values = [.. new double[splits], .. values],
            Cover = Cover(section, leaves),
            DefaultLeft = defaultLeft,
            Missing = missing,
            Categories = categories,
            Output = output,
        };
    }

    private static int[] Children(LightGbmSection section, string name, int leaves)
    {
        int splits = leaves - 1;
        int[] children = Array.ConvertAll(section.Integers(name, splits, -leaves, splits - 1), c => c >= 0 ? c : splits - 1 - c);
        return [.. children, .. Enumerable.Repeat(-1, leaves)];
    }

    /// <summary>Numbers of rows, or where these are missing sums of the Hessian; null without either. A tree of one leaf may lack them: it splits nothing.</summary>
    private static double[]? Cover(LightGbmSection section, int leaves)
    {
        foreach (string kind in (ReadOnlySpan<string>)["count", "weight"])
        {
            if (!section.Has($"leaf_{kind}") || (leaves > 1 && !section.Has($"internal_{kind}"))) continue;
            if (leaves == 1 && section.Text($"leaf_{kind}").Length == 0) continue;
            double[] cover = [.. leaves > 1 ? section.Numbers($"internal_{kind}", leaves - 1) : [], .. section.Numbers($"leaf_{kind}", leaves)];
            if (leaves == 1 || cover[0] > 0) return cover;
        }
        return leaves == 1 ? [0] : null;
    }

    /// <summary>Sets as bits. Each begins where the one before it ends, so that they take no more room than the file.</summary>
    private static uint[][] Sets(LightGbmSection section)
    {
        int count = section.Integer("num_cat");
        if (count is < 0 or int.MaxValue) throw section.Wrong("num_cat", $"is {count}");
        int[] bounds = section.Integers("cat_boundaries", count + 1, 0);
        uint[] words = Array.ConvertAll(section.Integers("cat_threshold", bounds[^1], 0, uint.MaxValue), w => (uint)w);
        var sets = new uint[count][];
        for (int i = 0; i < count; i++)
        {
            if (bounds[i] > bounds[i + 1] || bounds[i + 1] > words.Length) throw section.Wrong("cat_boundaries", $"goes from {bounds[i]} to {bounds[i + 1]}, and upwards to {words.Length} is expected");
            if (bounds[i + 1] - bounds[i] > LargestSet) throw section.Wrong("cat_boundaries", $"has a set of {bounds[i + 1] - bounds[i]} words; categories above {TreeFlattening.LargestCategory} are not read");
            sets[i] = words[bounds[i]..bounds[i + 1]];
        }
        return sets;
    }

    private static int[] Members(uint[] set) => [.. Enumerable.Range(0, set.Length * 32).Where(c => (set[c >> 5] >> (c & 31) & 1) != 0)];
}
