using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Differentiation;

/// <summary>Reverse-mode differentiation as a graph transformation.</summary>
public static class Gradient
{
    /// <summary>
    /// Grows <paramref name="graph"/> by the nodes that compute, for each place v in <paramref name="at"/>, the
    /// vector-Jacobian product Σᵢ seedᵢ · ∂targetᵢ/∂v under the rulebook. Only what lies between target and places is built.
    /// The result is again a graph of the same operators, so that it can be differentiated again.
    /// </summary>
    /// <param name="graph">The model.</param>
    /// <param name="target">What is differentiated; any floating value of the graph, of any shape.</param>
    /// <param name="at">Where: inputs, weights, or any values between.</param>
    /// <param name="rulebook">What nodes send backwards; null for calculus.</param>
    /// <param name="seed">The weights of the target's elements, of its shape; null for ones (the gradient of the sum of the target).</param>
    /// <exception cref="UnknownNameException">A value is not in the graph.</exception>
    public static GradientGraph Of(Graph graph, Value target, IReadOnlyList<Value> at, Rulebook? rulebook = null, Value? seed = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(at);
        return Of(new GraphBuilder(graph), graph, target, at, rulebook, seed);
    }

    /// <summary>As above, adding to a builder that was started from <paramref name="graph"/> and may hold a seed of its own.</summary>
    public static GradientGraph Of(GraphBuilder builder, Graph graph, Value target, IReadOnlyList<Value> at, Rulebook? rulebook = null, Value? seed = null)
    {
        rulebook ??= Rulebook.Calculus;
        return Of(builder, graph, [(target, rulebook.Start(builder, target, seed ?? builder.Filled(target, 1)))], at, rulebook);
    }

    /// <summary>The same for several targets, each with what arrives at it.</summary>
    internal static GradientGraph Of(GraphBuilder builder, Graph graph, IReadOnlyList<(Value Value, Value Arriving)> targets, IReadOnlyList<Value> at, Rulebook rulebook)
    {
        foreach (Value value in at.Concat(targets.Select(t => t.Value)))
            if (!graph.Contains(value))
                throw new UnknownNameException($"The value '{value.Name}' is not part of the graph '{graph.Name}'.");

        IReadOnlyList<Node> behind = graph.NodesBehind(targets.Select(t => t.Value));
        HashSet<Value> leadsHere = [.. at];
        foreach (Node node in behind)
            if (Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && leadsHere.Contains(v) && !node.Operator.UsesShapeOnly(i)))
                leadsHere.UnionWith(node.Outputs);

        var arriving = targets.GroupBy(t => t.Value, t => t.Arriving).ToDictionary(t => t.Key, t => t.ToList());
        var pass = new ForwardPass(builder, graph, behind, targets.Select(t => t.Value), rulebook.NeedsReference);
        var sums = new Dictionary<Value, Value>();
        List<Node> cuts = [];
        var notes = new Dictionary<Node, string>();
        HashSet<Value> quantized = []; // integers that stand for real numbers
        foreach (Node node in behind)
        {
            if (node.Operator.Quantizes) quantized.UnionWith(node.Outputs.Where(o => o.Type.IsInteger()));
            else if (node.Operator.KeepsMeaning && node.Inputs.Count > 0 && node.Inputs[0] is { } first && quantized.Contains(first))
                quantized.UnionWith(node.Outputs.Where((o, i) => o.Type == first.Type || (i == 0 && o.Type.IsInteger()))); // not the indices of a max-pool
        }
        bool Carries(Value value) => value.Type.IsFloating() || quantized.Contains(value);

        Value? Arrived(Value value)
        {
            if (sums.TryGetValue(value, out Value? sum)) return sum;
            if (!arriving.TryGetValue(value, out List<Value>? parts)) return null;
            return sums[value] = parts.Count == 1 ? parts[0] : builder.Sum([.. parts]);
        }

