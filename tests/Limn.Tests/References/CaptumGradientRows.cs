using Limn.ClassActivation;
using Limn.Engine;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;
using static Limn.Tests.References.CaptumData;

namespace Limn.Tests.References;

/// <summary>Rows of the methods that take one gradient: activations, gradients, Grad-CAM, guided backpropagation, noise.</summary>
internal static class CaptumGradientRows
{
    private const string NoPositions = "A layer [rows, channels] has no positions, so there is no map of it: it is refused, with input-x-gradient as the alternative. "
        + "Given one position, the number is Captum's.";

    private static readonly double[] Guided = [0, 1, 1, 1, 1, 3, 3, 2, 1, 3, 3, 2, 1, 2, 2, 1], Deconvolved = [2, 3, 3, 1, 3, 5, 5, 2, 3, 5, 5, 2, 1, 2, 2, 1],
        GuidedTwo = [1, 2, 2, 1, 2, 4, 4, 2, 2, 4, 4, 2, 1, 2, 2, 1], GuidedCam = [0, 0, 4, 4, 0, 0, 12, 8, 28, 84, 97.5, 65, 28, 56, 65, 32.5],
        GuidedCamTwo = [14.5, 29, 38, 19, 29, 58, 76, 38, 65, 130, 148, 74, 32.5, 65, 74, 37];

    public static IReadOnlyList<CaptumRow> All { get; } =
    [
        new ExplainedRow(4, Multi, m => new LayerActivation(m), [X100], [[90, 101, 101, 101]]) { At = ["L1"], Target = null },
        new ExplainedRow(5, Multi, m => new LayerActivation(m), [Row(2, -5, 4)], [[-9, 2, 2, 2]]) { At = ["L1"], Target = null },
        new ExplainedRow(6, Multi, m => new LayerActivation(m), [X100], [[392, 394]]) { At = ["L2"], Target = null },
        new ExplainedRow(7, Branches, m => new LayerActivation(m), [Row(0, 6, 0)], [[0, 7, 7, 7], [0, 7, 7, 7]]) { At = ["relu", "relu2"], Target = null },

        new ExplainedRow(8, Multi, m => new InputXGradient(m), [X100], [[0, 400, 0]]) { At = ["L0"] },
        new ExplainedRow(9, Multi, m => new InputXGradient(m), [X100], [[90, 101, 101, 101]]) { At = ["L1"] },
        new ExplainedRow(10, Multi, m => new InputXGradient(m), [X100], [[392, 0]]) { At = ["L2"] },

        new ExplainedRow(20, Multi, m => new GradCam(m), [X100], [[400]]) { At = ["L0"], Differs = NoPositions, Refused = "no positions" },
        new ExplainedRow(21, Branches, m => new GradCam(m), [Row(0, 6, 0)], [[21], [21]]) { At = ["relu", "relu2"], Differs = NoPositions, Refused = "no positions" },
        new ExplainedRow(22, Conv, m => new GradCam(m), [Picture], [[11.25, 13.5, 20.25, 22.5]]) { At = ["conv1"] },
        new ExplainedRow(23, Conv, m => new GradCam(m) { SumChannels = false, Relu = false }, [Picture], [[-3.75, 3, 23.25, 30, 15, 10.5, -3, -7.5]]) { At = ["conv1"] },
        new ExplainedRow(24, Conv, m => new GradCam(m), [Picture], [[0, 4, 28, 32.5]]) { At = ["relu1"] },
        new ExplainedRow(25, ConvOfTwo, m => new GradCam(m), [Picture, Ones], [[14.5, 19, 32.5, 37]]) { At = ["conv1"] },
        new ExplainedRow(26, Conv, m => new GuidedGradCam(m), [Picture], [GuidedCam]) { At = ["relu1"] },
        new ExplainedRow(27, ConvOfTwo, m => new GuidedGradCam(m), [Picture, Ones], [GuidedCamTwo, GuidedCamTwo]) { At = ["conv1"] },

        new ExplainedRow(28, Conv, m => new GuidedBackprop(m), [Picture], [Guided]),
        new ExplainedRow(29, ConvOfTwo, m => new GuidedBackprop(m), [Picture, Ones], [GuidedTwo, GuidedTwo]),
        new ExplainedRow(30, Conv, m => new GuidedBackprop(m), [Picture], [Guided]) { Target = Target.Neuron("fc1", 0) },
        new ExplainedRow(31, Conv, m => new Deconvolution(m), [Picture], [Deconvolved]),
        new ExplainedRow(32, Conv, m => new Deconvolution(m), [Picture], [Deconvolved]) { Target = Target.Neuron("fc1", 0) },

        new ExplainedRow(89, Multi, Signed, [X100], [[4, 4, 4]]) { Target = Target.Neuron("L2", 0) },
        new ExplainedRow(90, Multi, Signed, [Row(0, 5, 4)], [[3, 3, 3]]) { Target = Target.Layer("relu") },
        new ExplainedRow(91, Networks.MultiLayerOfThreeInputs(3), Signed, [X100, Row(0, 0, 0), Row(0, 0, 0)], [[12, 12, 12], [12, 12, 12], [12, 12, 12]]) { Target = Target.Neuron("L2", 0) },

        new ExplainedRow(99, Bounded(1), m => new Saliency(m), [Table(1, 1, 2, 3, 0, -1, 7)], [[0, 0, 0, 1, 1, 0]]),
        new ExplainedRow(100, Bounded(1), m => new InputXGradient(m), [Table(1, 1, 2, 3, 0, -1, 7)], [[0, 0, 0, 0, -1, 0]]),
        new ExplainedRow(101, Bounded(3), m => new SmoothGrad(new FeatureAblation(m)) { Samples = 5, StandardDeviation = 1e-10, Relative = false }, [Row(-3, 1, 2)], [[-3, 0, 0]]),
    ];

    private static Saliency Signed(OnnxModel model) => new(model) { Absolute = false };
}
