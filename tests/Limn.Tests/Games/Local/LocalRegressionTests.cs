using System.Globalization;
using Limn.Engine;
using Limn.Games;
using Limn.Games.Local;

namespace Limn.Tests.Games.Local;

/// <summary>The regressions of local surrogates, beside scikit-learn's on the same samples (benchmarks/peers/lime_ridge.py) and their definitions.</summary>
public sealed class LocalRegressionTests
{
    private const int Features = 8;
    private static readonly string Folder = Path.Combine(SharedFiles.Root, "tests", "Limn.Tests", "Games", "Local", "Fixtures");
    private static readonly double[][] Table = [.. File.ReadLines(Path.Combine(Folder, "samples.csv")).Select(l => l.Split(',').Select(Number).ToArray())];
    private static readonly Dictionary<string, double[]> Expected = File.ReadLines(Path.Combine(Folder, "expected.csv")).Select(l => l.Split(',')).ToDictionary(p => p[0], p => p[1..].Select(Number).ToArray());

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static LocalSamples Samples(double[][] rows)
    {
        var samples = new LocalSamples(rows[0].Length - 2, rows.Length);
        for (int k = 0; k < rows.Length; k++)
        {
            (samples.Weights[k], samples.Scores[k]) = (rows[k][0], rows[k][1]);
            for (int j = 0; j < samples.Features; j++) samples.Column(j)[k] = rows[k][2 + j];
        }
        return samples;
    }

    private static Solution Fit(LocalRegression regression) => regression.Of(Samples(Table), Table[0].AsSpan(2), Table[0][1], 1);

    private static void Agrees(string what, Solution got, double tolerance)
    {
        double[] expected = Expected[what];
        for (int j = 0; j < Features; j++) Assert.Equal(expected[j], got.Values[j], tolerance);
        Assert.Equal(expected[Features], got.Surrogate!.Intercept, tolerance);
        Assert.Equal(expected[Features + 1], got.Surrogate.R2, tolerance);
    }

    [Fact]
    public void A_ridge_is_scikit_learns()
    {
        Agrees("ridge", Fit(new LocalRegression { Alpha = 1 }), 1e-9);
        Agrees("ridge-10", Fit(new LocalRegression { Alpha = 10 }), 1e-9);
        Agrees("least-squares", Fit(new LocalRegression { Alpha = 0 }), 1e-9);
    }

    [Fact]
    public void A_lasso_is_scikit_learns()
    {
        Agrees("lasso", Fit(new LocalRegression { Kind = SurrogateKind.Lasso, Alpha = 0.01 }), 1e-8);
        Agrees("lasso-0.1", Fit(new LocalRegression { Kind = SurrogateKind.Lasso, Alpha = 0.1 }), 1e-8);
    }

    [Theory]
    [InlineData("forward", FeatureSelection.Forward), InlineData("forward", FeatureSelection.Auto), InlineData("highest-weights", FeatureSelection.HighestWeights), InlineData("lasso-path", FeatureSelection.LassoPath)]
    public void Selected_features_are_those_that_refits_over_the_samples_select(string what, FeatureSelection selection) =>
        Agrees(what, Fit(new LocalRegression { Keep = 4, Selection = selection, Alpha = 1 }), 1e-9);

    [Fact]
    public void The_lasso_path_is_scikit_learns()
    {
        NormalEquations problem = Samples(Table).Sums(0, Table.Length).Centred();
        double[][] path = [.. LeastAngle.Path(problem.Gram, problem.Right, 100, drops: true).Select(s => s.Coefficients)];
        for (int i = 1; Expected.TryGetValue($"path-{i}", out double[]? expected) && i < path.Length; i++)
            for (int j = 0; j < Features - 1; j++)
                if (i < path.Length) Assert.Equal(expected[j], path[i - 1][j], i == path.Length ? 1e-6 : 1e-7);
        Assert.True(path.Length >= 7);
    }

