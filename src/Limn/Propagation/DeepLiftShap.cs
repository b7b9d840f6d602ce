using Limn.Models;

namespace Limn.Propagation;

/// <summary>DeepLIFT SHAP: <see cref="DeepLift"/>, averaged over the rows of a background as references.</summary>
/// <remarks>
/// φᵢ = mean over background rows b of mᵢ(x, b) · (xᵢ − bᵢ): an approximation of SHAP values, with the standard error of that mean across the
/// background. Complete: Σφ = F(x) − mean F(b). Lundberg, Lee: A Unified Approach to Interpreting Model Predictions, NeurIPS 2017, section 4.2.
/// With a single background row the standard error is not known and is NaN.
/// </remarks>
[Method("deep-lift-shap", "DeepLIFT SHAP", "DeepLIFT averaged over the rows of a background.", Source = "Lundberg, Lee 2017, section 4.2",
    Formula = "φᵢ = mean over background rows b of mᵢ(x, b) · (xᵢ − bᵢ), m as in DeepLIFT",
    Cost = "forward + baselines × (forward + backward)",
    Axioms = Axioms.Completeness | Axioms.Sensitivity)]
public sealed class DeepLiftShap(OnnxModel model) : DeepLift(model)
{
    protected internal override MethodResult Compute(Question question) => OverReferences(question, errors: true);
}
