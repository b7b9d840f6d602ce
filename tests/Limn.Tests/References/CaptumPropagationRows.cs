using Limn.Engine;
using Limn.Models;
using Limn.Propagation;
using Limn.Tests.Propagation;
using static Limn.Tests.References.CaptumData;

namespace Limn.Tests.References;

/// <summary>Rows of DeepLIFT, DeepLIFT SHAP and LRP, for inputs, layers and neurons.</summary>
internal static class CaptumPropagationRows
{
    private static readonly OnnxModel Rectifiers = ReferenceNetworks.TwoRectifiers(), Rectifiers4D = ReferenceNetworks.TwoRectifiers(1, 1), Pool = ReferenceNetworks.Pooled();

    private static readonly NdArray[] OneTwo = [Row(1), Row(2)], OneTwo4D = [ReferenceNetworks.Filled(1, 4, 1, 1, 1), ReferenceNetworks.Filled(2, 4, 1, 1, 1)];

    private static readonly NdArray FourOnes = ReferenceNetworks.Filled(1, 2, 4);

    private static readonly Baseline PoolStart = Baseline.Of([Table(4, 1, 2, 3, 9, 4, 8, 6, 7)]);

    public static IReadOnlyList<CaptumRow> All { get; } =
    [
        new ExplainedRow(33, Rectifiers, m => new DeepLift(m), OneTwo, [[2], [1]]) { Delta = 0 },
        new ExplainedRow(34, Rectifiers, m => new DeepLift(m) { Multiplied = false }, OneTwo, [[2], [0.5]]),
        new ExplainedRow(35, Pool, m => new DeepLift(m) { Baseline = PoolStart }, [FourOnes], [[0, 0, 0, -8, 0, -7, 0, 0]]) { Delta = 0 },
        new ExplainedRow(36, Rectifiers4D, m => new DeepLiftShap(m) { Multiplied = false, Baseline = Baseline.Background([Zeros(4, 1, 1, 1), Zeros(4, 1, 1, 1)]) }, OneTwo4D,
            [[2, 2, 2, 2], [0.5, 0.5, 0.5, 0.5]]),
        new ExplainedRow(37, Cat, m => new DeepLift(m), D12, [[0, 15]]) { At = ["joint"] },
        new ExplainedRow(38, Cat, m => new DeepLift(m) { Multiplied = false }, D12, [[0, 1]]) { At = ["joint"] },
        new ExplainedRow(39, ReferenceNetworks.TwoBranches(3), m => new DeepLift(m), D12, [[0, 45]]) { At = ["joint"] },
        new ExplainedRow(40, Branches, m => new DeepLift(m), [Row(-10, 1, -5)], [[0, -1, -1, -1], [0, -1, -1, -1]]) { At = ["relu", "relu2"] },
        new ExplainedRow(41, Cat, OverZeros, D12, [[15]]) { At = ["l3"] },
        new ExplainedRow(42, Pool, m => new DeepLift(m) { Baseline = PoolStart }, [FourOnes], [[-8, -7]]) { At = ["pool"] },
        new ExplainedRow(43, Cat, m => new DeepLift(m), D12, [[0, 0, 0], [6, 9, 0]]) { Target = Target.Neuron("l3", 0) },
        new ExplainedRow(44, Cat, m => new DeepLift(m) { Multiplied = false }, D12, [[0, 0, 0], [2, 3, 0]]) { Target = Target.Neuron("l3", 0) },
        new ExplainedRow(45, Cat, OverZeros, D12, [[0, 0, 0], [6, 9, 0]]) { Target = Target.Neuron("l3", 0) },

        new ExplainedRow(46, Conv, m => new Lrp(m), [Picture], [[0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 0, 0, 0]]),
        new ExplainedRow(47, Linear, m => new Lrp(m), [X123], [[18, 36, 54]]),
        new ExplainedRow(48, Linear, m => new Lrp(m), [Table(3, 1, 2, 3, 3, 6, 9)], [[18, 36, 54, 54, 108, 162]]),
        new ExplainedRow(49, Negative, Gamma, [X123], [[28 / 3.0, 104 / 3.0, 52]]),
        new ExplainedRow(50, Negative, m => new Lrp(m) { Rule = LrpRuleName.Alpha1Beta0 }, [X123], [[12, 33.6, 50.4]]),
        new ExplainedRow(51, Negative, m => new Lrp(m) { Assignments = [new(LrpRule.Pass) { First = true }] }, [X123], [[24, 36, 36]]),
        new ExplainedRow(52, ReferenceNetworks.TwoLinear(tanh: true), m => new Lrp(m), [X123], [[0.0269, 0.0537, 0.0806]]),
        new ExplainedRow(53, Residual(), m => new Lrp(m), [Row(2, 3)], [[10, 18]]) { Target = Target.Class(1) },
        new ExplainedRow(54, OnePool(), m => new Lrp(m), [new NdArray([1f, 2, 5, 6], 1, 1, 2, 2)], [[0, 0, 0, 6]]),
        new ExplainedRow(55, Added(), m => new Lrp(m), [X123, Row(3, 6, 9)], [[16, 32, 48]])
        {
            Differs = "Captum gives each of two summands all that arrives at their sum, so that relevance doubles (delta -104 of a score of 88). "
                + "Here a sum divides in proportion, and what is missing is the biases' share alone: 88 is kept up to their 8.",
            Ours = [[4, 8, 12], [12, 24, 36]],
            Delta = 8,
        },
        new ExplainedRow(56, Conv, m => new Lrp(m), [Picture], [[0, 4, 31, 40, 0, 0, -6, -15]]) { At = ["conv1"] },
        new ExplainedRow(57, Negative, Gamma, [X123], [[24, 36, 36]]) { At = ["linear1"] },
    ];

    private static DeepLiftShap OverZeros(OnnxModel model) => new(model) { Baseline = Baseline.Background([Zeros(2, 3), Zeros(2, 3)]) };

    private static Lrp Gamma(OnnxModel model) => new(model) { Assignments = [new(LrpRule.Gamma(1)) { Layer = "linear1" }, new(LrpRule.Gamma(0.25)) { Layer = "linear2" }] };
}
