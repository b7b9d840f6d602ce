using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>XGrad-CAM: channels weighted by their gradients, averaged with the activations as weights.</summary>
/// <remarks>
/// w_c = Σ_p g_cp A_cp / Σ_p A_cp, zero where the sum of activations is; map = ReLU(Σ_c w_c A_c).
/// It conserves: the map before the ReLU adds up to Σ g·A, which is the score for a head of ReLU layers without biases.
/// Fu et al.: Axiom-based Grad-CAM, BMVC 2020 (that sum is its eq. 5). Peers add 1e-7 to the denominator, which breaks that for weak channels.
/// </remarks>
[Method("xgrad-cam", "XGrad-CAM", "A layer's channels, weighted by their gradients averaged over their activations.", Source = "Fu et al. 2020",
    Formula = "map = ReLU(Σ_c w_c A_c), w_c = Σ_p g_cp A_cp / Σ_p A_cp",
    Cost = "forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class XGradCam(OnnxModel model) : ClassActivationMethod(model)
{
    private protected override double[] Map(FeatureLayer layer)
    {
        FeatureMaps g = layer.Gradients, a = layer.Activations;
        return a.Weighted((r, c) => FeatureMaps.Sum(a.Channel(r, c)) is not 0 and var total ? FeatureMaps.Dot(g.Channel(r, c), a.Channel(r, c)) / total : 0);
    }

    private protected override Value Map(FeatureGraph layer)
    {
        Value a = layer.Activations;
        return layer.Weighted(layer.Graph.Share(layer.Sum(layer.Graph.Mul(layer.Gradients, a)), layer.Sum(a)));
    }
}
