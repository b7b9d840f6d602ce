using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Trees;

/// <summary>
/// Predicts blocks of rows, one tree after the other, so that a tree stays in the cache while all rows of the block pass through it.
/// </summary>
/// <remarks>
/// Where the processor gathers (AVX2), 32 rows descend a simple tree together without branches: a leaf is its own left child and every number is at most its
/// threshold of +∞, so that after depth steps all have arrived. With AVX-512, 64 rows pass the top levels by <see cref="WideDescent"/> first. Elsewhere, and in trees with sets of categories or other missing values, rows descend one by
/// one. Both take the same decisions and add in the same order: the same bits.
/// </remarks>
internal sealed class TreeKernel
{
    private const int Block = 256;
    private const int Group = 32;
    private const int FeatureBits = 14;

    private readonly FlatTrees trees;
    private readonly int features;
    private readonly double[] baseScore;

    /// <summary>[nodes] The threshold's bits in the upper half; below it: the distance to the left child, the feature, and in the lowest bit whether missing values go right.</summary>
    private readonly long[] packed;

    /// <summary>[trees] Whether all its nodes fit into <see cref="packed"/>.</summary>
    private readonly bool[] gathers;

    private readonly WideDescent? wide;

    public TreeKernel(FlatTrees trees, int features, double[] baseScore)
    {
        (this.trees, this.features, this.baseScore) = (trees, features, baseScore);
        packed = new long[trees.Feature.Length];
        gathers = new bool[trees.Trees];
        bool fits = Avx2.IsSupported && features <= 1 << FeatureBits && (long)features * Block < int.MaxValue;
        for (int t = 0; t < trees.Trees; t++) gathers[t] = fits && trees.Simple[t] && Pack(trees.Roots[t], trees.Roots[t + 1]);
        if (Avx512F.IsSupported) wide = new WideDescent(trees, gathers);
    }

    private bool Pack(int from, int to)
    {
        const int farthest = 1 << (31 - FeatureBits - 1);
        for (int n = from; n < to; n++)
        {
            int distance = trees.Left[n] - n;
            if (distance >= farthest) return false;
            int low = distance << (FeatureBits + 1) | Math.Max(trees.Feature[n], 0) << 1 | (trees.DefaultLeft[n] ? 0 : 1);
            packed[n] = (long)BitConverter.SingleToInt32Bits(trees.Threshold[n]) << 32 | (uint)low;
        }
        return true;
    }

    /// <summary>Fills [rows, outputs] with margins.</summary>
    public void Run(ReadOnlyMemory<float> rows, double[] margins, int threads, CancellationToken cancellation)
    {
        int count = rows.Length / features, blocks = (count + Block - 1) / Block;
        if (threads == 1 || blocks <= 1)
        {
            for (int b = 0; b < blocks; b++) One(b);
            return;
        }
        Parallel.For(0, blocks, new ParallelOptions { MaxDegreeOfParallelism = threads <= 0 ? -1 : threads, CancellationToken = cancellation }, One);

        void One(int block)
        {
            cancellation.ThrowIfCancellationRequested();
            int from = block * Block, length = Math.Min(Block, count - from), outputs = baseScore.Length;
            RunBlock(rows.Span.Slice(from * features, length * features), margins.AsSpan(from * outputs, length * outputs), length);
        }
    }

    private void RunBlock(ReadOnlySpan<float> x, Span<double> margins, int rows)
    {
        int outputs = baseScore.Length;
        Span<int> leaves = stackalloc int[Block];
        for (int r = 0; r < rows; r++) baseScore.CopyTo(margins.Slice(r * outputs, outputs));
        for (int t = 0; t < trees.Trees; t++)
        {
            int row = gathers[t] ? Descend(t, x, rows, leaves) : 0;
            for (; row < rows; row++) leaves[row] = trees.Find(t, x.Slice(row * features, features));
            Add(t, leaves[..rows], margins);
        }
    }

