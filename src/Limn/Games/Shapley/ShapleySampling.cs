using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>How <see cref="ShapleySampling"/> draws.</summary>
public enum SamplingVariant
{
    /// <summary>Every feature joins coalitions of every size as often: the arcs of features sat around a table at random.</summary>
    Stratified,

    /// <summary>Random orders, each taken forwards only, as Captum does.</summary>
    Permutation,

    /// <summary>Each feature on its own, each time in another order and with another background row, more often where it varies more, as shap's SamplingExplainer does.</summary>
    Independent,
}

/// <summary>Shapley values by sampling what a feature adds to random coalitions.</summary>
/// <remarks>
/// φᵢ = E over orders π of v(π up to and with i) − v(π before i), estimated in one of three ways.
/// <list type="bullet">
/// <item>Stratified: features sit around a table in random order, and every run of neighbours is a coalition. In those M (M − 1) coalitions each feature is joined to
/// one of every size from either side, so that no size is left to chance. A sample is a table. Every table adds up.
/// After Castro, Gómez, Molina, Tejada: Improving Polynomial Estimation of the Shapley Value by Stratified Random Sampling, 2017, section 3.</item>
/// <item>Permutation: Castro, Gómez, Tejada 2009; a sample is an order, and adds up.</item>
/// <item>Independent: Štrumbelj, Kononenko: Explaining Prediction Models and Individual Predictions with Feature Contributions, 2014, algorithm 1 and equation 8: a sample is
/// one difference of one feature with one background row; half of the samples are shared out by the variance seen in the first half. What is left
/// to the change of the score is shared out by the variances of the means.</item>
/// </list>
/// The standard error is that of the mean over samples.
/// </remarks>
[Method("shapley-sampling", "Shapley Value Sampling", "What each feature adds to random coalitions of the others, averaged.",
    Source = "Castro et al. 2009 and 2017; Štrumbelj, Kononenko 2014",
    Formula = "φᵢ = mean over orders π of v(π up to i) − v(π before i)",
    Cost = "(2 + (1 + samples × players × others) × background) × forward",
    Axioms = Axioms.All)]
public sealed class ShapleySampling(IPredictor model) : SampledGameMethod(model)
{
    private const int Portion = 16;

    /// <summary>Tables (10 when null), orders (25) or differences of each feature (100).</summary>
    [Option("samples", "Tables of features (stratified; 10 when left out), orders (permutation; 25), or differences of each feature (independent; 100).")]
    public int? Samples { get; init; }

    [Option("variant", "How coalitions are drawn.")]
    public SamplingVariant Variant { get; init; } = SamplingVariant.Stratified;

    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        int samples = Positive("samples", Samples ?? Variant switch { SamplingVariant.Stratified => 10, SamplingVariant.Permutation => 25, _ => 100 });
        if (game.Players == 1) return new Solution([game.Full - game.Empty]);
        if (Variant == SamplingVariant.Independent)
        {
            var differences = new IndependentDifferences(game, seed);
            return UntilPrecise(game, samples, differences.Solve);
        }
        var moments = new RunningMoments(game.Players);
        bool tables = Variant == SamplingVariant.Stratified;
        return UntilPrecise(game, samples, n =>
        {
            game.Expected = (long)n * (game.Players - 1) * (tables ? game.Players : 1) + 2;
            while (moments.Count < n)
            {
                int from = (int)moments.Count, count = tables ? 1 : Math.Min(Portion, n - from);
                if (tables) AddTable(game, new CounterRandom(seed, (ulong)from).Permutation(game.Players), moments);
                else AddOrders(game, [.. Enumerable.Range(from, count).Select(k => new CounterRandom(seed, (ulong)k).Permutation(game.Players))], moments);
            }
            return new Solution(moments.Mean.ToArray()) { StandardErrors = moments.Errors() };
        });
    }

    private static void AddTable(Game game, int[] seats, RunningMoments moments)
    {
        int n = seats.Length;
        // Coalition (n − 1) s + k − 1 is of the k neighbours from seat s on.
        var arcs = new Coalitions(n, n * (n - 1));
        for (int s = 0; s < n; s++)
            for (int k = 1; k < n; k++)
            {
                if (k == 1) arcs.AddEmpty();
                else arcs.Add(arcs[arcs.Count - 1]);
                arcs.Join(seats[(s + k - 1) % n]);
            }
        double[] values = game.Values(arcs), sample = new double[n];
        double Arc(int s, int k) => k == 0 ? game.Empty : k == n ? game.Full : values[s % n * (n - 1) + k - 1];
        for (int s = 0; s < n; s++)
            for (int k = 1; k <= n; k++)
            {
                sample[seats[(s + k - 1) % n]] += (Arc(s, k) - Arc(s, k - 1)) / (2 * n);
                sample[seats[s]] += (Arc(s, k) - Arc(s + 1, k - 1)) / (2 * n);
            }
        moments.Add(sample);
    }

    private static void AddOrders(Game game, int[][] orders, RunningMoments moments)
    {
        int n = game.Players;
        var coalitions = new Coalitions(n, orders.Length * (n - 1));
        foreach (int[] order in orders)
            for (int k = 1; k < n; k++)
            {
                if (k == 1) coalitions.AddEmpty();
                else coalitions.Add(coalitions[coalitions.Count - 1]);
                coalitions.Join(order[k - 1]);
            }
        double[] values = game.Values(coalitions), sample = new double[n];
        for (int s = 0; s < orders.Length; s++)
        {
            for (int k = 0; k < n; k++)
                sample[orders[s][k]] = (k == n - 1 ? game.Full : values[s * (n - 1) + k]) - (k == 0 ? game.Empty : values[s * (n - 1) + k - 1]);
            moments.Add(sample);
        }
    }
}