        foreach (Node node in behind.Reverse())
        {
            bool Needs(int i) => node.Inputs[i] is { } v && leadsHere.Contains(v) && Carries(v);
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => Needs(i) && !node.Operator.UsesShapeOnly(i))) continue;
            if (!node.Outputs.Any(Carries))
            {
                cuts.Add(node); // other integers and booleans carry no gradient
                continue;
            }
            Value?[] upstreams = [.. node.Outputs.Select(Arrived)];
            if (Array.TrueForAll(upstreams, u => u is null)) continue;

            var backward = new Backward(builder, node, upstreams, Needs, pass, rulebook);
            Value?[]? sent = rulebook.RuleFor(node) is { } rule ? rule(backward) : node.Operator.Gradient(backward);
            if (sent is null)
            {
                cuts.Add(node);
                continue;
            }
            if (node.Operator.GradientNote is { } note) notes[node] = note;
            for (int i = 0; i < sent.Length; i++)
                if (sent[i] is { } part && Needs(i))
                {
                    if (!arriving.TryGetValue(node.Inputs[i]!, out List<Value>? parts)) arriving[node.Inputs[i]!] = parts = [];
                    parts.Add(part);
                }
        }

        foreach (var (node, inside) in pass.Inside)
            foreach (var (cut, note) in inside.Notes) notes.TryAdd(cut, note);
        Value?[] gradients = [.. at.Select(Arrived)];
        return new GradientGraph(builder.Build(), gradients, cuts)
        {
            CutsInside = [.. pass.Inside.SelectMany(i => i.Gradient.Cuts.Concat(i.Gradient.CutsInside.Select(c => c.Cut)).Select(cut => (cut, i.Node))).Distinct()],
            Notes = notes,
            ReferenceInputs = pass.ReferenceInputs,
            ReferenceTarget = rulebook.NeedsReference ? pass.Reference(targets[0].Value) : null,
        };
    }
}

/// <summary>A graph with its gradients.</summary>
/// <param name="Graph">The forward graph and the backward nodes.</param>
/// <param name="Gradients">For each place the gradient, of the place's shape; null where the target does not depend on the place, or every path is cut.</param>
/// <param name="Cuts">Nodes between place and target that let no gradient through.</param>
public sealed record GradientGraph(Graph Graph, IReadOnlyList<Value?> Gradients, IReadOnlyList<Node> Cuts)
{
    /// <summary>The same in the graphs inside nodes (<c>If</c>, <c>Loop</c>), each with the node of this graph that it is in.</summary>
    public IReadOnlyList<(Node Cut, Node In)> CutsInside { get; init; } = [];

    /// <summary>The nodes whose gradient is not the derivative, such as those that quantise, each with what there is to know.</summary>
    public IReadOnlyDictionary<Node, string> Notes { get; init; } = new Dictionary<Node, string>();

    /// <summary>For a rulebook with a reference: for each input behind the target the one that takes its reference. Empty otherwise.</summary>
    public IReadOnlyDictionary<Value, Value> ReferenceInputs { get; init; } = new Dictionary<Value, Value>();

    /// <summary>For a rulebook with a reference: the target on the reference.</summary>
    public Value? ReferenceTarget { get; init; }

    /// <summary>The gradient at place <paramref name="index"/>.</summary>
    /// <exception cref="NotDifferentiableException">There is none; the message names what cuts the path.</exception>
    public Value Required(int index = 0)
    {
        if (Gradients[index] is { } gradient) return gradient;
        throw new NotDifferentiableException(Cuts.Count == 0
            ? "The target does not depend on the place that is to be explained. Choose an input or layer before the target."
            : $"No gradient reaches the place that is to be explained: node '{Cuts[0].Name}' ({Cuts[0].Operator.Name}) cannot be differentiated. "
              + "Explain a layer after this node (--at), or treat the model as a black box (for example --method occlusion).");
    }
}
