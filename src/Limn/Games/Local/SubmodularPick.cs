using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Games.Local;

/// <summary>Picks a few rows whose explanations show, together, most of what the model uses.</summary>
/// <remarks>
/// With W the explanations (rows by features), a feature's importance is Iⱼ = √Σᵢ|Wᵢⱼ|, and rows V cover Σⱼ Iⱼ [some i in V has Wᵢⱼ ≠ 0]. Rows are taken greedily,
/// which covers at least 1 − 1/e of the best choice. Of equal gains the first row is taken. When nothing more is left to be covered, no more rows are picked.
/// Ribeiro, Singh, Guestrin: "Why Should I Trust You?", KDD 2016, section 4 and algorithm 2.
/// </remarks>
public static class SubmodularPick
{
    /// <summary>Picks rows of an explanation, by its players where it has them, or by its elements.</summary>
    /// <param name="explanation">An explanation of several rows with the same features, best one that keeps few of them (LIME).</param>
    /// <param name="count">How many rows to pick at most.</param>
    /// <exception cref="ShapeMismatchException">The rows have different numbers of players.</exception>
    public static Picked Of(Attribution explanation, int count = 5)
    {
        ArgumentNullException.ThrowIfNull(explanation);
        if (explanation.Players is { } players) return Of([.. players.Select(p => p.Solution.Values)], count);
        int rows = explanation.Prediction.Count;
        var all = explanation.Tensors.Select(t =>
        {
            var flat = new float[t.Values.FlattenedLength];
            t.Values.FlattenTo(flat);
            return flat;
        }).ToArray();
        return Of([.. Enumerable.Range(0, rows).Select(r => all.SelectMany(a => a.AsSpan(a.Length / rows * r, a.Length / rows).ToArray()).Select(v => (double)v).ToArray())], count);
    }

    /// <summary>Picks rows of explanations.</summary>
    /// <param name="explanations">For each row a number for each feature.</param>
    /// <param name="count">How many rows to pick at most.</param>
    public static Picked Of(IReadOnlyList<double[]> explanations, int count = 5)
    {
        ArgumentNullException.ThrowIfNull(explanations);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (explanations.Count == 0) return new Picked([], [], []);
        int features = explanations[0].Length;
        if (explanations.Any(e => e.Length != features)) throw new ShapeMismatchException("Rows can be picked only among those with the same features: these have different numbers of them.");
        double[] importance = [.. Enumerable.Range(0, features).Select(j => Math.Sqrt(explanations.Sum(e => Math.Abs(e[j]))))];
        double all = importance.Sum();
        var covered = new bool[features];
        List<int> picked = [];
        List<double> coverage = [];
        while (picked.Count < count)
        {
            double Gain(int row) => Enumerable.Range(0, features).Sum(j => !covered[j] && explanations[row][j] != 0 ? importance[j] : 0);
            int best = Enumerable.Range(0, explanations.Count).MaxBy(Gain);
            if (Gain(best) <= 0) break;
            picked.Add(best);
            for (int j = 0; j < features; j++) covered[j] |= explanations[best][j] != 0;
            coverage.Add(Enumerable.Range(0, features).Sum(j => covered[j] ? importance[j] : 0) / all);
        }
        return new Picked(picked, coverage, importance);
    }
}

/// <summary>Rows that were picked.</summary>
/// <param name="Rows">The rows, in the order in which they were picked.</param>
/// <param name="Coverage">The share of the features' importance that the rows up to each cover.</param>
/// <param name="Importance">The importance of each feature.</param>
public sealed record Picked(IReadOnlyList<int> Rows, IReadOnlyList<double> Coverage, IReadOnlyList<double> Importance);
