using Limn.Engine;
using Limn.Gradients;
using Limn.Models;
using static Limn.Tests.References.CaptumData;

namespace Limn.Tests.References;

/// <summary>Rows of the methods that integrate along a path: Integrated Gradients, conductance, internal influence, GradientShap, for inputs, layers and neurons.</summary>
internal static class CaptumPathRows
{
    private static readonly Baseline Below = Baseline.Of([Table(3, 0, -20, 0, -20, -20, 0)]), ZeroRows = Baseline.Background([Zeros(3, 3)]);

    // The third input is an extra argument in Captum: it stays what it is, so that it is its own baseline here.
    private static readonly NdArray Third = Table(3, 0, 0, 0, 0, 0, 5);

    public static IReadOnlyList<CaptumRow> All { get; } =
    [
        new ExplainedRow(1, Networks.Difference(inside: false), m => Right(m), [Row(3), Row(1)], [[1.5], [-0.5]]) { Target = Target.Outputs, Tolerance = 0.05 },
        new ExplainedRow(2, Networks.Difference(inside: false), m => Right(m, multiply: false), [Row(3), Row(1)], [[0.5], [-0.5]]) { Target = Target.Outputs, Tolerance = 0.05 },
        new ExplainedRow(3, Networks.Difference(inside: true), m => Right(m), [Row(3), Row(1)], [[1.5], [-0.5]]) { Target = Target.Outputs, Tolerance = 0.05 },

        new ExplainedRow(11, Multi, Conductance, [X100], [[0, 390, 0]]) { At = ["L0"], Tolerance = 0.1 / 390 },
        new ExplainedRow(12, Multi, Conductance, [X100], [[90, 100, 100, 100], [90, 100, 100, 100]]) { At = ["L1", "relu"], Tolerance = 1e-3 },
        new ExplainedRow(13, Multi, Conductance, [X100], [[390, 0]]) { At = ["L2"], Tolerance = 0.1 / 390 },
        new ExplainedRow(14, Networks.MultiLayerOfThreeInputs(5), m => new Conductance(m) { Steps = 500, Baseline = Baseline.Of([Zeros(2, 3), Zeros(2, 3), Third]) },
            [Table(3, 0, 10, 1, 0, 0, 10), Table(3, 0, 4, 5, 0, 0, 10), Third], [[90, 100, 100, 100, 100, 100, 100, 100]]) { At = ["relu"], Tolerance = 1e-3 },

        new ExplainedRow(15, Multi, m => Influence(m, Baseline.Zero), [X100], [[3.9, 3.9, 3.9]]) { At = ["L0"], Tolerance = 0.01 },
        new ExplainedRow(16, Multi, m => Influence(m, Baseline.Zero), [X100], [[0.9, 1, 1, 1]]) { At = ["L1"], Tolerance = 0.01 },
        new ExplainedRow(17, Multi, m => Influence(m, Baseline.Of([Row(0, -20, 0)])), [Row(0, 80, 0)], [[0.7, 0.8, 0.8, 0.8]]) { At = ["L1"], Tolerance = 0.01 },
        new ExplainedRow(18, Multi, m => Influence(m, Below), [Table(3, 0, 80, 0, 30, 30, 0)], [[0.7, 0.8, 0.8, 0.8, 0.5, 0.6, 0.6, 0.6]]) { At = ["L1"], Tolerance = 0.01 },

        new ExplainedRow(19, Branches, m => new IntegratedGradients(m), [X100], [[90, 100, 100, 100], [90, 100, 100, 100]]) { At = ["relu", "relu2"] },

        new ExplainedRow(87, Multi, m => new GradientShap(m) { Multiplied = false, Baseline = ZeroRows }, [Row(1, -20, 10)], [[1, 0]]) { At = ["L2"] },
        new ExplainedRow(88, Branches, m => new GradientShap(m), [X100], [[90, 100, 100, 100], [90, 100, 100, 100]]) { At = ["relu", "relu2"] },

        new ExplainedRow(92, Multi, m => ThroughNeuron(m, "L2"), [X100], [[0, 390, 0]]) { Tolerance = 0.1 / 390 },
        new ExplainedRow(93, Multi, m => ThroughNeuron(m, "L2", multiply: false), [Row(100, 100, 100)], [[3.96, 3.96, 3.96]]) { Tolerance = 2e-3 },
        new ExplainedRow(94, Multi, m => ThroughNeuron(m, "L1"), [X100], [[0, 90, 0]]) { Tolerance = 1e-3 },
        new ExplainedRow(95, Networks.MultiLayerOfThreeInputs(4), m => ThroughNeuron(m, "L2"), [Row(0, 10, 0), Row(0, 10, 0), Row(0, 5, 0)],
            [[0, 156, 0], [0, 156, 0], [0, 78, 0]]) { Tolerance = 2e-3 },

        new ExplainedRow(96, Multi, m => new IntegratedGradients(m) { Steps = 500 }, [X100], [[0, 390, 0]]) { Target = Target.Neuron("L2", 0), Tolerance = 0.1 / 390 },
        new ExplainedRow(97, Multi, m => new IntegratedGradients(m) { Steps = 500 }, [Row(0, 6, 14)], [[0, 3, 7]]) { Target = Target.Neuron("relu", 0), Tolerance = 0.01 },
        new ExplainedRow(98, Networks.MultiLayerOfThreeInputs(0.5f), m => new IntegratedGradients(m) { Steps = 500 }, [Row(0, 6, 14), Row(0, 6, 14), Row(0, 0, 0)],
            [[0, 1.5, 3.5], [0, 1.5, 3.5], [0, 0, 0]]) { Target = Target.Neuron("relu", 0), Tolerance = 0.01 },

        new QuadratureRow(110, Quadrature.RiemannTrapezoidCaptum, 4, [[1 / 8.0, 1 / 4.0, 1 / 4.0, 1 / 8.0], [0, 1 / 3.0, 2 / 3.0, 1]]) { Tolerance = 1e-6 },
    ];

    private static IntegratedGradients Right(OnnxModel model, bool multiply = true) => new(model) { Steps = 500, Quadrature = Quadrature.RiemannRight, Multiplied = multiply };

    private static Conductance Conductance(OnnxModel model) => new(model) { Steps = 500 };

    private static InternalInfluence Influence(OnnxModel model, Baseline baseline) => new(model) { Steps = 500, Quadrature = Quadrature.RiemannTrapezoidCaptum, Baseline = baseline };

    private static NeuronConductance ThroughNeuron(OnnxModel model, string layer, bool multiply = true) =>
        new(model) { Steps = 500, Neuron = Target.Neuron(layer, 0), Multiplied = multiply };
}
