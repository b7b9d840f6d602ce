using Limn.Attention;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Graphs.Rewrites;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>Layer-wise relevance propagation as a rulebook: what goes backwards is relevance, not a derivative.</summary>
/// <remarks>
/// Linear layers with weights: the rule that the first fitting assignment names. Sums, means, average pools and normalisations: in proportion, by the
/// epsilon rule. Functions of one variable: passed on. Maxima: to the winner, as by the derivative. Moving elements: moved back. Softmax, layer norm (its
/// deviation held fixed) and products of two activations (half to each factor): as in AttnLRP (Achtibat et al., ICML 2024). A quotient: to the numerator.
/// Softmax: Rⱼ = xⱼ·(Rⱼ − sⱼ·ΣR), the first-order Taylor term, which keeps no sum. With <see cref="TransformerRules"/> a product of a signal with what is
/// computed from it goes to the signal, so that activations and norms that a file writes out are treated as if they were one operator.
/// </remarks>
internal sealed class LrpRules : Rulebook
{
    private readonly Graph graph;
    private readonly IReadOnlyList<LrpAssignment> assignments;
    private readonly IReadOnlyList<Value> places;
    private readonly float epsilon;
    private readonly bool fold;
    private readonly bool ones;
    private readonly TransformerRules transformer;
    private readonly HashSet<string> first;

    /// <param name="graph">The network.</param>
    /// <param name="places">What is explained: values that may be set to anything, so that nothing is known of them.</param>
    /// <param name="assignments">Which layers get which rules; the first that fits.</param>
    /// <param name="epsilon">The stabiliser of layers without weights.</param>
    /// <param name="fold">Whether batch normalisations go into the layers before them.</param>
    /// <param name="ones">Whether the target starts with its weights (1 for a class) instead of its value.</param>
    /// <param name="transformer">How what transformers are made of is treated.</param>
    public LrpRules(Graph graph, IReadOnlyList<Value> places, IReadOnlyList<LrpAssignment> assignments, double epsilon, bool fold, bool ones = false, TransformerRules transformer = TransformerRules.None)
    {
        this.transformer = transformer;
        this.ones = ones;
        this.graph = graph;
        this.places = places;
        this.assignments = assignments;
        this.epsilon = (float)epsilon;
        this.fold = fold;
        first = FirstLayers(graph);
    }

    public override Graph Prepare(Graph graph, IReadOnlyList<Value> keep) => fold ? BatchNormalizationFolding.Of(graph, keep) : graph;

    /// <summary>The relevance of the target is its value, for the elements that count.</summary>
    public override Value Start(GraphBuilder graph, Value target, Value weights) => ones ? weights
        : graph.Where(graph.Equal(weights, graph.ScalarLike(weights, 0)), graph.ScalarLike(target, 0), graph.Mul(weights, target));

    public override BackwardRule? RuleFor(Node node) => node.Operator switch
    {
        Conv or ConvTranspose or Gemm or MatMul => b => LinearStep.Of(b, v => Signs.NeverNegative(graph, v, places)) is { } step ? step.Sent(Chosen(node).Send(step)) : Product(b),
        Mul => b => DeepLiftRules.Variables(b) <= 1 ? Passed(b, 1)
            : transformer != TransformerRules.None && SignalPath.Of(graph, node) is { } signal ? Passed(b, 1, only: signal) : Passed(b, 0.5f),
        Div => b => b.Varies(0) ? Passed(b, 1, only: 0) : Passed(b, 1),
        TransposedMatMul => Product,
        Softmax softmax => b => Distribution(b, softmax.Axis),
        Add or Sub when ones => b => DeepLiftRules.Variables(b) > 1 ? Proportional(b, 1) : Passed(b, 1), // a bias takes no part
        Add or Sub or Sum or Mean or ReduceSum or ReduceMean or ReduceL1 or ReduceL2 or CumSum or AveragePool or GlobalAveragePool or BatchNormalization or LogSoftmax =>
            b => Proportional(b, 1),
        LayerNormalization or InstanceNormalization or GroupNormalization => b =>
        {
            Value s = LrpRule.Quotient(b.Graph, b.Upstream, b.Output, epsilon);
            var sent = new Value?[b.Node.Inputs.Count];
            sent[0] = b.Graph.Mul(b.Input, NormalizationMultipliers.WithDeviationHeld(b, s));
            return sent;
        },
        Cast => null,
        UnaryOperator or PRelu or Clip or Pow or LocalResponseNormalization or LpNormalization => b => Passed(b, 1, only: 0),
        _ => null,
    };

