using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Who plays in a row: what a schema or a mask says, or else what the kind of data suggests.</summary>
internal static class RowPlayers
{
    private const int FewElements = 64;

    /// <param name="question">What is asked.</param>
    /// <param name="row">The tensors of the row.</param>
    /// <param name="r">Its index.</param>
    /// <param name="mask">The group of each element, of one row or of all rows.</param>
    /// <param name="kind">What the features are, where neither a schema nor a mask says it.</param>
    /// <param name="segments">About how many segments or windows there are to be.</param>
    public static Players Of(Question question, IReadOnlyList<NdArray> row, int r, IReadOnlyList<NdArray>? mask, PlayerKind kind, int segments)
    {
        if (question.Schema(mask) is { } schema) return schema.PlayersOf(row);
        if (mask is not null) return Players.Groups(row, [.. mask.Select((m, i) => i < row.Count && m.Rank == row[i].Rank && m.Dims[0] == question.Rows && m.Length == question.Rows * row[i].Length ? m.Rows(r, 1) : m)]);
        bool isText = kind is PlayerKind.Words or PlayerKind.Sentences, isSeries = kind == PlayerKind.Windows;
        if ((kind == PlayerKind.Auto || isText) && TextOf(question, row) is { } text)
            return Players.OfText(row, kind == PlayerKind.Sentences ? TextParts.Sentences(text) : TextParts.Words(text));
        if (question.Places.Count == 0 && row is [{ Rank: 2 or 3 } series] && series.Type.IsFloating() && (isSeries || (kind == PlayerKind.Auto && series.Rank == 3 && series.Length > FewElements)))
            return SeriesPlayers.Of(series, segments > 0 ? segments : throw new InvalidOptionException($"The option 'segments' must be at least 1, and {segments} was given."));
        if (isText || isSeries)
            throw new InvalidOptionException($"The option 'features' is {OptionText.Kebab(kind.ToString())}, which is for {(isText ? "a single text a row" : "a time series [N,C,L] or [N,L]")}, and what is explained has the shape {string.Join(", ", row.Select(x => $"{NdArray.Describe(x.Dims)} of {x.Type}"))}. Leave it away, or group features with a mask.");
        InputPlaces? inputs = question.Places.Count == 0 && question.Model is OnnxModel network && network.Graph.Inputs.Any(i => !i.Type.IsFloating()) ? InputPlaces.Of(network) : null;
        Players players = PicturePlayers.Of(question, row, kind, segments, i => inputs?.IsMask(i) == true);
        return question.ColumnNames is { } names && question.Places.Count == 0 && row is [{ Rank: 2 } table] && table.Length == names.Count && players.Count == names.Count && players.Names is null ? players with { Names = names } : players;
    }

    /// <summary>The only text of a row; null where there is none, or more than one, as in a table of texts.</summary>
    private static string? TextOf(Question question, IReadOnlyList<NdArray> row)
    {
        NdArray[] texts = [.. row.Where(x => x.Type == ElementType.String)];
        return question.Places.Count == 0 && texts is [{ Length: 1 } text] ? text.Strings[0] : null;
    }
}
