using System.Globalization;
using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary><c>--background-summary</c>: a few rows that stand for all of a background.</summary>
/// <param name="ByClusters">Whether they are the centres of clusters, rather than a sample.</param>
/// <param name="Count">How many.</param>
internal sealed record BackgroundSummary(bool ByClusters, int Count)
{
    /// <exception cref="CommandException">It is neither kmeans:K nor sample:N.</exception>
    public static BackgroundSummary? Parse(string? text)
    {
        if (text is null) return null;
        string[] parts = text.Split(':');
        return parts is ["kmeans" or "sample", var number] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
            ? new BackgroundSummary(parts[0] == "kmeans", count)
            : throw new CommandException($"--background-summary takes kmeans:K or sample:N with a number of rows, and '{text}' is neither.");
    }

    /// <summary>A background of the rows that stand for the given ones.</summary>
    public Baseline Of(IReadOnlyList<NdArray> rows, FeatureSchema? schema, ulong seed)
    {
        if (!ByClusters)
        {
            int[] chosen = KMeans.Sample(rows[0].Dims[0], Count, seed);
            return Baseline.Background([.. rows.Select(r => Arrays.Join([.. chosen.Select(i => r.Rows(i, 1))]))]);
        }
        if (rows is not [{ Rank: 2 } table] || table.Type.Storage() != Storage.Float)
            throw new CommandException("--background-summary kmeans:K needs one table of numbers, of which it takes means; take sample:N.");
        RowSummary summary = KMeans.Summary(table, Count, seed, schema?.Owners());
        return Baseline.Background([summary.Rows], summary.Weights);
    }
}
