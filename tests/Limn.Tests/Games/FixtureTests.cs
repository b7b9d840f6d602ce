using System.Globalization;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Models;

namespace Limn.Tests.Games;

/// <summary>The values that shap gives for a small network with 50 background rows (shared/trees/fixtures/mlp_*), made by its own code.</summary>
public sealed class FixtureTests
{
    private const string Needed = "trees";
    private static readonly Lazy<(OnnxModel Model, NdArray Rows, Baseline Background)> Network = new(() =>
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 10]);
        NdArray first = Table("W1"), bias = Table("b1"), second = Table("W2");
        Value h = g.Tanh(g.Add(g.MatMul(x, g.Constant(first)), g.Constant(bias.Reshape(bias.Length))));
        g.Output(g.MatMul(h, g.Constant(second.Reshape(second.Length, 1))));
        return (new OnnxModel(g.Build()), Table("X"), Baseline.Background([Table("background")]));
    });

    private static NdArray Table(string name)
    {
        float[][] rows = [.. File.ReadLines(Path.Combine(SharedFiles.Find("trees")!, "fixtures", $"mlp_{name}.csv")).Select(l => l.Split(',').Select(v => float.Parse(v, CultureInfo.InvariantCulture)).ToArray())];
        return new NdArray([.. rows.SelectMany(r => r)], rows.Length, rows[0].Length);
    }

    private static void Agrees(string fixture, GameMethod method, double tolerance = 1e-6)
    {
        NdArray expected = Table(fixture);
        float[] got = Numbers.Of(method.Explain([Network.Value.Rows], Target.Class(0)).Values);
        double scale = Range(expected.Floats);
        for (int i = 0; i < got.Length; i++) Assert.True(Math.Abs(expected.Floats[i] - got[i]) <= tolerance * Math.Max(1, scale), $"{method.Name}, element {i}: {got[i]}, expected {expected.Floats[i]}");
        static double Range(Span<float> values)
        {
            (float low, float high) = (float.MaxValue, float.MinValue);
            foreach (float v in values) (low, high) = (Math.Min(low, v), Math.Max(high, v));
            return high - low;
        }
    }

    [SharedFact(Needed)]
    public void Exact_values_are_shaps() => Agrees("exact", new ShapleyValues(Network.Value.Model) { Baseline = Network.Value.Background });

    [SharedFact(Needed)]
    public void Kernel_SHAP_with_all_coalitions_is_exact_and_shaps() => Agrees("kernel_full_l1False", new KernelShap(Network.Value.Model) { Baseline = Network.Value.Background, Samples = 1022 });

    [SharedFact(Needed)]
    public void Owen_values_of_shaps_tree_of_groups_are_shaps()
    {
        (int, int)[] joins = [.. File.ReadLines(Path.Combine(SharedFiles.Find("trees")!, "fixtures", "mlp_partition_clustering.csv")).Select(l => l.Split(',')).Select(p => (int.Parse(p[0], CultureInfo.InvariantCulture), int.Parse(p[1], CultureInfo.InvariantCulture)))];
        var method = new PartitionShap(Network.Value.Model) { Baseline = Network.Value.Background, Hierarchy = new Hierarchy(10, joins), Samples = 5000 };
        Agrees("exact_owen", method);
        Agrees("partition_owen", method);
    }

    [SharedFact(Needed)]
    public void Shapley_Taylor_interactions_are_shaps()
    {
        NdArray expected = Table("exact_interactions");
        Attribution a = new ShapleyInteractions(Network.Value.Model) { Baseline = Network.Value.Background }.Explain([Network.Value.Rows.Rows(0, expected.Dims[0])], Target.Class(0));
        for (int r = 0; r < expected.Dims[0]; r++)
            for (int k = 0; k < 100; k++) Assert.Equal(expected.Floats[r * 100 + k], a.Players![r].Solution.Interactions![k], 1e-5);
    }

    [SharedFact(Needed)]
    public void Every_estimator_lies_within_its_errors_of_the_exact_values()
    {
        var (model, rows, background) = Network.Value;
        float[] exact = Numbers.Of(new ShapleyValues(model) { Baseline = background }.Explain([rows], Target.Class(0)).Values);
        foreach (GameMethod method in new GameMethod[] { new KernelShap(model) { Baseline = background, Samples = 200 }, new PermutationShap(model) { Baseline = background }, new ShapleySampling(model) { Baseline = background },
            new ShapleySampling(model) { Baseline = background, Variant = SamplingVariant.Independent } })
        {
            Attribution a = method.Explain([rows], Target.Class(0));
            float[] values = Numbers.Of(a.Values), errors = Numbers.Of(a.Tensors[0].StandardError!);
            double inside = Enumerable.Range(0, values.Length).Count(i => Math.Abs(values[i] - exact[i]) <= 2 * errors[i] + 1e-6) / (double)values.Length;
            Assert.True(inside >= 0.9, $"{method.Name}: {inside:P0} of the values lie within two standard errors");
            Assert.Equal(a.ExpectedValue!, a.BaselinePrediction!);
        }
    }
}
