using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

/// <summary>Windows of time series, and columns that go with others.</summary>
public sealed class SeriesAndConditionalTests
{
    private static FunctionModel Of(Func<float[], double> score) => new(x =>
    {
        int rows = (int)x.Lengths[0], inner = rows == 0 ? 0 : (int)x.FlattenedLength / rows;
        var all = new float[x.FlattenedLength];
        x.FlattenTo(all);
        return Tensor.Create([.. Enumerable.Range(0, rows).Select(r => (float)score(all[(r * inner)..((r + 1) * inner)]))], [rows, 1]);
    });

    [Fact]
    public void The_windows_of_each_channel_are_players()
    {
        // 2 channels of 40 steps: the model sees steps 10 to 19 of the second.
        FunctionModel model = Of(v => v.AsSpan(40 + 10, 10).ToArray().Sum());
        NdArray x = NdArray.Create(ElementType.Float, 1, 2, 40);
        x.Floats.Fill(1);
        Attribution a = new ShapleyValues(model) { Segments = 8 }.Explain([x], Target.Class(0));
        Assert.Equal(8, a.Players![0].Players.Count);
        Assert.Equal("channel 1, steps 10 to 19", a.Players[0].Players.NameOf(5));
        float[] values = Numbers.Of(a.Values);
        for (int e = 0; e < 80; e++) Assert.Equal(e is >= 50 and < 60 ? 10 : 0, values[e], 1e-4);
        // Each step is in the window that its name says, however the steps divide.
        foreach (var (steps, windows) in ((int, int)[])[(7, 3), (10, 10), (5, 50), (1, 4)])
        {
            Attribution b = new KernelShap(Of(v => v.Sum())) { Segments = windows, Features = PlayerKind.Windows }.Explain([Networks.Random(1, 1, 1, steps)], Target.Class(0));
            Players players = b.Players![0].Players;
            Assert.Equal(Math.Min(steps, windows), players.Count);
            for (int t = 0; t < steps; t++)
            {
                string[] words = players.NameOf(players.Of[0][t]).Split(' ');
                Assert.InRange(t, int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture), int.Parse(words[3], System.Globalization.CultureInfo.InvariantCulture));
            }
        }
    }

    [Fact]
    public void Conditional_features_of_a_gaussian_give_the_known_values_of_a_linear_model()
    {
        // Two columns with correlation ρ, F = x₁. Of a Gaussian E[F | x₂] = ρ x₂: φ₁ = x₁ − ρ x₂ / 2, φ₂ = ρ x₂ / 2 (Aas, Jullum, Løland 2021, section 2.3).
        const int Rows = 20_000;
        const float Rho = 0.8f;
        NdArray background = NdArray.Create(ElementType.Float, Rows, 2), noise = Networks.Random(3, Rows, 2);
        for (int r = 0; r < Rows; r++)
        {
            background.Floats[2 * r] = noise.Floats[2 * r];
            background.Floats[2 * r + 1] = Rho * noise.Floats[2 * r] + MathF.Sqrt(1 - Rho * Rho) * noise.Floats[2 * r + 1];
        }
        FunctionModel model = Of(v => v[0]);
        NdArray x = new([1.5f, -0.5f], 1, 2);
        var baseline = Baseline.Background([background]);
        float[] conditional = Numbers.Of(new ShapleyValues(model) { Baseline = baseline, Absent = AbsentFeatures.ConditionalGaussian }.Explain([x], Target.Class(0)).Values);
        Assert.Equal(1.5 - Rho * -0.5 / 2, conditional[0], 0.03);
        Assert.Equal(Rho * -0.5 / 2, conditional[1], 0.03);
        float[] independent = Numbers.Of(new ShapleyValues(model) { Baseline = baseline }.Explain([x], Target.Class(0)).Values);
        Assert.Equal(0, independent[1], 1e-5);
    }

    [Fact]
    public void Conditional_features_without_correlation_are_the_independent_ones_and_few_rows_are_refused()
    {
        // An orthogonal design: no column tells anything of another.
        NdArray background = new([.. Enumerable.Range(0, 8).SelectMany(r => Enumerable.Range(0, 3).Select(c => (r >> c & 1) == 0 ? -1f : 1f))], 8, 3);
        OnnxModel model = Networks.Smooth(3, 5, 2, seed: 2);
        NdArray x = Networks.Random(4, 2, 3);
        float[] Values(AbsentFeatures absent) => Numbers.Of(new ShapleyValues(model) { Baseline = Baseline.Background([background]), Absent = absent }.Explain([x], Target.Class(0)).Values);
        float[] one = Values(AbsentFeatures.Independent), other = Values(AbsentFeatures.ConditionalGaussian);
        for (int i = 0; i < one.Length; i++) Assert.Equal(one[i], other[i], 1e-4);
        Assert.Contains("at least 5", Assert.Throws<InvalidOptionException>(() => new ShapleyValues(model) { Baseline = Baseline.Background([background.Rows(0, 4)]), Absent = AbsentFeatures.ConditionalGaussian }.Explain([x])).Message, StringComparison.Ordinal);
    }
}
