using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>HiRes-CAM: gradient times activation at each position, summed over channels.</summary>
/// <remarks>
/// map = ReLU(Σ_c g_cp A_cp). Unlike Grad-CAM it does not average gradients over positions, so it shows only what the score owes to a
/// position. On a network that ends in global average pooling and a linear layer it equals <see cref="GradCam"/>.
/// Draelos, Carin: Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks, 2020. Before the ReLU it is Input x Gradient at the layer, summed over channels.
/// </remarks>
[Method("hires-cam", "HiResCAM", "Gradient times activation at each position of a layer, summed over channels.", Source = "Draelos, Carin 2020",
    Formula = "map = ReLU(Σ_c g_cp A_cp), g = ∂F/∂A",
    Cost = "forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class HiResCam(OnnxModel model) : ClassActivationMethod(model)
{
    private protected override double[] Map(FeatureLayer layer) => layer.Activations.Combined(layer.Gradients, (a, g) => a * g);

    private protected override Value Map(FeatureGraph layer) => layer.Weighted(layer.Gradients);
}
