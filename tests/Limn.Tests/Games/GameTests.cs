using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

/// <summary>Coalitions, what is remembered of them, and how rows are made of them.</summary>
public sealed class GameTests
{
    private static FunctionModel Sum(Action<Tensor<float>>? see = null) => new(x =>
    {
        see?.Invoke(x);
        var y = new float[(int)x.Lengths[0]];
        for (int r = 0; r < y.Length; r++)
            for (int c = 0; c < x.Lengths[1]; c++) y[r] += (c + 1) * x[r, c];
        return Tensor.Create(y, [y.Length, 1]);
    });

    private static Tensor<float> Row(params float[] values) => Tensor.Create(values, [1, values.Length]);

    [Theory]
    [InlineData(1), InlineData(63), InlineData(64), InlineData(65), InlineData(128), InlineData(200)]
    public void Coalitions_keep_their_members_and_complements(int players)
    {
        var c = new Coalitions(players, 1);
        c.AddEmpty().Join(players - 1);
        c.AddComplement(c[0]);
        c.AddFull();
        Assert.Equal([players - 1], Coalitions.Members(c[0]));
        Assert.Equal(Enumerable.Range(0, players - 1), Coalitions.Members(c[1]));
        Assert.Equal((1, players - 1, players), (Coalitions.Size(c[0]), Coalitions.Size(c[1]), Coalitions.Size(c[2])));
        Assert.True(Coalitions.Has(c[2], players - 1) && !Coalitions.Has(c[1], players - 1));
    }

    [Fact]
    public void A_coalition_is_asked_for_once_also_when_the_memory_begins_anew()
    {
        int asked = 0;
        var function = new FunctionGame(70, c => { asked++; return Coalitions.Size(c); });
        var few = new Coalitions(70);
        for (int k = 0; k < 2000; k++) few.AddEmpty();
        var distinct = new Coalitions(70);
        for (int k = 0; k < 300; k++) { distinct.AddEmpty(); distinct.Join(k % 70); if (k >= 70) distinct.Join((k + k / 70) % 70); }
        var game = new Game(function);
        Assert.All(game.Values(few), v => Assert.Equal(0, v));
        Assert.Equal(1, asked);
        double[] first = game.Values(distinct), second = game.Values(distinct);
        Assert.Equal(first, second);
        int once = asked;
        Assert.Equal(once, game.Valued);
        asked = 0;
        var forgetful = new Game(function) { MostRemembered = 50 };
        Assert.Equal(first, forgetful.Values(distinct));
        Assert.Equal(first, forgetful.Values(distinct));
        Assert.True(asked > once); // it asks again, and answers the same
    }

    [Fact]
    public void Absent_features_are_those_of_every_background_row_in_turn()
    {
        NdArray background = new([0f, 10, 1, 20, 2, 60], 3, 2);
        Attribution a = new ShapleyValues(Sum()) { Baseline = Baseline.Background([background]) }.Explain(Row(5, 7), Target.Class(0));
        Assert.Equal([4f, 2 * (7 - 30f)], Numbers.Of(a.Values)); // x₁ − 1, 2 (x₂ − 30)
        Assert.Equal(1 + 60, a.ExpectedValue![0], 1e-6);
        Attribution weighted = new ShapleyValues(Sum()) { Baseline = Baseline.Background([background], [0, 1, 3]) }.Explain(Row(5, 7), Target.Class(0));
        Assert.Equal([5 - 1.75f, 2 * (7 - 50f)], Numbers.Of(weighted.Values));
        Assert.Throws<InvalidOptionException>(() => Baseline.Background([background], [1, 2]));
        Assert.Throws<InvalidOptionException>(() => Baseline.Background([background], [1, -2, 3]));
    }

