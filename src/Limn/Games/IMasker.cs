using Limn.Engine;

namespace Limn.Games;

/// <summary>Turns coalitions of the features of one row into rows of the model's inputs.</summary>
public interface IMasker
{
    /// <summary>The number of players.</summary>
    int Players { get; }

    /// <summary>How many rows stand for a coalition; its value is the mean of their scores.</summary>
    int Draws { get; }

    /// <summary>The weight of each draw in that mean; null where all count the same.</summary>
    IReadOnlyList<double>? Weights { get; }

    /// <summary>Arrays that hold <paramref name="rows"/> rows.</summary>
    NdArray[] Room(int rows);

    /// <summary>Writes rows of a coalition.</summary>
    /// <param name="coalition">Who is present.</param>
    /// <param name="draw">The first of the draws to write.</param>
    /// <param name="draws">How many to write.</param>
    /// <param name="rows">Where to.</param>
    /// <param name="at">The first row to write.</param>
    void Write(ReadOnlySpan<ulong> coalition, int draw, int draws, IReadOnlyList<NdArray> rows, int at);

    /// <summary>Writes a row of each of several coalitions, each at one draw.</summary>
    /// <param name="coalitions">The coalitions.</param>
    /// <param name="from">The first of them to write.</param>
    /// <param name="draws">The draw of each that is written.</param>
    /// <param name="rows">Where to, from the first row on.</param>
    void Write(Coalitions coalitions, int from, ReadOnlySpan<int> draws, IReadOnlyList<NdArray> rows)
    {
        ArgumentNullException.ThrowIfNull(coalitions);
        for (int i = 0; i < draws.Length; i++) Write(coalitions[from + i], draws[i], 1, rows, i);
    }
}
