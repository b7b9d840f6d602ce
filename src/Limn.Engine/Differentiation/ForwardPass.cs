using Limn.Engine.Graphs;

namespace Limn.Engine.Differentiation;

/// <summary>The forward nodes behind a target: which values vary with the input, and, where a rulebook asks for it, the same nodes on a reference input.</summary>
internal sealed class ForwardPass
{
    private readonly HashSet<Value> varying;
    private readonly Dictionary<Value, Value>? references;

    /// <summary>For each graph input behind the target the input, named <c>NAME.reference</c>, that takes its reference; empty without a reference.</summary>
    public IReadOnlyDictionary<Value, Value> ReferenceInputs { get; } = new Dictionary<Value, Value>();

    /// <summary>The gradients of graphs inside nodes, each with the node.</summary>
    public List<(Node Node, GradientGraph Gradient)> Inside { get; } = [];

    public ForwardPass(GraphBuilder builder, Graph graph, IReadOnlyList<Node> behind, IEnumerable<Value> targets, bool reference)
    {
        varying = [.. graph.Inputs];
        foreach (Node node in behind)
            if (Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && varying.Contains(v) && !node.Operator.UsesShapeOnly(i)))
                varying.UnionWith(node.Outputs);
        if (!reference) return;

        references = [];
        var inputs = new Dictionary<Value, Value>();
        foreach (Value input in behind.SelectMany(n => n.Inputs).OfType<Value>().Concat(targets).Where(graph.Inputs.Contains).Distinct())
            references[input] = inputs[input] = builder.Input($"{input.Name}.reference", input.Type, input.Shape);
        foreach (Node node in behind)
        {
            if (!node.Outputs.Any(varying.Contains)) continue;
            IReadOnlyList<Value> twins = builder.Node(node.Operator, [.. node.Inputs.Select(v => v is null ? null : Reference(v))], node.Outputs.Count);
            for (int i = 0; i < node.Outputs.Count; i++) references[node.Outputs[i]] = twins[i];
        }
        ReferenceInputs = inputs;
    }

    public bool Varies(Value value) => varying.Contains(value);

    public Value Reference(Value value) => references is null
        ? throw new InvalidOperationException("The rulebook asks for reference values without having said that it needs them (Rulebook.NeedsReference).")
        : references.GetValueOrDefault(value, value);
}