    private void Add(int tree, ReadOnlySpan<int> leaves, Span<double> margins)
    {
        int outputs = baseScore.Length, output = trees.Outputs[tree];
        double[] value = trees.Value;
        if (output < 0)
        {
            for (int r = 0; r < leaves.Length; r++)
            {
                ReadOnlySpan<double> vector = trees.Vectors.AsSpan((int)value[leaves[r]], outputs);
                for (int o = 0; o < outputs; o++) margins[r * outputs + o] += vector[o];
            }
            return;
        }
        for (int r = 0, at = output; r < leaves.Length; r++, at += outputs) margins[at] += value[leaves[r]];
    }

    /// <returns>How many rows have arrived; the few that fill no group have not.</returns>
    private unsafe int Descend(int tree, ReadOnlySpan<float> x, int rows, Span<int> leaves)
    {
        int depth = trees.Depths[tree], row = 0;
        fixed (long* nodes = packed)
        fixed (float* values = x)
        fixed (int* found = leaves)
        {
            int below = Math.Max(depth - WideDescent.Levels, 0);
            for (; wide is not null && row + WideDescent.Group <= rows; row += WideDescent.Group)
            {
                wide.Run(tree, values + row * features, features, found + row);
                for (int r = below == 0 ? WideDescent.Group : 0; r < WideDescent.Group; r += 8)
                {
                    Vector256<int> node = Vector256.Load(found + row + r), starts = (Vector256<int>.Indices + Vector256.Create(row + r)) * features;
                    for (int level = 0; level < below; level++) node = Step(nodes, values, node, starts);
                    node.Store(found + row + r);
                }
            }
            Vector256<int> root = Vector256.Create(trees.Roots[tree]), step = Vector256.Create(8 * features);
            Vector256<int> lanes = Vector256<int>.Indices * features;
            for (; row + Group <= rows; row += Group)
            {
                Vector256<int> r0 = lanes + Vector256.Create(row * features), r1 = r0 + step, r2 = r1 + step, r3 = r2 + step;
                Vector256<int> a = root, b = root, c = root, d = root;
                for (int level = 0; level < depth; level++)
                {
                    a = Step(nodes, values, a, r0);
                    b = Step(nodes, values, b, r1);
                    c = Step(nodes, values, c, r2);
                    d = Step(nodes, values, d, r3);
                }
                a.Store(found + row);
                b.Store(found + row + 8);
                c.Store(found + row + 16);
                d.Store(found + row + 24);
            }
        }
        return row;
    }

    /// <summary>One step of eight rows: node + distance, and one more for those that go right.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector256<int> Step(long* nodes, float* values, Vector256<int> node, Vector256<int> rowStarts)
    {
        Vector256<int> lower = Avx2.GatherVector256(nodes, node.GetLower(), 8).AsInt32(), upper = Avx2.GatherVector256(nodes, node.GetUpper(), 8).AsInt32();

        // Even lanes are the packed words, odd lanes the thresholds; a shuffle within halves pairs them up as 0 1 4 5 | 2 3 6 7, and a permutation puts them right.
        Vector256<int> words = Avx2.Permute4x64(Avx.Shuffle(lower.AsSingle(), upper.AsSingle(), 0b10_00_10_00).AsInt64(), 0b11_01_10_00).AsInt32();
        Vector256<float> thresholds = Avx2.Permute4x64(Avx.Shuffle(lower.AsSingle(), upper.AsSingle(), 0b11_01_11_01).AsInt64(), 0b11_01_10_00).AsSingle();
        Vector256<int> feature = (words >>> 1) & Vector256.Create((1 << FeatureBits) - 1);
        Vector256<float> x = Avx2.GatherVector256(values, rowStarts + feature, 4);

        // Right: not at most the threshold, unless missing; missing: as the lowest bit says.
        Vector256<int> missing = Avx.CompareUnordered(x, x).AsInt32(), byDefault = -(words & Vector256<int>.One);
        Vector256<int> right = Vector256.ConditionalSelect(missing, byDefault, Avx.CompareNotLessThanOrEqual(x, thresholds).AsInt32());
        return node + (words >>> (FeatureBits + 1)) - right;
    }
}
