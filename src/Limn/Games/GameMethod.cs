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

    /// <summary>What the features of a picture, a text or a time series are, where neither a mask nor a schema says it.</summary>
    [Option("features", "What the features of a picture (superpixels), a text (words) or a time series (windows) are; by the kind of data when auto.")]
    public PlayerKind Features { get; init; } = PlayerKind.Auto;

    /// <summary>About how many segments a picture, or windows a time series, is divided into (default 50).</summary>
    [Option("segments", "About how many segments a picture, or windows a time series, is divided into.")]
    public int Segments { get; init; } = 50;

    /// <summary>What stands for an absent word or sentence; null to take it out of the text.</summary>
    [Option("mask-token", "What stands for an absent word or sentence of a text; it is taken out when left out.")]
    public string? MaskToken { get; init; }

    /// <summary>Which values absent columns of a table take.</summary>
    [Option("absent", "Which values absent columns take: the background's whatever the others are, or those that go with the present ones.")]
    public AbsentFeatures Absent { get; init; } = AbsentFeatures.Independent;

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
        var maskers = new Maskers(question, this);
        var bench = new Workbench(new Scorer(question, question.PredictorThreads));
        AffinePrefix? prefix = AffinePrefix.Of(question);
        double[] prediction = question.Scores();
        var rows = new List<RowGame>();
        for (int r = 0; r < question.Rows; r++)
        {
            NdArray[] row = [.. values.Select(v => v.Rows(r, 1))];
            MaskedRow set = maskers.Of(PlayersOf(question, row, r), row, r);
            int now = r;
            var game = new Game(prefix?.Of(set.Masker, r) ?? new MaskedModel(bench, r, set.Masker), question.Cancellation, (done, expected) => question.Report(now * 1000L + (expected == 0 ? 0 : 1000 * done / expected), question.Rows * 1000L), prediction[r])
            {
                Hierarchy = set.Kept.Length == 0 ? null : HierarchyOf(set.Players, set.Absent)?.Only(set.Kept),
            };
            Solution solution = set.Kept.Length == 0 ? new Solution([]) : Solve(game, question.Seed);
            rows.Add(new RowGame(set.Players, row, solution.Among(set.Kept, set.Players.Count), set.Kept.Length == 0 ? prediction[r] : game.Empty, prediction[r], set.Constant));
            question.Report((r + 1) * 1000L, question.Rows * 1000L);
        }
        return Result(question, rows);
    }

    /// <summary>Which players belong together, for methods that ask; null for those that do not.</summary>
    private protected virtual Hierarchy? HierarchyOf(Players players, IReadOnlyList<NdArray> absent) => null;

    private protected Players PlayersOf(Question question, IReadOnlyList<NdArray> row, int r) => RowPlayers.Of(question, row, r, Mask, Features, Segments);

    private MethodResult Result(Question question, List<RowGame> rows)
    {
        NdArray[] Values(Func<RowGame, double[]> values) => [.. Enumerable.Range(0, rows[0].Row.Count).Select(i => Joined([.. rows.Select(g => g.Players.Spread(values(g), g.Row)[i])]))];
        IReadOnlyList<string> remarks = [.. Dropped(rows), .. rows.SelectMany(g => g.Solution.Remarks).Distinct()];
        return new MethodResult(Values(g => g.Solution.Values), [.. rows.Select(g => g.Full)], [.. rows.Select(g => g.Empty)],
            IsAdditive ? [.. rows.Select(g => g.Solution.Values.Sum() - (g.Full - g.Empty))] : null,
            rows.Any(g => g.Solution.StandardErrors is not null) ? Values(g => g.Solution.StandardErrors ?? new double[g.Players.Count]) : null)
        {
            Remarks = remarks,
            Players = [.. rows.Select(g => new PlayerValues(g.Players, g.Solution))],
            ExpectedValue = IsAdditive,
        };
    }

    /// <summary>Rows one below the other; texts of fewer parts are filled up with zeros.</summary>
    private static NdArray Joined(NdArray[] rows)
    {
        int longest = rows.Max(r => r.Length);
        return Batches.Join([.. rows.Select(r =>
        {
            if (r.Length == longest || r.Rank != 2) return r;
            NdArray wide = NdArray.Create(ElementType.Float, 1, longest);
            r.Floats.CopyTo(wide.Floats);
            return wide;
        })]);
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
