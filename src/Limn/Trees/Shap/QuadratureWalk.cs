using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Trees.Shap;

/// <summary>
/// Explains a vector full of rows by one tree at a time: the values are integrals of the derivatives of the game's multilinear extension, and the quadrature is
/// exact.
/// </summary>
/// <remarks>
/// φₖ = ∫₀¹ Σ over leaves of v (oₖ − rₖ) Π_{j≠k} ((1 − t) rⱼ + t oⱼ) dt, see <see cref="QuadratureTree{T}"/>. On the way down P is the product of the factors above a
/// node; on the way up h is the sum over its leaves of v and the factors below it. A split's player gets (o − r) P h; nothing is divided at run time, and all
/// factors are positive, so that any depth is stable. Wettenstein, Mitchell, Yu: Quadrature-TreeSHAP, 2026.
/// </remarks>
internal sealed unsafe class QuadratureWalk<T> : IDisposable where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>How many rows are explained together.</summary>
    public static int Lanes => Vector512<T>.Count;

    private readonly TreeGame game;
    private readonly FlatTrees trees;
    private readonly RowLanes<T> rows;
    private readonly Vector512<T>* sums;
    private Vector512<T>* down, up, masks, alive;
    private T* present, absent;
    private nint room;

    // Of the tree at work.
    private QuadratureTree<T> tree = null!;
    private QuadratureSplit<T>* splits;
    private T* values, constants;
    private int nodes, slot;
    private float[] reference = [];
    private bool[] reached = [];
    private T[] referenceConstants = [];

    public QuadratureWalk(TreeGame game, int features)
    {
        (this.game, trees) = (game, game.Trees);
        rows = new RowLanes<T>(trees, features);
        sums = (Vector512<T>*)NativeMemory.AlignedAlloc((nuint)(game.Slots * sizeof(Vector512<T>)), 64);
    }

    /// <summary>Takes other rows; lanes beyond them repeat the last one.</summary>
    public void Fill(ReadOnlySpan<float> values)
    {
        rows.Fill(values);
        new Span<Vector512<T>>(sums, game.Slots).Clear();
    }

    /// <summary>Adds the sums of the rows to [rows, slots], and starts from zero again.</summary>
    public void Flush(Span<double> result, double scale)
    {
        int slots = game.Slots, count = result.Length / slots;
        for (int s = 0; s < slots; s++)
            for (int r = 0; r < count; r++) result[r * slots + s] += scale * double.CreateTruncating(((T*)(sums + s))[r]);
        new Span<Vector512<T>>(sums, slots).Clear();
    }

    /// <summary>Adds what one tree says.</summary>
    /// <param name="number">The tree's number.</param>
    /// <param name="of">What is known of it.</param>
    /// <param name="row">The row that stands for absent players; empty for the path-dependent game.</param>
    public void Add(int number, QuadratureTree<T> of, ReadOnlyMemory<float> row)
    {
        if (of.Depth == 0) return;
        (tree, nodes) = (of, of.Nodes.Length);
        Reserve(of.Depth + 2);
        for (int q = 0; q < nodes; q++) (present[q], absent[q]) = (T.CreateTruncating(of.Nodes[q]), T.CreateTruncating(1 - of.Nodes[q]));
        reference = row.ToArray();
        if (!row.IsEmpty)
        {
            if (reached.Length < of.Depth + 1) reached = new bool[of.Depth + 1];
            referenceConstants = [.. Of(1, 1), .. Of(1, 0), .. Of(0, 0)];
        }
        (int first, int outputs) = game.OutputsOf(number);
        fixed (QuadratureSplit<T>* s = of.Splits)
        fixed (T* v = of.Values, c = row.IsEmpty ? of.Table : referenceConstants)
        {
            splits = s;
            constants = c;
            for (int i = 0; i < outputs; i++)
            {
                values = v + i * of.Splits.Length;
                slot = first + i;
                for (int q = 0; q < nodes; q++) down[q] = Vector512.Create(T.CreateTruncating(of.Weights[q]));
                alive[0] = Vector512<T>.AllBitsSet;
                Visit(0, 0);
            }
        }

        T[] Of(double before, double ratio) => QuadratureTree<T>.Repeated(of.Nodes, before, ratio);
    }

    private void Reserve(int levels)
    {
        nint wanted = (nint)levels * nodes;
        if (wanted <= room) return;
        Free();
        room = wanted;
        down = Vectors(room);
        up = Vectors(room);
        masks = Vectors(room);
        alive = Vectors(room);
        present = (T*)NativeMemory.AlignedAlloc((nuint)(room * sizeof(T)), 64);
        absent = (T*)NativeMemory.AlignedAlloc((nuint)(room * sizeof(T)), 64);
    }

    private static Vector512<T>* Vectors(nint count) => (Vector512<T>*)NativeMemory.AlignedAlloc((nuint)(count * sizeof(Vector512<T>)), 64);

    /// <summary>Explains a subtree, and leaves the sum over its leaves in its level's place of <see cref="up"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Visit(int node, int level)
    {
        QuadratureSplit<T>* split = splits + node;
        int above = split->Above, n = nodes;
        Vector512<T> left = split->Simple ? rows.GoesLeft(split->Feature, split->Threshold, split->MissingLeft) : rows.Decide(split->Node);
        Vector512<T>* h = up + (nint)level * n;
        for (int q = 0; q < n; q++) h[q] = default;
        if (reference.Length > 0)
        {
            VisitMixed(split, left, level);
            return;
        }
        if (above < 0)
        {
            if (split->LeafLeft && split->LeafRight)
            {
                Twins(split, left, level);
                return;
            }
            New(split, left, split->RatioLeft, split->Left, split->LeafLeft, level);
            New(split, ~left, split->RatioRight, split->Left + 1, split->LeafRight, level);
            return;
        }
        Vector512<T> prior = masks[above];
        Again(split, left & prior, prior, constants + split->Constants, split->Left, split->LeafLeft, level);
        Again(split, ~left & prior, prior, constants + split->Constants + 5 * n, split->Left + 1, split->LeafRight, level);
    }

    /// <summary>A split with a background row in the place of covers: its children count 1 if the row satisfies all of the player's splits, and 0 if not.</summary>
    private void VisitMixed(QuadratureSplit<T>* split, Vector512<T> left, int level)
    {
        int above = split->Above;
        bool isLeft = trees.GoesLeft(split->Node, reference[split->Feature]), before = above < 0 || reached[above];
        Vector512<T> prior = above < 0 ? Vector512<T>.AllBitsSet : masks[above];
        for (int side = 0; side < 2; side++)
        {
            Vector512<T> holds = (side == 0 ? left : ~left) & prior;
            bool now = reached[level] = before && isLeft == (side == 0);
            alive[level + 1] = now ? alive[level] : alive[level] & holds;
            if (alive[level + 1].Equals(Vector512<T>.Zero)) continue; // no mixture of the two rows comes here
            bool leaf = side == 0 ? split->LeafLeft : split->LeafRight;
            if (above < 0) New(split, holds, now ? T.One : T.Zero, split->Left + side, leaf, level);
            else Again(split, holds, prior, constants + (now ? 0 : before ? 1 : 2) * 5 * nodes, split->Left + side, leaf, level);
        }
    }

    /// <summary>Two leaves below a split whose player is met for the first time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Twins(QuadratureSplit<T>* split, Vector512<T> left, int level)
    {
        int n = nodes;
        Vector512<T>* p = down + (nint)level * n, h = up + (nint)level * n;
        T one = values[split->Left], other = values[split->Left + 1];
        // The value and slope of left · one + right · other.
        Vector512<T> constant = Vector512.Create(split->RatioLeft * one + split->RatioRight * other);
        Vector512<T> own = Vector512.ConditionalSelect(left, Vector512.Create(one), Vector512.Create(other)), s = default;
        for (int q = 0; q < n; q++)
        {
            h[q] = constant * absent[q] + own * present[q];
            s += p[q];
        }
        sums[game.Slot(split->Player, slot)] += s * (own - constant);
    }

    /// <summary>A child of a split whose player is met for the first time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void New(QuadratureSplit<T>* split, Vector512<T> holds, T r, int child, bool leaf, int level)
    {
        int n = nodes;
        Vector512<T>* p = down + (nint)level * n, h = up + (nint)level * n;
        T* a = absent, t = present;
        Vector512<T> ratio = Vector512.Create(r), s = default;
        if (leaf)
        {
            Vector512<T> value = Vector512.Create(values[child]);
            for (int q = 0; q < n; q++)
            {
                h[q] += (ratio * a[q] + (holds & Vector512.Create(t[q]))) * value;
                s += p[q];
            }
            s *= value;
        }
        else
        {
            masks[level] = holds;
            Vector512<T>* pNext = p + n, hNext = h + n;
            for (int q = 0; q < n; q++) pNext[q] = p[q] * (ratio * a[q] + (holds & Vector512.Create(t[q])));
            Visit(child, level + 1);
            for (int q = 0; q < n; q++)
            {
                Vector512<T> below = hNext[q];
                h[q] += (ratio * a[q] + (holds & Vector512.Create(t[q]))) * below;
                s += p[q] * below;
            }
        }
        sums[game.Slot(split->Player, slot)] += s * ((holds & Vector512<T>.One) - ratio);
    }

    /// <summary>A child of a split whose player was met before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Again(QuadratureSplit<T>* split, Vector512<T> holds, Vector512<T> prior, T* table, int child, bool leaf, int level)
    {
        int n = nodes;
        Vector512<T>* p = down + (nint)level * n, h = up + (nint)level * n, pNext = p + n, hNext = h + n;
        if (leaf)
        {
            Vector512<T> value = Vector512.Create(values[child]);
            for (int q = 0; q < n; q++) hNext[q] = value;
        }
        else
        {
            masks[level] = holds;
            for (int q = 0; q < n; q++)
                pNext[q] = p[q] * Vector512.ConditionalSelect(holds, Vector512.Create(table[q]), Vector512.ConditionalSelect(prior, Vector512.Create(table[n + q]), Vector512.Create(table[2 * n + q])));
            Visit(child, level + 1);
        }
        Vector512<T> s = default;
        for (int q = 0; q < n; q++)
        {
            Vector512<T> below = hNext[q];
            h[q] += below * Vector512.ConditionalSelect(holds, Vector512.Create(table[q]), Vector512.ConditionalSelect(prior, Vector512.Create(table[n + q]), Vector512.Create(table[2 * n + q])));
            s += p[q] * below * Vector512.ConditionalSelect(holds, Vector512.Create(table[3 * n + q]), prior & Vector512.Create(table[4 * n + q]));
        }
        sums[game.Slot(split->Player, slot)] += s;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(down);
        NativeMemory.AlignedFree(up);
        NativeMemory.AlignedFree(masks);
        NativeMemory.AlignedFree(alive);
        NativeMemory.AlignedFree(present);
        NativeMemory.AlignedFree(absent);
        down = up = masks = alive = null;
        present = absent = null;
        room = 0;
    }

    public void Dispose()
    {
        Free();
        rows.Dispose();
        NativeMemory.AlignedFree(sums);
    }
}
