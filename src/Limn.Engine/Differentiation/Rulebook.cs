using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Differentiation;

/// <summary>
/// What nodes send back to their inputs, given what arrives at their outputs. The base class is calculus; explanation
/// methods such as Guided Backprop or layer-wise relevance propagation are other rulebooks for the same engine.
/// </summary>
public class Rulebook
{
    /// <summary>The rules of calculus.</summary>
    public static Rulebook Calculus { get; } = new();

    /// <summary>The rule for a node; null for the derivative.</summary>
    public virtual BackwardRule? RuleFor(Node node) => null;
}

/// <summary>One entry for each input of the node: what is sent to it, or null for nothing.</summary>
public delegate Value?[]? BackwardRule(Backward backward);

/// <summary>What a backward rule works with.</summary>
public sealed class Backward
{
    private readonly Func<int, bool> needs;
    private readonly Value?[] upstreams;

    internal Backward(GraphBuilder graph, Node node, Value?[] upstreams, Func<int, bool> needs)
    {
        Graph = graph;
        Node = node;
        this.upstreams = upstreams;
        this.needs = needs;
    }

    /// <summary>Where backward nodes are added.</summary>
    public GraphBuilder Graph { get; }

    /// <summary>The forward node.</summary>
    public Node Node { get; }

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
}
