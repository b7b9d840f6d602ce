using System.Globalization;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games.Local;

/// <summary>Anchors: a rule under which the model decides as it does for the row, whatever the other features are.</summary>
/// <remarks>
/// φ is 1 for the features in the rule and 0 for others; the rule itself, with its precision and coverage, is the <see cref="Solution.Rule"/> of each row.
/// Ribeiro, Singh, Guestrin: Anchors: High-Precision Model-Agnostic Explanations, AAAI 2018; see <see cref="AnchorSearch"/>.
/// The decision is the class with the largest output: whether it is the target's. Where the target is no class, or the model has a single output, it is whether
/// the score reaches <see cref="Cutoff"/>.
/// <list type="bullet">
/// <item>Players that come and go (elements, superpixels, words): a rule names players that stay; each other is absent in half of the copies, replaced by the baseline.</item>
/// <item>A table with rows of data as its background (two or more): a rule has bounds of columns, at their quantiles (<see cref="Discretizer"/>), and copies come from the data (<see cref="TableAnchors"/>).</item>
/// </list>
/// Coverage is not sampled: it is counted over the data, and is 2⁻ⁿ for n of the players that come and go.
/// </remarks>
[Method("anchors", "Anchors", "A rule of few features under which the model decides the same, whatever the others are.",
    Source = "Ribeiro, Singh, Guestrin 2018, algorithms 1 and 2",
    Formula = "φᵢ = 1 if i ∈ A; A the rule of most coverage with P(decision(z) = decision(x) | z fulfils A) ≥ precision",
    Cost = "(3 + samples) × forward",
    Axioms = Axioms.ImplementationInvariance,
    NotApplicable = Axioms.Completeness | Axioms.Sensitivity | Axioms.Dummy | Axioms.Symmetry,
    NotApplicableBecause = "It finds a rule for the decision; its numbers say whether a feature is in the rule, not how much the score owes to it.")]
public sealed class Anchors(IPredictor model) : GameMethod(model)
{
    /// <summary>The precision that a rule must reach (default 0.95).</summary>
    [Option("precision", "The share of copies for which the model must decide the same.")]
    public double Precision { get; init; } = 0.95;

    /// <summary>The confidence is 1 − δ (default 0.1).</summary>
    [Option("delta", "The probability that bounds may fail; the confidence is 1 less it.")]
    public double Delta { get; init; } = 0.1;

    [Option("tau", "How much less precise than the best a rule that is extended may be.")]
    public double Tau { get; init; } = 0.15;

    [Option("batch", "Copies that are scored at once.")]
    public int Batch { get; init; } = 100;

    [Option("beam", "How many rules are extended in each round.")]
    public int Beam { get; init; } = 1;

    /// <summary>The most copies that are scored for a row (default 20000), up to a batch.</summary>
    [Option("samples", "The most copies that are scored for a row.")]
    public int Samples { get; init; } = 20_000;

    /// <summary>Where classes are not compared, which score decides; when null 0.5 for a target that ends in a sigmoid, 0 for others.</summary>
    [Option("cutoff", "Where no classes are compared, the score that decides; when left out 0.5 for a target that ends in a sigmoid, and 0 for others.")]
    public double? Cutoff { get; init; }

    [Option("discretizer", "Where columns of a table with a background are cut.")]
    public Discretizer Discretizer { get; init; } = Discretizer.Quartile;

    /// <summary>Columns whose numbers stand for categories. Columns of at most two values always count as such.</summary>
    [Option("categorical", "Columns whose numbers stand for categories, by their index.")]
    public int[]? Categorical { get; init; }

    internal override bool IsAdditive => false;

    internal override bool TakesLayers => false;

    internal override string? NotInGraph => "It searches for a rule, and what it asks next depends on the answers.";

