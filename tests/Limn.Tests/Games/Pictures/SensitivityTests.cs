using Limn.Engine;
using Limn.Games;
using Limn.Models;
using static Limn.Tests.Games.Pictures.PictureCases;

namespace Limn.Tests.Games.Pictures;

/// <summary>Sobol indices and HSIC on scores whose variance is known.</summary>
public sealed class SensitivityTests
{
    [Fact]
    public void Sobol_indices_of_a_linear_score_are_the_shares_of_its_squared_effects()
    {
        // Σ a m over uniform m: variance Σ a² / 12.
        NdArray x = new([2f, -1, 3, 0.5f], 1, 4);
        double[] expected = [.. x.Floats.ToArray().Select(v => v * v / (4 + 1 + 9 + 0.25))];
        foreach (SobolOrder order in Enum.GetValues<SobolOrder>())
        {
            float[] got = Numbers.Of(Ask(new SobolIndices(Linear([1, 1, 1, 1])) { Samples = 4096, Order = order }, x).Values);
            for (int i = 0; i < got.Length; i++) Assert.Equal(expected[i], got[i], 0.02);
        }
    }

    [Fact]
    public void A_product_has_joint_effects_in_the_total_and_not_in_the_first_order()
    {
        // m₁ m₂: V = 1/9 − 1/16 = 7/144; first order Var(m₁/2) / V = 3/7, total 1 − 3/7 = 4/7.
        NdArray x = new([1f, 1], 1, 2);
        float[] total = Numbers.Of(Ask(new SobolIndices(Of(v => v[0] * v[1])) { Samples = 4096 }, x).Values);
        float[] first = Numbers.Of(Ask(new SobolIndices(Of(v => v[0] * v[1])) { Samples = 4096, Order = SobolOrder.First }, x).Values);
        Assert.All(total, v => Assert.Equal(4 / 7.0, v, 0.02));
        Assert.All(first, v => Assert.Equal(3 / 7.0, v, 0.02));
    }

    [Fact]
    public void Only_the_cell_of_a_single_pixel_has_an_index_and_depends()
    {
        const int Side = 20, At = 7 * Side + 13; // of 5 x 5 cells of 4 x 4 pixels, that in row 1 and column 3
        NdArray x = NdArray.Create(ElementType.Float, 1, 2, Side, Side);
        x.Floats.Fill(1);
        float[] sobol = Numbers.Of(Ask(new SobolIndices(Of(v => v[At])) { Grid = 5 }, x).Values), hsic = Numbers.Of(Ask(new HsicAttribution(Of(v => v[At])) { Grid = 5 }, x).Values);
        for (int e = 0; e < sobol.Length; e++)
        {
            int p = e % (Side * Side);
            bool own = p / Side / 4 == 1 && p % Side / 4 == 3;
            if (own) Assert.Equal(1, sobol[e], 0.2);
            else Assert.Equal(0, sobol[e]);
            if (own) Assert.InRange(hsic[e], 0.05, 1);
            else Assert.InRange(hsic[e], 0, 0.01);
        }
    }

    [Fact]
    public void Hsic_is_what_its_definition_says()
    {
        NdArray x = new([1f, -2, 0.5f], 1, 3);
        const int N = 40;
        var shown = new List<float[]>();
        float[] got = Numbers.Of(Ask(new HsicAttribution(Of(v =>
        {
            lock (shown) shown.Add(v);
            return v[0] + v[1] * v[2];
        })) { Samples = N }, x).Values);
        float[][] masks = [.. shown.TakeLast(N)];
        double[] y = [.. masks.Select(v => (double)(float)(v[0] + v[1] * v[2]))];
        double[] distances = [.. Enumerable.Range(0, N).SelectMany(a => Enumerable.Range(0, a).Select(b => Math.Abs(y[a] - y[b]))).Order()];
        double sigma = (distances[(distances.Length - 1) / 2] + distances[distances.Length / 2]) / 2;
        if (sigma == 0) sigma = distances.Average();
        for (int j = 0; j < 3; j++)
        {
            // tr(K H L H) with every matrix written out.
            double[,] Matrix(Func<int, int, double> of)
            {
                var m = new double[N, N];
                for (int a = 0; a < N; a++)
                    for (int b = 0; b < N; b++) m[a, b] = of(a, b);
                return m;
            }
            double[,] Times(double[,] a, double[,] b) => Matrix((i, k) => Enumerable.Range(0, N).Sum(q => a[i, q] * b[q, k]));
            double[,] h = Matrix((a, b) => (a == b ? 1 : 0) - 1.0 / N), l = Matrix((a, b) => Math.Exp(-Math.Pow(y[a] - y[b], 2) / (2 * sigma * sigma)));
            double[,] k = Matrix((a, b) => masks[a][j] == masks[b][j] ? 1 : 0), product = Times(Times(k, h), Times(l, h));
            Assert.Equal(Enumerable.Range(0, N).Sum(a => product[a, a]) / Math.Pow(N - 1, 2), got[j], 1e-6);
        }
    }

    [Theory]
    [InlineData("sobol"), InlineData("hsic")]
    public void A_constant_score_gives_zeros_a_single_pixel_all_and_threads_change_nothing(string name)
    {
        Method Make(Func<float[], double> f) => MethodRegistry.Create(name, Of(f));
        Assert.All(Numbers.Of(Ask(Make(_ => 0.7), Picture(1, 2, 3, 12, 9)).Values), v => Assert.Equal(0, v));
        Assert.True(Numbers.Of(Ask(Make(v => v[0]), Picture(2, 1, 1, 1, 1)).Values)[0] > 0.05);
        NdArray x = Picture(3, 1, 1, 10, 10);
        float[] Values(int threads, long? budget) => Numbers.Of(Make(v => Math.Tanh(v.Sum() / 10)).Explain([x], Target.Class(0), new ExplainOptions { PredictorThreads = threads, MemoryBudget = budget }).Values);
        float[] one = Values(1, null);
        Assert.Equal(one, Values(4, null));
        Assert.Equal(one, Values(1, 8_000));
        Assert.Throws<InvalidOptionException>(() => Ask(MethodRegistry.Create(name, Of(_ => 1), new Dictionary<string, string> { ["grid"] = "0" }), x));
        Assert.Throws<InvalidOptionException>(() => Ask(MethodRegistry.Create(name, Of(_ => 1), new Dictionary<string, string> { ["samples"] = "0" }), x));
    }

    [Fact]
    public void The_points_of_the_design_fill_every_side_evenly_and_a_longer_one_begins_with_them()
    {
        var halton = new ScrambledHalton(40, 5);
        int[] primes = [2, 3, 5, 7, 11, 13];
        for (int j = 0; j < primes.Length; j++)
        {
            int b = primes[j];
            Assert.Equal(Enumerable.Range(0, b * b), Enumerable.Range(0, b * b).Select(n => (int)(halton[n, j] * b * b + 1e-9)).Order());
        }
        var columns = Enumerable.Range(0, 40).Select(j => Enumerable.Range(0, 64).Select(n => halton[n, j]).ToArray()).ToArray();
        for (int a = 0; a < 40; a++)
            for (int b = 0; b < a; b++) Assert.InRange(Math.Abs(columns[a].Zip(columns[b], (x, y) => (x - 0.5) * (y - 0.5)).Sum() * 12 / 64), 0, 0.6);
        Assert.Equal(halton[17, 33], new ScrambledHalton(34, 5)[17, 33]);
    }
}
