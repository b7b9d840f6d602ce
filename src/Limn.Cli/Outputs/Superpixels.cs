using System.Globalization;
using Limn.Data;
using Limn.Games;
using Limn.Reports;

namespace Limn.Cli.Outputs;

/// <summary>The parts of a picture that played a game, ranked.</summary>
internal static class Superpixels
{
    private const int MostParts = 4096;
    private const int MostListed = 20;
    private const int MostNumbered = 9;

    /// <summary>The picture with its strongest parts, and a table of them; null where no parts of a picture were the players.</summary>
    public static (ReportPicture Picture, ReportTable Table)? Of(Explanation explanation, int row)
    {
        if (explanation.Attribution is not { At: null, Players: { } players, Tensors: [var tensor] } || explanation.PictureInput is not { } input) return null;
        int[] dims = tensor.Values.Dims();
        if (!dims.AsSpan().SequenceEqual(input.Array.Dims) || PictureShape.Of(dims) is not { } shape || PartsOf(players[row].Players, shape) is not { } parts) return null;
        Solution solution = players[row].Solution;
        Image drawn = SegmentRanks.Draw(HeatMaps.Background(input, row)!, parts, solution.Values, MostNumbered);
        int[] sizes = new int[solution.Values.Length];
        foreach (int part in parts)
            if (part >= 0) sizes[part]++;
        IReadOnlyList<int> order = SegmentRanks.Order(solution.Values);
        double limit = order.Count == 0 ? 1 : Math.Abs(solution.Values[order[0]]);
        string[] columns = [.. new[] { "Rank", "Part", "Adds" }, .. solution.StandardErrors is null ? Array.Empty<string>() : ["Standard error"], "Share of the picture"];
        ReportRow[] rows = [.. order.Take(MostListed).Select((p, i) => new ReportRow((i + 1).ToString(CultureInfo.InvariantCulture),
        [
            new ReportCell(players[row].Players.NameOf(p)) { IsWords = true }, new ReportCell((solution.Values[p] > 0 ? "+" : "") + Numbers.Text(solution.Values[p])) { Shade = solution.Values[p] / limit },
            .. solution.StandardErrors is { } e ? [new ReportCell(Numbers.Text(e[p]))] : Array.Empty<ReportCell>(), new ReportCell((100.0 * sizes[p] / parts.Length).ToString("F1", CultureInfo.InvariantCulture) + " %"),
        ]))];
        var picture = new ReportPicture(PngFile.Encode(drawn), "Strongest parts", $"The {Math.Min(MostNumbered, order.Count)} strongest of {solution.Values.Length} parts, by rank: orange raises the score, blue lowers it.", $"The picture with the strongest parts numbered: {explanation.RowTitle(row)}.");
        return (picture, new ReportTable("Parts of the picture, strongest first", columns, rows) { Caption = order.Count > MostListed ? $"The first {MostListed} of {order.Count} that count; all are in attribution.npy." : "" });
    }

    /// <summary>The player of each pixel; null where channels of a pixel belong to different ones, or where each pixel is one.</summary>
    private static int[]? PartsOf(Players players, PictureShape shape)
    {
        int area = shape.Height * shape.Width;
        if (players.Of is not [var of] || of.Length != shape.Channels * area || players.Count > Math.Min(MostParts, area / 2) || players.Count < 2) return null;
        var parts = new int[area];
        for (int p = 0; p < area; p++)
            for (int c = 0; c < shape.Channels; c++)
            {
                int player = of[shape.Planar ? c * area + p : p * shape.Channels + c];
                if (c == 0) parts[p] = player;
                else if (parts[p] != player) return null;
            }
        return parts;
    }
}
