using Limn.Engine;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

/// <summary>Permutation SHAP with a background: every background row has orders of its own.</summary>
public sealed class BackgroundOrderTests
{
    private const int Players = 9, Draws = 24;

    private static readonly IPredictor NoModel = Networks.Smooth(2, 2, 2, 1);

    private static readonly double[] Skewed = [.. Enumerable.Range(1, Draws).Select(d => 2.0 * d / (Draws * (Draws + 1)))];

    [Theory]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    public void Two_standard_errors_hold_the_true_value_in_95_percent_of_the_runs(int samples, bool weighted)
    {
        const int Seeds = 200;
        var function = new DrawGame(weighted ? Skewed : null);
        double[] truth = new ShapleyValues(NoModel).Solve(new Game(function)).Values;
        int inside = 0;
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            Solution s = new PermutationShap(NoModel) { Samples = samples }.Solve(new Game(function), seed);
            Assert.Equal(truth.Sum(), s.Values.Sum(), 1e-9);
            for (int i = 0; i < Players; i++)
                if (Math.Abs(s.Values[i] - truth[i]) <= 2 * s.StandardErrors![i]) inside++;
        }
        double share = inside / (double)(Seeds * Players);
        Assert.True(share is >= 0.93 and <= 0.97, $"{share:P1} of the true values lie within two standard errors");
    }

    [Fact]
    public void Orders_of_their_own_err_less_than_shared_ones_at_equal_cost()
    {
        var function = new DrawGame(null);
        double[] truth = new ShapleyValues(NoModel).Solve(new Game(function)).Values;
        double own = 0, shared = 0;
        for (ulong seed = 0; seed < 100; seed++)
        {
            own += Squared(new PermutationShap(NoModel) { Samples = 4 }.Solve(new Game(function), seed).Values);
            shared += Squared(new PermutationShap(NoModel) { Samples = 4 }.Solve(new Game(new MeanGame(function)), seed).Values);
        }
        Assert.True(own < 0.5 * shared, $"squared errors: {own} with orders for each draw, {shared} with the same for all");

        double Squared(double[] values) => values.Zip(truth, (a, b) => (a - b) * (a - b)).Sum();
    }

    [Fact]
    public void One_sample_is_exact_without_interactions_of_three()
    {
        var function = new DrawGame(Skewed, pairsOnly: true);
        double[] truth = new ShapleyValues(NoModel).Solve(new Game(function)).Values;
        double[] values = new PermutationShap(NoModel) { Samples = 1 }.Solve(new Game(function), 3).Values;
        for (int i = 0; i < Players; i++) Assert.Equal(truth[i], values[i], 1e-9);
    }

    [Fact]
    public void A_longer_run_begins_with_the_shorter_one_and_few_features_share_their_orders()
    {
        var function = new DrawGame(null);
        new PermutationShap(NoModel) { Samples = 2 }.Solve(new Game(function), 3);
        var shorter = new HashSet<(ulong, int)>(function.Asked);
        new PermutationShap(NoModel) { Samples = 4 }.Solve(new Game(function), 3);
        Assert.Subset(new HashSet<(ulong, int)>(function.Asked), shorter);

        function.Asked.Clear();
        new PermutationShap(NoModel) { Samples = 64 }.Solve(new Game(function), 3); // 1024 steps, and 512 coalitions
        Assert.Empty(function.Asked);
    }

    [Fact]
    public void Differences_at_single_draws_follow_the_weights()
    {
        var function = new DrawGame(Skewed);
        double[] truth = new ShapleyValues(NoModel).Solve(new Game(function)).Values;
        Solution s = new ShapleySampling(NoModel) { Variant = SamplingVariant.Independent, Samples = 4000 }.Solve(new Game(function), 1);
        for (int i = 0; i < Players; i++) Assert.True(Math.Abs(s.Values[i] - truth[i]) <= 4 * s.StandardErrors![i], $"{s.Values[i]} of {truth[i]}");
    }

    [Theory]
    [InlineData(20), InlineData(20.5), InlineData(33), InlineData(100), InlineData(1e4), InlineData(1e9)]
    public void Two_errors_are_widened_as_Students_distribution_says(double freedom) =>
        Assert.Equal(MathNet.Numerics.Distributions.StudentT.CDF(0, 1, freedom, 2 * StandardError.Widening(freedom)), MathNet.Numerics.Distributions.Normal.CDF(0, 1, 2), 1e-7);

    [Fact]
    public void A_row_at_one_draw_is_that_of_all_draws_at_every_length_around_the_vector_widths()
    {
        for (int length = 1; length <= 140; length++)
        {
            NdArray row = Networks.Random(1, 1, length), background = Networks.Random(2, 20, length);
            var masker = new ReplacingMasker(Limn.Games.Players.Elements([row]), [row], [background]);
            var coalition = new Coalitions(length).AddEmpty();
            var random = new CounterRandom(3, (ulong)length);
            for (int i = 0; i < length; i++)
                if (random.Below(2, (ulong)i) == 1) coalition.Join(i);
            NdArray[] all = masker.Room(20), one = masker.Room(20);
            masker.Write(coalition[0], 0, 20, all, 0);
            for (int d = 1; d < 20; d++) coalition.Add(coalition[0]);
            masker.Write(coalition, 0, [.. Enumerable.Range(0, 20)], one);
            Assert.Equal(all[0].Floats.ToArray(), one[0].Floats.ToArray());
        }
    }

    /// <summary>A smooth game for each draw: similar ones, as those of background rows are.</summary>
    private sealed class DrawGame(double[]? weights, bool pairsOnly = false) : IValueFunction
    {
        public List<(ulong Coalition, int Draw)> Asked { get; } = [];

        public int Players => BackgroundOrderTests.Players;

        public int Draws => BackgroundOrderTests.Draws;

        public IReadOnlyList<double>? Weights => weights;

        public void Evaluate(Coalitions coalitions, int from, Span<double> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = 0;
                for (int d = 0; d < Draws; d++) values[i] += (weights?[d] ?? 1.0 / Draws) * At(coalitions[from + i], d);
            }
        }

        public void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = At(coalitions[i], draws[i]);
                Asked.Add((coalitions[i][0], draws[i]));
            }
        }

        private double At(ReadOnlySpan<ulong> c, int draw)
        {
            List<int> members = Coalitions.Members(c);
            // What is absent is the draw's; everybody together is worth the same at every draw.
            double sum = members.Sum(i => Math.Sin(1.7 * i + 1)) + Enumerable.Range(0, Players).Except(members).Sum(i => 0.6 * Math.Sin(i + draw));
            return pairsOnly ? sum + members.Count(i => i % 2 == 0) * members.Count(i => i % 3 == 0) : Math.Tanh(sum) + (members.Contains(2) && members.Contains(5) && !members.Contains(7) ? 0.4 : 0);
        }
    }

    private sealed class MeanGame(IValueFunction of) : IValueFunction
    {
        public int Players => of.Players;

        public void Evaluate(Coalitions coalitions, int from, Span<double> values) => of.Evaluate(coalitions, from, values);
    }
}
