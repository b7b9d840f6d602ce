using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>Deconvolution (DeconvNet): the gradient, with each ReLU applied to what goes backwards instead of to what went forwards.</summary>
/// <remarks>
/// At y = max(x, 0) the node sends back max(u, 0) for what arrives, u, whatever x was; every other node sends its derivative.
/// Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014, section 2.1. Any ReLU of the graph counts.
/// </remarks>
[Method("deconvolution", "Deconvolution", "The gradient, with each ReLU applied backwards: negative parts are dropped, the forward switch is ignored.",
    Source = "Zeiler, Fergus 2014, section 2.1",
    Formula = "the gradient, a ReLU y = max(x, 0) sending back max(u, 0) for what arrives, u",
    Cost = "forward + backward")]
public sealed class Deconvolution(OnnxModel model) : PropagationMethod(model)
{
    private protected override Rulebook Rulebook => DeconvolutionRules.Instance;

    private sealed class DeconvolutionRules : Rulebook
    {
        public static DeconvolutionRules Instance { get; } = new();

        public override BackwardRule? RuleFor(Node node) => node.Operator is Relu ? b => [b.Graph.Relu(b.Upstream)] : null;
    }
}
