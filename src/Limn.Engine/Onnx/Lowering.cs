using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Onnx;

/// <summary>Replaces the operators that ONNX lacks by their decompositions, so that only standard ones are left. Values keep their names.</summary>
internal sealed class Lowering
{
    /// <summary>The domain of the operators that ONNX lacks.</summary>
    public const string InternalDomain = "limn";

    private readonly GraphBuilder builder;
    private readonly List<Node> nodes = [];
    private readonly Dictionary<Value, Value> aliases = []; // a decomposition's result: the value it stands for

    public Lowering(Graph graph)
    {
        builder = new GraphBuilder(graph);
        foreach (Node node in graph.Nodes) Lower(node);
        foreach (Value output in graph.Outputs)
        {
            bool again = Outputs.Contains(output); // a file's outputs have different names
            Outputs.Add(again ? builder.Identity(output) : output);
            if (again) nodes.Add(builder.Nodes[^1]);
        }
    }

    public IReadOnlyList<Node> Nodes => nodes;

    public List<Value> Outputs { get; } = [];

    public NdArray? ConstantOf(Value value) => builder.ConstantOf(value);

    /// <summary>The name of a value in the file.</summary>
    public string NameOf(Value value)
    {
        while (aliases.TryGetValue(value, out Value? stands)) value = stands;
        return value.Name;
    }

    private void Lower(Node node)
    {
        if (node.Operator.Domain != InternalDomain)
        {
            nodes.Add(node);
            return;
        }
        int before = builder.Nodes.Count;
        IReadOnlyList<Value> results = node.Operator.Decompose(builder, node)
            ?? throw new UnsupportedOperatorException($"The operator {node.Operator.Name} of node '{node.Name}' has no form in ONNX, so this graph cannot be written.");
        if (results.Count < node.Outputs.Count)
            throw new UnsupportedOperatorException($"The form in ONNX of {node.Operator.Name} has {results.Count} outputs, and node '{node.Name}' has {node.Outputs.Count}.");
        Node[] made = [.. builder.Nodes.Skip(before)];
        HashSet<Value> fresh = [.. made.SelectMany(n => n.Outputs)];
        foreach (Node inner in made) Lower(inner);
        for (int i = 0; i < node.Outputs.Count; i++)
            if (!fresh.Contains(results[i]) || !aliases.TryAdd(results[i], node.Outputs[i])) // the result exists under a name already
                nodes.Add(new Node($"{node.Name}_{i}", new Identity(), [results[i]], [node.Outputs[i]]));
    }
}
