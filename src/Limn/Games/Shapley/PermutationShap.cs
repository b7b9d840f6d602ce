using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Permutation SHAP: what each feature adds when features arrive one by one, averaged over random orders, each taken forwards and backwards.</summary>
/// <remarks>
/// φᵢ = mean over orders π of v(π up to and with i) − v(π before i). An order and its reverse make one sample (antithetic), so that the values of a model
/// without interactions of more than two features are exact after a single one. Every sample adds up to v(all) − v(nobody), and so does the mean. The standard
/// error is that of the mean over samples. Castro, Gómez, Tejada: Polynomial Calculation of the Shapley Value Based on Sampling, 2009;
/// Mitchell, Cooper, Frank, Holmes: Sampling Permutations for Shapley Value Estimation, JMLR 2022, section 3.
/// </remarks>
[Method("permutation-shap", "Permutation SHAP", "What each feature adds to the score when features arrive one by one in random orders, forwards and backwards.",
    Source = "Castro, Gómez, Tejada 2009; Mitchell et al. 2022, section 3",
    Formula = "φᵢ = mean over orders π and their reverses of v(π up to i) − v(π before i)",
    Cost = "(2 + (1 + 2 × samples × others) × background) × forward",
    Axioms = Axioms.All)]
public sealed class PermutationShap(IPredictor model) : SampledGameMethod(model)
{
    private const int Portion = 16; // orders that are asked for at once

    /// <summary>Random orders, each taken forwards and backwards (default 10).</summary>
    [Option("samples", "Random orders, each taken forwards and backwards.")]
    public int Samples { get; init; } = 10;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        var moments = new RunningMoments(game.Players);
        return UntilPrecise(game, Positive("samples", Samples), samples =>
        {
            game.Expected = 2L * samples * (game.Players - 1) + 2;
            for (int from = (int)moments.Count; from < samples; from += Portion) Add(game, seed, from, Math.Min(Portion, samples - from), moments);
            return new Solution(moments.Mean.ToArray()) { StandardErrors = game.Players <= 2 ? new double[game.Players] : moments.Errors() };
        });
    }

    private static void Add(Game game, ulong seed, int from, int count, RunningMoments moments)
    {
        int players = game.Players;
        var orders = new int[count][];
        // The players before each place of an order, and, which is the same for its reverse, the others.
        var coalitions = new Coalitions(players, 2 * count * Math.Max(1, players - 1));
        for (int s = 0; s < count; s++)
        {
            orders[s] = new CounterRandom(seed, (ulong)(from + s)).Permutation(players);
            for (int k = 1; k < players; k++)
            {
                if (k == 1) coalitions.AddEmpty();
                else coalitions.Add(coalitions[coalitions.Count - 2]);
                coalitions.Join(orders[s][k - 1]);
                coalitions.AddComplement(coalitions[coalitions.Count - 1]);
            }
        }
        double[] values = game.Values(coalitions), sample = new double[players];
        for (int s = 0; s < count; s++)
        {
            Span<double> own = values.AsSpan(2 * s * (players - 1), 2 * (players - 1));
            for (int k = 0; k < players; k++)
            {
                double before = k == 0 ? game.Empty : own[2 * k - 2], after = k == players - 1 ? game.Full : own[2 * k];
                // Backwards, those who come before are those who came after.
                double othersBefore = k == players - 1 ? game.Empty : own[2 * k + 1], othersAfter = k == 0 ? game.Full : own[2 * k - 1];
                sample[orders[s][k]] = (after - before + othersAfter - othersBefore) / 2;
            }
            moments.Add(sample);
        }
    }
}
