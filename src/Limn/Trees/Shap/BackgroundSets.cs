using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Trees.Shap;

/// <summary>
/// Counts, for every leaf of a tree and every subset of the players on its path, the background rows that satisfy all conditions of the subset: the leaf's f, see
/// <see cref="LeafTable"/>. For many rows that all count the same, with a bit for each row.
/// </summary>
/// <remarks>
/// A node has the set of rows of each subset of the players above it. A split leaves the sets of subsets without its player as they are, and takes those with it
/// through one logical operation; the rows that do not go left go right, so that one count serves both children.
/// </remarks>
internal sealed unsafe class BackgroundSets : IDisposable
{
    /// <summary>How many rows walk together, and the 512-bit words that they take.</summary>
    public const int Rows = 8192, Words = Rows / 512;

    // One more, so that sets do not lie a power of two apart and compete for the same places in the cache.
    private const int Stride = Words + 1;

    /// <summary>The most distinct players on a path.</summary>
    public const int MostPlayers = 9;

    private readonly TreeGame game;
    private readonly FlatTrees trees;
    private readonly List<int> players = [];
    private readonly List<Level> levels = [];
    private readonly Vector512<ulong>* all;
    private RowBlocks blocks = null!;
    private double[]?[] worth = [];
    private int root, first, rows;

    /// <summary>What belongs to the nodes of a level.</summary>
    private sealed class Level
    {
        /// <summary>The rows that go left.</summary>
        public readonly Vector512<ulong>* Decision = (Vector512<ulong>*)NativeMemory.AlignedAlloc(Words * 64, 64);

        /// <summary>[subsets] The sets, wherever they lie.</summary>
        public readonly Vector512<ulong>*[] Sets = new Vector512<ulong>*[1 << MostPlayers];

        /// <summary>[subsets] The sizes of the sets, and how many of their rows go left.</summary>
        public readonly int[] Counts = new int[1 << MostPlayers], Lefts = new int[1 << MostPlayers];

        /// <summary>Room for the sets that are made for this level.</summary>
        public Vector512<ulong>* Own = (Vector512<ulong>*)NativeMemory.AlignedAlloc((nuint)(Stride * 64) << MostPlayers, 64);
    }

    public BackgroundSets(TreeGame game)
    {
        (this.game, trees) = (game, game.Trees);
        all = (Vector512<ulong>*)NativeMemory.AlignedAlloc(Words * 64, 64);
    }

    /// <summary>[nodes of the tree] The shares of rows, by the subset of players that are NOT asked for: f of each leaf.</summary>
    public double[]?[] Worth(int tree, RowBlocks rowBlocks)
    {
        (blocks, root) = (rowBlocks, trees.Roots[tree]);
        worth = new double[]?[trees.Roots[tree + 1] - root];
        for (first = 0; first < blocks.Blocks; first += Rows / PatternWalk.Block)
        {
            rows = Math.Min(Rows, blocks.Rows - first * PatternWalk.Block);
            var bits = new Span<ulong>(all, Words * 8);
            bits.Clear();
            for (int r = 0; r < rows; r += 64) bits[r / 64] = rows - r >= 64 ? ulong.MaxValue : (1UL << (rows - r)) - 1;
            Level top = At(0);
            top.Sets[0] = all;
            top.Counts[0] = rows;
            Visit(root, 0);
        }
        foreach (double[]? of in worth)
            for (int s = 0; s < of?.Length; s++) of[s] /= blocks.Rows;
        return worth;
    }

    private Level At(int level)
    {
        while (levels.Count <= level) levels.Add(new Level());
        return levels[level];
    }

    private void Visit(int node, int depth)
    {
        Level level = At(depth);
        if (trees.Feature[node] == FlatTrees.Leaf)
        {
            double[] f = worth[node - root] ??= new double[1 << players.Count];
            for (int u = 0; u < f.Length; u++) f[f.Length - 1 - u] += level.Counts[u];
            return;
        }
        int player = game.Player[trees.Feature[node]], place = players.IndexOf(player), left = trees.Left[node];
        bool met = place >= 0;
        Decide(node, level.Decision);
        // The subsets whose sets change: those with the player, or, where it is new, all, to which it is added.
        int before = 1 << players.Count, bit = met ? 1 << place : before;
        for (int u = 0; u < before; u++)
        {
            if (!met || (u & bit) != 0) level.Lefts[u] = level.Counts[u] == 0 ? 0 : CountOfBoth(level.Sets[u], level.Decision);
        }
        if (!met) players.Add(player);
        for (int side = 0; side < 2; side++)
        {
            Level next = At(depth + 1);
            bool leaf = trees.Feature[left + side] == FlatTrees.Leaf;
            Vector512<ulong>* own = next.Own;
            Vector512<ulong> other = side == 0 ? default : Vector512<ulong>.AllBitsSet;
            for (int u = 0; u < before; u++)
            {
                bool changes = !met || (u & bit) != 0;
                if (!met || !changes) {
                    next.Counts[u] = level.Counts[u];
                    next.Sets[u] = level.Sets[u];
                }
                if (!changes) continue;
                int to = u | bit, count = side == 0 ? level.Lefts[u] : level.Counts[u] - level.Lefts[u];
                next.Counts[to] = count;
                if (leaf || count == 0) continue;
                next.Sets[to] = own;
                Take(level.Sets[u], level.Decision, other, own);
                own += Stride;
            }
            Visit(left + side, depth + 1);
        }
        if (!met) players.RemoveAt(players.Count - 1);
    }

