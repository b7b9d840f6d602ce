using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Shapley-CAM: channels weighted by their Shapley values in a second-order expansion of the score.</summary>
/// <remarks>
/// w_c = mean over positions of g − ½ H A, with g the gradient at the layer and H the second derivatives; map = ReLU(Σ_c w_c A_c). For a head that is
/// linear near A, H = 0 and it is <see cref="GradCam"/>; a probability as the target (--output-scale probability) has curvature.
/// Cai: CAMs as Shapley Value-based Explainers, 2025. H A takes one more backward pass, through the gradient's own graph.
/// </remarks>
[Method("shapley-cam", "ShapleyCAM", "A layer's channels, weighted by their Shapley values to second order: gradient minus half the curvature.", Source = "Cai 2025",
    Formula = "map = ReLU(Σ_c w_c A_c), w_c = mean over positions of g − ½ H A, H the second derivatives",
    Cost = "2 × forward + 2 × backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class ShapleyCam(OnnxModel model) : ClassActivationMethod(model)
{
    private protected override double[] Map(FeatureLayer layer)
    {
        Question question = layer.Question;
        var (gradient, product) = question.HessianTimes(layer.Raw);
        FeatureMaps g = FeatureMaps.Of(gradient, layer.Layout);
        FeatureMaps? h = product is null ? null : FeatureMaps.Of(product, layer.Layout);
        return layer.Activations.Weighted((r, c) =>
            (FeatureMaps.Sum(g.Channel(r, c)) - (h is null ? 0 : 0.5 * FeatureMaps.Sum(h.Channel(r, c)))) / g.Positions);
    }

    private protected override Value Map(FeatureGraph layer)
    {
        GraphBuilder graph = layer.Graph;
        var (gradient, product) = layer.Question.HessianTimes(layer.Raw);
        return layer.Weighted(layer.Mean(layer.Layout.ToMaps(graph, product is null ? gradient : graph.Sub(gradient, graph.Scale(product, 0.5f)))));
    }
}
