using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Gradients;

public sealed class PathMethodTests
{
    private static readonly OnnxModel Smooth = Networks.Smooth(5, 8, 3, seed: 1);
    private static readonly ExplainOptions AtHidden = new() { At = "hidden" };

    [Fact]
    public void Conductance_of_a_linear_model_is_each_elements_contribution()
    {
        Attribution a = new Conductance(Networks.Linear(7, 2, -3, 1)) { Steps = 1 }.Explain([new NdArray([1f, 2, 4], 1, 3)], Target.Class(0), new ExplainOptions { At = "x" });
        Assert.Equal([2f, -6, 4], Numbers.Of(a.Values));
        Assert.Equal(0, a.ConvergenceDelta![0], 5);
    }

    [Fact]
    public void Conductance_is_complete_on_a_smooth_network()
    {
        Attribution a = new Conductance(Smooth) { Baseline = Baseline.Value(0.3f) }.Explain([Networks.Random(9, 3, 5)], Target.Class(1), AtHidden);
        Assert.Equal([3, 8], a.Values.Lengths.ToArray().Select(l => (int)l));
        Assert.All(a.ConvergenceDelta!, d => Assert.Equal(0, d, 4));
    }

    [Fact]
    public void Finite_differences_tend_to_the_path_derivative()
    {
        NdArray x = Networks.Random(9, 3, 5);
        float[] exact = Numbers.Of(new Conductance(Smooth).Explain([x], Target.Class(1), AtHidden).Values);
        float[] differences = Numbers.Of(new Conductance(Smooth) { Steps = 2000, Quadrature = Quadrature.RiemannTrapezoid, FiniteDifferences = true }.Explain([x], Target.Class(1), AtHidden).Values);
        for (int i = 0; i < exact.Length; i++) Assert.Equal(exact[i], differences[i], 2e-3);
    }