    private static void Take(Vector512<ulong>* from, Vector512<ulong>* decision, Vector512<ulong> other, Vector512<ulong>* to)
    {
        for (int w = 0; w < Words; w++) to[w] = from[w] & (decision[w] ^ other);
    }

    /// <summary>The rows that go left at a split; those beyond the last one are in no set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Decide(int node, Vector512<ulong>* decision)
    {
        int feature = trees.Feature[node];
        float threshold = trees.Threshold[node];
        bool missingLeft = trees.DefaultLeft[node];
        bool simple = trees.Missing[node] == MissingRule.Nan && trees.Set[node] < 0 && !float.IsNaN(threshold);
        Vector512<float> limit = Vector512.Create(threshold);
        var words = (ulong*)decision;
        int last = (rows + PatternWalk.Block - 1) / PatternWalk.Block;
        for (int b = 0; b < last; b++)
        {
            fixed (float* x = &blocks.Columns[blocks.Start(first + b) + feature * PatternWalk.Block])
            for (int r = 0; r < PatternWalk.Block; r += 64)
            {
                ulong bits = 0;
                if (!simple)
                {
                    for (int lane = 0; lane < 64; lane++) bits |= trees.GoesLeft(node, x[r + lane]) ? 1UL << lane : 0;
                }
                else
                {
                    for (int lane = 0; lane < 64; lane += 16)
                    {
                        Vector512<float> v = Vector512.Load(x + r + lane);
                        ulong some = missingLeft ? ~Vector512.GreaterThan(v, limit).ExtractMostSignificantBits() & 0xFFFF : Vector512.LessThanOrEqual(v, limit).ExtractMostSignificantBits();
                        bits |= some << lane;
                    }
                }
                words[(b * PatternWalk.Block + r) / 64] = bits;
            }
        }
        for (int w = last * (PatternWalk.Block / 64); w < Words * 8; w++) words[w] = 0;
    }

    /// <summary>The number of rows in both sets: vectors are added bit by bit in columns of carry-save adders (Harley and Seal), and only the sums are counted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CountOfBoth(Vector512<ulong>* a, Vector512<ulong>* b)
    {
        Vector512<ulong> ones = default, twos = default, fours = default, eights = default, sixteens = default;
        for (int w = 0; w < Words; w += 8)
        {
            Vector512<ulong> t0 = Add(ref ones, a[w] & b[w], a[w + 1] & b[w + 1]), t1 = Add(ref ones, a[w + 2] & b[w + 2], a[w + 3] & b[w + 3]);
            Vector512<ulong> f0 = Add(ref twos, t0, t1);
            t0 = Add(ref ones, a[w + 4] & b[w + 4], a[w + 5] & b[w + 5]);
            t1 = Add(ref ones, a[w + 6] & b[w + 6], a[w + 7] & b[w + 7]);
            Vector512<ulong> f1 = Add(ref twos, t0, t1), e = Add(ref fours, f0, f1);
            sixteens = eights & e;
            eights ^= e;
        }
        // 16 vectors have at most 128 bits in a byte, 256 in two, 1024 in eight.
        Vector512<ulong> bytes = Bits(ones) + (Bits(twos) << 1) + (Bits(fours) << 2) + (Bits(eights) << 3) + (Bits(sixteens) << 4);
        Vector512<ulong> low = Vector512.Create(0x00FF00FF00FF00FFUL), pairs = (bytes & low) + ((bytes >>> 8) & low);
        return (int)Vector512.Sum((pairs * Vector512.Create(0x0001000100010001UL)) >>> 48);
    }

    /// <summary>sum + x + y: the sum stays in its place, and the carry is returned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Add(ref Vector512<ulong> sum, Vector512<ulong> x, Vector512<ulong> y)
    {
        Vector512<ulong> half = sum ^ x, carry = (sum & x) | (half & y);
        sum = half ^ y;
        return carry;
    }

    /// <summary>The number of bits in every byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Bits(Vector512<ulong> v)
    {
        Vector512<ulong> pairs = Vector512.Create(0x3333333333333333UL);
        v -= (v >>> 1) & Vector512.Create(0x5555555555555555UL);
        v = (v & pairs) + ((v >>> 2) & pairs);
        return (v + (v >>> 4)) & Vector512.Create(0x0F0F0F0F0F0F0F0FUL);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(all);
        foreach (Level level in levels)
        {
            NativeMemory.AlignedFree(level.Decision);
            NativeMemory.AlignedFree(level.Own);
        }
        levels.Clear();
    }
}
