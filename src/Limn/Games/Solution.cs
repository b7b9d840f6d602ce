using Limn.Games.Local;

namespace Limn.Games;

/// <summary>How a game was solved: a number for each player.</summary>
/// <param name="Values">The value of each player.</param>
public sealed record Solution(double[] Values)
{
    /// <summary>
    /// The standard error of each value, for sampled solvers: the true value lies within two of them in about 95 % of all runs. Where it rests on few
    /// samples it is widened by Student's t so that this stays so. Null for exact solvers.
    /// </summary>
    public double[]? StandardErrors { get; init; }

    /// <summary>Interaction values of pairs, [players, players] row by row and symmetric, where the solver computes them.</summary>
    public double[]? Interactions { get; init; }

    /// <summary>The local surrogate whose coefficients the values are; null for other solvers.</summary>
    public Surrogate? Surrogate { get; init; }

    /// <summary>The rule that holds the prediction, for anchors; null for other solvers.</summary>
    public Rule? Rule { get; init; }

    /// <summary>What the solver has to say about its solution; one sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>The same for more players, of which some had no part in the game and get zero.</summary>
    /// <param name="at">Where each of the game's players stands among all.</param>
    /// <param name="count">How many there are in all.</param>
    internal Solution Among(IReadOnlyList<int> at, int count)
    {
        if (at.Count == count) return this;
        double[] Wider(double[] few)
        {
            var all = new double[count];
            for (int i = 0; i < few.Length; i++) all[at[i]] = few[i];
            return all;
        }
        double[]? pairs = Interactions is null ? null : new double[count * count];
        for (int i = 0; i < at.Count && pairs is not null; i++)
            for (int j = 0; j < at.Count; j++) pairs[at[i] * count + at[j]] = Interactions![i * at.Count + j];
        return this with { Values = Wider(Values), StandardErrors = StandardErrors is null ? null : Wider(StandardErrors), Interactions = pairs, Surrogate = Surrogate?.Among(at), Rule = Rule?.Among(at) };
    }
}
