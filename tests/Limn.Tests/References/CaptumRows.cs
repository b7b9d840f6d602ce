using Limn.ClassActivation;
using Limn.Gradients;
using Limn.Models;
using static Limn.Tests.References.CaptumData;

namespace Limn.Tests.References;

/// <summary>The 111 numbers that Captum's own tests expect, one by one: they agree, differ on purpose, or belong to methods that are not here yet.</summary>
public sealed class CaptumRows
{
    private const int All = 111;

    private static readonly Dictionary<int, CaptumRow> Rows =
        new[] { CaptumPathRows.All, CaptumGradientRows.All, CaptumPropagationRows.All, CaptumAblationRows.All, CaptumGameRows.All }.SelectMany(r => r).ToDictionary(r => r.Number);

    private static readonly (int[] Rows, string Method)[] NotHereYet =
    [
        ([102, 103, 104, 105], "FGSM"),
        ([106, 107], "PGD"),
        ([108], "the smallest change that turns a prediction"),
        ([109], "infidelity of an explanation"),
        ([111], "stochastic gates"),
    ];

    public static TheoryData<int, string> Agreeing => Numbered(r => r.Differs is null);

    public static TheoryData<int, string> Differing => Numbered(r => r.Differs is not null);

    [Theory]
    [MemberData(nameof(Agreeing))]
    public void The_row_agrees(int number, string method)
    {
        Assert.Equal(method, Rows[number].Method);
        Near(Rows[number].Expected, Rows[number].Compute(), Rows[number].Tolerance);
    }

    [Theory]
    [MemberData(nameof(Differing))]
    public void The_row_differs_on_purpose_and_has_our_value(int number, string method)
    {
        CaptumRow row = Rows[number];
        Assert.Equal(method, row.Method);
        Assert.True(row.Differs!.Length > 40, "the row does not say why");
        if (row.Refused is { } refused)
        {
            Assert.Contains(refused, Assert.ThrowsAny<LimnException>(row.Compute).Message, StringComparison.Ordinal);
            return;
        }
        Near(row.Ours, row.Compute(), row.Tolerance);
        Assert.NotEqual(row.Expected[0], row.Ours[0]);
    }

    [Fact]
    public void Every_row_agrees_differs_on_purpose_or_belongs_to_a_method_that_is_not_here_yet()
    {
        Assert.Equal(Enumerable.Range(1, All), Rows.Keys.Concat(NotHereYet.SelectMany(m => m.Rows)).Order());
        Assert.Equal((99, 3, 9), (Agreeing.Count, Differing.Count, NotHereYet.Sum(m => m.Rows.Length)));
    }

    [Fact]
    public void Grad_cam_of_a_layer_without_positions_is_captums_number_once_it_has_one()
    {
        foreach (var (layer, x, expected) in new[] { ("L0", X100, 400.0), ("relu", Row(0, 6, 0), 21.0) })
            Near([[expected]], [Numbers.Of(new GradCam(WithPosition(layer)).Explain([x], Target.Class(0), new ExplainOptions { At = "at" }).Values)], 1e-6);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public void Conductance_by_finite_differences_agrees_too(int number)
    {
        var row = (ExplainedRow)Rows[number];
        var method = (Conductance)row.Make(row.Model);
        Near(row.Expected, (row with { Make = m => new Conductance(m) { Steps = method.Steps, Baseline = method.Baseline, FiniteDifferences = true } }).Compute(), row.Tolerance);
    }

    [Fact]
    public void Captums_default_quadratures_give_what_was_measured_there()
    {
        Near([[78.0359, 195.0897, 117.0538]], Explain(new IntegratedGradients(Multi), X253), 1e-5);
        Near([[89.5726, 99.8910, 99.8910, 99.8910]], Explain(new Conductance(Multi) { FiniteDifferences = true }, X253, "L1"), 1e-5);
        Near([[0, 389.25, 0]], Explain(new Conductance(Multi) { FiniteDifferences = true }, X100, "L0"), 1e-4);
        Near([[0, 383, 0]], Explain(new NeuronConductance(Multi) { Quadrature = Quadrature.RiemannTrapezoidCaptum, Neuron = Target.Neuron("L2", 0) }, X100), 3e-3);
        Near([[0, 383, 0]], Explain(new IntegratedGradients(Multi) { Quadrature = Quadrature.RiemannTrapezoidCaptum }, X100), 3e-3);

        static IReadOnlyList<float[]> Explain(Method method, Limn.Engine.NdArray x, string? at = null) => [Numbers.Of(method.Explain([x], Target.Class(0), new ExplainOptions { At = at }).Values)];
    }

    private static TheoryData<int, string> Numbered(Func<CaptumRow, bool> chosen)
    {
        var data = new TheoryData<int, string>();
        foreach (CaptumRow row in Rows.Values.Where(chosen).OrderBy(r => r.Number)) data.Add(row.Number, row.Method);
        return data;
    }

    private static void Near(double[][] expected, IReadOnlyList<float[]> values, double tolerance)
    {
        Assert.Equal(expected.Select(e => e.Length), values.Select(v => v.Length));
        for (int t = 0; t < expected.Length; t++)
            for (int i = 0; i < expected[t].Length; i++)
                Assert.True(Math.Abs(expected[t][i] - values[t][i]) <= tolerance * Math.Max(1, Math.Abs(expected[t][i])), $"tensor {t}, element {i}: {values[t][i]}, expected {expected[t][i]}");
    }
}