    [Fact]
    public void Conductance_beside_a_skip_connection_promises_no_sum()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value h = g.Node(new Tanh(), [x], name: "hidden", outputNames: ["h"])[0];
        g.Output(g.Add(h, x), "y");
        Attribution a = new Conductance(new OnnxModel(g.Build())).Explain([Networks.Random(2, 1, 2)], Target.Class(0), AtHidden);
        Assert.Null(a.ConvergenceDelta);
        Assert.Equal(Math.Tanh(Networks.Random(2, 1, 2).Floats[0]), Numbers.Of(a.Values)[0], 4);
    }

    [Fact]
    public void Conductance_at_the_input_is_integrated_gradients()
    {
        NdArray x = Networks.Random(9, 3, 5);
        float[] ig = Numbers.Of(new IntegratedGradients(Smooth).Explain([x], Target.Class(1)).Values);
        float[] conductance = Numbers.Of(new Conductance(Smooth).Explain([x], Target.Class(1), new ExplainOptions { At = "x" }).Values);
        for (int i = 0; i < ig.Length; i++) Assert.Equal(ig[i], conductance[i], 5);
    }

    [Fact]
    public void Neuron_conductances_sum_to_conductance_and_over_a_layer_to_integrated_gradients()
    {
        NdArray x = Networks.Random(9, 2, 5);
        float[] conductance = Numbers.Of(new Conductance(Smooth).Explain([x], Target.Class(1), AtHidden).Values);
        float[] ig = Numbers.Of(new IntegratedGradients(Smooth).Explain([x], Target.Class(1)).Values);
        float[] all = Numbers.Of(new NeuronConductance(Smooth) { Neuron = Target.Layer("hidden") }.Explain([x], Target.Class(1)).Values);
        float[] third = Numbers.Of(new NeuronConductance(Smooth) { Neuron = Target.Neuron("hidden", 3) }.Explain([x], Target.Class(1)).Values);
        for (int i = 0; i < ig.Length; i++) Assert.Equal(ig[i], all[i], 5);
        for (int r = 0; r < 2; r++) Assert.Equal(conductance[r * 8 + 3], third[(r * 5)..(r * 5 + 5)].Sum(), 5);
    }

    [Fact]
    public void Internal_influence_of_a_linear_model_is_its_weights() =>
        Assert.Equal([2f, -3, 1], Numbers.Of(new InternalInfluence(Networks.Linear(7, 2, -3, 1)) { Steps = 1 }
            .Explain([new NdArray([1f, 2, 4], 1, 3)], Target.Class(0), new ExplainOptions { At = "x" }).Values));

    [Fact]
    public void Rows_do_not_influence_each_other_and_the_memory_budget_changes_nothing()
    {
        NdArray x = Networks.Random(8, 4, 5);
        foreach (PathMethod method in (PathMethod[])[new Conductance(Smooth), new InternalInfluence(Smooth), new NeuronConductance(Smooth) { Neuron = Target.Neuron("hidden", 0) },
            new IntegratedGradients(Smooth) { Steps = 4, Tolerance = 1e-6 }])
        {
            string? at = method is NeuronConductance ? null : "hidden";
            float[] together = Numbers.Of(method.Explain([x], Target.Class(2), new ExplainOptions { At = at }).Values);
            float[] tight = Numbers.Of(method.Explain([x], Target.Class(2), new ExplainOptions { At = at, MemoryBudget = 1 }).Values);
            int inner = together.Length / 4;
            for (int r = 0; r < 4; r++)
            {
                float[] alone = Numbers.Of(method.Explain([x.Rows(r, 1)], Target.Class(2), new ExplainOptions { At = at }).Values);
                for (int i = 0; i < inner; i++)
                {
                    Assert.Equal(alone[i], together[r * inner + i], 4);
                    Assert.Equal(alone[i], tight[r * inner + i], 4);
                }
            }
        }
    }

    [Fact]
    public void A_tolerance_adds_steps_only_to_the_rows_that_miss_it()
    {
        OnnxModel model = Networks.MultiLayer();
        NdArray x = new([0f, 100, 0, 0, 1, 0], 2, 3); // the kink of row 0 lies at a tenth of the path; row 1 stays below it
        Attribution coarse = new IntegratedGradients(model) { Steps = 8 }.Explain([x], Target.Class(0));
        Attribution fine = new IntegratedGradients(model) { Steps = 8, Tolerance = 1e-3 }.Explain([x], Target.Class(0));
        Assert.True(Math.Abs(coarse.ConvergenceDelta![0]) > 0.39);
        Assert.True(Math.Abs(fine.ConvergenceDelta![0]) <= 0.39);
        Assert.Equal(0, fine.ConvergenceDelta![1], 4);
        Assert.Equal(390, Numbers.Of(fine.Values)[1], 0.39);
        Assert.Equal(3, Numbers.Of(fine.Values)[4], 4);
        long doubled = fine.ModelCalls - coarse.ModelCalls;
        Assert.True(doubled > 0 && doubled % 2 == 0 && doubled < 1600 * 2, $"{doubled} more calls");
    }

    [Fact]
    public void A_tolerance_ends_at_the_most_steps_and_the_delta_says_so()
    {
        Attribution a = new IntegratedGradients(Networks.MultiLayer()) { Steps = 2, Tolerance = 1e-9, MaximumSteps = 8 }.Explain([new NdArray([0f, 100, 0], 1, 3)], Target.Class(0));
        Assert.True(Math.Abs(a.ConvergenceDelta![0]) > 1e-6);
        Assert.Throws<InvalidOptionException>(() => new IntegratedGradients(Smooth) { Tolerance = 0 }.Explain([Networks.Random(1, 1, 5)]));
        Assert.Throws<InvalidOptionException>(() => new IntegratedGradients(Smooth) { Tolerance = 0.1, Multiplied = false }.Explain([Networks.Random(1, 1, 5)]));
    }

    [Fact]
    public void Layer_methods_without_a_layer_say_what_is_missing()
    {
        foreach (Method method in (Method[])[new Conductance(Smooth), new InternalInfluence(Smooth), new LayerActivation(Smooth)])
            Assert.Contains("--at", Assert.Throws<LimnException>(() => method.Explain([Networks.Random(1, 1, 5)])).Message, StringComparison.Ordinal);
        Assert.Contains("--neuron", Assert.Throws<InvalidTargetException>(() => new NeuronConductance(Smooth).Explain([Networks.Random(1, 1, 5)])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidTargetException>(() => new NeuronConductance(Smooth) { Neuron = Target.Neuron("hidden", 8) }.Explain([Networks.Random(1, 1, 5)]));
    }

    [Fact]
    public void A_layers_activation_needs_no_target()
    {
        var g = new GraphBuilder(); // two scores for each of three positions: there is no predicted class
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, 3]);
        g.Output(g.Node(new Relu(), [x], name: "act", outputNames: ["a"])[0]);
        Attribution a = new LayerActivation(new OnnxModel(g.Build())).Explain([new NdArray([1f, -2, 3, -4, 5, -6], 1, 2, 3)], options: new ExplainOptions { At = "act" });
        Assert.Equal([1f, 0, 3, 0, 5, 0], Numbers.Of(a.Values));
        Assert.Equal([9.0], a.Prediction);
    }
}
