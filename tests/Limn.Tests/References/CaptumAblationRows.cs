using Limn.Engine;
using Limn.Games;
using Limn.Models;
using Limn.Tests.Propagation;
using static Limn.Tests.References.CaptumData;

namespace Limn.Tests.References;

/// <summary>Rows of feature ablation and occlusion, for inputs, layers and neurons.</summary>
internal static class CaptumAblationRows
{
    private static readonly Baseline Levels = Baseline.Of([Row(2, 2, 2), Row(3, 3, 3), Row(4, 4, 4)]);

    // Captum gives a baseline of the layer itself; here it is one of the inputs, of which the layer is the sum.
    private static readonly Baseline OfTheSum = Baseline.Of([Row(1, 2, 3), Row(0, 0, 0), Row(0, 0, 0)]);

    public static IReadOnlyList<CaptumRow> All { get; } =
    [
        new ExplainedRow(58, Multi, m => new FeatureAblation(m), [X253], [[80, 200, 120]]),
        new ExplainedRow(59, Multi, m => new FeatureAblation(m) { Mask = M1 }, [X253], [[280, 280, 120]]),
        new ExplainedRow(60, Multi, m => new FeatureAblation(m) { Mask = M1, Baseline = Baseline.Value(4) }, [X253], [[248, 248, 104]]),
        new ExplainedRow(61, Multi, m => new FeatureAblation(m), [Xb], [[8, 35, 12, 80, 200, 120]]),
        new ExplainedRow(62, Multi, m => new FeatureAblation(m) { Mask = M2 }, [Xb], [[41, 41, 12, 280, 280, 120]]),
        new ExplainedRow(63, Three, m => new FeatureAblation(m) { Mask = Ms }, Mi,
            [[492, 492, 492, 200, 200, 200], [80, 200, 120, 0, 400, 0], [0, 400, 40, 60, 60, 60]]),
        new ExplainedRow(64, Three, m => new FeatureAblation(m) { Mask = Ms, Baseline = Levels }, Mi,
            [[468, 468, 468, 184, 192, 184], [68, 188, 108, -12, 388, -12], [-16, 384, 24, 12, 12, 12]]),
        new ExplainedRow(65, Three, m => new FeatureAblation(m) { Mask = Ms2 }, Mi,
            [[1092, 1092, 1092, 260, 600, 260], [80, 1092, 160, 260, 600, 0], [80, 1092, 160, 260, 260, 260]]),
        new ExplainedRow(66, ConvOfTwo, m => new FeatureAblation(m), [Picture, Ones],
            [[0, 2, 4, 3, 4, 9, 10, 7, 4, 13, 14, 11, 0, 0, 0, 0], [1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 1, 0, 0, 0, 0]]),
        new ExplainedRow(67, Multi, m => new FeatureAblation(m) { Mask = M1 }, [X253], [[280, 280, 120]]) { At = ["x"] },
        new ExplainedRow(68, Three, m => new FeatureAblation(m) { Baseline = OfTheSum }, Mi, [[168, 992, 148, 84, 632, 120]]) { At = ["L0"] },
        new ExplainedRow(69, ConvOfTwo, m => new FeatureAblation(m), [Picture, Ones], [[4, 13, 40, 49, 0, 0, -15, -24]]) { At = ["relu1"] },
        new ExplainedRow(70, Multi, m => new FeatureAblation(m) { Mask = M2 }, [Xb], [[82, 82, 24, 560, 560, 240]]) { Target = Target.Layer("L2") },

        new ExplainedRow(71, Multi, m => new Occlusion(m) { Window = [1], Stride = [1] }, [X253], [[80, 200, 120]]),
        new ExplainedRow(72, Multi, m => new Occlusion(m) { Window = [2], Stride = [1], Baseline = Baseline.Value(10) }, [X253], [[200, 220, 240]]),
        new ExplainedRow(73, Multi, m => new Occlusion(m) { Window = [2], Stride = [2] }, [X253], [[280, 280, 120]]),
        new ExplainedRow(74, Three, m => new Occlusion(m) { Window = [3, 1, 2], Stride = [1] }, Mi,
            [[492, 492, 492, 400, 400, 400], [80, 200, 120, 0, 400, 0], [400, 420, 440, 48, 50, 52]]),
        new ExplainedRow(75, ConvOfTwo, m => new Occlusion(m) { Window = [1, 2, 3, 1, 1, 2], Stride = [1, 2, 1, 1, 1, 2] }, [Picture, Ones],
            [[17, 17, 17, 17, 17, 17, 17, 17, 64, 65.5, 65.5, 67, 64, 65.5, 65.5, 67], [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0]]),
        new ExplainedRow(76, ReferenceNetworks.OneConvolution(twoInputs: true, secondWidth: 1), m => new Occlusion(m) { Window = [1, 2, 4, 1, 2, 1], Stride = [1, 2, 1, 1, 1, 1] },
            [Picture, ReferenceNetworks.Filled(1, 1, 1, 4, 1)], [[17, 17, 17, 17, 17, 17, 17, 17, 67, 67, 67, 67, 67, 67, 67, 67], [10, 10, 8, 6]]),
    ];
}
