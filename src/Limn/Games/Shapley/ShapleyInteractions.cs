using System.Numerics;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>How the joint effect of features is shared out over pairs.</summary>
public enum InteractionIndex
{
    /// <summary>Shapley-Taylor: the main effect is what a feature does alone, and all else is in the pairs (Dhamdhere, Agarwal, Sundararajan 2020).</summary>
    ShapleyTaylor,

    /// <summary>Faith-SHAP: the pairs and single features that predict all coalitions best (Tsai, Yeh, Ravikumar 2023).</summary>
    FaithShap,

    /// <summary>The Shapley interaction index, with main effects such that the sums are Shapley values, as Tree SHAP has it (Grabisch, Roubens 1999; Lundberg et al. 2018).</summary>
    Shapley,
}

/// <summary>Shapley interactions of order 2: how much of the score is due to single features, and how much to pairs.</summary>
/// <remarks>
/// From the dividends (Möbius transform) a(T) = Σ_{S⊆T} (−1)^{|T|−|S|} v(S) of all coalitions:
/// <list type="bullet">
/// <item>Shapley-Taylor: I_ij = Σ_{T ⊇ ij} a(T) / C(|T|, 2), I_i = a({i}). Equation 4 and theorem 2 (order 2).</item>
/// <item>Faith-SHAP: I_S = a(S) + (−1)^{2−|S|} |S|/(2+|S|) C(2,|S|) Σ_{T ⊃ S, |T|>2} C(|T|−1, 2)/C(|T|+1, 2+|S|) a(T). Theorem 19.</item>
/// <item>Shapley: I_ij = Σ_{T ⊇ ij} a(T) / (|T| − 1), I_i = φ_i − ½ Σ_j I_ij.</item>
/// </list>
/// All of them add up: Σ_i I_i + Σ_{i&lt;j} I_ij = v(all) − v(nobody). The matrix holds I_i in its diagonal and half of I_ij on either side, and the value of a feature is the
/// sum of its row. Up to <see cref="MostExact"/> players it is exact; for more, Shapley-Taylor values are drawn: the mean over orders of
/// v(B ∪ ij) − v(B ∪ i) − v(B ∪ j) + v(B), with B the features before both (theorem 3).
/// </remarks>
[Method("shapley-interactions", "Shapley Interactions", "How much of the score single features bring, and how much pairs of them together.",
    Source = "Dhamdhere et al. 2020; Tsai et al. 2023; Grabisch, Roubens 1999",
    Formula = "I_ij = Σ_{T ⊇ ij} a(T) / C(|T|, 2), a the dividends of v; φᵢ = Iᵢ + ½ Σⱼ I_ij",
    Cost = "(2 + coalitions × background) × forward",
    Axioms = Axioms.All)]
public sealed class ShapleyInteractions(IPredictor model) : SampledGameMethod(model)
{
    /// <summary>The most players of which all coalitions are asked for.</summary>
    public const int MostExact = 14;

    /// <summary>Of more than <see cref="MostExact"/> players: random orders (default 10).</summary>
    [Option("samples", "Random orders, where there are more than 14 features; with fewer the values are exact.")]
    public int Samples { get; init; } = 10;