    [Fact]
    public void Features_equal_to_the_whole_background_are_left_out_and_named()
    {
        long calls = 0;
        Attribution a = new ShapleyValues(Sum(x => calls += x.Lengths[0])) { Baseline = Baseline.Background([new NdArray([5f, 1, 5, 2], 2, 2)]) }.Explain(Row(5, 9), Target.Class(0));
        Assert.Equal([0f, 15], Numbers.Of(a.Values));
        Assert.Contains(a.Remarks, r => r.Contains("feature 0", StringComparison.Ordinal) && r.Contains("One feature has", StringComparison.Ordinal));
        Attribution same = new KernelShap(Sum()) { Baseline = Baseline.Of(Row(5, 9)) }.Explain(Row(5, 9), Target.Class(0));
        Assert.Equal([0f, 0], Numbers.Of(same.Values));
        Assert.Equal(23, same.ExpectedValue![0], 1e-6);
    }

    [Fact]
    public void A_rows_values_do_not_depend_on_the_rows_beside_it()
    {
        OnnxModel model = Networks.Smooth(12, 9, 3, seed: 4);
        NdArray x = Networks.Random(2, 4, 12);
        var method = new KernelShap(model) { Samples = 300, Baseline = Baseline.Background([Networks.Random(3, 7, 12)]) };
        float[] together = Numbers.Of(method.Explain([x], Target.Class(1)).Values);
        for (int r = 0; r < 4; r++)
        {
            float[] alone = Numbers.Of(method.Explain([x.Rows(r, 1)], Target.Class(1)).Values);
            for (int i = 0; i < 12; i++) Assert.Equal(alone[i], together[r * 12 + i], 1e-5);
        }
    }

    [Fact]
    public void The_elements_of_a_layer_can_be_players()
    {
        // The head behind "hidden" is linear.
        OnnxModel model = Networks.Smooth(4, 6, 3, seed: 7);
        NdArray x = Networks.Random(2, 3, 4);
        var options = new ExplainOptions { At = "hidden" };
        float[] ablated = Numbers.Of(new FeatureAblation(model) { Baseline = Baseline.Value(0.5f) }.Explain([x], Target.Class(1), options).Values);
        float[] shapley = Numbers.Of(new ShapleyValues(model) { Baseline = Baseline.Value(0.5f) }.Explain([x], Target.Class(1), options).Values);
        for (int i = 0; i < ablated.Length; i++) Assert.Equal(ablated[i], shapley[i], 1e-5);
    }

    [Fact]
    public void Tokens_are_players_and_masks_stay()
    {
        OnnxModel model = TextNetworks.Classifier(mask: true);
        Attribution a = new ShapleyValues(model).Explain([TextNetworks.Ids.Rows(0, 1), TextNetworks.Mask.Rows(0, 1)], Target.Class(0));
        Assert.Equal(6, a.Players![0].Players.Count);
        Assert.Equal(a.Prediction[0] - a.ExpectedValue![0], Numbers.Of(a.Values).Sum(), 1e-4);
    }

    [Fact]
    public void A_predictor_that_throws_answers_wrongly_or_varies_is_named()
    {
        string Message(Func<Tensor<float>, Tensor<float>> f, int after = 2)
        {
            int calls = 0;
            var model = new FunctionModel(x => calls++ < after ? Tensor.Create(new float[(int)x.Lengths[0]], [x.Lengths[0], 1]) : f(x));
            return Assert.ThrowsAny<LimnException>(() => new ShapleyValues(model).Explain(Row(1, 2, 3), Target.Class(0))).Message;
        }
        Assert.Contains("no service", Message(_ => throw new InvalidOperationException("no service"), after: 0), StringComparison.Ordinal);
        Assert.Contains("row 0", Message(_ => throw new InvalidOperationException("no service"), after: 2), StringComparison.Ordinal);
        Assert.Contains("NaN", Message(x => Tensor.Create([.. Enumerable.Repeat(float.NaN, (int)x.Lengths[0])], [x.Lengths[0], 1])), StringComparison.Ordinal);
        Assert.Contains("one row for each", Message(_ => Tensor.Create([1f], [1, 1])), StringComparison.Ordinal);
        var random = new Random(1);
        Assert.Contains("not deterministic", Message(x => Tensor.Create([.. Enumerable.Range(0, (int)x.Lengths[0]).Select(_ => random.NextSingle())], [x.Lengths[0], 1])), StringComparison.Ordinal);
    }

