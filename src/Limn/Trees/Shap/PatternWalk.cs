using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Trees.Shap;

/// <summary>Walks trees with a block of rows and makes their patterns: the steps of a <see cref="TreePlan"/>.</summary>
internal sealed unsafe class PatternWalk : IDisposable
{
    /// <summary>How many rows walk together.</summary>
    public const int Block = 256;

    private readonly FlatTrees trees;
    private readonly int* decisions;
    private int* levels;
    private int count;

    public PatternWalk(FlatTrees trees)
    {
        this.trees = trees;
        decisions = Allocate(1);
    }

    /// <summary>The patterns of a level, one for each row.</summary>
    public int* Level(int level) => levels + level * Block;

    /// <summary>Makes room for levels; the first holds empty patterns.</summary>
    public void Reserve(int wanted)
    {
        if (wanted <= count) return;
        NativeMemory.AlignedFree(levels);
        levels = Allocate(wanted);
        count = wanted;
    }

    private static int* Allocate(int levels)
    {
        nuint bytes = (nuint)levels * Block * sizeof(int);
        var memory = (int*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(memory, bytes);
        return memory;
    }

    /// <summary>Takes a step that is not <see cref="StepKind.Look"/>.</summary>
    /// <param name="step">The step.</param>
    /// <param name="columns">[features, <see cref="Block"/>] The rows, column by column.</param>
    /// <param name="rows">How many rows there are, rounded up to a multiple of 16.</param>
    public void Take(in Step step, float* columns, int rows)
    {
        int node = step.Node;
        float* x = columns + trees.Feature[node] * Block;
        int* from = Level(step.From), to = Level(step.To);
        float threshold = trees.Threshold[node];
        bool simple = trees.Missing[node] == MissingRule.Nan && trees.Set[node] < 0 && !float.IsNaN(threshold), missingLeft = trees.DefaultLeft[node];
        if (!simple) Decide(node, x, rows);
        if (Vector512.IsHardwareAccelerated && Avx512F.IsSupported)
        {
            if (!simple) Wide<Decided>(step, x, from, to, threshold, rows);
            else if (missingLeft) Wide<MissingLeft>(step, x, from, to, threshold, rows);
            else Wide<MissingRight>(step, x, from, to, threshold, rows);
            return;
        }
        if (simple) Compare(x, threshold, missingLeft, rows);
        Portable(step, from, to, rows);
    }

    /// <summary>Decides row by row.</summary>
    private void Decide(int node, float* x, int rows)
    {
        for (int r = 0; r < rows; r++) decisions[r] = trees.GoesLeft(node, x[r]) ? -1 : 0;
    }

    private void Compare(float* x, float threshold, bool missingLeft, int rows)
    {
        var limit = new Vector<float>(threshold);
        for (int r = 0; r < rows; r += Vector<float>.Count)
        {
            Vector<float> v = Vector.Load(x + r);
            Vector<int> left = missingLeft ? ~Vector.GreaterThan(v, limit) : Vector.LessThanOrEqual(v, limit);
            Vector.Store(left, decisions + r);
        }
    }

    private void Portable(in Step step, int* from, int* to, int rows)
    {
        var bit = new Vector<int>(step.Bit);
        for (int r = 0; r < rows; r += Vector<int>.Count)
        {
            Vector<int> p = Vector.Load(from + r), left = Vector.Load(decisions + r);
            if (step.Kind == StepKind.Decide) p |= left & bit;
            else
            {
                Vector<int> fails = (step.Left ? ~left : left) & bit;
                p = step.High ? p | fails : p & ~fails;
            }
            Vector.Store(p, to + r);
        }
    }

    private interface IDecision
    {
        static abstract Vector512<int> Left(Vector512<float> x, Vector512<float> limit, int* decided);
    }

    private readonly struct MissingLeft : IDecision
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<int> Left(Vector512<float> x, Vector512<float> limit, int* decided) => Avx512F.CompareNotGreaterThan(x, limit).AsInt32();
    }

    private readonly struct MissingRight : IDecision
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<int> Left(Vector512<float> x, Vector512<float> limit, int* decided) => Avx512F.CompareLessThanOrEqual(x, limit).AsInt32();
    }

    private readonly struct Decided : IDecision
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<int> Left(Vector512<float> x, Vector512<float> limit, int* decided) => Vector512.LessThan(Vector512.Load(decided), Vector512<int>.Zero);
    }

    private void Wide<T>(in Step step, float* x, int* from, int* to, float threshold, int rows) where T : struct, IDecision
    {
        Vector512<float> limit = Vector512.Create(threshold);
        Vector512<int> bit = Vector512.Create(step.Bit);
        if (step.Kind == StepKind.Decide)
        {
            for (int r = 0; r < rows; r += 16)
            {
                Vector512<int> p = Vector512.Load(from + r);
                Vector512.ConditionalSelect(T.Left(Vector512.Load(x + r), limit, decisions + r), p | bit, p).Store(to + r);
            }
            return;
        }
        // The rows that go to the child keep their pattern. The others get the bit of "not satisfied": set where it is high, else cleared.
        Vector512<int> set = step.High ? bit : default, keep = step.High ? Vector512<int>.AllBitsSet : ~bit;
        for (int r = 0; r < rows; r += 16)
        {
            Vector512<int> p = Vector512.Load(from + r), q = p & keep | set, left = T.Left(Vector512.Load(x + r), limit, decisions + r);
            (step.Left ? Vector512.ConditionalSelect(left, p, q) : Vector512.ConditionalSelect(left, q, p)).Store(to + r);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(decisions);
        NativeMemory.AlignedFree(levels);
        levels = null;
    }
}
