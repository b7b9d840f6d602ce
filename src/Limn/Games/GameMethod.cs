using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>A method that plays a game for each row: its features are the players, and a coalition is worth the score with the others replaced.</summary>
/// <remarks>
/// Players are the elements of the inputs, or groups of them (<see cref="Mask"/>, or <see cref="ExplainOptions.Schema"/>); absent ones are those of the <see cref="Baseline"/>, or of each of its
/// rows in turn (<see cref="Baseline.Background(IReadOnlyList{NdArray}, IReadOnlyList{double})"/>), the scores being averaged. Players that are the same in the row and in every
/// background row cannot change a score: they are left out of the game and get zero, and that is said.
/// Every element gets its player's value. The players of a picture are superpixels (<see cref="Features"/>), each of all channels, and what is absent of it can be
/// filled from around it (<see cref="Baseline.Inpaint"/>).
/// </remarks>
public abstract class GameMethod(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>The group of each element, for each input, of one row or of all rows: elements with the same number are one player. Null: each element is one.</summary>
    public IReadOnlyList<NdArray>? Mask { get; init; }

    /// <summary>What absent features are (default zero); <see cref="Baseline.Background(IReadOnlyList{NdArray}, IReadOnlyList{double})"/> averages over rows.</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    /// <summary>What the features of a picture are, where no mask says it.</summary>
    [Option("features", "What the features of a picture are: superpixels, rectangles or its elements; SLIC for pictures of more than 64 elements.")]
    public PictureFeatures Features { get; init; } = PictureFeatures.Auto;

    /// <summary>About how many segments a picture is divided into (default 50).</summary>
    [Option("segments", "About how many segments a picture is divided into.")]
    public int Segments { get; init; } = 50;

    internal override bool TakesLayers => true;

    internal override string? NotInGraph => "It decides which coalitions to ask for by their number, and keeps account of them.";

    /// <summary>Solves a game.</summary>
    /// <param name="game">The game.</param>
    /// <param name="seed">The seed, for solvers that sample.</param>
    /// <exception cref="InvalidOptionException">The game has more players than this way of solving takes.</exception>
    public abstract Solution Solve(Game game, ulong seed = 0);

    /// <summary>Whether the values add up to what everybody is worth less what nobody is.</summary>
    internal virtual bool IsAdditive => true;

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        IReadOnlyList<NdArray> values = question.PlaceValues();
        Backgrounds? backgrounds = Inpaints(question) ? null : new Backgrounds(question, Baseline);
        var scorer = new Scorer(question, question.PredictorThreads);
        double[] prediction = question.Scores();
        var rows = new List<RowGame>();
        NdArray[]? room = null;
        for (int r = 0; r < question.Rows; r++)
        {
            NdArray[] row = [.. values.Select(v => v.Rows(r, 1))];
            Players players = PlayersOf(question, row, r);
            var (absent, weights) = backgrounds?.Of(r) ?? (row, null);
            bool[] constant = backgrounds is null ? new bool[players.Count] : new ReplacingMasker(players, row, absent, weights).Constant();
            Players playing = players.Without(constant, out int[] kept);
            var masked = new MaskedModel(scorer, r, backgrounds is null ? new InpaintingMasker(question.Model, playing, row) : new ReplacingMasker(playing, row, absent, weights), room);
            room = masked.Room;
            int now = r;
            var game = new Game(masked, question.Cancellation, (done, expected) => question.Report(now * 1000L + (expected == 0 ? 0 : 1000 * done / expected), question.Rows * 1000L), prediction[r])
            {
                Hierarchy = kept.Length == 0 ? null : HierarchyOf(players, absent)?.Only(kept),
            };
            Solution solution = kept.Length == 0 ? new Solution([]) : Solve(game, question.Seed);
            rows.Add(new RowGame(players, row, solution.Among(kept, players.Count), kept.Length == 0 ? prediction[r] : game.Empty, prediction[r], [.. Enumerable.Range(0, constant.Length).Where(p => constant[p])]));
            question.Report((r + 1) * 1000L, question.Rows * 1000L);
        }
        return Result(question, rows);
    }

    /// <summary>Whether what is absent is filled from around it, which only inputs can be.</summary>
    private bool Inpaints(Question question) => Baseline is Baseline.Inpainted && question.Places.Count == 0;

    /// <summary>Which players belong together, for methods that ask; null for those that do not.</summary>
    private protected virtual Hierarchy? HierarchyOf(Players players, IReadOnlyList<NdArray> absent) => null;

    private protected virtual Players PlayersOf(Question question, IReadOnlyList<NdArray> row, int r)
    {
        if (question.Schema(Mask) is { } schema) return schema.PlayersOf(row);
        if (Mask is { } mask) return Players.Groups(row, [.. mask.Select((m, i) => i < row.Count && m.Rank == row[i].Rank && m.Dims[0] == question.Rows && m.Length == question.Rows * row[i].Length ? m.Rows(r, 1) : m)]);
        InputPlaces? inputs = question.Places.Count == 0 && question.Model is OnnxModel network && network.Graph.Inputs.Any(i => !i.Type.IsFloating()) ? InputPlaces.Of(network) : null;
        return PicturePlayers.Of(question, row, Features, Segments, i => inputs?.IsMask(i) == true);
    }

    private MethodResult Result(Question question, List<RowGame> rows)
    {
        NdArray[] Joined(Func<RowGame, double[]> values) => [.. Enumerable.Range(0, rows[0].Row.Count).Select(i => Batches.Join([.. rows.Select(g => g.Players.Spread(values(g), g.Row)[i])]))];
        IReadOnlyList<string> remarks = [.. Dropped(rows), .. rows.SelectMany(g => g.Solution.Remarks).Distinct()];
        return new MethodResult(Joined(g => g.Solution.Values), [.. rows.Select(g => g.Full)], [.. rows.Select(g => g.Empty)],
            IsAdditive ? [.. rows.Select(g => g.Solution.Values.Sum() - (g.Full - g.Empty))] : null,
            rows.Any(g => g.Solution.StandardErrors is not null) ? Joined(g => g.Solution.StandardErrors ?? new double[g.Players.Count]) : null)
        {
            Remarks = remarks,
            Players = [.. rows.Select(g => new PlayerValues(g.Players, g.Solution))],
            ExpectedValue = IsAdditive,
        };
    }

    private static IEnumerable<string> Dropped(List<RowGame> rows)
    {
        foreach (var same in rows.Select((g, r) => (Game: g, Row: r)).Where(g => g.Game.Constant.Length > 0).GroupBy(g => string.Join(", ", g.Game.Constant.Take(12).Select(g.Game.Players.NameOf)) + (g.Game.Constant.Length > 12 ? ", ..." : "")))
        {
            int[] which = [.. same.Select(g => g.Row)];
            int count = same.First().Game.Constant.Length;
            yield return $"{(count == 1 ? "One feature has" : $"{count} features have")} the same value as the whole background in {Diagnosis.Rows(which)} and so cannot change the score: {same.Key}.";
        }
    }

    private sealed record RowGame(Players Players, IReadOnlyList<NdArray> Row, Solution Solution, double Empty, double Full, int[] Constant);
}
