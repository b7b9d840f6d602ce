using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>What the coalitions of a row are made of: the players that can change something, and what makes rows of them.</summary>
/// <param name="Players">All players.</param>
/// <param name="Kept">Which of them play.</param>
/// <param name="Absent">The rows that absent features are taken from.</param>
/// <param name="Masker">Makes rows of the coalitions of those who play.</param>
internal sealed record MaskedRow(Players Players, int[] Kept, IReadOnlyList<NdArray> Absent, IMasker Masker)
{
    /// <summary>The players that are the same in the row and in the whole background.</summary>
    public int[] Constant => [.. Enumerable.Range(0, Players.Count).Except(Kept)];
}

/// <summary>Makes the maskers of all rows of a question.</summary>
internal sealed class Maskers
{
    private readonly Question question;
    private readonly GameMethod method;
    private readonly Lazy<Backgrounds> backgrounds;
    private GaussianTable? table;

    public Maskers(Question question, GameMethod method)
    {
        (this.question, this.method) = (question, method);
        backgrounds = new Lazy<Backgrounds>(() => new Backgrounds(question, method.Baseline));
    }

    /// <param name="players">The players of the row.</param>
    /// <param name="row">The row.</param>
    /// <param name="r">Its index.</param>
    public MaskedRow Of(Players players, IReadOnlyList<NdArray> row, int r)
    {
        int[] all = [.. Enumerable.Range(0, players.Count)];
        if (players.Text is { } text) return new MaskedRow(players, all, row, new TextMasker(text, row, method.MaskToken));
        if (method.Baseline is Baseline.Inpainted && question.Places.Count == 0) return new MaskedRow(players, all, row, new InpaintingMasker(question.Model, players, row));
        var (absent, weights) = backgrounds.Value.Of(r);
        if (method.Absent == AbsentFeatures.ConditionalGaussian)
        {
            if (row is not [{ Rank: 2 } only] || !only.Type.IsFloating()) throw new InvalidOptionException($"Conditional features are those of a table of numbers [rows, columns], and what is explained has the shape {string.Join(", ", row.Select(x => NdArray.Describe(x.Dims)))}. Use --set absent=independent.");
            table ??= new GaussianTable(absent[0], weights);
            return new MaskedRow(players, all, absent, new ConditionalMasker(players, only, absent[0], weights, table));
        }
        bool[] constant = new ReplacingMasker(players, row, absent, weights).Constant();
        Players playing = players.Without(constant, out int[] kept);
        return new MaskedRow(players, kept, absent, new ReplacingMasker(playing, row, absent, weights));
    }
}
