using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Grad-CAM++: channels weighted by their positive gradients, each position by how much it alone explains the score.</summary>
/// <remarks>
/// α_cp = g² / (2g² + (Σ_q A_cq) g³), zero where the denominator is; w_c = Σ_p α_cp ReLU(g_cp); map = ReLU(Σ_c w_c A_c).
/// Chattopadhay et al.: Grad-CAM++, WACV 2018, eq. 10 to 19, with the exponential of the score as the explained function, of which the
/// derivatives of a piecewise linear network are powers of g. Its factor exp(score) is left out: it scales a row's whole map. Among peers,
/// tf-keras-vis normalises α over positions and Xplique takes means of A and α; both are other maps.
/// </remarks>
[Method("grad-cam-plus-plus", "Grad-CAM++", "A layer's channels, weighted by their positive gradients, position by position.", Source = "Chattopadhay et al. 2018, eq. 10 to 19",
    Formula = "map = ReLU(Σ_c w_c A_c), w_c = Σ_p α_cp ReLU(g_cp), α_cp = g² / (2g² + (Σ_q A_cq) g³)",
    Cost = "forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class GradCamPlusPlus(OnnxModel model) : ClassActivationMethod(model)
{
    private protected override double[] Map(FeatureLayer layer)
    {
        FeatureMaps g = layer.Gradients, a = layer.Activations;
        return a.Weighted((r, c) =>
        {
            double total = FeatureMaps.Sum(a.Channel(r, c)), weight = 0;
            foreach (float slope in g.Channel(r, c))
            {
                double square = (double)slope * slope, denominator = 2 * square + total * square * slope;
                if (denominator != 0) weight += square / denominator * Math.Max(slope, 0);
            }
            return weight;
        });
    }

    private protected override Value Map(FeatureGraph layer)
    {
        GraphBuilder graph = layer.Graph;
        Value g = layer.Gradients, square = graph.Mul(g, g);
        Value denominator = graph.Add(graph.Scale(square, 2), graph.Mul(layer.Sum(layer.Activations), graph.Mul(square, g)));
        return layer.Weighted(layer.Sum(graph.Mul(graph.Share(square, denominator), graph.Relu(g))));
    }
}
