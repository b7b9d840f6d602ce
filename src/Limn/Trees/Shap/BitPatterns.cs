using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Trees.Shap;

/// <summary>Counts the patterns of many rows that all count the same, with a bit for each row.</summary>
/// <remarks>
/// A level of the walk holds the set of rows of each of its patterns. A decision is a set as well, so that a step is some logic on sets; the last decision before a
/// look-up only counts. 512 rows take as long as one in the walk that keeps a pattern for each row, times the number of patterns: worth it for up to 2⁹.
/// </remarks>
internal sealed unsafe class BitPatterns : IDisposable
{
    /// <summary>How many rows walk together, and the 512-bit words that they take.</summary>
    public const int Rows = 8192, Words = Rows / 512;

    // One more, so that sets do not lie a power of two apart and compete for the same places in the cache.
    private const int Stride = Words + 1;

    /// <summary>The most bits of a pattern.</summary>
    public const int MostBits = 9;

    private readonly FlatTrees trees;
    private readonly Vector512<ulong>* decision;
    private readonly int[] sizes = new int[2 * TreePlanner.MostBits + TreeGame.DeepestTree];
    private Vector512<ulong>* sets;
    private long room, perLevel;

    public BitPatterns(FlatTrees trees)
    {
        this.trees = trees;
        decision = (Vector512<ulong>*)NativeMemory.AlignedAlloc(Words * 64, 64);
    }

    /// <summary>Makes room for a plan.</summary>
    public void Reserve(TreePlan plan)
    {
        perLevel = (long)Stride << plan.Units.Max(u => u.Bits);
        long wanted = perLevel * plan.Levels;
        if (wanted <= room) return;
        NativeMemory.AlignedFree(sets);
        sets = (Vector512<ulong>*)NativeMemory.AlignedAlloc((nuint)(wanted * 64), 64);
        room = wanted;
    }

    private Vector512<ulong>* Set(int level, int pattern) => sets + level * perLevel + (long)pattern * Stride;

    /// <summary>Adds to the counts of each unit's patterns.</summary>
    /// <param name="plan">The plan, for which there is room.</param>
    /// <param name="blocks">The rows in blocks of <see cref="PatternWalk.Block"/>.</param>
    /// <param name="first">The first block.</param>
    /// <param name="counts">[units, patterns].</param>
    public void Count(TreePlan plan, RowBlocks blocks, int first, double[][] counts)
    {
        int rows = Math.Min(Rows, blocks.Rows - first * PatternWalk.Block);
        var all = new Span<ulong>(Set(0, 0), Words * 8);
        all.Clear();
        for (int r = 0; r < rows; r += 64) all[r / 64] = rows - r >= 64 ? ulong.MaxValue : (1UL << (rows - r)) - 1;
        sizes[0] = 1;
        fixed (float* columns = blocks.Columns)
        {
            for (int i = 0; i < plan.Steps.Length; i++)
            {
                ref readonly Step step = ref plan.Steps[i];
                if (step.Kind == StepKind.Look)
                {
                    double[] of = counts[step.Node];
                    for (int p = 0; p < of.Length; p++) of[p] += CountOf(Set(step.From, p));
                    continue;
                }
                Decide(step.Node, columns, blocks, first, rows);
                if (step.Kind == StepKind.Narrow) Narrow(step);
                else if (!step.Left && i + 1 < plan.Steps.Length && plan.Steps[i + 1].Kind == StepKind.Look)
                {
                    double[] of = counts[plan.Steps[++i].Node];
                    for (int p = 0; p < step.Bit; p++)
                    {
                        int both = CountOfBoth(Set(step.From, p), decision);
                        of[p | step.Bit] += both;
                        of[p] += CountOf(Set(step.From, p)) - both;
                    }
                }
                else Divide(step);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Divide(in Step step)
    {
        sizes[step.To] = 2 * step.Bit;
        Vector512<ulong>* goes = decision;
        for (int p = 0; p < step.Bit; p++)
        {
            Vector512<ulong>* from = Set(step.From, p), without = Set(step.To, p), with = Set(step.To, p | step.Bit);
            for (int w = 0; w < Words; w++)
            {
                Vector512<ulong> rows = from[w], left = goes[w];
                with[w] = rows & left;
                without[w] = Vector512.AndNot(rows, left);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Narrow(in Step step)
    {
        int size = sizes[step.To] = sizes[step.From];
        Vector512<ulong> other = step.Left ? default : Vector512<ulong>.AllBitsSet;
        Vector512<ulong>* goes = decision;
        for (int p = 0; p < size; p++)
        {
            if ((p & step.Bit) != 0) continue;
            // The rows that satisfied the player's splits so far and now do not change from one pattern to the other.
            int yes = step.High ? p : p | step.Bit, no = step.High ? p | step.Bit : p;
            Vector512<ulong>* fromYes = Set(step.From, yes), fromNo = Set(step.From, no), toYes = Set(step.To, yes), toNo = Set(step.To, no);
            for (int w = 0; w < Words; w++)
            {
                Vector512<ulong> rows = fromYes[w], keeps = rows & (goes[w] ^ other);
                toNo[w] = fromNo[w] | (rows ^ keeps);
                toYes[w] = keeps;
            }
        }
    }

    /// <summary>The rows that go left at a split; those beyond the last one are in no set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Decide(int node, float* columns, RowBlocks blocks, int first, int rows)
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
            float* x = columns + blocks.Start(first + b) + (nint)feature * PatternWalk.Block;
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CountOf(Vector512<ulong>* set) => CountOfBoth(set, set);

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
        NativeMemory.AlignedFree(decision);
        NativeMemory.AlignedFree(sets);
        sets = null;
    }
}
