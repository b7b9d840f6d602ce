namespace Limn.Games;

/// <summary>What coalitions are worth: the characteristic function of a game.</summary>
public interface IValueFunction
{
    /// <summary>The number of players.</summary>
    int Players { get; }

    /// <summary>
    /// How many draws the value of a coalition is the mean of, such as the rows of a background; 1 where it is a single number. A draw decides what is absent, so everybody together is
    /// worth the same at each.
    /// </summary>
    int Draws => 1;

    /// <summary>The weight of each draw in that mean, adding up to one; null where all count the same.</summary>
    IReadOnlyList<double>? Weights => null;

    /// <summary>How many coalitions are best asked for at a time, at most 1024; between two times progress is told, and cancellation looked for.</summary>
    int AtOnce => 1024;

    /// <summary>The values of some coalitions.</summary>
    /// <param name="coalitions">All coalitions.</param>
    /// <param name="from">The first to value.</param>
    /// <param name="values">As many values as are asked for.</param>
    void Evaluate(Coalitions coalitions, int from, Span<double> values);

    /// <summary>The values of coalitions, each at one draw instead of the mean of all.</summary>
    /// <param name="coalitions">The coalitions.</param>
    /// <param name="draws">The draw of each, from 0 to <see cref="Draws"/> − 1.</param>
    /// <param name="values">The value of each.</param>
    void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values) => Evaluate(coalitions, 0, values);
}

/// <summary>A game given by a function of coalitions.</summary>
/// <param name="players">The number of players.</param>
/// <param name="value">The value of one coalition, given by its bits.</param>
public sealed class FunctionGame(int players, FunctionGame.Value value) : IValueFunction
{
    /// <summary>The value of a coalition.</summary>
    public delegate double Value(ReadOnlySpan<ulong> coalition);

    public int Players => players;

    public void Evaluate(Coalitions coalitions, int from, Span<double> values)
    {
        ArgumentNullException.ThrowIfNull(coalitions);
        for (int i = 0; i < values.Length; i++) values[i] = value(coalitions[from + i]);
    }
}
