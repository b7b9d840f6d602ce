using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>Guided Backprop: the gradient, with what is negative dropped at every ReLU.</summary>
/// <remarks>
/// At y = max(x, 0) the node sends back max(u, 0) · 1[x &gt; 0] for what arrives, u; every other node sends its derivative.
/// Springenberg et al.: Striving for Simplicity, ICLR 2015, section 3.4. Any ReLU of the graph counts, also a functional or
/// reused one, which hooks on modules miss. It shows edges that excite the target and is nearly blind to the target itself
/// (Adebayo et al.: Sanity Checks for Saliency Maps, 2018).
/// </remarks>
[Method("guided-backprop", "Guided Backprop", "The gradient, with negative parts dropped at every ReLU.", Source = "Springenberg et al. 2015, section 3.4",
    Formula = "the gradient, a ReLU y = max(x, 0) sending back max(u, 0) · 1[x > 0] for what arrives, u",
    Cost = "forward + backward")]
public sealed class GuidedBackprop(OnnxModel model) : PropagationMethod(model)
{
    private protected override Rulebook Rulebook => GuidedRules.Instance;

    private sealed class GuidedRules : Rulebook
    {
        public static GuidedRules Instance { get; } = new();

        public override BackwardRule? RuleFor(Node node) =>
            node.Operator is Relu ? b => b.Calculus(b.Graph.Relu(b.Upstream)) : null;
    }
}