    public override bool Equals(object? obj) => obj is LrpRules other && ReferenceEquals(other.graph, graph) && other.epsilon == epsilon && other.fold == fold && other.ones == ones && other.transformer == transformer
        && other.assignments.SequenceEqual(assignments) && other.places.SequenceEqual(places);

    public override int GetHashCode() => assignments.Aggregate(HashCode.Combine(typeof(LrpRules), epsilon, fold, ones, transformer), HashCode.Combine);

    private LrpRule Chosen(Node node) => assignments.First(a => a.Fits(node, first.Contains(node.Name))).Rule;

    /// <summary>A product of two activations. With conservative propagation attention counts as a weight: everything goes to what it weighs.</summary>
    private Value?[] Product(Backward b)
    {
        if (transformer != TransformerRules.Conservative || DeepLiftRules.Variables(b) < 2) return Shared(b);
        int weight = AttentionMaps.IsMoved(graph, b.Inputs(0)) ? 0 : AttentionMaps.IsMoved(graph, b.Inputs(1)) ? 1 : -1;
        if (weight < 0) return Shared(b);
        Value?[] sent = Proportional(b, 1);
        sent[weight] = null;
        return sent;
    }

    /// <summary>Rⱼ = xⱼ·(Rⱼ − sⱼ·ΣR), and nothing where sⱼ is 0: a masked position, of which x may be −∞. With conservative propagation nothing goes through attention.</summary>
    private Value?[] Distribution(Backward b, int axis)
    {
        if (transformer == TransformerRules.Conservative && AttentionMaps.IsMoved(graph, b.Output) && AttentionMaps.Behind(graph, b.Output).Contains(b.Output)) return [null];
        GraphBuilder g = b.Graph;
        Value held = g.Sub(b.Upstream, g.Mul(b.Output, g.ReduceSum(b.Upstream, [axis])));
        Value none = g.Equal(b.Output, g.ScalarLike(b.Output, 0));
        return [g.Mul(g.Where(none, g.ScalarLike(b.Input, 0), b.Input), held)];
    }

    /// <summary>Both operands vary: each gets half of what it would get alone.</summary>
    private Value?[] Shared(Backward b) => Proportional(b, DeepLiftRules.Variables(b) > 1 ? 0.5f : 1);

    /// <summary>xᵢ · ∂z/∂xᵢ · R / stab(z).</summary>
    private Value?[] Proportional(Backward b, float share)
    {
        GraphBuilder g = b.Graph;
        Value?[] sent = b.Calculus(LrpRule.Quotient(g, b.Upstream, b.Output, epsilon));
        return [.. sent.Select((s, i) => s is null ? null : g.Scale(g.Mul(b.Inputs(i), s), share))];
    }

    private static Value?[] Passed(Backward b, float share, int? only = null)
    {
        var sent = new Value?[b.Node.Inputs.Count];
        for (int i = 0; i < sent.Length; i++)
            if ((only ?? i) == i && b.Needs(i)) sent[i] = b.Graph.SumTo(b.Graph.Scale(b.Upstream, share), b.Inputs(i));
        return sent;
    }

    /// <summary>The linear layers that see an input of the model through no other linear layer.</summary>
    private static HashSet<string> FirstLayers(Graph graph)
    {
        HashSet<Value> fresh = [.. graph.Inputs];
        HashSet<string> found = [];
        foreach (Node node in graph.Nodes)
        {
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && fresh.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
            if (LrpAssignment.KindOf(node) is null) fresh.UnionWith(node.Outputs);
            else found.Add(node.Name);
        }
        return found;
    }
}
