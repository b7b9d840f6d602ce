using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Saliency: the gradient of the score, or its absolute value.</summary>
/// <remarks>
/// φᵢ(x) = |∂F(x)/∂xᵢ|. What a small change of an element would do to the score; not what the element contributed.
/// Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013, section 3. The paper also takes the maximum over
/// colour channels; here every channel keeps its value, and the picture reduces them.
/// </remarks>
[Method("saliency", "Saliency", "The gradient of the score, or its absolute value.", Source = "Simonyan, Vedaldi, Zisserman 2013, section 3",
    Formula = "φᵢ = |∂F(x)/∂xᵢ|",
    Cost = "forward + backward",
    Axioms = Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class Saliency(OnnxModel model) : GradientMethod(model)
{
    /// <summary>Whether the sign is dropped (default true).</summary>
    [Option("absolute", "Whether the sign of the gradient is dropped.")]
    public bool Absolute { get; init; } = true;

    internal override bool TakesOneGradient => true;

    protected internal override MethodResult Compute(Question question)
    {
        var (scores, gradients) = question.Gradient();
        if (Absolute)
            foreach (NdArray gradient in gradients) System.Numerics.Tensors.TensorPrimitives.Abs(gradient.Floats, gradient.Floats);
        return new MethodResult(gradients, scores);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var (scores, gradients) = question.Gradient();
        return new GraphResult(Absolute ? Array.ConvertAll(gradients, question.Graph.Abs) : gradients, scores);
    }
}
