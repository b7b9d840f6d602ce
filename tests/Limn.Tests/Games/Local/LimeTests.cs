using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Games;
using Limn.Games.Local;
using Limn.Models;

namespace Limn.Tests.Games.Local;

/// <summary>LIME on models of which the right answer is known.</summary>
public sealed class LimeTests
{
    private static FunctionModel Of(Func<float[], float> f, Action<float[]>? see = null) => new(x =>
    {
        int rows = (int)x.Lengths[0], columns = (int)x.Lengths[1];
        var y = new float[rows];
        for (int r = 0; r < rows; r++)
        {
            var row = new float[columns];
            for (int c = 0; c < columns; c++) row[c] = x[r, c];
            see?.Invoke(row);
            y[r] = f(row);
        }
        return Tensor.Create(y, [rows, 1]);
    });

    private static float Linear(float[] x) => x.Select((v, i) => (i + 1) * v).Sum();

    private static Tensor<float> Row(params float[] values) => Tensor.Create(values, [1, values.Length]);

    /// <summary>Rows of independent columns: normal ones, the third constant, the fourth 0 or 1.</summary>
    private static Tensor<float> Data(int rows = 400)
    {
        var random = new CounterRandom(5);
        return Tensor.Create([.. Enumerable.Range(0, rows * 5).Select(i => (i % 5) switch { 2 => 7f, 3 => random.Uniform((ulong)i) < 0.3 ? 1f : 0, _ => (float)random.Normal((ulong)i) })], [rows, 5]);
    }

    [Theory]
    [InlineData(2), InlineData(5), InlineData(14), InlineData(70)]
    public void A_linear_model_gives_its_coefficients(int features)
    {
        float[] x = [.. Enumerable.Range(0, features).Select(i => 1 + i % 3 * 0.5f)];
        foreach (LocalDistance distance in Enum.GetValues<LocalDistance>())
        {
            Attribution a = new Lime(Of(Linear)) { Baseline = Baseline.Value(0.5f), Alpha = 0, Distance = distance }.Explain(Row(x), Target.Class(0));
            for (int i = 0; i < features; i++) Assert.Equal((i + 1) * (x[i] - 0.5), a.Values[0, i], 1e-3 * features);
            Assert.Equal(1, a.Players![0].Solution.Surrogate!.R2, 1e-6);
            Assert.Equal(a.Prediction[0], a.Players[0].Solution.Surrogate!.LocalPrediction, 0.01 * features);
            Assert.Equal(features < 10, a.Tensors[0].StandardError is null); // where all coalitions are weighed nothing is left to chance
        }
    }

    [Fact]
    public void One_feature_gets_the_whole_change_and_none_that_is_the_baseline_gets_anything()
    {
        Assert.Equal([6f], Numbers.Of(new Lime(Of(Linear)).Explain(Row(6), Target.Class(0)).Values));
        Attribution a = new Lime(Of(Linear)) { Alpha = 0 }.Explain(Row(1, 0, 6), Target.Class(0));
        Assert.Equal([1.0, 0, 18], Numbers.Of(a.Values).Select(v => Math.Round(v, 4)));
        Assert.Contains(a.Remarks, r => r.Contains("feature 1", StringComparison.Ordinal));
        Assert.Equal([2], a.Players![0].Solution.Surrogate!.Top.Select(t => t.Player));
    }

