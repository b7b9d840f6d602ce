using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Games;
using Limn.Games.Local;
using Limn.Models;

namespace Limn.Tests.Games.Local;

/// <summary>Anchors of models whose rules are known.</summary>
public sealed class AnchorTests
{
    private static FunctionModel Of(int outputs, Func<float[], float[]> f) => new(x =>
    {
        int rows = (int)x.Lengths[0], columns = (int)x.Lengths[1];
        var y = new float[rows * outputs];
        for (int r = 0; r < rows; r++)
        {
            var row = new float[columns];
            for (int c = 0; c < columns; c++) row[c] = x[r, c];
            f(row).CopyTo(y, r * outputs);
        }
        return Tensor.Create(y, [rows, outputs]);
    });

    private static FunctionModel Class(Func<float[], int> of) => Of(3, x => [.. Enumerable.Range(0, 3).Select(k => of(x) == k ? 1f : 0)]);

    private static Tensor<float> Row(params float[] values) => Tensor.Create(values, [1, values.Length]);

    /// <summary>Rows of four columns spread evenly over 0 to 1.</summary>
    private static Baseline Data()
    {
        var random = new CounterRandom(11);
        return Baseline.Background(Tensor.Create([.. Enumerable.Range(0, 2000).Select(i => (float)random.Uniform((ulong)i))], [500, 4]));
    }

    private static Rule RuleOf(Attribution a, int row = 0) => a.Players![row].Solution.Rule!;

    [Fact]
    public void Bounds_hold_the_divergence_that_was_asked_for()
    {
        foreach (double p in (double[])[0, 0.1, 0.5, 0.97, 1])
            foreach (double level in (double[])[0.001, 0.1, 2])
            {
                double up = BernoulliBounds.Upper(p, level), low = BernoulliBounds.Lower(p, level);
                Assert.True(low <= p && p <= up);
                if (up < 1 - 1e-12) Assert.Equal(level, BernoulliBounds.Divergence(p, up), 1e-6);
                if (low > 1e-12) Assert.Equal(level, BernoulliBounds.Divergence(p, low), 1e-6);
            }
        Assert.Equal(1, BernoulliBounds.Upper(1, 0.1));
        Assert.Equal(0, BernoulliBounds.Lower(0, 0.1));
        Assert.True(BernoulliBounds.Exploration(10, 5, 0.1) > BernoulliBounds.Exploration(10, 1, 0.1));
    }

    [Fact]
    public void A_threshold_is_found_with_its_bound()
    {
        Attribution a = new Anchors(Class(x => x[2] > 0.5 ? 1 : 0)) { Baseline = Data() }.Explain(Row(0.1f, 0.9f, 0.9f, 0.5f));
        Rule rule = RuleOf(a);
        Assert.True(rule.IsAnchor);
        Condition only = Assert.Single(rule.Conditions);
        Assert.Equal(2, only.Player);
        Assert.InRange(only.Above!.Value, 0.45f, 0.55f); // the median, not the upper quartile, which covers less
        Assert.Equal(float.PositiveInfinity, only.UpTo);
        Assert.InRange(rule.Coverage, 0.45, 0.55);
        Assert.True(rule.Precision >= 0.95 && rule.PrecisionLow <= rule.Precision && rule.Precision <= rule.PrecisionHigh);
        Assert.Equal([0f, 0, 1, 0], Numbers.Of(a.Values));
        Assert.Contains(a.Remarks, r => r.StartsWith("IF feature 2 > 0.", StringComparison.Ordinal) && r.Contains("THEN class 1", StringComparison.Ordinal));
    }

    [Fact]
    public void Both_sides_of_an_exclusive_or_are_in_the_rule()
    {
        var random = new CounterRandom(2);
        Baseline bits = Baseline.Background(Tensor.Create([.. Enumerable.Range(0, 1600).Select(i => (float)random.Below(2, (ulong)i))], [400, 4]));
        foreach (Tensor<float> row in (Tensor<float>[])[Row(1, 0, 0, 1), Row(1, 1, 0, 1)])
        {
            // Neither column tells anything alone, so all four must stay in the beam.
            Rule rule = RuleOf(new Anchors(Class(x => x[0] != x[1] ? 2 : 0)) { Baseline = bits, Beam = 4 }.Explain(row));
            Assert.True(rule.IsAnchor);
            Assert.Equal([0, 1], rule.Conditions.Select(c => c.Player).Order());
        }
    }

