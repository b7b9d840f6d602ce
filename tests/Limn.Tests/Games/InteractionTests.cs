using Limn.Engine;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

public sealed class InteractionTests
{
    private static readonly FunctionModel NoModel = new(x => x);

    private static Game Random(int players, ulong seed) => new(new FunctionGame(players, c => new CounterRandom(seed).Normal(c[0])));

    [Theory]
    [InlineData(InteractionIndex.ShapleyTaylor), InlineData(InteractionIndex.FaithShap), InlineData(InteractionIndex.Shapley)]
    public void Every_index_adds_up_and_is_symmetric(InteractionIndex index)
    {
        foreach (int n in (int[])[1, 2, 3, 6])
        {
            Game game = Random(n, 3);
            Solution s = new ShapleyInteractions(NoModel) { Index = index }.Solve(game);
            Assert.Equal(game.Full - game.Empty, s.Values.Sum(), 1e-9);
            for (int i = 0; i < n; i++)
            {
                Assert.Equal(s.Values[i], s.Interactions!.AsSpan(i * n, n).ToArray().Sum(), 1e-9);
                for (int j = 0; j < n; j++) Assert.Equal(s.Interactions![i * n + j], s.Interactions[j * n + i], 1e-12);
            }
        }
    }

    [Theory]
    [InlineData(InteractionIndex.ShapleyTaylor), InlineData(InteractionIndex.FaithShap), InlineData(InteractionIndex.Shapley)]
    public void A_game_of_pairs_has_its_own_pairs_back(InteractionIndex index)
    {
        // v = Σ aᵢ + Σ b_ij: no index has anything to share out.
        double Single(int i) => i - 1.5;
        double Pair(int i, int j) => Math.Sin(i + 3 * j);
        const int N = 5;
        var game = new Game(new FunctionGame(N, c =>
        {
            List<int> members = Coalitions.Members(c);
            return members.Sum(Single) + members.Sum(i => members.Where(j => j > i).Sum(j => Pair(i, j)));
        }));
        double[] matrix = new ShapleyInteractions(NoModel) { Index = index }.Solve(game).Interactions!;
        for (int i = 0; i < N; i++)
        {
            Assert.Equal(Single(i), matrix[i * N + i], 1e-9);
            for (int j = i + 1; j < N; j++) Assert.Equal(Pair(i, j) / 2, matrix[i * N + j], 1e-9);
        }
    }

    [Fact]
    public void The_rows_of_the_shapley_index_are_shapley_values()
    {
        Game game = Random(7, 5);
        double[] rows = new ShapleyInteractions(NoModel) { Index = InteractionIndex.Shapley }.Solve(game).Values, shapley = new ShapleyValues(NoModel).Solve(game).Values;
        for (int i = 0; i < 7; i++) Assert.Equal(shapley[i], rows[i], 1e-9);
    }

    [Fact]
    public void Faith_SHAP_predicts_all_coalitions_better_than_the_others()
    {
        // Its defining property: the least squares, weighed by the Shapley kernel, among all that are exact for nobody and for all.
        const int N = 5;
        Game game = Random(N, 9);
        double Error(InteractionIndex index)
        {
            double[] m = new ShapleyInteractions(NoModel) { Index = index }.Solve(game).Interactions!;
            double sum = 0;
            for (int s = 1; s < (1 << N) - 1; s++)
            {
                double predicted = game.Empty;
                for (int i = 0; i < N; i++)
                    for (int j = 0; j < N; j++)
                        if ((s >> i & 1) != 0 && (s >> j & 1) != 0) predicted += m[i * N + j];
                int size = int.PopCount(s);
                double[] choose = [1, 5, 10, 10, 5, 1];
                sum += (N - 1) / (choose[size] * size * (N - size)) * Math.Pow(game.Values(new Coalitions(N).Add([(ulong)s]))[0] - predicted, 2);
            }
            return sum;
        }
        double faith = Error(InteractionIndex.FaithShap);
        Assert.True(faith < Error(InteractionIndex.ShapleyTaylor) && faith < Error(InteractionIndex.Shapley));
    }

    [Fact]
    public void Sampled_Shapley_Taylor_values_add_up_and_lie_within_their_errors()
    {
        const int N = ShapleyInteractions.MostExact + 1;
        static double Value(ReadOnlySpan<ulong> c)
        {
            double sum = 0;
            foreach (int i in Coalitions.Members(c)) sum += Math.Cos(2.1 * i);
            return Math.Tanh(sum);
        }
        var game = new Game(new FunctionGame(N, Value));
        Solution s = new ShapleyInteractions(NoModel) { Samples = 40 }.Solve(game, 1);
        Assert.Equal(game.Full - game.Empty, s.Values.Sum(), 1e-9);
        // The truth of a pair, from the definition over all coalitions without it: weights 2/n · 1/C(n−1, |S|).
        double[] all = new double[1 << N];
        for (int t = 0; t < all.Length; t++) all[t] = Value([(ulong)t]);
        double[] truth = new double[N];
        double[] choose = new double[N];
        choose[0] = 1;
        for (int k = 1; k < N; k++) choose[k] = choose[k - 1] * (N - k) / k;
        for (int i = 0; i < N; i++)
        {
            truth[i] = all[1 << i] - all[0];
            for (int j = 0; j < N; j++)
                for (int t = 0; t < all.Length && i != j; t++)
                    if ((t >> i & 1) == 0 && (t >> j & 1) == 0)
                        truth[i] += 0.5 * 2 / N / choose[int.PopCount(t)] * (all[t | 1 << i | 1 << j] - all[t | 1 << i] - all[t | 1 << j] + all[t]);
        }
        int inside = Enumerable.Range(0, N).Count(i => Math.Abs(s.Values[i] - truth[i]) <= 2 * s.StandardErrors![i]);
        Assert.True(inside >= N - 3, $"{inside} of {N} within two standard errors");
    }
}
