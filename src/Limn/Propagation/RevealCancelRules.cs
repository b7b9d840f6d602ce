using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Graphs.Rewrites;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>DeepLIFT's RevealCancel rule for functions of one variable behind a layer with constant weights; the rules of <see cref="DeepLiftRules"/> elsewhere.</summary>
/// <remarks>
/// For y = f(x) behind x = w·a + b, with Δx⁺ and Δx⁻ the sums of the positive and of the negative contributions wⱼ·Δaⱼ:
/// Δy⁺ = ½[f(x' + Δx⁺) − f(x')] + ½[f(x) − f(x' + Δx⁻)] and Δy⁻ likewise, so that Δy⁺ + Δy⁻ = Δy. A positive contribution goes by
/// Δy⁺/Δx⁺, a negative one by Δy⁻/Δx⁻: parts that cancel in the sum are seen. The contributions of aⱼ are those of its whole change; the paper
/// also carries the two parts of Δaⱼ apart through the next layer. Batch normalisation is first folded into the layer before it.
/// Shrikumar, Greenside, Kundaje 2017, section 3.5.3.
/// </remarks>
internal sealed class RevealCancelRules : Rulebook
{
    private readonly DeepLiftRules others;
    private readonly float epsilon;
    private readonly Graph original;
    private readonly Graph graph;
    private readonly IReadOnlyList<Value> places;
    private readonly Dictionary<Node, Node> activationOf = [];
    private readonly HashSet<Node> activations = [];

    public RevealCancelRules(double epsilon, PoolRule pools, Graph graph, IReadOnlyList<Value> keep)
    {
        others = new DeepLiftRules(epsilon, pools);
        this.epsilon = (float)epsilon;
        original = graph;
        places = keep;
        this.graph = BatchNormalizationFolding.Of(graph, keep);
        Pair();
    }

    public override bool NeedsReference => true;

    public override Graph Prepare(Graph graph, IReadOnlyList<Value> keep) => this.graph;

    public override BackwardRule? RuleFor(Node node)
    {
        if (activations.Contains(node)) return b => [b.Upstream]; // the layer before does the rest
        return activationOf.TryGetValue(node, out Node? f) ? b => Send(b, f) : others.RuleFor(node);
    }

    public override bool Equals(object? obj) => obj is RevealCancelRules r && ReferenceEquals(r.original, original) && r.others.Equals(others) && r.places.SequenceEqual(places);

    public override int GetHashCode() => HashCode.Combine(typeof(RevealCancelRules), others, original);

    /// <summary>Finds the activations whose input is a layer with constant weights, perhaps with a constant bias added, that nothing else uses.</summary>
    private void Pair()
    {
        Dictionary<Value, int> uses = graph.Nodes.SelectMany(n => n.Inputs).OfType<Value>().GroupBy(v => v).ToDictionary(v => v.Key, v => v.Count());
        bool Inner(Value v) => uses.GetValueOrDefault(v) == 1 && !places.Contains(v) && !graph.Outputs.Contains(v);
        foreach (Node f in graph.Nodes)
        {
            if (f.Operator is (not UnaryOperator) or Neg || f.Inputs[0] is not { } x || !Inner(x)) continue;
            Node? linear = graph.ProducerOf(x);
            if (linear?.Operator is Add)
            {
                Value? sum = linear.Inputs.SingleOrDefault(v => v is not null && !graph.Initializers.ContainsKey(v));
                if (sum is null || !Inner(sum) || sum.Shape is null || !sum.Shape.Equals(x.Shape)) continue;
                linear = graph.ProducerOf(sum);
            }
            if (linear is null || LrpAssignment.KindOf(linear) is null || Enumerable.Range(0, linear.Inputs.Count).Count(i => linear.Inputs[i] is { } v && !graph.Initializers.ContainsKey(v)) != 1) continue;
            if (linear.Operator is Conv or ConvTranspose && graph.Initializers.ContainsKey(linear.Inputs[0]!)) continue;
            activationOf.Add(linear, f);
            activations.Add(f);
        }
    }

    private Value?[] Send(Backward b, Node f)
    {
        GraphBuilder g = b.Graph;
        LinearStep step = LinearStep.Of(b, _ => false)!;
        Value change = g.Sub(step.Input, b.Reference(step.Input)), zero = g.ScalarLike(change, 0);
        Value up = g.Relu(change), down = g.Min(change, zero);
        OtherPoint upPositive = step.With(up, w => g.Relu(w), null), upNegative = step.With(up, Negative, null);
        Value risen = g.Add(upPositive.Output, step.With(down, Negative, null).Output);
        Value fallen = g.Add(upNegative.Output, step.With(down, w => g.Relu(w), null).Output);

        Value x = f.Inputs[0]!, start = b.Reference(x);
        Value Of(Value point) => g.Op(f.Operator, point);
        Value y = f.Outputs[0], before = b.Reference(y), afterRise = Of(g.Add(start, risen)), afterFall = Of(g.Add(start, fallen));
        Value byRise = Slope(g.Add(g.Sub(afterRise, before), g.Sub(y, afterFall)), risen);
        Value byFall = Slope(g.Add(g.Sub(afterFall, before), g.Sub(y, afterRise)), fallen);

        Value rises = g.Mul(b.Upstream, byRise), falls = g.Mul(b.Upstream, byFall);
        Value ifUp = g.Add(step.Back(upPositive, rises), step.Back(upNegative, falls));
        Value ifDown = g.Add(step.Back(upNegative, rises), step.Back(upPositive, falls));
        Value still = g.Scale(g.Add(ifUp, ifDown), 0.5f);
        return step.Sent(g.Where(g.Greater(change, zero), ifUp, g.Where(g.Less(change, zero), ifDown, still)));

        Value Negative(Value w) => g.Min(w, g.ScalarLike(w, 0));

        // Half of the change over what caused it; nothing where nothing did.
        Value Slope(Value twice, Value cause)
        {
            Value none = g.Less(g.Abs(cause), g.ScalarLike(cause, epsilon));
            return g.Where(none, zero, g.Div(g.Scale(twice, 0.5f), g.Where(none, g.ScalarLike(cause, 1), cause)));
        }
    }
}