    [Fact]
    public void A_group_gets_one_coefficient_and_equal_features_get_the_same()
    {
        Attribution a = new Lime(Of(x => x[0] * x[1] + x[2])) { Alpha = 0, Mask = [new NdArray([0L, 0, 1], 3)] }.Explain(Row(2, 3, 5), Target.Class(0));
        Assert.Equal([6.0, 6, 5], Numbers.Of(a.Values).Select(v => Math.Round(v, 4)));
        float[] twins = Numbers.Of(new Lime(Of(x => x[0] * x[1] * x[2])).Explain(Row(2, 2, 5), Target.Class(0)).Values);
        Assert.Equal(twins[0], twins[1], 1e-5);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_a_longer_run_begins_with_the_copies_of_a_shorter_one()
    {
        foreach (Baseline? baseline in (Baseline?[])[null, Baseline.Background(Data())])
        {
            List<float[]> Asked(int samples, ulong seed, out float[] values)
            {
                var asked = new List<float[]>();
                int columns = baseline is null ? 12 : 5;
                Attribution a = new Lime(Of(x => x[0] - x[1] * x[4], asked.Add)) { Samples = samples, Baseline = baseline ?? Baseline.Zero }
                    .Explain(Row([.. Enumerable.Repeat(1f, columns)]), Target.Class(0), new ExplainOptions { Seed = seed });
                values = Numbers.Of(a.Values);
                return asked;
            }
            List<float[]> some = Asked(200, 1, out float[] first), same = Asked(200, 1, out float[] second), more = Asked(400, 1, out _);
            Asked(200, 2, out float[] other);
            Assert.Equal(first, second);
            Assert.Equal(some.Count, same.Count);
            Assert.NotEqual(first, other);
            HashSet<string> longer = [.. more.Select(r => string.Join(',', r))];
            Assert.All(some, r => Assert.Contains(string.Join(',', r), longer));
        }
    }

    [Fact]
    public void Copies_of_a_table_come_from_its_bins()
    {
        var asked = new List<float[]>();
        Tensor<float> data = Data();
        float[] all = Numbers.Of(data);
        new Lime(Of(Linear, asked.Add)) { Baseline = Baseline.Background(data) }.Explain(Row(0.1f, 2, 7, 1, 0), Target.Class(0));
        asked = asked[2..]; // the row itself comes first, to find its target and its score
        Assert.Equal(4999 + 50, asked.Count); // one of a hundred is asked for twice
        for (int c = 0; c < 5; c++)
        {
            float[] column = [.. Enumerable.Range(0, 400).Select(r => all[r * 5 + c])];
            float[] cuts = Cuts.Quantiles(column, 4);
            Assert.All(asked, r => Assert.InRange(r[c], column.Min(), column.Max()));
            Assert.Equal(column.Average(), asked.Average(r => r[c]), 0.06);
            for (int bin = 0; bin < 4 && c is not 2 and not 3; bin++) Assert.Equal(0.25, asked.Count(r => Cuts.BinOf(cuts, r[c]) == bin) / 4999.0, 0.03);
        }
        Assert.All(asked, r => Assert.Equal(7, r[2]));
        Assert.All(asked, r => Assert.True(r[3] is 0 or 1));
    }

    [Fact]
    public void A_table_tells_what_being_in_the_rows_bin_adds()
    {
        // The score is a step of column 0 and the category of column 3: both are functions of bins.
        Tensor<float> data = Data();
        float[] first = [.. Enumerable.Range(0, 400).Select(r => data[r, 0])];
        float upper = Cuts.Quantiles(first, 4)[2];
        Attribution a = new Lime(Of(x => (x[0] > upper ? 10 : 0) + 3 * x[3])) { Baseline = Baseline.Background(data), Alpha = 0, Keep = 0 }.Explain(Row(3, 0, 7, 1, 0), Target.Class(0));
        Assert.Equal([10.0, 0, 0, 3, 0], Numbers.Of(a.Values).Select(v => Math.Round(v, 3)));
        Surrogate s = a.Players![0].Solution.Surrogate!;
        Assert.Equal((1, 0, 13), (s.R2, s.Intercept, s.LocalPrediction), new Near());
        Assert.StartsWith("feature 0 > 0.", s.Top[0].Condition, StringComparison.Ordinal);
        Assert.Equal("feature 3 = 1", s.Top[1].Condition);
        Assert.Contains(a.Remarks, r => r.Contains("100 %", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_bins_a_linear_model_gives_its_slopes_in_standard_deviations()
    {
        Tensor<float> data = Data();
        foreach (bool around in (bool[])[false, true])
        {
            Attribution a = new Lime(Of(Linear)) { Baseline = Baseline.Background(data), Alpha = 0, Keep = 0, Discretizer = Discretizer.None, Around = around }.Explain(Row(0.5f, -1, 7, 0, 1), Target.Class(0));
            for (int c = 0; c < 5; c++)
            {
                float[] column = [.. Enumerable.Range(0, 400).Select(r => data[r, c])];
                double expected = c switch { 2 => 0, 3 => -4, _ => (c + 1) * Math.Sqrt(column.Average(v => Math.Pow(v - column.Average(v => (double)v), 2))) };
                Assert.Equal(expected, a.Values[0, c], 1e-3);
            }
        }
    }

    [Fact]
    public void Columns_of_a_group_are_drawn_together()
    {
        // A category of three, as three columns of which one is 1; and a column of numbers.
        var random = new CounterRandom(8);
        float[] rows = [.. Enumerable.Range(0, 300).SelectMany(r => Enumerable.Range(0, 3).Select(k => k == random.Below(3, (ulong)r) ? 1f : 0).Append((float)random.Normal((ulong)(1000 + r))))];
        var asked = new List<float[]>();
        Attribution a = new Lime(Of(x => 5 * x[1] + x[3], asked.Add)) { Baseline = Baseline.Background(Tensor.Create(rows, [300, 4])), Mask = [new NdArray([0L, 0, 0, 1], 4)], Alpha = 0 }.Explain(Row(0, 1, 0, 0), Target.Class(0));
        Assert.All(asked, r => Assert.Equal(1, r[0] + r[1] + r[2]));
        Assert.Equal(5, a.Values[0, 1], 0.1);
        Assert.Equal(a.Values[0, 0], a.Values[0, 2]);
    }

    [Fact]
    public void Columns_of_categories_are_compared_by_their_value()
    {
        float[] rows = [.. Enumerable.Range(0, 200).SelectMany(r => new[] { r % 4, r / 200f })];
        Attribution a = new Lime(Of(x => x[0] == 2 ? 1 : 0)) { Baseline = Baseline.Background(Tensor.Create(rows, [200, 2])), Categorical = [0], Alpha = 0 }.Explain(Row(2, 0.5f), Target.Class(0));
        Assert.Equal(1, a.Values[0, 0], 1e-4);
        Assert.Throws<InvalidOptionException>(() => new Lime(Of(Linear)) { Baseline = Baseline.Background(Data()), Categorical = [5] }.Explain(Row(1, 1, 1, 1, 1), Target.Class(0)));
    }

    [Fact]
    public void Rows_of_the_same_class_are_scored_once()
    {
        Attribution one = new Lime(Of(Linear)) { Baseline = Baseline.Background(Data()), Samples = 500 }.Explain(Row(1, 0, 7, 1, 0), Target.Class(0));
        Attribution two = new Lime(Of(Linear)) { Baseline = Baseline.Background(Data()), Samples = 500 }.Explain(Tensor.Create([1f, 0, 7, 1, 0, 2, 2, 7, 0, 1], [2, 5]), Target.Class(0));
        Assert.Equal(one.ModelCalls + 2, two.ModelCalls);
        Assert.Equal(Numbers.Of(one.Values), Numbers.Of(two.Values)[..5]);
    }

    [Fact]
    public void Entropy_cuts_where_predictions_change()
    {
        float[] values = [.. Enumerable.Range(0, 100).Select(i => (float)i)];
        Assert.Equal([36.5f], Cuts.Of(values, Discretizer.Entropy, new Lazy<int[]>(() => [.. values.Select(v => v > 36 ? 1 : 0)])));
        Assert.Equal([49.5f], Cuts.Of(values, Discretizer.Entropy, new Lazy<int[]>(() => new int[100])));
        Assert.Equal([24.75f, 49.5f, 74.25f], Cuts.Of(values, Discretizer.Quartile, new Lazy<int[]>(() => [])));
        Attribution a = new Lime(Of(x => x[0] > 0.3f ? 1 : -1)) { Baseline = Baseline.Background(Data()), Discretizer = Discretizer.Entropy, Alpha = 0 }.Explain(Row(2, 0, 7, 0, 0), Target.Class(0));
        Assert.Equal(2, a.Values[0, 0], 0.05);
    }

    [Theory]
    [InlineData(SurrogateKind.Ridge), InlineData(SurrogateKind.Lasso), InlineData(SurrogateKind.Tree)]
    public void Every_surrogate_finds_the_feature_that_counts(SurrogateKind kind)
    {
        foreach (Baseline baseline in (Baseline[])[Baseline.Value(-3), Baseline.Background(Data())])
        {
            Attribution a = new Lime(Of(x => x[4] > 0 ? 1 : 0)) { Baseline = baseline, Surrogate = kind, Keep = 1 }.Explain(Row(0.2f, 0.2f, 7, 1, 2), Target.Class(0));
            Assert.Equal([4], Enumerable.Range(0, 5).Where(i => a.Values[0, i] != 0));
            Assert.True(a.Values[0, 4] > 0.2);
        }
    }

    [Fact]
    public void What_cannot_be_answered_is_refused()
    {
        Assert.Throws<PredictorException>(() => new Lime(Of(x => x[0] == 0 ? float.NaN : 1)).Explain(Row(1, 2, 3), Target.Class(0)));
        Assert.Throws<PredictorException>(() => new Lime(Of(x => x[0] < 0 ? float.NaN : 1)) { Baseline = Baseline.Background(Data()) }.Explain(Row(1, 2, 7, 1, 1), Target.Class(0)));
        foreach (Lime wrong in (Lime[])[new(Of(Linear)) { Samples = 1 }, new(Of(Linear)) { Width = 0 }, new(Of(Linear)) { Alpha = -1 }, new(Of(Linear)) { Keep = -1 }, new(Of(Linear)) { Depth = 0, Surrogate = SurrogateKind.Tree },
            new(Of(Linear)) { Baseline = Baseline.Background([NdArray.From(Data(2))], [1, 2]) }])
            Assert.Throws<InvalidOptionException>(() => wrong.Explain(Row(1, 2, 7, 1, 3), Target.Class(0)));
    }

    [Fact]
    public void A_pick_takes_rows_that_show_what_others_do_not()
    {
        Picked picked = SubmodularPick.Of([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 4, 0], [0, 1, 0, 0]], 3);
        // Importances √2, √2, 2, 0: the second row covers 2√2, the third 2; then nothing is left.
        Assert.Equal([1, 2], picked.Rows);
        Assert.Equal(1, picked.Coverage[^1], 1e-12);
        Assert.Equal([Math.Sqrt(2), Math.Sqrt(2), 2, 0], picked.Importance);
        Assert.Empty(SubmodularPick.Of([], 3).Rows);
        Assert.Throws<ShapeMismatchException>(() => SubmodularPick.Of([[1], [1, 2]]));
        Attribution a = new Lime(Of(x => x[0] > 0 ? x[0] : x[1])) { Keep = 1, Baseline = Baseline.Value(-0.5f) }.Explain(Tensor.Create([1f, 1, 2, 2, -1, 3], [3, 2]), Target.Class(0));
        Assert.Equal(2, SubmodularPick.Of(a).Rows.Count);
    }

    private sealed class Near : IEqualityComparer<(double, double, double)>
    {
        public bool Equals((double, double, double) a, (double, double, double) b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) + Math.Abs(a.Item3 - b.Item3) < 1e-3;

        public int GetHashCode((double, double, double) of) => 0;
    }
}
