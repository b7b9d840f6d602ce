using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Eigen-Grad-CAM: what gradient times activation shows most in common over the channels.</summary>
/// <remarks>
/// map = M v₁ with M = g·A [positions, channels] and v₁ the first right singular vector: Eigen-CAM that depends on the target.
/// Gildenblat: pytorch-grad-cam, EigenGradCAM; there is no paper. There the channels are centred, which is the option <c>center</c>; without it, as
/// for <see cref="EigenCam"/>, zero stays zero. The sign is that of the sum over channels, HiRes-CAM.
/// </remarks>
[Method("eigen-grad-cam", "Eigen-Grad-CAM", "What gradient times activation shows most in common over the channels of a layer.", Source = "Gildenblat 2021, pytorch-grad-cam",
    Formula = "map = M v₁, M = gradient × activation [positions, channels], v₁ its first right singular vector",
    Cost = "forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class EigenGradCam(OnnxModel model) : ClassActivationMethod(model, relu: false)
{
    /// <summary>Whether each channel's mean is taken off first (default false).</summary>
    [Option("center", "Whether each channel's mean over positions is taken off first.")]
    public bool Center { get; init; }

    private protected override double[] Map(FeatureLayer layer)
    {
        FeatureMaps a = layer.Activations;
        NdArray product = a.Values.Copy();
        TensorPrimitives.Multiply(a.Values.Floats, layer.Gradients.Values.Floats, product.Floats);
        return EigenMap.Of(a with { Values = product }, Center);
    }

    private protected override Value Map(FeatureGraph layer) => EigenGraph.Of(layer, layer.Graph.Mul(layer.Activations, layer.Gradients), Center);
}
