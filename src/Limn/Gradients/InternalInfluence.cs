using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Internal Influence: the gradient of the score with respect to a layer, averaged while the input moves from the baseline to itself.</summary>
/// <remarks>
/// φⱼ(x) = ∫₀¹ ∂F/∂yⱼ (b + α(x − b)) dα for the elements y of the layer. The path runs in the space of the inputs (of token ids: of
/// their embedding). Nothing is multiplied and nothing adds up: it is how the score would follow the layer, on average over the path.
/// Leino et al.: Influence-Directed Explanations for Deep Convolutional Networks, 2018, definition 1 with the uniform distribution
/// on the line. Captum's trapezoid has weights that sum to 1 − 1/n and is here a quadrature of its own.
/// </remarks>
[Method("internal-influence", "Internal Influence", "The gradient with respect to a layer, averaged along the path of the input.", Source = "Leino et al. 2018, definition 1",
    Formula = "φⱼ = ∫₀¹ ∂F/∂yⱼ (b + α(x − b)) dα for the elements y of the layer",
    Cost = "3 × forward + steps × (forward + backward)",
    Axioms = Axioms.Dummy | Axioms.ImplementationInvariance)]
public sealed class InternalInfluence(OnnxModel model) : PathMethod(model)
{
    internal override bool NeedsLayer => true;

    private protected override IReadOnlyList<Value> PathOf(IAsked question) => InputPlaces.Of(question.Network).Explained;

    private protected override bool IsComplete(IAsked question) => false;

    private protected override NdArray[] Integrand(PathPoints points) => points.Question.At(points.Explained).Gradient().Gradients;

    private protected override IReadOnlyList<Value> Integrand(PathGraph points) => points.Question.At(points.Explained).Gradient().Gradients;
}