    /// <summary>The anchor of a game: players with whom coalitions are on the same side of <see cref="Cutoff"/> (0 when null) as everybody together.</summary>
    public override Solution Solve(Game game, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(game);
        return Of(new PresenceAnchors(game, Cutoff ?? 0, seed), game.Players, anchor => [.. anchor.Select(p => new Condition(p, $"feature {p}"))]);
    }

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (Discretizer == Discretizer.None) throw new InvalidOptionException("Anchors are bounds of columns, so these must be cut: the discretizer can be quartile, decile or entropy.");
        NdArray? data = LocalTable.DataOf(question, Baseline);
        LocalTable? table = data is null ? null : new LocalTable(data, Discretizer, Categorical, new Lazy<int[]>(() => Decision.Labels(question, data)));
        var maskers = new Maskers(question, this);
        var scorer = new Scorer(question, question.PredictorThreads);
        var decision = new Decision(question, scorer, Cutoff);
        var rows = new List<PlayerValues>();
        for (int r = 0; r < question.Rows; r++)
        {
            NdArray[] row = [.. question.Inputs.Select(v => v.Rows(r, 1))];
            Players players = PlayersOf(question, row, r);
            Solution solution = table is not null ? OfTable(new TableAnchors(question, table, decision, players, r, scorer.Portion), players)
                : OfPlayers(question, decision, maskers.Of(players, row, r), r, scorer.Portion);
            rows.Add(new PlayerValues(players, solution with { Rule = solution.Rule! with { Decision = decision.Describe(r) } }));
            question.Report(r + 1, question.Rows);
        }
        NdArray[] values = [.. Enumerable.Range(0, question.Inputs.Count).Select(i => Batches.Join([.. rows.Select((v, r) => v.Players.Spread(v.Solution.Values, [.. question.Inputs.Select(x => x.Rows(r, 1))])[i])]))];
        return new MethodResult(values, question.Scores()) { Players = rows, Remarks = Words(rows) };
    }

    private Solution OfPlayers(Question question, Decision decision, MaskedRow set, int r, int portion)
    {
        var game = new Game(new DecisionGame(decision, r, set.Masker, portion), question.Cancellation, full: 1);
        Solution solution = set.Kept.Length == 0 ? new Solution([]) { Rule = new Rule([], 1, 1, 1, 1, true) }
            : Of(new PresenceAnchors(game, 0.5, question.Seed), set.Kept.Length, anchor => [.. anchor.Select(p => new Condition(p, set.Players.NameOf(set.Kept[p])))]);
        return solution.Among(set.Kept, set.Players.Count);
    }

    private Solution OfTable(TableAnchors sampler, Players players) => Of(sampler, players.Count, anchor => sampler.Words(anchor, players));

    private Solution Of(IAnchorSampler sampler, int players, Func<int[], IReadOnlyList<Condition>> words)
    {
        Check();
        var found = new AnchorSearch(sampler) { Precision = Precision, Delta = Delta, Tau = Tau, Batch = Batch, Beam = Beam, Most = Samples }.Run();
        var rule = new Rule(words(found.Anchor), found.Precision, found.Low, found.High, found.Coverage, found.IsAnchor) { Samples = found.Drawn };
        var values = new double[players];
        foreach (Condition c in rule.Conditions) values[c.Player] = 1;
        return new Solution(values) { Rule = rule };
    }

    private void Check()
    {
        foreach (var (name, value) in (ReadOnlySpan<(string, double)>)[("precision", Precision), ("delta", Delta), ("tau", Tau)])
            if (!(value is > 0 and < 1)) throw new InvalidOptionException($"The option '{name}' must lie between 0 and 1, and {value} was given.");
        foreach (var (name, value) in (ReadOnlySpan<(string, int)>)[("batch", Batch), ("beam", Beam), ("samples", Samples)])
            if (value < 1) throw new InvalidOptionException($"The option '{name}' must be at least 1, and {value} was given.");
    }

    private static List<string> Words(List<PlayerValues> rows)
    {
        const int MostRows = 16;
        static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
        var words = new List<string>();
        for (int r = 0; r < Math.Min(rows.Count, MostRows); r++)
        {
            Rule rule = rows[r].Solution.Rule!;
            string row = rows.Count == 1 ? "" : $"Row {r}: ", sure = $"{Percent(rule.Precision)} of such copies (between {Percent(rule.PrecisionLow)} and {Percent(rule.PrecisionHigh)})";
            words.Add(rule.Conditions.Count == 0 && rule.IsAnchor ? $"{row}{rule.Decision} is decided for {sure} whatever the features are; so no rule is needed."
                : $"{row}IF {rule.Words} THEN {rule.Decision}, in {sure}; the rule covers {Percent(rule.Coverage)} of all copies.");
            if (!rule.IsAnchor) words.Add($"{row}No rule was found that is as precise as was asked for; this is the best of those tried with {rule.Samples} copies. Lower the precision, widen the beam, or raise the samples.");
        }
        int loose = rows.Skip(MostRows).Count(v => !v.Solution.Rule!.IsAnchor);
        if (loose > 0) words.Add($"For {loose} of the rows after the first {MostRows} no rule was found that is as precise as was asked for.");
        return words;
    }
}
