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
}
