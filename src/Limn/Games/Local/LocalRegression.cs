using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Games.Local;

/// <summary>Fits a surrogate to samples, and tells how firm its numbers are.</summary>
/// <remarks>
/// The samples are cut into blocks, and blocks are drawn again with replacement: each such resample is fitted anew from the sums of its blocks, its features selected
/// anew, without a further call of the model (Efron 1979; of blocks of independent samples, as they are here). The standard error of a value is its deviation
/// over the resamples. Where there are more than 128 features the refits are replaced by their first order, β + Σ_blocks (times drawn − 1) G⁻¹ Σw z (what the
/// fit misses), which takes no factorisation.
/// </remarks>
internal sealed record LocalRegression
{
    private const int Blocks = 32, Resamples = 50, MostRefitted = 128, Leading = 5;

    /// <summary>How many features are kept; null for all.</summary>
    public int? Keep { get; init; }

    public FeatureSelection Selection { get; init; }

    public SurrogateKind Kind { get; init; }

    /// <summary>The penalty.</summary>
    public double Alpha { get; init; }

    /// <summary>The depth of a tree.</summary>
    public int Depth { get; init; } = 3;

    /// <summary>Fits.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="row">The features of the row itself.</param>
    /// <param name="score">Its score.</param>
    /// <param name="seed">The seed of the resamples; null where the samples are all there are, so that nothing is left to chance.</param>
    public Solution Of(LocalSamples samples, ReadOnlySpan<double> row, double score, ulong? seed)
    {
        int blocks = Math.Min(Blocks, samples.Count);
        int Start(int block) => (int)((long)block * samples.Count / blocks);
        bool refits = Kind == SurrogateKind.Tree || samples.Features <= MostRefitted;
        WeightedSums[] parts = seed is null || !refits ? [samples.Sums(0, samples.Count)] : [.. Enumerable.Range(0, blocks).Select(b => samples.Sums(Start(b), Start(b + 1) - Start(b)))];
        NormalEquations problem = Sum(parts, null).Centred();
        double[] point = row.ToArray();
        int[] kept = Kept(problem, point);
        RegressionTree? tree = null;
        int[] order = Kind == SurrogateKind.Tree ? RegressionTree.OrderOf(samples, Selecting.All(samples.Features)) : [];
        if (Kind == SurrogateKind.Tree) tree = Tree(samples, order, kept, samples.Weights.ToArray());
        double[] values = tree is null ? Fit(problem, kept) : tree.Credits(row);

        double[][] again = seed is not { } s ? []
            : tree is not null ? Resampled(s, blocks, times => ReTree(samples, order, parts, times, point, Start))
            : refits ? Resampled(s, blocks, times => Sum(parts, times).Centred() is var p ? Fit(p, Kept(p, point)) : [])
            : FirstOrder(samples, problem, values, s, blocks, Start);
        double residual = tree is null ? problem.Residual(values) : Missed(samples, tree);
        double intercept = tree is null ? problem.Intercept(values) : tree.Root;
        int leading = Keep is { } k && k < samples.Features ? k : Math.Clamp(samples.Features - 1, 1, Leading);
        int[][] leads = Array.ConvertAll(again, a => Strongest(a, leading));
        int[] top = [.. Strongest(values, leading).Where(i => values[i] != 0)];
        return new Solution(values)
        {
            StandardErrors = again.Length == 0 ? null : Errors(again, samples.Features, blocks),
            Surrogate = new Surrogate(intercept, problem.Total > 0 ? 1 - residual / problem.Total : double.NaN, intercept + (tree is null ? TensorPrimitives.Dot(values, row) : values.Sum()), score, Math.Sqrt(residual / problem.Weight))
            {
                Samples = seed is null ? 0 : samples.Count,
                Top = [.. top.Select(i => new TopFeature(i, values[i], again.Length == 0 ? 1 : Enumerable.Range(0, again.Length).Count(r => again[r][i] != 0 && leads[r].Contains(i)) / (double)again.Length))],
            },
        };
    }

    private static int[] Strongest(double[] values, int count) => Selecting.Strongest(Array.ConvertAll(values, Math.Abs), count);

    private int[] Kept(NormalEquations problem, double[] row) => Keep is { } keep ? Selecting.Of(problem, Selection, keep, row) : Selecting.All(problem.Features);

    private double[] Fit(NormalEquations problem, int[] kept) => Kind == SurrogateKind.Lasso ? LassoRegression.Fit(problem, kept, Alpha) : RidgeRegression.Fit(problem, kept, Alpha);

