namespace Limn.Engine.Graphs;

/// <summary>Copies the nodes of one graph into another.</summary>
public static class Inlining
{
    /// <summary>Adds the nodes behind a graph's outputs, working on other values in place of its inputs.</summary>
    /// <param name="builder">Where the nodes are added; their values get names that are free there.</param>
    /// <param name="graph">The graph that is copied. Its initializers are shared, not copied.</param>
    /// <param name="arguments">What stands for each of its inputs.</param>
    /// <param name="wanted">Which values are wanted; its outputs when null.</param>
    /// <returns>The copies of the wanted values.</returns>
    public static Value[] Inline(this GraphBuilder builder, Graph graph, IReadOnlyList<Value> arguments, IReadOnlyList<Value>? wanted = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(arguments);
        if (arguments.Count != graph.Inputs.Count)
            throw new ShapeMismatchException($"The graph '{graph.Name}' has {graph.Inputs.Count} inputs, and {arguments.Count} values were given.");
        wanted ??= graph.Outputs;
        var copies = new Dictionary<Value, Value>();
        for (int i = 0; i < arguments.Count; i++) copies[graph.Inputs[i]] = arguments[i];

        Value Copy(Value value) => copies.TryGetValue(value, out Value? copy) ? copy
            : graph.Initializers.TryGetValue(value, out NdArray? array) ? copies[value] = builder.Constant(array)
            : throw new UnknownNameException($"The value '{value.Name}' is not part of the graph '{graph.Name}'.");

        foreach (Node node in graph.NodesBehind(wanted, graph.Inputs.ToHashSet()))
        {
            IReadOnlyList<Value> results = builder.Node(node.Operator, [.. node.Inputs.Select(v => v is null ? null : Copy(v))], node.Outputs.Count, node.Name);
            for (int i = 0; i < results.Count; i++) copies[node.Outputs[i]] = results[i];
        }
        return [.. wanted.Select(Copy)];
    }
}
