using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Permutation SHAP: what each feature adds when features arrive one by one, averaged over random orders, each taken forwards and backwards.</summary>
/// <remarks>
/// φᵢ = mean over orders π of v(π up to and with i) − v(π before i). An order and its reverse make one sample (antithetic), so that the values of a model
/// without interactions of more than two features are exact after a single one. Every sample adds up to v(all) − v(nobody), and so does the mean. The standard
/// error is that of the mean over samples. Castro, Gómez, Tejada: Polynomial Calculation of the Shapley Value Based on Sampling, 2009;
/// Mitchell, Cooper, Frank, Holmes: Sampling Permutations for Shapley Value Estimation, JMLR 2022, section 3.
/// <para>With a background of several rows each row takes orders of its own, where shap takes the same for all: as many calls, and chance averages out over the rows too, so that
/// a fraction of the orders makes the same error. (Where there are so few features that all coalitions take fewer calls, orders are shared and no coalition is
/// asked for twice.)</para>
/// </remarks>
[Method("permutation-shap", "Permutation SHAP", "What each feature adds to the score when features arrive one by one in random orders, forwards and backwards.",
    Source = "Castro, Gómez, Tejada 2009; Mitchell et al. 2022, section 3",
    Formula = "φᵢ = mean over orders π and their reverses of v(π up to i) − v(π before i)",
    Cost = "(2 + (1 + 2 × samples × others) × background) × forward",
    Axioms = Axioms.All)]
public sealed class PermutationShap(IPredictor model) : SampledGameMethod(model)
{
    private const int Portion = 1 << 13; // coalitions that are asked for at once, about: their arrays are of no size that the collector minds

    /// <summary>Random orders for each background row, each taken forwards and backwards (default 10).</summary>
    [Option("samples", "Random orders for each background row, each taken forwards and backwards.")]
    public int Samples { get; init; } = 10;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        int players = game.Players;
        bool few = players < 31 && 1L << players <= 2L * Positive("samples", Samples) * (players - 1);
        int strata = few ? 1 : game.Draws;
        double[] empty = strata == 1 ? [game.Empty] : game.EmptyAtDraws();
        var moments = new StratifiedMoments(players, [.. Enumerable.Range(0, strata).Select(d => strata == 1 ? 1 : game.WeightOf(d))]);
        return UntilPrecise(game, Samples, samples =>
        {
            long orders = (long)samples * strata, portion = Math.Max(1, Portion / (2 * Math.Max(1, players - 1)));
            game.Expected = 2 * orders * (players - 1) + strata + 1;
            for (long from = moments.Samples; from < orders; from += portion) Add(game, seed, from, (int)Math.Min(portion, orders - from), empty, moments);
            return new Solution(moments.Mean()) { StandardErrors = players <= 2 ? new double[players] : moments.Errors() };
        });
    }

    private static void Add(Game game, ulong seed, long from, int count, double[] empty, StratifiedMoments moments)
    {
        int players = game.Players, steps = 2 * (players - 1);
        var orders = new int[count][];
        // The players before each place of an order, and, which is the same for its reverse, the others.
        var coalitions = new Coalitions(players, count * Math.Max(1, steps));
        int[] draws = new int[count * steps];
        for (int s = 0; s < count; s++)
        {
            orders[s] = new CounterRandom(seed, (ulong)(from + s)).Permutation(players);
            draws.AsSpan(s * steps, steps).Fill((int)((from + s) % empty.Length));
            for (int k = 1; k < players; k++)
            {
                if (k == 1) coalitions.AddEmpty();
                else coalitions.Add(coalitions[coalitions.Count - 2]);
                coalitions.Join(orders[s][k - 1]);
                coalitions.AddComplement(coalitions[coalitions.Count - 1]);
            }
        }
        double[] values = empty.Length == 1 ? game.Values(coalitions) : game.ValuesAt(coalitions, draws), sample = new double[players];
        for (int s = 0; s < count; s++)
        {
            ReadOnlySpan<double> own = values.AsSpan(s * steps, steps);
            double nobody = empty[(from + s) % empty.Length];
            for (int k = 0; k < players; k++)
            {
                double before = k == 0 ? nobody : own[2 * k - 2], after = k == players - 1 ? game.Full : own[2 * k];
                // Backwards, those who come before are those who came after.
                double othersBefore = k == players - 1 ? nobody : own[2 * k + 1], othersAfter = k == 0 ? game.Full : own[2 * k - 1];
                sample[orders[s][k]] = (after - before + othersAfter - othersBefore) / 2;
            }
            moments.Add(sample);
        }
    }
}
