using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Input x Gradient: the gradient times the element itself.</summary>
/// <remarks>
/// φᵢ(x) = xᵢ · ∂F(x)/∂xᵢ. For a linear model without bias this is each element's contribution; for others it is the first-order
/// estimate of what setting the element to zero would take away. At a layer: gradient x activation.
/// Shrikumar et al.: Not Just a Black Box, 2016, section 2.1.
/// </remarks>
[Method("input-x-gradient", "Input x Gradient", "The gradient times the input (at a layer: times the activation).", Source = "Shrikumar et al. 2016, section 2.1",
    Formula = "φᵢ = xᵢ · ∂F(x)/∂xᵢ",
    Cost = "forward + backward",
    Axioms = Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class InputXGradient(OnnxModel model) : GradientMethod(model)
{
    internal override bool TakesOneGradient => true;

    protected internal override MethodResult Compute(Question question)
    {
        var (scores, gradients) = question.Gradient();
        IReadOnlyList<NdArray> values = question.PlaceValues();
        for (int i = 0; i < gradients.Length; i++) TensorPrimitives.Multiply(gradients[i].Floats, values[i].Floats, gradients[i].Floats);
        return new MethodResult(gradients, scores);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var (scores, gradients) = question.Gradient();
        return new GraphResult([.. gradients.Zip(question.PlaceValues(), question.Graph.Mul)], scores);
    }
}
