using System.Numerics;
using System.Numerics.Tensors;

namespace Limn.Trees.Shap;

/// <summary>
/// What a leaf adds to its players' values, and to their interactions, for every pattern of satisfied conditions.
/// </summary>
/// <remarks>
/// The leaf's game: with O the players whose conditions the row satisfies, a coalition S has the worth f(S) if S ⊆ O and 0 if not. f(S) is the probability that
/// the conditions of all players outside S hold: the product of their cover ratios, or the share of background rows. With w(s) the weight of a coalition by
/// its size, and the sums over subsets Z(O) = Σ_{S⊆O} w(|S|) f(S) and Y(O) = Σ_{S⊆O} w(|S| − 1) f(S),
/// φₖ(O) = −Z(O) where k ∉ O, and Y(O) − Y(O∖k) − Z(O∖k) where k ∈ O: all players take two transforms of 2ᵈ numbers. Interactions take three alike.
/// The idea of tabulating patterns: Nadel, Wettenstein: WOODELF, AAAI 2026.
/// </remarks>
internal sealed class LeafTable
{
    private readonly Semivalue semivalue;
    private readonly double[]?[][] weights = [new double[]?[TreePlanner.MostBits + 1], new double[]?[TreePlanner.MostBits + 1], new double[]?[TreePlanner.MostBits + 1],
        new double[]?[TreePlanner.MostBits + 1], new double[]?[TreePlanner.MostBits + 1]];

    private readonly double[] w0 = new double[1 << TreePlanner.MostBits], w1 = new double[1 << TreePlanner.MostBits], w2 = new double[1 << TreePlanner.MostBits];
    private int size;

    public LeafTable(Semivalue semivalue) => this.semivalue = semivalue;

    /// <summary>Z and Y of the coalitions.</summary>
    public ReadOnlySpan<double> Without => w0.AsSpan(0, size);

    /// <inheritdoc cref="Without"/>
    public ReadOnlySpan<double> With => w1.AsSpan(0, size);

    /// <summary>[coalitions] The weights of coalitions less some of their members: 0 or 1 for single players, 0 to 2 for pairs.</summary>
    private double[] Weights(int players, bool pair, int less)
    {
        ref double[]? of = ref weights[(pair ? 2 : 0) + less][players];
        if (of is not null) return of;
        double[] bySize = semivalue.Weights(players, pair);
        of = new double[1 << players];
        for (int s = 0; s < of.Length; s++)
        {
            int count = BitOperations.PopCount((uint)s) - less;
            of[s] = count >= 0 && count < bySize.Length ? bySize[count] : 0;
        }
        return of;
    }

    private void Sum(ReadOnlySpan<double> f, double[] weights, double[] to)
    {
        TensorPrimitives.Multiply(f, weights, to);
        OverSubsets(to.AsSpan(0, size));
    }

    /// <summary>Prepares single players: f is indexed by coalition, with a bit for each of d players.</summary>
    public void PrepareSingles(ReadOnlySpan<double> f, int players)
    {
        size = 1 << players;
        Sum(f, Weights(players, pair: false, 0), w0);
        Sum(f, Weights(players, pair: false, 1), w1);
    }

    /// <summary>[patterns] A player's values.</summary>
    public void Single(int player, Span<double> values)
    {
        int bit = 1 << player;
        for (int o = 0; o < size; o++)
        {
            if ((o & bit) != 0) continue;
            double without = w0[o];
            values[o] = -without;
            values[o | bit] = w1[o | bit] - w1[o] - without;
        }
    }

    /// <summary>Prepares pairs of players, as <see cref="PrepareSingles"/>.</summary>
    public void PreparePairs(ReadOnlySpan<double> f, int players)
    {
        size = 1 << players;
        Sum(f, Weights(players, pair: true, 0), w0);
        Sum(f, Weights(players, pair: true, 1), w1);
        Sum(f, Weights(players, pair: true, 2), w2);
    }

    /// <summary>[patterns] Half of the interaction of two players: what stands in each of the two places of the matrix.</summary>
    public void Pair(int one, int other, Span<double> values)
    {
        int k = 1 << one, l = 1 << other;
        for (int o = 0; o < size; o++)
        {
            if ((o & (k | l)) != 0) continue;
            int ok = o | k, ol = o | l, both = ok | l;
            double none = w0[o];
            values[o] = 0.5 * none;
            values[ok] = 0.5 * (none - (w1[ok] - w1[o]));
            values[ol] = 0.5 * (none - (w1[ol] - w1[o]));
            values[both] = 0.5 * (none - (w1[ok] - w1[o]) - (w1[ol] - w1[o]) + (w2[both] - w2[ok] - w2[ol] + w2[o]));
        }
    }

    /// <summary>Every entry becomes the sum of those at its subsets.</summary>
    private static void OverSubsets(Span<double> a)
    {
        for (int bit = 1; bit < a.Length; bit <<= 1)
            for (int from = bit; from < a.Length; from += 2 * bit) Add(a.Slice(from, bit), a.Slice(from - bit, bit));
    }

    /// <summary>Every entry becomes the sum of those at its supersets.</summary>
    public static void OverSupersets(Span<double> a)
    {
        for (int bit = 1; bit < a.Length; bit <<= 1)
            for (int from = bit; from < a.Length; from += 2 * bit) Add(a.Slice(from - bit, bit), a.Slice(from, bit));
    }

    // Most are shorter than a vector, for which a call would be the larger part.
    private static void Add(Span<double> to, ReadOnlySpan<double> x)
    {
        if (to.Length >= 16)
        {
            TensorPrimitives.Add(to, x, to);
            return;
        }
        for (int i = 0; i < to.Length; i++) to[i] += x[i];
    }
}
