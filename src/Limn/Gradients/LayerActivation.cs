using Limn.Compilation;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Layer Activation: what the layer itself holds.</summary>
/// <remarks>
/// φ = the value of the layer at the input. It needs no target, and does not depend on one; unless one is given, the score that is
/// reported is the sum of the layer.
/// </remarks>
[Method("layer-activation", "Layer Activation", "What the layer holds at the input; no target is needed.", Source = "the values of the network itself",
    Formula = "φ = y(x), the layer's value",
    Cost = "2 × forward",
    NotApplicable = Axioms.All, NotApplicableBecause = "It has no target: it shows what the layer holds.")]
public sealed class LayerActivation(OnnxModel model) : Method(model)
{
    internal override bool NeedsLayer => true;

    internal override bool TakesGradients => false;

    internal override Target TargetFor(Target given, ExplainOptions options) =>
        given == Target.Predicted && options.At is { } layer ? Target.Layer(layer) : given;

    protected internal override MethodResult Compute(Question question) => new(question.PlaceValues(), question.Scores());

    internal override GraphResult InGraph(ExplanationGraph question) => new(question.PlaceValues(), question.Scores());
}
