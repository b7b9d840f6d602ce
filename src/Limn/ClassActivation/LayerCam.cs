using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Layer-CAM: each activation weighted by its own gradient where that is positive.</summary>
/// <remarks>
/// map = ReLU(Σ_c ReLU(g_cp) A_cp). Sharp at early layers too, where a mean of gradients says little.
/// Jiang et al.: LayerCAM, IEEE TIP 2021, eq. 6 and 7. The paper's scaling of shallow layers, tanh(2 M / max M), is left to the reader.
/// </remarks>
[Method("layer-cam", "LayerCAM", "A layer's activations, each weighted by its own gradient where that is positive.", Source = "Jiang et al. 2021, eq. 6 and 7",
    Formula = "map = ReLU(Σ_c ReLU(g_cp) A_cp), g = ∂F/∂A",
    Cost = "forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class LayerCam(OnnxModel model) : ClassActivationMethod(model)
{
    private protected override double[] Map(FeatureLayer layer) => layer.Activations.Combined(layer.Gradients, (a, g) => a * Math.Max(g, 0));

    private protected override Value Map(FeatureGraph layer) => layer.Weighted(layer.Graph.Relu(layer.Gradients));
}