    [Fact]
    public void Least_angles_let_a_feature_leave_whose_coefficient_gets_zero()
    {
        // The first feature is nearly the sum of the others, so it enters first and is not needed in the end.
        var random = new CounterRandom(3);
        var samples = new LocalSamples(3, 200);
        for (int k = 0; k < samples.Count; k++)
        {
            double a = random.Normal((ulong)(3 * k)), b = random.Normal((ulong)(3 * k + 1));
            (samples.Weights[k], samples.Column(1)[k], samples.Column(2)[k], samples.Column(0)[k], samples.Scores[k]) = (1, a, b, a + b + 0.3 * random.Normal((ulong)(3 * k + 2)), a + b);
        }
        NormalEquations problem = samples.Sums(0, samples.Count).Centred();
        double[][] path = [.. LeastAngle.Path(problem.Gram, problem.Right, 100, drops: true).Select(s => s.Coefficients)];
        Assert.True(path[0][0] > 0);
        Assert.Equal(0, path[^1][0], 1e-9);
        Assert.Equal((1, 1), (path[^1][1], path[^1][2]), new Near(1e-9));
        // Between knots every point is a lasso solution; at the knots, of the penalty that the correlations tell.
        foreach (double[] knot in path)
        {
            double[] left = [.. problem.Right];
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++) left[i] -= problem.Gram[i * 3 + j] * knot[j];
            double alpha = left.Max(Math.Abs) / problem.Weight;
            double[] lasso = LassoRegression.Fit(problem, [0, 1, 2], alpha);
            for (int i = 0; i < 3; i++) Assert.Equal(lasso[i], knot[i], 1e-6);
        }
    }

    [Fact]
    public void Constant_features_and_copies_of_others_get_zero_without_a_penalty()
    {
        double[][] rows = [.. Table.Select(r => new[] { r[0], 3 * r[2] - r[3] + 7, r[2], 5, r[3], r[2] + r[3] })];
        Solution s = new LocalRegression { Alpha = 0 }.Of(Samples(rows), rows[0].AsSpan(2), rows[0][1], 0);
        Assert.Equal([3.0, 0, -1, 0], s.Values.Select(v => Math.Round(v, 9)));
        Assert.Equal(7, s.Surrogate!.Intercept, 1e-9);
        Assert.Equal(1, s.Surrogate.R2, 1e-9);
        Solution kept = new LocalRegression { Alpha = 0, Keep = 3, Selection = FeatureSelection.Forward }.Of(Samples(rows), rows[0].AsSpan(2), rows[0][1], 0);
        Assert.Equal(1, kept.Surrogate!.R2, 1e-9);
    }

    [Fact]
    public void Scores_that_do_not_vary_have_coefficients_of_zero_and_no_R2()
    {
        double[][] rows = [.. Table.Select(r => (double[])[r[0], 2, .. r[2..]])];
        foreach (SurrogateKind kind in Enum.GetValues<SurrogateKind>())
        {
            Solution s = new LocalRegression { Kind = kind, Alpha = 1 }.Of(Samples(rows), rows[0].AsSpan(2), 2, 0);
            Assert.All(s.Values, v => Assert.Equal(0, v, 1e-12));
            Assert.Equal(2, s.Surrogate!.LocalPrediction, 1e-9);
        }
    }

    [Fact]
    public void A_tree_finds_what_only_two_features_together_tell_and_credits_both()
    {
        double[][] rows = [.. Table.Select(r => (double[])[1, r[2] * r[3], .. r[2..]])];
        Solution tree = new LocalRegression { Kind = SurrogateKind.Tree, Depth = 2 }.Of(Samples(rows), rows[0].AsSpan(2), 1, 1);
        Assert.Equal(1, tree.Surrogate!.R2, 1e-9);
        Assert.Equal([0, 1], Enumerable.Range(0, Features).Where(j => tree.Values[j] > 0));
        Assert.Equal(tree.Surrogate.LocalPrediction, tree.Surrogate.Intercept + tree.Values.Sum(), 1e-12);
        Assert.True(tree.Surrogate.R2 > new LocalRegression { Alpha = 1 }.Of(Samples(rows), rows[0].AsSpan(2), 1, 1).Surrogate!.R2 + 0.1);
        double[][] one = [.. Table.Select(r => (double[])[r[0], r[4] > 0.5 ? 3 : 1, .. r[2..]])];
        Solution stump = new LocalRegression { Kind = SurrogateKind.Tree, Depth = 1 }.Of(Samples(one), one[0].AsSpan(2), 3, 1);
        Assert.Equal(1, stump.Surrogate!.R2, 1e-9);
        Assert.Equal([2], Enumerable.Range(0, Features).Where(j => stump.Values[j] != 0));
        Assert.Equal(3, stump.Surrogate.LocalPrediction, 1e-9);
        Assert.Equal((2, 1.0), (stump.Surrogate.Top[0].Player, stump.Surrogate.Top[0].Stability));
    }

    [Fact]
    public void Standard_errors_are_the_spread_over_seeds_also_where_refits_would_be_too_many()
    {
        foreach (int features in (int[])[12, 140])
        {
            Solution[] runs = [.. Enumerable.Range(0, 12).Select(s => new Lime(new Limn.Models.FunctionModel(x => x)) { Distance = LocalDistance.Euclidean }.Solve(Noisy(features), (ulong)s))];
            double spread = Math.Sqrt(Enumerable.Range(0, 8).Average(j => Variance([.. runs.Select(r => r.Values[j])])));
            double told = Math.Sqrt(Enumerable.Range(0, 8).Average(j => runs.Average(r => Math.Pow(r.StandardErrors![j], 2))));
            Assert.InRange(told / spread, 0.6, 1.6);
        }

        static double Variance(double[] v) => v.Sum(x => Math.Pow(x - v.Average(), 2)) / (v.Length - 1);

        static Game Noisy(int features) => new(new FunctionGame(features, c =>
        {
            double sum = new CounterRandom(c[0], c[^1]).Normal(0);
            for (int p = 0; p < 4; p++) sum += Coalitions.Has(c, p) ? p : 0;
            return sum;
        }));
    }

    [Fact]
    public void Strong_features_are_stable_and_indistinct_ones_are_not()
    {
        var game = new Game(new FunctionGame(20, c => 10 * (Coalitions.Has(c, 3) ? 1 : 0) - 8 * (Coalitions.Has(c, 7) ? 1 : 0) + new CounterRandom(c[0]).Normal(0)));
        Surrogate s = new Lime(new Limn.Models.FunctionModel(x => x)) { Keep = 5 }.Solve(game).Surrogate!;
        Assert.Equal([3, 7], s.Top.Take(2).Select(t => t.Player));
        Assert.All(s.Top.Take(2), t => Assert.Equal(1, t.Stability));
        Assert.Contains(s.Top, t => t.Stability < 0.8);
    }

    private sealed class Near(double tolerance) : IEqualityComparer<(double, double)>
    {
        public bool Equals((double, double) a, (double, double) b) => Math.Abs(a.Item1 - b.Item1) <= tolerance && Math.Abs(a.Item2 - b.Item2) <= tolerance;

        public int GetHashCode((double, double) pair) => 0;
    }
}
