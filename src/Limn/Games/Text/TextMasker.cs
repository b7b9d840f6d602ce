using Limn.Engine;

namespace Limn.Games;

/// <summary>Parts of a text that are absent are taken out, or replaced by a token.</summary>
/// <param name="text">The text and its parts, which are the players.</param>
/// <param name="row">The row that is explained: a single text, and whatever else the model takes, which stays.</param>
/// <param name="token">What replaces a part; null to take it out.</param>
internal sealed class TextMasker(TextParts text, IReadOnlyList<NdArray> row, string? token) : IMasker
{
    public int Players => text.Parts.Count;

    public int Draws => 1;

    public IReadOnlyList<double>? Weights => null;

    public NdArray[] Room(int rows) => [.. row.Select(x => NdArray.Create(x.Type, [rows, .. x.Dims[1..]]))];

    public void Write(ReadOnlySpan<ulong> coalition, int draw, int draws, IReadOnlyList<NdArray> rows, int at)
    {
        var stays = new bool[text.Parts.Count];
        for (int p = 0; p < stays.Length; p++) stays[p] = Coalitions.Has(coalition, p);
        string mixed = text.With(p => stays[p], token);
        for (int i = 0; i < row.Count; i++)
        {
            if (row[i].Type == ElementType.String) rows[i].Strings[at] = mixed;
            else rows[i].Rows(at, 1).CopyFrom(row[i]);
        }
    }
}
