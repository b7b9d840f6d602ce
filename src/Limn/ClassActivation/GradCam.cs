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
[Method("grad-cam", "Grad-CAM", "A layer's channels, weighted by the mean of their gradients.", Source = "Selvaraju et al. 2017, eq. 1 and 2",
    Formula = "map = ReLU(Σ_c w_c A_c), w_c = mean over positions of ∂F/∂A_c",
    Cost = "forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class GradCam(OnnxModel model) : ClassActivationMethod(model)
{
    /// <summary>Whether the weighted channels are added up to one map (default). Without, each keeps its own: [rows, channels, ...], with the ReLU for each.</summary>
    [Option("sum-channels", "Whether the weighted channels are added up to one map; false keeps a map for each.")]
    public bool SumChannels { get; init; } = true;

    private protected override int MapsOf(FeatureMaps activations) => SumChannels ? 1 : activations.Channels;

    private protected override double[] Map(FeatureLayer layer)
    {
        FeatureMaps g = layer.Gradients, a = layer.Activations;
        double Weight(int r, int c) => FeatureMaps.Sum(g.Channel(r, c)) / g.Positions;
        return SumChannels ? a.Weighted(Weight) : a.Scaled(Weight);
    }

    private protected override Value Map(FeatureGraph layer) =>
        SumChannels ? layer.Weighted(layer.Mean(layer.Gradients)) : layer.Graph.Mul(layer.Mean(layer.Gradients), layer.Activations);
}
