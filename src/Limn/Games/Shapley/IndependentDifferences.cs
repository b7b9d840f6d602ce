using Limn.Engine;

namespace Limn.Games;

/// <summary>Differences that single features make, each in an order and at a background row of its own (Štrumbelj, Kononenko 2014, algorithm 1).</summary>
internal sealed class IndependentDifferences(Game game, ulong seed)
{
    private const int Portion = 512;

    private readonly RunningMoments[] moments = [.. Enumerable.Range(0, game.Players).Select(_ => new RunningMoments(1))];

    /// <param name="samples">Differences of each feature, on average.</param>
    public Solution Solve(int samples)
    {
        int n = game.Players, first = Math.Max(2, samples / 2);
        game.Expected = 2L * n * samples;
        for (int i = 0; i < n; i++) Draw(i, first);
        // The rest where it helps most: in proportion to the variance.
        double[] variances = Array.ConvertAll(moments, Variance);
        double total = variances.Sum();
        long rest = Math.Max(0, (long)n * samples - moments.Sum(m => m.Count));
        for (int i = 0; i < n && total > 0; i++) Draw(i, moments[i].Count + (long)(rest * variances[i] / total));

        double[] values = Array.ConvertAll(moments, m => m.Mean[0]), errors = Array.ConvertAll(moments, m => m.Errors()[0]);
        // What is left over goes to the means that are least certain, in proportion to their variance (shap does the same).
        double[] ofMeans = Array.ConvertAll(moments, m => Variance(m) / m.Count);
        double sum = ofMeans.Sum(), left = game.Full - game.Empty - values.Sum();
        for (int i = 0; i < n; i++) values[i] += left * (sum > 0 ? ofMeans[i] / sum : 1.0 / n);
        return new Solution(values) { StandardErrors = errors };
    }

    private static double Variance(RunningMoments moments) => moments.Errors()[0] is var e ? e * e * moments.Count / Math.Pow(StandardError.Widening(moments.Count - 1), 2) : 0;

    private void Draw(int feature, long upTo)
    {
        int n = game.Players;
        while (moments[feature].Count < upTo)
        {
            long from = moments[feature].Count;
            int count = (int)Math.Min(Portion, upTo - from);
            var coalitions = new Coalitions(n, 2 * count);
            var draws = new int[2 * count];
            for (int k = 0; k < count; k++)
            {
                var random = new CounterRandom(seed, ((ulong)feature << 40) + (ulong)(from + k));
                int[] order = random.Permutation(n);
                int at = Array.IndexOf(order, feature);
                coalitions.AddEmpty();
                for (int j = 0; j < at; j++) coalitions.Join(order[j]);
                coalitions.Add(coalitions[coalitions.Count - 1]);
                coalitions.Join(feature);
                draws[2 * k] = draws[2 * k + 1] = game.RandomDraw(random, (ulong)n);
            }
            double[] values = game.ValuesAt(coalitions, draws);
            for (int k = 0; k < count; k++) moments[feature].Add([values[2 * k + 1] - values[2 * k]]);
        }
    }
}