    [Fact]
    public void A_predictor_that_varies_is_named_by_every_method_that_samples()
    {
        var random = new Random(1);
        var model = new FunctionModel(x => Tensor.Create([.. Enumerable.Range(0, (int)x.Lengths[0]).Select(r => x[r, 0] + random.NextSingle())], [x.Lengths[0], 1]));
        Baseline background = Baseline.Background(Tensor.Create([.. Enumerable.Range(0, 60).Select(i => (float)Math.Sin(i))], [20, 3]));
        foreach (Method method in new Method[] { new Limn.Games.Local.Lime(model) { Baseline = background }, new Limn.Games.Local.Lime(model), new Limn.Games.Local.Anchors(model) { Baseline = background }, new PermutationShap(model) { Baseline = background } })
            Assert.Contains("not deterministic", Assert.Throws<PredictorException>(() => method.Explain(Row(1, 2, 3), Target.Class(0))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_are_called_by_their_names()
    {
        Baseline background = Baseline.Background(Tensor.Create([.. Enumerable.Range(0, 60).Select(i => (float)Math.Sin(i))], [20, 3]));
        Attribution a = new KernelShap(Sum()) { Baseline = background }.Explain(Row(1, 2, 3), Target.Class(0), new ExplainOptions { ColumnNames = ["age", "income", "debt"] });
        Assert.Equal(["age", "income", "debt"], a.Players![0].Players.Names!);
        Assert.Null(new KernelShap(Sum()) { Baseline = background }.Explain(Row(1, 2, 3), Target.Class(0), new ExplainOptions { ColumnNames = ["age", "income"] }).Players![0].Players.Names);
    }

    [Fact]
    public void A_black_box_may_be_asked_by_several_threads()
    {
        int inside = 0, most = 0;
        var gate = new Lock();
        var slow = new FunctionModel(x =>
        {
            lock (gate) most = Math.Max(most, ++inside);
            Thread.Sleep(5);
            lock (gate) inside--;
            return Tensor.Create([.. Enumerable.Range(0, (int)x.Lengths[0]).Select(r => x[r, 0] * x[r, 1])], [x.Lengths[0], 1]);
        });
        float[] one = Numbers.Of(new ShapleyValues(slow).Explain(Row(1, 2, 3, 4, 5, 6), Target.Class(0)).Values);
        Assert.Equal(1, most);
        float[] several = Numbers.Of(new ShapleyValues(slow).Explain(Row(1, 2, 3, 4, 5, 6), Target.Class(0), new ExplainOptions { PredictorThreads = 4 }).Values);
        Assert.True(most > 1);
        Assert.Equal(one, several);
    }

    [Fact]
    public void Work_can_be_cancelled_and_says_how_far_it_is()
    {
        using var source = new CancellationTokenSource();
        var model = new FunctionModel(x => { if (x.Lengths[0] > 1) source.Cancel(); return Tensor.Create(new float[(int)x.Lengths[0]], [x.Lengths[0], 1]); });
        Assert.ThrowsAny<OperationCanceledException>(() => new ShapleyValues(model).Explain(Tensor.Create(new float[40], [2, 20]), Target.Class(0), new ExplainOptions { Cancellation = source.Token }));
        var seen = new List<Progress>();
        new PermutationShap(Networks.Smooth(9, 4, 2, 1)).Explain([Networks.Random(1, 3, 9)], Target.Class(0), new ExplainOptions { Progress = new Listener(seen.Add) });
        Assert.Equal(1, seen[^1].Fraction);
        Assert.True(seen.Zip(seen.Skip(1)).All(p => p.First.Fraction <= p.Second.Fraction));
    }

    private sealed class Listener(Action<Progress> hear) : IProgress<Progress>
    {
        public void Report(Progress value) => hear(value);
    }

    [Fact]
    public void A_small_memory_budget_changes_no_number_and_many_players_need_no_more()
    {
        OnnxModel model = Networks.Smooth(20, 16, 2, seed: 3);
        NdArray x = Networks.Random(1, 2, 20), background = Networks.Random(2, 30, 20);
        var method = new PermutationShap(model) { Baseline = Baseline.Background([background]) };
        float[] plenty = Numbers.Of(method.Explain([x], Target.Class(0)).Values), little = Numbers.Of(method.Explain([x], Target.Class(0), new ExplainOptions { MemoryBudget = 1 }).Values);
        for (int i = 0; i < plenty.Length; i++) Assert.Equal(plenty[i], little[i], 1e-5);
    }

    [Fact]
    public void Feature_permutation_takes_values_from_other_rows()
    {
        NdArray x = new([1f, 10, 2, 20, 3, 30], 3, 2);
        Attribution a = new FeaturePermutation(Sum()) { Samples = 400 }.Explain([x], Target.Class(0));
        float[] values = Numbers.Of(a.Values), errors = Numbers.Of(a.Tensors[0].StandardError!);
        // On average the other rows' mean stands in, the row itself included.
        float[] expected = [1 - 2f, 2 * (10 - 20f), 0, 0, 3 - 2f, 2 * (30 - 20f)];
        for (int i = 0; i < 6; i++) Assert.True(Math.Abs(values[i] - expected[i]) <= 4 * errors[i] + 1e-6, $"{i}: {values[i]} ± {errors[i]}");
        Assert.Contains("rows", Assert.Throws<InvalidOptionException>(() => new FeaturePermutation(Sum()).Explain(Row(1, 2), Target.Class(0))).Message, StringComparison.Ordinal);
        float[] grouped = Numbers.Of(new FeaturePermutation(Sum()) { Mask = [new NdArray([4L, 4], 1, 2)] }.Explain([x], Target.Class(0)).Values);
        for (int r = 0; r < 3; r++) Assert.Equal(grouped[2 * r], grouped[2 * r + 1]);
    }

    [Fact]
    public void A_hierarchy_joins_what_goes_together_and_is_a_tree()
    {
        var players = new Players([[0, 1, 2, 3]], 4);
        NdArray rows = new([1f, 9, 2, 5, 2, 1, 4, 9, 3, 5, 6, 1, 4, 2, 8, 7], 4, 4); // columns 0 and 2 are the same but for scale
        var tree = Hierarchy.ByCorrelation(players, [rows]);
        Assert.Equal((0, 2), tree.Joins[0]);
        Assert.Equal([0, 1, 2, 3], tree.Members(tree.Root).ToArray().Order());
        Assert.Equal([0, 1], tree.Only([0, 2]).Members(2).ToArray().Order());
        Assert.Throws<InvalidDataException>(() => new Hierarchy(3, [(0, 1), (0, 2)]));
        Assert.Throws<InvalidDataException>(() => new Hierarchy(3, [(0, 1)]));
        Assert.Equal(5, Hierarchy.Halving(6).Joins.Count);
        Assert.Empty(Hierarchy.Halving(1).Joins);
    }

    [Fact]
    public void Owen_values_of_pairs_treat_groups_as_players()
    {
        // v = 1 if anyone of {0, 1} and player 2 are there: between the groups {0, 1} and {2} each gets one half, and 0 and 1 share theirs.
        var game = new Game(new FunctionGame(3, c => (Coalitions.Has(c, 0) || Coalitions.Has(c, 1)) && Coalitions.Has(c, 2) ? 1 : 0)) { Hierarchy = new Hierarchy(3, [(0, 1), (3, 2)]) };
        Assert.Equal([0.25, 0.25, 0.5], new PartitionShap(Sum()).Solve(game).Values);
        // Opened not at all, the group of all shares evenly, and it is said.
        Solution closed = new PartitionShap(Sum()) { Samples = 1 }.Solve(game);
        Assert.All(closed.Values, v => Assert.Equal(1.0 / 3, v, 1e-12));
        Assert.Single(closed.Remarks);
    }
}
