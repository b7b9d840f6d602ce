using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>RectGrad: the gradient, let through a ReLU only where it carries the most of the layer's importance.</summary>
/// <remarks>
/// At y = max(x, 0) the node sends back u · 1[y · u &gt; τ], with τ the q-th percentile of y · u over the row's units of that
/// layer, but not below 0; every other node sends its derivative. q = <see cref="Percentile"/>. The percentile is the smallest value with at least
/// q % of the values at or below it, so that at q = 0 the gradient passes wherever it speaks for the target.
/// Kim, Seo, Jeon, Koo, Choe, Jeon: Why Are Saliency Maps Noisy? ICCV Workshop 2019, section 4.
/// </remarks>
[Method("rect-grad", "RectGrad", "The gradient, let through each ReLU only where activation times gradient is among the largest of the layer.",
    Source = "Kim et al. 2019, section 4",
    Formula = "the gradient, a ReLU y = max(x, 0) sending back u · 1[y · u > τ] for what arrives, u; τ a percentile of y · u",
    Cost = "forward + backward")]
public sealed class RectGrad(OnnxModel model) : PropagationMethod(model)
{
    /// <summary>The percentile of a layer's activation × gradient below which nothing passes (default 98).</summary>
    [Option("percentile", "The percentile of a layer's activation times gradient up to which nothing passes, 0 to 100.")]
    public double Percentile { get; init; } = 98;

    private protected override Rulebook Rulebook => new RectRules(Percentile is >= 0 and <= 100 ? Percentile
        : throw new InvalidOptionException($"The percentile must be from 0 to 100, and {Percentile} was given."));

    private sealed class RectRules(double percentile) : Rulebook
    {
        public override BackwardRule? RuleFor(Node node) => node.Operator is not Relu ? null : b =>
        {
            Value importance = b.Graph.Mul(b.Output, b.Upstream);
            Value threshold = b.Graph.Relu(b.Graph.RowPercentile(importance, percentile));
            return [b.Graph.WhereOrZero(b.Graph.Greater(importance, threshold), b.Upstream)];
        };

        public override bool Equals(object? obj) => obj is RectRules other && other.Of == Of;

        public override int GetHashCode() => HashCode.Combine(typeof(RectRules), Of);

        private double Of => percentile;
    }
}
