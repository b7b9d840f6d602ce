using Limn.Engine;
using Limn.Games;
using Limn.Models;
using Limn.Tests.Identities;
using static Limn.Tests.Games.Pictures.PictureCases;

namespace Limn.Tests.Games.Pictures;

public sealed class RiseTests
{
    private const double P = 0.4;

    [Theory, Identity(12)]
    [InlineData(1, 1), InlineData(5, 9), InlineData(16, 16)]
    public void Rise_of_a_constant_is_that_constant_everywhere(int height, int width)
    {
        NdArray x = Picture(1, 2, 3, height, width);
        Attribution exact = Ask(new Rise(Of(_ => 2.5)) { Samples = 300, Normalization = RiseNormalization.Masks }, x);
        Assert.All(Numbers.Of(exact.Values), v => Assert.Equal(2.5, v, 1e-5));
        Assert.All(Numbers.Of(exact.Tensors[0].StandardError!), e => Assert.Equal(0, e, 1e-5));

        // Divided by what the masks add up to on average it is so within its standard error.
        Attribution noisy = Ask(new Rise(Of(_ => 2.5)) { Samples = 300 }, x);
        float[] values = Numbers.Of(noisy.Values), errors = Numbers.Of(noisy.Tensors[0].StandardError!);
        for (int i = 0; i < values.Length; i++) Assert.InRange(Math.Abs(values[i] - 2.5), 0, 5 * errors[i]);
    }

    /// <summary>E[M_i M_j] of masks, by its definition: the mean over all shifts of p² + p (1 − p) Σ_cells a_i a_j.</summary>
    private static double[,] Moments(int height, int width, int grid, double p)
    {
        int down = (height + grid - 1) / grid, across = (width + grid - 1) / grid, n = height * width;
        double Weight(int position, int size, int cell)
        {
            double centre = Math.Clamp((position + 0.5) * grid / ((grid + 1) * size) - 0.5, 0, grid - 1);
            return Math.Max(0, 1 - Math.Abs(centre - cell));
        }
        var moments = new double[n, n];
        for (int top = 0; top < down; top++)
            for (int left = 0; left < across; left++)
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                    {
                        double rows = 0, columns = 0;
                        for (int c = 0; c < grid; c++)
                        {
                            rows += Weight(i / width + top, down, c) * Weight(j / width + top, down, c);
                            columns += Weight(i % width + left, across, c) * Weight(j % width + left, across, c);
                        }
                        moments[i, j] += (p * p + p * (1 - p) * rows * columns) / (down * across);
                    }
        return moments;
    }

