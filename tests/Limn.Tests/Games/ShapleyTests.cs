using Limn.Engine;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

/// <summary>Solvers on games of which the right values are known.</summary>
public sealed class ShapleyTests
{
    private static readonly FunctionModel NoModel = new(x => x);

    /// <summary>Every method that estimates Shapley values, with enough samples for its own test.</summary>
    private static IEnumerable<GameMethod> Estimators =>
    [
        new ShapleyValues(NoModel), new KernelShap(NoModel), new KernelShap(NoModel) { Sampling = CoalitionSampling.Leverage }, new PermutationShap(NoModel), new ShapleySampling(NoModel),
        new ShapleySampling(NoModel) { Variant = SamplingVariant.Permutation }, new ShapleySampling(NoModel) { Variant = SamplingVariant.Independent },
        new ShapleyInteractions(NoModel) { Index = InteractionIndex.Shapley },
    ];

    private static Game Of(int players, FunctionGame.Value value) => new(new FunctionGame(players, value));

    /// <summary>A random game: every coalition of up to 20 players has a value of its own.</summary>
    private static Game Random(int players, ulong seed) => Of(players, c => new CounterRandom(seed).Normal(c[0]) + 0.3 * Coalitions.Size(c));

    /// <summary>The definition, straight from the book.</summary>
    private static double[] ByDefinition(Game game)
    {
        int n = game.Players;
        double Value(int s) => game.Values(new Coalitions(n).Add([(ulong)s]))[0];
        double Factorial(int k) => k < 2 ? 1 : k * Factorial(k - 1);
        return [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, 1 << n).Where(s => (s >> i & 1) == 0)
            .Sum(s => Factorial(int.PopCount(s)) * Factorial(n - int.PopCount(s) - 1) / Factorial(n) * (Value(s | 1 << i) - Value(s))))];
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void Enumeration_gives_the_values_of_the_definition(int players)
    {
        for (ulong seed = 0; seed < 5; seed++)
        {
            double[] expected = ByDefinition(Random(players, seed)), got = new ShapleyValues(NoModel).Solve(Random(players, seed)).Values;
            double[] kernel = new KernelShap(NoModel).Solve(Random(players, seed)).Values;
            for (int i = 0; i < players; i++)
            {
                Assert.Equal(expected[i], got[i], 1e-12);
                Assert.Equal(expected[i], kernel[i], 1e-9);
            }
        }
    }

    [Fact]
    public void Every_solver_is_exact_on_a_game_without_interactions()
    {
        double[] worth = [1.5, -2, 0, 4, 0.25, -1];
        foreach (GameMethod method in Estimators)
        {
            Solution s = method.Solve(Of(6, c => Coalitions.Members(c).Sum(i => worth[i]) + 7), seed: 3);
            for (int i = 0; i < worth.Length; i++) Assert.Equal(worth[i], s.Values[i], 1e-9);
        }
    }

    [Fact]
    public void A_product_of_two_is_shared_evenly_and_a_dummy_gets_nothing()
    {
        foreach (GameMethod method in Estimators)
        {
            Solution s = method.Solve(Of(5, c => Coalitions.Has(c, 1) && Coalitions.Has(c, 3) ? 6 : 0), seed: 1);
            double[] errors = s.StandardErrors ?? new double[5];
            double[] expected = [0, 3, 0, 3, 0];
            for (int i = 0; i < 5; i++) Assert.True(Math.Abs(s.Values[i] - expected[i]) <= 4 * errors[i] + 1e-9, $"{method.Name}, player {i}: {s.Values[i]} ± {errors[i]}");
            Assert.Equal(6, s.Values.Sum(), 1e-9);
        }
    }

    [Fact]
    public void Sampled_values_add_up_whatever_the_seed()
    {
        foreach (GameMethod method in Estimators)
            for (ulong seed = 0; seed < 3; seed++)
            {
                Game game = Random(9, seed);
                Assert.Equal(game.Full - game.Empty, method.Solve(game, seed).Values.Sum(), 1e-9);
            }
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_another_seed_others()
    {
        foreach (GameMethod method in new GameMethod[] { new KernelShap(NoModel) { Samples = 60 }, new PermutationShap(NoModel), new ShapleySampling(NoModel), new BanzhafValues(NoModel) { Samples = 50 } })
        {
            double[] first = method.Solve(Random(10, 4), 7).Values;
            Assert.Equal(first, method.Solve(Random(10, 4), 7).Values);
            Assert.NotEqual(first, method.Solve(Random(10, 4), 8).Values);
        }
    }

    public static TheoryData<string> Samplers => ["kernel", "leverage", "permutation-shap", "stratified", "permutation", "independent", "banzhaf"];

    [Theory]
    [MemberData(nameof(Samplers))]
    public void Two_standard_errors_hold_the_true_value_in_95_percent_of_the_runs(string sampler)
    {
        // 200 seeds; smooth games of 10 players, whose values are known by enumeration.
        const int Players = 10, Seeds = 200;
        static double Value(ReadOnlySpan<ulong> c)
        {
            double sum = 0;
            foreach (int i in Coalitions.Members(c)) sum += Math.Sin(1.7 * i + 1);
            return Math.Tanh(sum) + (Coalitions.Has(c, 2) && Coalitions.Has(c, 5) ? 0.4 : 0) - (Coalitions.Has(c, 1) ^ Coalitions.Has(c, 8) ? 0.3 : 0);
        }
        GameMethod method = sampler switch
        {
            "kernel" => new KernelShap(NoModel) { Samples = 120 },
            "leverage" => new KernelShap(NoModel) { Samples = 120, Sampling = CoalitionSampling.Leverage },
            "permutation-shap" => new PermutationShap(NoModel) { Samples = 12 },
            "stratified" => new ShapleySampling(NoModel) { Samples = 8 },
            "permutation" => new ShapleySampling(NoModel) { Samples = 20, Variant = SamplingVariant.Permutation },
            "independent" => new ShapleySampling(NoModel) { Samples = 60, Variant = SamplingVariant.Independent },
            _ => new BanzhafValues(NoModel) { Samples = 200 },
        };
        double[] truth = sampler switch
        {
            "banzhaf" => new BanzhafValues(NoModel).Solve(Of(Players, Value)).Values,
            _ => new ShapleyValues(NoModel).Solve(Of(Players, Value)).Values,
        };
        int inside = 0;
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            Solution s = method.Solve(Of(Players, Value), seed);
            for (int i = 0; i < Players; i++)
                if (Math.Abs(s.Values[i] - truth[i]) <= 2 * s.StandardErrors![i]) inside++;
        }
        double share = inside / (double)(Seeds * Players);
        Assert.True(share is >= 0.93 and <= 0.97, $"{sampler}: {share:P1} of the true values lie within two standard errors");
    }

    [Fact]
    public void A_run_twice_as_long_begins_with_the_samples_of_the_shorter_one()
    {
        static HashSet<ulong> Asked(GameMethod method)
        {
            var asked = new HashSet<ulong>();
            method.Solve(Of(12, c => { asked.Add(c[0]); return Math.Cos(c[0]); }), 5);
            return asked;
        }
        static void Check(GameMethod shorter, GameMethod longer) => Assert.Subset(Asked(longer), Asked(shorter));
        Check(new PermutationShap(NoModel) { Samples = 5 }, new PermutationShap(NoModel) { Samples = 10 });
        Check(new ShapleySampling(NoModel) { Samples = 2 }, new ShapleySampling(NoModel) { Samples = 4 });
        Check(new KernelShap(NoModel) { Samples = 300 }, new KernelShap(NoModel) { Samples = 600 });
        Check(new BanzhafValues(NoModel) { Samples = 300 }, new BanzhafValues(NoModel) { Samples = 600 });
    }

    [Fact]
    public void A_tolerance_is_kept_or_the_miss_is_said()
    {
        foreach (GameMethod method in new GameMethod[] { new KernelShap(NoModel) { Samples = 60, Tolerance = 0.03 }, new PermutationShap(NoModel) { Samples = 20, Tolerance = 0.03 }, new BanzhafValues(NoModel) { Samples = 100, Tolerance = 0.03 } })
        {
            Game game = Of(12, c => Math.Tanh(Coalitions.Members(c).Sum(i => Math.Sin(i))));
            Solution s = method.Solve(game, 1);
            Assert.All(s.StandardErrors!, e => Assert.True(e <= 0.03 * game.Range));
            Assert.Empty(s.Remarks);
        }
        Solution impatient = new PermutationShap(NoModel) { Samples = 2, Tolerance = 1e-6, Patience = 2 }.Solve(Random(10, 1));
        Assert.Contains("not met", Assert.Single(impatient.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_single_order_leaves_the_error_unknown()
    {
        Assert.Null(new PermutationShap(NoModel) { Samples = 1 }.Solve(Random(6, 1)).StandardErrors);
        Assert.NotNull(new PermutationShap(NoModel) { Samples = 2 }.Solve(Random(6, 1)).StandardErrors);
        Assert.All(new PermutationShap(NoModel) { Samples = 1 }.Solve(Random(2, 1)).StandardErrors!, e => Assert.Equal(0, e)); // both orders of two
    }

    [Fact]
    public void Too_many_players_for_enumeration_name_a_solver_that_takes_them()
    {
        Assert.Contains("kernel-shap", Assert.Throws<InvalidOptionException>(() => new ShapleyValues(NoModel).Solve(Of(26, _ => 0))).Message, StringComparison.Ordinal);
        Assert.Contains("shapley-taylor", Assert.Throws<InvalidOptionException>(() => new ShapleyInteractions(NoModel) { Index = InteractionIndex.FaithShap }.Solve(Of(20, _ => 0))).Message, StringComparison.Ordinal);
        Assert.Contains("at least 200", Assert.Throws<InvalidOptionException>(() => new KernelShap(NoModel) { Samples = 150 }.Solve(Of(100, _ => 0))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_players_than_a_word_has_bits_are_solved_too()
    {
        double[] worth = [.. Enumerable.Range(0, 150).Select(i => Math.Sin(i))];
        foreach (GameMethod method in new GameMethod[] { new KernelShap(NoModel) { Samples = 400 }, new PermutationShap(NoModel) { Samples = 2 }, new ShapleySampling(NoModel) { Samples = 1 } })
        {
            Solution s = method.Solve(Of(150, c => Coalitions.Members(c).Sum(i => worth[i])));
            for (int i = 0; i < worth.Length; i++) Assert.Equal(worth[i], s.Values[i], 1e-8);
        }
    }

    [Fact]
    public void Banzhaf_values_are_those_of_the_definition()
    {
        Game game = Random(6, 2);
        double[] got = new BanzhafValues(NoModel).Solve(game).Values;
        for (int i = 0; i < 6; i++)
        {
            double sum = 0;
            for (int s = 0; s < 64; s++)
                if ((s >> i & 1) == 0) sum += game.Values(new Coalitions(6).Add([(ulong)(s | 1 << i)]))[0] - game.Values(new Coalitions(6).Add([(ulong)s]))[0];
            Assert.Equal(sum / 32, got[i], 1e-12);
        }
    }
}
