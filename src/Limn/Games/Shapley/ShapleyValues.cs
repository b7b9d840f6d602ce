using System.Numerics.Tensors;
using Limn.Models;

namespace Limn.Games;

/// <summary>Shapley values by enumeration of all coalitions.</summary>
/// <remarks>
/// φᵢ = Σ_{S ∌ i} |S|! (M − |S| − 1)! / M! · (v(S ∪ i) − v(S)), from all 2ᴹ coalitions, each asked for once. The sums are taken over all players at once: with
/// w(S) the weight of S as a coalition without i, and u(S) as one with i, φᵢ = Σ_{S ∋ i} (u + w)(S) v(S) − Σ_S w(S) v(S), and the sums over S ∋ i for all i
/// come from halving the table of coalitions M times. Shapley 1953; Lundberg, Lee 2017, equation 4.
/// </remarks>
[Method("shapley-values", "Shapley Values", "Each feature's fair share of the score: its contribution to every coalition of the others, averaged. Exact, at the cost of all coalitions.",
    Source = "Shapley 1953; Lundberg, Lee 2017, eq. 4",
    Formula = "φᵢ = Σ_{S ∌ i} |S|! (M − |S| − 1)! / M! · (v(S ∪ i) − v(S))",
    Cost = "(2 + coalitions × background) × forward",
    Axioms = Axioms.All)]
public sealed class ShapleyValues(IPredictor model) : GameMethod(model)
{
    /// <summary>The most players: 2²⁵ coalitions take 0.3 GB.</summary>
    public const int MostPlayers = 25;

    private const int Portion = 1 << 16;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        double[] values = AllValues(game);
        int players = game.Players;
        double[] without = WeightsWithout(players), with = [0, .. without]; // a coalition of s players with i has s − 1 others
        double all = 0;
        for (int s = 0; s < values.Length; s++)
        {
            int size = int.PopCount(s);
            double weight = size < players ? without[size] : 0;
            all += weight * values[s];
            values[s] *= weight + with[size];
        }
        var solution = new double[players];
        Span<double> table = values;
        for (int i = players - 1; i >= 0; i--)
        {
            Span<double> lower = table[..(table.Length / 2)], upper = table[(table.Length / 2)..];
            solution[i] = TensorPrimitives.Sum<double>(upper) - all;
            TensorPrimitives.Add(lower, upper, lower);
            table = lower;
        }
        return new Solution(solution);
    }

    /// <summary>The weights |S|! (M − |S| − 1)! / M! by the size of S.</summary>
    internal static double[] WeightsWithout(int players)
    {
        var weights = new double[players];
        weights[0] = 1.0 / players;
        for (int s = 1; s < players; s++) weights[s] = weights[s - 1] * s / (players - s);
        return weights;
    }

    /// <summary>The value of every coalition; bit i of its number is player i.</summary>
    /// <exception cref="InvalidOptionException">There are too many players.</exception>
    internal static double[] AllValues(Game game, int most = MostPlayers)
    {
        if (game.Players > most)
            throw new InvalidOptionException($"{game.Players} players have 2^{game.Players} coalitions, and this method asks for all of them; it takes {most} players at most. Use kernel-shap or permutation-shap, which sample, or make fewer players with groups (--mask).");
        var values = new double[1 << game.Players];
        game.Expected = values.Length;
        var some = new Coalitions(game.Players, Math.Min(values.Length, Portion));
        for (int from = 0; from < values.Length; from += Portion)
        {
            some.Clear();
            int count = Math.Min(Portion, values.Length - from);
            for (int s = from; s < from + count; s++) some.Add([(ulong)s]);
            game.Values(some).CopyTo(values, from);
        }
        return values;
    }
}
