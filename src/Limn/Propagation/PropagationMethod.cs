using Limn.Compilation;
using Limn.Engine.Differentiation;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>A method that propagates from the target to the places by a rulebook of its own: what arrives there is the attribution.</summary>
public abstract class PropagationMethod(OnnxModel model) : GradientMethod(model)
{
    private protected abstract Rulebook Rulebook { get; }

    internal override bool TakesOneGradient => true;

    internal override Rulebook? GradientRules => Rulebook;

    protected internal override MethodResult Compute(Question question)
    {
        var (scores, values) = question.Gradient(Rulebook);
        return new MethodResult(values, scores);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var (scores, values) = question.Gradient(Rulebook);
        return new GraphResult(values, scores);
    }
}
