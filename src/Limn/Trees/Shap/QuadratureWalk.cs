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
    private int index, root, output, nodes;
    private T[] ratios = [], constants = [];
    private ReadOnlyMemory<float> reference;
    private bool[] reached = [];
    private T[][] referenceConstants = [];

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
        (index, tree, nodes, root, reference) = (number, of, of.Nodes.Length, trees.Roots[number], row);
        if (of.Depth == 0) return;
        Reserve(of.Depth + 2);
        for (int q = 0; q < nodes; q++) (present[q], absent[q]) = (T.CreateTruncating(of.Nodes[q]), T.CreateTruncating(1 - of.Nodes[q]));
        if (row.IsEmpty)
        {
            (ratios, constants) = (of.Ratios, of.Table);
        }
        else
        {
            if (reached.Length < of.Depth + 1) reached = new bool[of.Depth + 1];
            referenceConstants = [Of(1, 1), Of(1, 0), Of(0, 0)];
        }
        int outputs = game.OutputsOf(number).Count;
        for (output = 0; output < outputs; output++)
        {
            for (int q = 0; q < nodes; q++) down[q] = Vector512.Create(T.CreateTruncating(of.Weights[q]));
            alive[0] = Vector512<T>.AllBitsSet;
            Visit(root, 0);
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
    private void Visit(int node, int level)
    {
        int at = node - root, above = tree.Above[at], n = nodes, first = game.OutputsOf(index).From;
        Vector512<T> left = rows.GoesLeft(node), prior = above < 0 ? Vector512<T>.AllBitsSet : masks[above];
        Vector512<T>* p = down + (nint)level * n, h = up + (nint)level * n, pNext = p + n, hNext = h + n;
        Vector512<T>* sum = sums + game.Slot(game.Player[trees.Feature[node]], first + output);
        bool isLeft = !reference.IsEmpty && trees.GoesLeft(node, reference.Span[trees.Feature[node]]);
        new Span<Vector512<T>>(h, n).Clear();
        for (int side = 0; side < 2; side++)
        {
            int child = trees.Left[node] + side;
            bool leaf = trees.Feature[child] == FlatTrees.Leaf;
            Vector512<T> holds = (side == 0 ? left : ~left) & prior, value = leaf ? Vector512.Create(T.CreateTruncating(game.Value(index, child, output))) : default;
            T r;
            fixed (T* shared = constants, of00 = referenceConstants.Length > 0 ? referenceConstants[2] : null, of10 = referenceConstants.Length > 0 ? referenceConstants[1] : null, of11 = referenceConstants.Length > 0 ? referenceConstants[0] : null)
            {
                T* table = above < 0 ? null : shared + tree.Constants[at] + side * 5 * n;
                if (reference.IsEmpty) r = ratios[2 * at + side];
                else
                {
                    bool before = above < 0 || reached[above], now = before && isLeft == (side == 0);
                    reached[level] = now;
                    r = now ? T.One : T.Zero;
                    table = now ? of11 : before ? of10 : of00;
                    alive[level + 1] = now ? alive[level] : alive[level] & holds;
                    if (alive[level + 1].Equals(Vector512<T>.Zero)) continue; // no mixture of the reference row with another comes here
                }
                masks[level] = holds;
                if (above < 0) New(holds, r, leaf, value, child, level, p, h, pNext, hNext, sum);
                else Again(holds, prior, table, leaf, value, child, level, p, h, pNext, hNext, sum);
            }
        }
    }

    /// <summary>A child of a split whose player is met for the first time.</summary>
    private void New(Vector512<T> holds, T r, bool leaf, Vector512<T> value, int child, int level,
        Vector512<T>* p, Vector512<T>* h, Vector512<T>* pNext, Vector512<T>* hNext, Vector512<T>* sum)
    {
        int n = nodes;
        Vector512<T> ratio = Vector512.Create(r), s = default;
        if (leaf)
        {
            for (int q = 0; q < n; q++)
            {
                Vector512<T> factor = ratio * absent[q] + (holds & Vector512.Create(present[q]));
                h[q] += factor * value;
                s += p[q];
            }
            s *= value;
        }
        else
        {
            for (int q = 0; q < n; q++) pNext[q] = p[q] * (ratio * absent[q] + (holds & Vector512.Create(present[q])));
            Visit(child, level + 1);
            for (int q = 0; q < n; q++)
            {
                Vector512<T> factor = ratio * absent[q] + (holds & Vector512.Create(present[q]));
                h[q] += factor * hNext[q];
                s += p[q] * hNext[q];
            }
        }
        *sum += s * ((holds & Vector512<T>.One) - ratio);
    }

    /// <summary>A child of a split whose player was met before.</summary>
    private void Again(Vector512<T> holds, Vector512<T> prior, T* table, bool leaf, Vector512<T> value, int child, int level,
        Vector512<T>* p, Vector512<T>* h, Vector512<T>* pNext, Vector512<T>* hNext, Vector512<T>* sum)
    {
        int n = nodes;
        Vector512<T> s = default;
        if (!leaf)
        {
            for (int q = 0; q < n; q++) pNext[q] = p[q] * Factor(q);
            Visit(child, level + 1);
        }
        for (int q = 0; q < n; q++)
        {
            Vector512<T> below = leaf ? value : hNext[q];
            h[q] += Factor(q) * below;
            Vector512<T> derivative = Vector512.ConditionalSelect(holds, Vector512.Create(table[3 * n + q]), prior & Vector512.Create(table[4 * n + q]));
            s += p[q] * below * derivative;
        }
        *sum += s;

        Vector512<T> Factor(int q) => Vector512.ConditionalSelect(holds, Vector512.Create(table[q]), Vector512.ConditionalSelect(prior, Vector512.Create(table[n + q]), Vector512.Create(table[2 * n + q])));
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