    [Fact]
    public void Players_that_suffice_are_found()
    {
        Attribution a = new Anchors(Class(x => x[1] > 0 && x[6] > 0 ? 1 : 0)).Explain(Row(1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
        Rule rule = RuleOf(a);
        Assert.Equal([1, 6], rule.Conditions.Select(c => c.Player).Order());
        Assert.Equal((1.0, 0.25, true), (rule.Precision, rule.Coverage, rule.IsAnchor));
        Assert.Equal("feature 1", rule.Conditions.MinBy(c => c.Player)!.ToString());
        Attribution grouped = new Anchors(Class(x => x[1] > 0 && x[2] > 0 ? 1 : 0)) { Mask = [new NdArray([0L, 1, 1, 2], 4)] }.Explain(Row(1, 1, 1, 1));
        Assert.Equal([0f, 1, 1, 0], Numbers.Of(grouped.Values));
        Attribution against = new Anchors(Class(x => x[0] > 0 ? 1 : 0)) { Baseline = Baseline.Several(Baseline.Zero, Baseline.Value(-1)) }.Explain(Row(1, 1, 1)); // a baseline for each copy
        Assert.Equal([1f, 0, 0], Numbers.Of(against.Values));
    }

    [Fact]
    public void A_decision_that_never_changes_needs_no_rule()
    {
        foreach (Baseline baseline in (Baseline[])[Baseline.Zero, Data()])
        {
            Attribution a = new Anchors(Class(_ => 2)) { Baseline = baseline }.Explain(Row(0.1f, 0.2f, 0.3f, 0.4f));
            Assert.Empty(RuleOf(a).Conditions);
            Assert.Equal((true, 1.0, "anything"), (RuleOf(a).IsAnchor, RuleOf(a).Coverage, RuleOf(a).Words));
            Assert.Contains(a.Remarks, r => r.Contains("no rule is needed", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Where_no_rule_is_precise_enough_the_best_is_given_and_said()
    {
        // Within any bin of the table the decision is a coin's.
        Attribution a = new Anchors(Class(x => (int)(x.Sum() * 1000) % 2)) { Baseline = Data(), Samples = 3000 }.Explain(Row(0.1f, 0.2f, 0.3f, 0.4f));
        Assert.False(RuleOf(a).IsAnchor);
        Assert.InRange(RuleOf(a).Precision, 0.3, 0.8);
        Assert.Contains(a.Remarks, r => r.StartsWith("No rule was found", StringComparison.Ordinal));
        Assert.InRange(RuleOf(a).Samples, 1, 3000 + 200);
    }

    [Fact]
    public void Without_classes_the_score_must_stay_on_its_side_of_the_cutoff()
    {
        foreach (var (x, expected) in (ReadOnlySpan<(float, int)>)[(0.9f, 3), (0.1f, 3)])
        {
            Attribution a = new Anchors(Of(1, v => [v[3]])) { Baseline = Data(), Cutoff = 0.5 }.Explain(Row(0.5f, 0.5f, 0.5f, x), Target.Class(0));
            Assert.Equal(expected, Assert.Single(RuleOf(a).Conditions).Player);
            Assert.Equal(x > 0.5 ? "a score of at least 0.5" : "a score below 0.5", RuleOf(a).Decision);
        }
        // A class that is not the predicted one: the rule is for its not being predicted.
        Rule other = RuleOf(new Anchors(Class(v => v[0] > 0.5 ? 1 : 0)) { Baseline = Data() }.Explain(Row(0.9f, 0.5f, 0.5f, 0.5f), Target.Class(0)));
        Assert.Equal((0, "another class than 0"), (Assert.Single(other.Conditions).Player, other.Decision));
    }

    [Fact]
    public void The_same_seed_finds_the_same_rule_with_the_same_numbers()
    {
        Rule Run(ulong seed) => RuleOf(new Anchors(Class(x => x[0] + 0.3f * x[1] > 0.6 ? 1 : 0)) { Baseline = Data() }.Explain(Row(0.8f, 0.6f, 0.1f, 0.1f), options: new ExplainOptions { Seed = seed }));
        Rule first = Run(3), second = Run(3);
        Assert.Equal((first.Words, first.Precision, first.Samples), (second.Words, second.Precision, second.Samples));
        Assert.NotEqual(first.Samples * 1e6 + first.Precision, Run(4).Samples * 1e6 + Run(4).Precision);
    }

    [Fact]
    public void A_game_has_anchors_too()
    {
        var game = new Game(new FunctionGame(70, c => (Coalitions.Has(c, 5) ? 1 : -1) + (Coalitions.Has(c, 66) ? 1 : -1)));
        Rule rule = new Anchors(Of(1, x => x)) { Cutoff = 1 }.Solve(game).Rule!;
        Assert.Equal([5, 66], rule.Conditions.Select(c => c.Player).Order());
    }

    [Fact]
    public void Options_without_sense_are_refused()
    {
        foreach (Anchors wrong in (Anchors[])[new(Class(_ => 0)) { Precision = 1 }, new(Class(_ => 0)) { Delta = 0 }, new(Class(_ => 0)) { Tau = double.NaN }, new(Class(_ => 0)) { Batch = 0 }, new(Class(_ => 0)) { Beam = 0 },
            new(Class(_ => 0)) { Samples = 0 }, new(Class(_ => 0)) { Discretizer = Discretizer.None }])
            Assert.Throws<InvalidOptionException>(() => wrong.Explain(Row(1, 2)));
        Assert.Throws<PredictorException>(() => new Anchors(Of(3, x => [x[0] == 0 ? float.NaN : 1, 0, 0])).Explain(Row(1, 2)));
    }
}
