using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Differentiation;

/// <summary>
/// What nodes send back to their inputs, given what arrives at their outputs. The base class is calculus; explanation
/// methods such as Guided Backprop or layer-wise relevance propagation are other rulebooks for the same engine.
/// </summary>
/// <remarks>Rulebooks that are equal must say the same: compiled graphs are kept by them. Make them records or single instances.</remarks>
public class Rulebook
{
    /// <summary>The rules of calculus.</summary>
    public static Rulebook Calculus { get; } = new();

    /// <summary>Whether rules ask for <see cref="Backward.Reference"/>, the values on a reference input beside those on the input.</summary>
    public virtual bool NeedsReference => false;

    /// <summary>The rule for a node; null for the derivative.</summary>
    public virtual BackwardRule? RuleFor(Node node) => null;

    /// <summary>What the propagation starts with at the target, given the weights of its elements: the weights themselves unless overridden.</summary>
    public virtual Value Start(GraphBuilder graph, Value target, Value weights) => weights;

    /// <summary>The graph that is propagated through: the one given, or an equivalent one in which all values of <paramref name="keep"/> still are.</summary>
    public virtual Graph Prepare(Graph graph, IReadOnlyList<Value> keep) => graph;
}

/// <summary>One entry for each input of the node: what is sent to it, or null for nothing.</summary>
public delegate Value?[]? BackwardRule(Backward backward);

/// <summary>What a backward rule works with.</summary>
public sealed class Backward
{
    private readonly Func<int, bool> needs;
    private readonly Value?[] upstreams;
    private readonly ForwardPass pass;

    internal Backward(GraphBuilder graph, Node node, Value?[] upstreams, Func<int, bool> needs, ForwardPass pass, Rulebook rulebook)
    {
        Rulebook = rulebook;
        Graph = graph;
        Node = node;
        this.upstreams = upstreams;
        this.needs = needs;
        this.pass = pass;
    }

    /// <summary>Where backward nodes are added.</summary>
    public GraphBuilder Graph { get; }

    /// <summary>The forward node.</summary>
    public Node Node { get; }

    /// <summary>Whose rule is asked: for nodes that hold graphs, which are gone through by the same rules.</summary>
    public Rulebook Rulebook { get; }

    /// <summary>The first input of the forward node.</summary>
    public Value Input => Inputs(0);

    /// <summary>The first output of the forward node.</summary>
    public Value Output => Node.Outputs[0];

    /// <summary>What arrives at the first output.</summary>
    public Value Upstream => UpstreamOf(0);

    public Value Inputs(int index) => Node.Inputs[index]!;

    public bool Has(int input) => input < Node.Inputs.Count && Node.Inputs[input] is not null;

    /// <summary>Whether anything arrives at an output; an output that does not lead to the target receives nothing.</summary>
    public bool Arrives(int output) => output < upstreams.Length && upstreams[output] is not null;

    /// <summary>What arrives at an output: zeros of its shape if nothing does.</summary>
    public Value UpstreamOf(int output) => upstreams[output] ??= Graph.Filled(Node.Outputs[output], 0);

    /// <summary>Whether input <paramref name="input"/> lies on a path to where the gradient is wanted. What is not needed is not built.</summary>
    public bool Needs(int input) => needs(input);

    /// <summary>Whether input <paramref name="input"/> depends on the elements of the graph's inputs; a weight, a constant or a shape does not.</summary>
    public bool Varies(int input) => Has(input) && pass.Varies(Inputs(input));

    /// <summary>The value on the reference input; the value itself if it does not depend on the input.</summary>
    /// <exception cref="InvalidOperationException">The rulebook did not say that it <see cref="Rulebook.NeedsReference"/>.</exception>
    public Value Reference(Value value) => pass.Reference(value);

    /// <summary>Hands over the gradient of a graph inside the node, so that what cuts paths there is known outside.</summary>
    internal void Report(GradientGraph inside) => pass.Inside.Add((Node, inside));

    /// <summary>What the derivative of this node sends back.</summary>
    public Value?[] Calculus() => Node.Operator.Gradient(this) ?? new Value?[Node.Inputs.Count];

    /// <summary>What the derivative of this node sends back for other arrivals at its first output.</summary>
    public Value?[] Calculus(Value upstream) => new Backward(Graph, Node, [upstream, .. upstreams.Skip(1).Select(_ => (Value?)null)], needs, pass, Rulebook).Calculus();

    /// <summary>The same operator on other inputs, which must be of the shapes of its own, and the derivative there.</summary>
    public OtherPoint At(IReadOnlyList<Value?> inputs, Operator? other = null)
    {
        var node = new Node(Node.Name, other ?? Node.Operator, [.. inputs], [.. Graph.Node(other ?? Node.Operator, inputs, Node.Outputs.Count)]);
        return new OtherPoint(node, arriving => new Backward(Graph, node, arriving ?? upstreams, i => i < Node.Inputs.Count && needs(i), pass, Rulebook).Calculus());
    }

    /// <summary>The node on the reference input.</summary>
    public OtherPoint AtReference() => At([.. Node.Inputs.Select(v => v is null ? null : Reference(v))]);
}

/// <summary>A node evaluated on other inputs than its own.</summary>
public sealed class OtherPoint
{
    private readonly Node node;
    private readonly Func<Value?[]?, Value?[]> calculus;

    internal OtherPoint(Node node, Func<Value?[]?, Value?[]> calculus)
    {
        this.node = node;
        this.calculus = calculus;
    }

    /// <summary>The first output there.</summary>
    public Value Output => node.Outputs[0];

    /// <summary>What the derivative there sends back for what arrives at the node.</summary>
    public Value?[] Calculus() => calculus(null);

    /// <summary>What the derivative there sends back for other arrivals at the first output.</summary>
    public Value?[] Calculus(Value upstream) => calculus([upstream, .. node.Outputs.Skip(1).Select(_ => (Value?)null)]);
}
