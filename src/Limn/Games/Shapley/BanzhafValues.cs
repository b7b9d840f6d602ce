using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Banzhaf values: what a feature adds to a coalition of the others, all coalitions counting the same.</summary>
/// <remarks>
/// βᵢ = 2^−(M−1) Σ_{S ∌ i} v(S ∪ i) − v(S). With up to <see cref="Samples"/> coalitions in all they are exact; with more, S is drawn evenly and asked together with its
/// complement, and every pair is a sample of every feature: v(the one with i) − v(the one without). The values need not add up. Noise in the scores disturbs the
/// order of Banzhaf values least of all semivalues. Banzhaf 1965; Wang, Jia: Data Banzhaf, AISTATS 2023, theorem 4.2 (robustness) and equation 5 (sampling).
/// </remarks>
[Method("banzhaf", "Banzhaf Values", "What each feature adds to a coalition of the others, on average over all coalitions alike.",
    Source = "Banzhaf 1965; Wang, Jia 2023",
    Formula = "βᵢ = 2^−(M−1) Σ_{S ∌ i} v(S ∪ i) − v(S)",
    Cost = "(2 + (1 + samples) × background) × forward",
    Axioms = Axioms.Sensitivity | Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class BanzhafValues(IPredictor model) : SampledGameMethod(model)
{
    private const int Portion = 512;

    /// <summary>How many coalitions are asked for (default 2048).</summary>
    [Option("samples", "How many coalitions are asked for; where there are no more, the values are exact.")]
    public int Samples { get; init; } = 2048;

    internal override bool IsAdditive => false;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        int n = game.Players, all = n < 31 ? 1 << n : int.MaxValue;
        var moments = new RunningMoments(n);
        bool exact = false;
        return UntilPrecise(game, Positive("samples", Samples), samples =>
        {
            if (exact) return null;
            if (exact = samples >= all) return Exact(game);
            game.Expected = samples + 2;
            while (moments.Count < Math.Max(2, samples / 2)) AddPairs(game, seed, (int)moments.Count, (int)Math.Min(Portion, Math.Max(2, samples / 2) - moments.Count), moments);
            return new Solution(moments.Mean.ToArray()) { StandardErrors = moments.Errors() };
        });
    }

    private static Solution Exact(Game game)
    {
        double[] values = ShapleyValues.AllValues(game);
        var solution = new double[game.Players];
        for (int s = 0; s < values.Length; s++)
            for (int i = 0; i < solution.Length; i++) solution[i] += (s >> i & 1) != 0 ? values[s] : -values[s];
        return new Solution(Array.ConvertAll(solution, v => v / (values.Length / 2)));
    }

    private static void AddPairs(Game game, ulong seed, int from, int count, RunningMoments moments)
    {
        int n = game.Players;
        var pairs = new Coalitions(n, 2 * count);
        for (int k = 0; k < count; k++)
        {
            var random = new CounterRandom(seed, (ulong)(from + k));
            pairs.AddEmpty();
            for (int i = 0; i < n; i++)
                if ((random.Bits((ulong)(i >> 6)) >> (i & 63) & 1) != 0) pairs.Join(i);
            pairs.AddComplement(pairs[pairs.Count - 1]);
        }
        double[] values = game.Values(pairs), sample = new double[n];
        for (int k = 0; k < count; k++)
        {
            double difference = values[2 * k] - values[2 * k + 1];
            for (int i = 0; i < n; i++) sample[i] = Coalitions.Has(pairs[2 * k], i) ? difference : -difference;
            moments.Add(sample);
        }
    }
}
