using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Grad-CAM: the layer's channels, weighted by the mean of their gradients.</summary>
/// <remarks>
/// w_c = mean over positions of ∂y/∂A_c; map = ReLU(Σ_c w_c A_c). One forward pass and the backward pass to the layer.
/// On a network that ends in global average pooling and a linear layer it is <see cref="Cam"/> divided by the number of positions.
/// Selvaraju et al.: Grad-CAM, ICCV 2017, eq. 1 and 2. Peers bring the map to the picture's size and scale it to [0, 1]; here it keeps the
/// layer's size and its unit, that of the score. Captum leaves the ReLU out unless asked; the paper's is the default here.
/// </remarks>
[Method("grad-cam", "Grad-CAM", "A layer's channels, weighted by the mean of their gradients.", Source = "Selvaraju et al. 2017, eq. 1 and 2")]
public sealed class GradCam(OnnxModel model) : ClassActivationMethod(model)
{
    private protected override double[] Map(FeatureLayer layer)
    {
        FeatureMaps g = layer.Gradients;
        return layer.Activations.Weighted((r, c) => FeatureMaps.Sum(g.Channel(r, c)) / g.Positions);
    }

    private protected override Value Map(FeatureGraph layer) => layer.Weighted(layer.Mean(layer.Gradients));
}