    [Theory]
    [InlineData(RiseNormalization.Expected), InlineData(RiseNormalization.Masks)]
    public void The_map_of_a_linear_score_is_its_expectation_and_two_standard_errors_hold_it_in_95_of_100_runs(RiseNormalization normalization)
    {
        const int Height = 5, Width = 4, Grid = 3, Seeds = 200;
        float[] weights = Picture(3, Height * Width).Floats.ToArray();
        NdArray x = Picture(4, 1, 1, Height, Width);
        double[,] moments = Moments(Height, Width, Grid, P);
        double[] expected = [.. Enumerable.Range(0, weights.Length).Select(i => Enumerable.Range(0, weights.Length).Sum(j => weights[j] * x.Floats[j] * moments[i, j]) / P)];
        FunctionModel model = Linear(weights);
        int inside = 0;
        double error = 0;
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            Attribution a = Ask(new Rise(model) { Samples = 400, Grid = Grid, Probability = P, Normalization = normalization }, x, seed);
            float[] values = Numbers.Of(a.Values), errors = Numbers.Of(a.Tensors[0].StandardError!);
            for (int i = 0; i < values.Length; i++)
            {
                error += (values[i] - expected[i]) / errors[i] / (Seeds * values.Length);
                if (Math.Abs(values[i] - expected[i]) <= 2 * errors[i]) inside++;
            }
        }
        Assert.InRange(inside / (double)(Seeds * weights.Length), 0.93, 0.97);
        Assert.InRange(error, -0.25, 0.25); // neither above nor below
    }

    [Fact]
    public void A_single_pixel_that_counts_is_the_brightest()
    {
        const int Side = 28, At = 9 * Side + 20;
        Attribution a = Ask(new Rise(Of(x => x[At] + x[At + Side * Side])) { Samples = 2000, Normalization = RiseNormalization.Masks }, Filled(1, 2, Side, Side));
        float[] map = Numbers.Of(a.Values);
        int brightest = Array.IndexOf(map[..(Side * Side)], map.Max());
        Assert.InRange(Math.Abs(brightest / Side - 9), 0, 2);
        Assert.InRange(Math.Abs(brightest % Side - 20), 0, 2);
        Assert.Equal(map[..(Side * Side)], map[(Side * Side)..]); // all channels the same
    }

    [Fact]
    public void Columns_of_a_table_come_and_go_on_their_own()
    {
        NdArray x = new([3f, -1, 2], 1, 3);
        Attribution a = Ask(new Rise(Linear([1, 1, 1])) { Samples = 20000, Normalization = RiseNormalization.Masks }, x);
        float[] values = Numbers.Of(a.Values), errors = Numbers.Of(a.Tensors[0].StandardError!);
        double[] expected = [3 + 0.5, -1 + 2.5, 2 + 1]; // own effect, and half of the others'
        for (int i = 0; i < 3; i++) Assert.InRange(Math.Abs(values[i] - expected[i]), 0, 4 * errors[i]);
    }

    [Fact]
    public void A_run_twice_as_long_begins_with_the_same_masks()
    {
        PicturePlace place = new(0, 1, 12, 10, false, false);
        var (once, again) = (new RiseMasks(place, 4, 0.5, 7), new RiseMasks(place, 4, 0.5, 7));
        float[] a = new float[120], b = new float[120];
        for (int k = 9; k >= 0; k--) again.Write(k, b);
        once.Write(0, a);
        Assert.Equal(a, b);
        Assert.All(a, m => Assert.InRange(m, 0, 1));
        once.Write(1, a);
        Assert.NotEqual(a, b);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_whatever_the_number_of_threads_and_of_masks_at_once()
    {
        NdArray x = Picture(5, 2, 3, 9, 11);
        FunctionModel model = Of(v => Math.Tanh(v.Sum()));
        float[] Values(int threads, long? budget) => Numbers.Of(new Rise(model) { Samples = 150 }.Explain([x], Target.Class(0), new ExplainOptions { Seed = 3, PredictorThreads = threads, MemoryBudget = budget }).Values);
        float[] one = Values(1, null);
        Assert.Equal(one, Values(4, null));
        Assert.Equal(one, Values(3, 10_000));
        Assert.NotEqual(one, Numbers.Of(Ask(new Rise(model) { Samples = 150 }, x, 4).Values));
    }

    [Fact]
    public void What_is_wrong_is_said()
    {
        NdArray x = Picture(1, 1, 1, 3, 3);
        Assert.Contains("samples", Assert.Throws<InvalidOptionException>(() => Ask(new Rise(Of(_ => 1)) { Samples = 0 }, x)).Message, StringComparison.Ordinal);
        Assert.Contains("probability", Assert.Throws<InvalidOptionException>(() => Ask(new Rise(Of(_ => 1)) { Probability = 0 }, x)).Message, StringComparison.Ordinal);
        Assert.Contains("single baseline", Assert.Throws<InvalidOptionException>(() => Ask(new Rise(Of(_ => 1)) { Baseline = Baseline.Several(Baseline.Zero, Baseline.Mean) }, x)).Message, StringComparison.Ordinal);
        Assert.Contains("kernel-shap", Assert.Throws<InvalidOptionException>(() => Ask(new Rise(Of(_ => 1)) { Baseline = Baseline.Inpaint }, x)).Message, StringComparison.Ordinal);
        Assert.Contains("No mask shows", Assert.Single(Ask(new Rise(Of(_ => 1)) { Samples = 3, Probability = 0.001, Normalization = RiseNormalization.Masks }, x).Remarks, r => r.Contains("No mask", StringComparison.Ordinal)), StringComparison.Ordinal);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => new Rise(Of(_ => 1)).Explain([x], Target.Class(0), new ExplainOptions { Cancellation = cancelled.Token }));
    }

    private static NdArray Filled(params int[] dims)
    {
        NdArray x = NdArray.Create(ElementType.Float, dims);
        x.Floats.Fill(1);
        return x;
    }
}
