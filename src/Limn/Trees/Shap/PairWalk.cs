using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Trees.Shap;

/// <summary>The interactions of pairs of players by quadrature, for eight rows and a tree at a time.</summary>
/// <remarks>
/// Φₖₗ = ∫₀¹ Σ over leaves of v (oₖ − rₖ) (oₗ − rₗ) Π_{j≠k,l} ((1 − t) rⱼ + t oⱼ) dt, half of it for each order of k and l: see <see cref="QuadratureWalk{T}"/>.
/// A leaf to which a factor of 0 leads is worth nothing with or without any player.
/// </remarks>
internal sealed unsafe class PairWalk : IDisposable
{
    /// <summary>How many rows are explained together.</summary>
    public static int Lanes => Vector512<double>.Count;

    private readonly TreeGame game;
    private readonly FlatTrees trees;
    private readonly RowLanes<double> rows;
    private readonly Vector512<double>* sums;
    private readonly Dictionary<int, int> placeOf = [];
    private readonly List<int> players = [];
    private readonly List<Vector512<double>> holds = [], alive = [];
    private readonly List<double> ratios = [];
    private Vector512<double>[] slopes = [];
    private double[] nodes = [], weights = [];
    private ReadOnlyMemory<float> reference;
    private int index;

    public PairWalk(TreeGame game, int features)
    {
        (this.game, trees) = (game, game.Trees);
        rows = new RowLanes<double>(trees, features);
        sums = (Vector512<double>*)NativeMemory.AlignedAlloc((nuint)game.Slots * 64, 64);
    }

    /// <summary>Takes other rows, and starts from zero.</summary>
    public void Fill(ReadOnlySpan<float> values)
    {
        rows.Fill(values);
        new Span<Vector512<double>>(sums, game.Slots).Clear();
    }

    /// <summary>Adds the sums of the rows to [rows, slots], and starts from zero again.</summary>
    public void Flush(Span<double> result, double scale)
    {
        int slots = game.Slots, count = result.Length / slots;
        for (int s = game.Slot(game.Players - 1, game.Outputs - 1) + 1; s < slots; s++)
            for (int r = 0; r < count; r++) result[r * slots + s] += scale * sums[s][r];
        new Span<Vector512<double>>(sums, slots).Clear();
    }

    /// <summary>Adds what one tree says.</summary>
    /// <param name="tree">The tree's number.</param>
    /// <param name="distinct">The most distinct players on a path.</param>
    /// <param name="row">The row that stands for absent players; empty for the path-dependent game.</param>
    public void Add(int tree, int distinct, ReadOnlyMemory<float> row)
    {
        if (distinct < 2) return;
        (index, reference) = (tree, row);
        (nodes, weights) = game.Semivalue.Nodes(distinct - 1); // one factor less than single players have
        if (slopes.Length < distinct) slopes = new Vector512<double>[distinct];
        alive.Clear();
        alive.Add(Vector512<double>.AllBitsSet);
        Visit(trees.Roots[tree]);
    }

    private void Visit(int node)
    {
        if (trees.Feature[node] == FlatTrees.Leaf)
        {
            AddLeaf(node);
            return;
        }
        int player = game.Player[trees.Feature[node]];
        bool met = placeOf.TryGetValue(player, out int place);
        if (!met)
        {
            placeOf[player] = place = players.Count;
            players.Add(player);
            holds.Add(Vector512<double>.AllBitsSet);
            ratios.Add(1);
        }
        (Vector512<double> before, double ratio, Vector512<double> left) = (holds[place], ratios[place], rows.GoesLeft(node));
        bool isLeft = !reference.IsEmpty && trees.GoesLeft(node, reference.Span[trees.Feature[node]]);
        for (int side = 0; side < 2; side++)
        {
            Vector512<double> now = before & (side == 0 ? left : ~left);
            double r = ratio * (reference.IsEmpty ? game.Share(node, side == 0) : isLeft == (side == 0) ? 1 : 0);
            Vector512<double> live = r > 0 ? alive[^1] : alive[^1] & now;
            if (live.Equals(Vector512<double>.Zero)) continue;
            (holds[place], ratios[place]) = (now, r);
            alive.Add(live);
            Visit(trees.Left[node] + side);
            alive.RemoveAt(alive.Count - 1);
        }
        (holds[place], ratios[place]) = (before, ratio);
        if (met) return;
        placeOf.Remove(player);
        players.RemoveAt(place);
        holds.RemoveAt(place);
        ratios.RemoveAt(place);
    }

    private void AddLeaf(int leaf)
    {
        int d = players.Count;
        (int first, int outputs) = game.OutputsOf(index);
        for (int q = 0; q < nodes.Length; q++)
        {
            Vector512<double> product = Vector512.Create(0.5 * weights[q]);
            for (int k = 0; k < d; k++)
            {
                Vector512<double> factor = Vector512.Create((1 - nodes[q]) * ratios[k]) + (holds[k] & Vector512.Create(nodes[q]));
                product *= factor;
                Vector512<double> slope = ((holds[k] & Vector512<double>.One) - Vector512.Create(ratios[k])) / factor;
                slopes[k] = Vector512.ConditionalSelect(Vector512.Equals(factor, Vector512<double>.Zero), Vector512<double>.Zero, slope);
            }
            for (int k = 1; k < d; k++)
            {
                Vector512<double> one = product * slopes[k];
                for (int l = 0; l < k; l++)
                {
                    Vector512<double> both = one * slopes[l];
                    for (int i = 0; i < outputs; i++) sums[game.Slot(players[k], players[l], first + i)] += both * game.Value(index, leaf, i);
                }
            }
        }
    }

    public void Dispose()
    {
        rows.Dispose();
        NativeMemory.AlignedFree(sums);
    }
}
