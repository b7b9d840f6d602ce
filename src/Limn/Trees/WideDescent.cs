using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Trees;

/// <summary>
/// The top six levels of a tree for processors with AVX-512: the tree is filled up to a perfect one, so that the nodes of a level are a table of at most 32
/// entries that lies in registers, and 64 rows look their nodes up by permutation instead of from memory.
/// </summary>
/// <remarks>Below a leaf all numbers go left, so that the first place under it leads to it.</remarks>
internal sealed class WideDescent
{
    /// <summary>How many rows descend together.</summary>
    public const int Group = 64;

    /// <summary>The levels that fit into registers.</summary>
    public const int Levels = 6;

    private const int Entries = 16 * (Levels + 1);
    private const int Places = 1 << Levels;

    private readonly FlatTrees trees;

    /// <summary>[trees, entries] Thresholds: 16 for each of the levels 0 to 4, then 32.</summary>
    private readonly float[] thresholds;

    /// <summary>[trees, entries] Twice the feature, and one more where missing values go right.</summary>
    private readonly int[] words;

    /// <summary>[trees, places] The nodes below the last level.</summary>
    private readonly int[] nodes;

    public WideDescent(FlatTrees trees, bool[] fits)
    {
        this.trees = trees;
        thresholds = new float[trees.Trees * Entries];
        words = new int[trees.Trees * Entries];
        nodes = new int[trees.Trees * Places];
        Array.Fill(thresholds, float.PositiveInfinity);
        for (int t = 0; t < trees.Trees; t++)
        {
            if (fits[t]) Fill(t, trees.Roots[t], 0, 0);
        }
    }

    private void Fill(int tree, int node, int level, int place)
    {
        if (level == Math.Min(trees.Depths[tree], Levels))
        {
            nodes[tree * Places + place] = node;
            return;
        }
        if (trees.Feature[node] == FlatTrees.Leaf)
        {
            Fill(tree, node, level + 1, 2 * place);
            return;
        }
        int entry = tree * Entries + 16 * level + place;
        thresholds[entry] = trees.Threshold[node];
        words[entry] = trees.Feature[node] << 1 | (trees.DefaultLeft[node] ? 0 : 1);
        Fill(tree, trees.Left[node], level + 1, 2 * place);
        Fill(tree, trees.Left[node] + 1, level + 1, 2 * place + 1);
    }

    /// <summary>The nodes of <see cref="Group"/> rows after the top levels.</summary>
    public unsafe void Run(int tree, float* values, int features, int* found)
    {
        int levels = Math.Min(trees.Depths[tree], Levels);
        fixed (float* t = &thresholds[tree * Entries])
        fixed (int* w = &words[tree * Entries], n = &nodes[tree * Places])
        {
            Vector512<int> r0 = Vector512<int>.Indices * features, step = Vector512.Create(16 * features), r1 = r0 + step, r2 = r1 + step, r3 = r2 + step;
            Vector512<int> a = default, b = default, c = default, d = default;
            for (int level = 0; level < Math.Min(levels, Levels - 1); level++)
            {
                Vector512<float> limits = Vector512.Load(t + 16 * level);
                Vector512<int> packed = Vector512.Load(w + 16 * level);
                a = Next(values, r0, a, Avx512F.PermuteVar16x32(limits, a), Avx512F.PermuteVar16x32(packed, a));
                b = Next(values, r1, b, Avx512F.PermuteVar16x32(limits, b), Avx512F.PermuteVar16x32(packed, b));
                c = Next(values, r2, c, Avx512F.PermuteVar16x32(limits, c), Avx512F.PermuteVar16x32(packed, c));
                d = Next(values, r3, d, Avx512F.PermuteVar16x32(limits, d), Avx512F.PermuteVar16x32(packed, d));
            }
            if (levels == Levels)
            {
                const int last = 16 * (Levels - 1);
                Vector512<float> low = Vector512.Load(t + last), high = Vector512.Load(t + last + 16);
                Vector512<int> lowWords = Vector512.Load(w + last), highWords = Vector512.Load(w + last + 16);
                a = Next(values, r0, a, Avx512F.PermuteVar16x32x2(low, a, high), Avx512F.PermuteVar16x32x2(lowWords, a, highWords));
                b = Next(values, r1, b, Avx512F.PermuteVar16x32x2(low, b, high), Avx512F.PermuteVar16x32x2(lowWords, b, highWords));
                c = Next(values, r2, c, Avx512F.PermuteVar16x32x2(low, c, high), Avx512F.PermuteVar16x32x2(lowWords, c, highWords));
                d = Next(values, r3, d, Avx512F.PermuteVar16x32x2(low, d, high), Avx512F.PermuteVar16x32x2(lowWords, d, highWords));
            }
            a.Store(found);
            b.Store(found + 16);
            c.Store(found + 32);
            d.Store(found + 48);
            for (int i = 0; i < Group; i++) found[i] = n[found[i]];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector512<int> Next(float* values, Vector512<int> rowStarts, Vector512<int> place, Vector512<float> limits, Vector512<int> packed)
    {
        Vector512<int> at = rowStarts + (packed >>> 1);
        Vector512<float> x = Vector512.Create(Avx2.GatherVector256(values, at.GetLower(), 4), Avx2.GatherVector256(values, at.GetUpper(), 4));
        Vector512<int> missing = Avx512F.CompareUnordered(x, x).AsInt32(), byDefault = -(packed & Vector512<int>.One);
        Vector512<int> right = Vector512.ConditionalSelect(missing, byDefault, Avx512F.CompareNotLessThanOrEqual(x, limits).AsInt32());
        return place + place - right;
    }
}