    private RegressionTree Tree(LocalSamples samples, int[] order, int[] kept, double[] weights)
    {
        int[] some = kept.Length == samples.Features ? order : [.. kept.SelectMany(f => order.AsSpan(f * samples.Count, samples.Count).ToArray())];
        return new RegressionTree(samples, weights, some, kept, Depth);
    }

    private double[] ReTree(LocalSamples samples, int[] order, WeightedSums[] parts, int[] times, double[] row, Func<int, int> start)
    {
        double[] weights = samples.Weights.ToArray();
        for (int b = 0; b < times.Length; b++)
            for (int k = start(b); k < start(b + 1); k++) weights[k] *= times[b];
        return Tree(samples, order, Kept(Sum(parts, times).Centred(), row), weights).Credits(row);
    }

    private static double Missed(LocalSamples samples, RegressionTree tree)
    {
        double missed = 0;
        for (int k = 0; k < samples.Count; k++) missed += samples.Weights[k] * Math.Pow(samples.Scores[k] - tree.Predict(k), 2);
        return missed;
    }

    private static WeightedSums Sum(WeightedSums[] parts, int[]? times)
    {
        if (parts.Length == 1) return parts[0];
        var sum = new WeightedSums(parts[0].Totals.Length - 1);
        for (int b = 0; b < parts.Length; b++)
            if (times is null || times[b] > 0) sum.Add(parts[b], times?[b] ?? 1);
        return sum;
    }

    private static double[][] Resampled(ulong seed, int blocks, Func<int[], double[]> fit)
    {
        var again = new double[Resamples][];
        for (int r = 0; r < Resamples; r++) again[r] = fit(Times(seed, r, blocks));
        return again;
    }

    /// <summary>How often each block is drawn in a resample.</summary>
    private static int[] Times(ulong seed, int resample, int blocks)
    {
        var random = new CounterRandom(seed, ulong.MaxValue - (ulong)resample);
        var times = new int[blocks];
        for (int b = 0; b < blocks; b++) times[random.Below(blocks, (ulong)b)]++;
        return times;
    }

    private double[][] FirstOrder(LocalSamples samples, NormalEquations problem, double[] values, ulong seed, int blocks, Func<int, int> start)
    {
        int n = samples.Features;
        int[] kept = [.. Enumerable.Range(0, n).Where(i => values[i] != 0)]; // constant features, and those that were not selected, stay so
        var matrix = new double[kept.Length * kept.Length];
        for (int i = 0; i < kept.Length; i++)
        {
            for (int j = 0; j <= i; j++) matrix[i * kept.Length + j] = problem.Gram[kept[i] * n + kept[j]];
            matrix[i * kept.Length + i] += Kind == SurrogateKind.Ridge ? Alpha : 0;
        }
        bool[] free = RidgeRegression.Solve(matrix, new double[kept.Length]);
        double[] missed = samples.Scores.ToArray();
        TensorPrimitives.Add(missed, -problem.Intercept(values), missed);
        foreach (int i in kept) TensorPrimitives.MultiplyAdd(samples.Column(i), -values[i], missed, missed);
        TensorPrimitives.Multiply(missed, samples.Weights, missed);
        double[][] moves = [.. Enumerable.Range(0, blocks).Select(b =>
        {
            ReadOnlySpan<double> part = missed.AsSpan(start(b)..start(b + 1));
            double sum = TensorPrimitives.Sum(part);
            var move = new double[kept.Length];
            for (int i = 0; i < move.Length; i++) move[i] = TensorPrimitives.Dot(part, samples.Column(kept[i])[start(b)..start(b + 1)]) - problem.Means[kept[i]] * sum;
            RidgeRegression.Substitute(matrix, move, free);
            return move;
        })];
        return Resampled(seed, blocks, times =>
        {
            double[] moved = [.. values];
            for (int b = 0; b < blocks; b++)
                for (int i = 0; i < kept.Length; i++) moved[kept[i]] += (times[b] - 1) * moves[b][i];
            return moved;
        });
    }

    private static double[] Errors(double[][] again, int features, int blocks)
    {
        var moments = new RunningMoments(features);
        foreach (double[] values in again) moments.Add(values);
        double freed = blocks > 1 ? Math.Sqrt(blocks / (blocks - 1.0)) : double.NaN; // as many blocks as there are have one freedom less
        return Array.ConvertAll(moments.Deviations(), d => d * freed * StandardError.Widening(Math.Max(1, blocks - 1)));
    }
}
