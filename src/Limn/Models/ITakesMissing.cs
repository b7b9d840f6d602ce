namespace Limn.Models;

/// <summary>A model to which NaN is a value that is missing, and infinities are numbers: rows that hold them can be explained.</summary>
internal interface ITakesMissing
{
    /// <summary>Refuses rows in which something is missing that the model has no branch for.</summary>
    /// <exception cref="InvalidDataException">A value is missing; the message names row and column.</exception>
    void CheckMissing(ReadOnlySpan<float> rows, long firstRow = 0, IReadOnlyList<string>? names = null);
}