    [Option("index", "How joint effects are shared out over pairs.")]
    public InteractionIndex Index { get; init; } = InteractionIndex.ShapleyTaylor;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        if (game.Players <= MostExact) return Of(WithSums(Exact(game), game.Players), game.Players, null);
        if (Index != InteractionIndex.ShapleyTaylor)
            throw new InvalidOptionException($"This index asks for all coalitions and takes {MostExact} players at most; there are {game.Players}. Use --set index=shapley-taylor, which samples, or make fewer players with groups (--mask).");
        var moments = new RunningMoments(game.Players * (game.Players + 1));
        return UntilPrecise(game, Positive("samples", Samples), samples =>
        {
            game.Expected = (long)samples * game.Players * (game.Players - 1);
            while (moments.Count < samples) AddOrder(game, new CounterRandom(seed, (ulong)moments.Count).Permutation(game.Players), moments);
            return Of(moments.Mean.ToArray(), game.Players, moments.Errors());
        });
    }

    private double[] Exact(Game game)
    {
        int n = game.Players;
        double[] dividends = ShapleyValues.AllValues(game, MostExact), matrix = new double[n * n];
        for (int i = 0; i < n; i++)
            for (int s = 0; s < dividends.Length; s++)
                if ((s >> i & 1) != 0) dividends[s] -= dividends[s ^ (1 << i)];
        Span<int> members = stackalloc int[n];
        for (int t = 1; t < dividends.Length; t++)
        {
            int size = 0;
            for (uint rest = (uint)t; rest != 0; rest &= rest - 1) members[size++] = BitOperations.TrailingZeroCount(rest);
            var (single, pair) = Shares(size);
            for (int i = 0; i < size; i++)
            {
                matrix[members[i] * n + members[i]] += single * dividends[t];
                for (int j = 0; j < size; j++)
                    if (i != j) matrix[members[i] * n + members[j]] += pair / 2 * dividends[t];
            }
        }
        return matrix;
    }

    /// <summary>What of a dividend of a coalition goes to each of its members, and to each of their pairs.</summary>
    private (double Single, double Pair) Shares(int size) => (size, Index) switch
    {
        (1, _) => (1, 0),
        (2, _) => (0, 1),
        (_, InteractionIndex.ShapleyTaylor) => (0, 2.0 / (size * (size - 1.0))),
        (_, InteractionIndex.Shapley) => (1.0 / size - 0.5, 1 / (size - 1.0)), // 1/|T| less half of |T| − 1 pairs
        _ => (-2.0 / 3 * Choose(size - 1, 2) / Choose(size + 1, 3), 0.5 * Choose(size - 1, 2) / Choose(size + 1, 4)),
    };

    private static double Choose(int n, int k)
    {
        double choices = 1;
        for (int i = 1; i <= k; i++) choices = choices * (n - k + i) / i;
        return choices;
    }

    private static void AddOrder(Game game, int[] order, RunningMoments moments)
    {
        int n = game.Players;
        var coalitions = new Coalitions(n, n * n);
        for (int i = 0; i < n; i++) coalitions.AddEmpty().Join(i);
        // For every first of a pair: those before it, then with the second.
        for (int f = 0; f < n; f++)
        {
            coalitions.AddEmpty();
            for (int k = 0; k < f; k++) coalitions.Join(order[k]);
            int before = coalitions.Count - 1;
            coalitions.Add(coalitions[before]).Join(order[f]);
            for (int s = f + 1; s < n; s++)
            {
                coalitions.Add(coalitions[before]).Join(order[s]);
                coalitions.Add(coalitions[before + 1]).Join(order[s]);
            }
        }
        double[] values = game.Values(coalitions), sample = new double[n * n];
        int at = n;
        for (int i = 0; i < n; i++) sample[i * n + i] = values[i] - game.Empty;
        for (int f = 0; f < n; f++)
        {
            double before = values[at], first = values[at + 1];
            at += 2;
            for (int s = f + 1; s < n; s++, at += 2)
            {
                double joint = values[at + 1] - first - values[at] + before;
                sample[order[f] * n + order[s]] = sample[order[s] * n + order[f]] = joint / 2;
            }
        }
        moments.Add(WithSums(sample, n));
    }

    /// <summary>A matrix and, behind it, the sums of its rows.</summary>
    private static double[] WithSums(double[] matrix, int n) => [.. matrix, .. Enumerable.Range(0, n).Select(i => matrix.AsSpan(i * n, n).ToArray().Sum())];

    private static Solution Of(double[] matrixAndSums, int n, double[]? errors) =>
        new(matrixAndSums[(n * n)..]) { Interactions = matrixAndSums[..(n * n)], StandardErrors = errors?[(n * n)..] };
}
