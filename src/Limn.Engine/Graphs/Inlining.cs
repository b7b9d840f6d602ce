namespace Limn.Engine.Graphs;

/// <summary>Copies a whole graph into another.</summary>
public static class Inlining
{
    /// <summary>Adds the nodes behind a graph's outputs, working on other values in place of its inputs.</summary>
    /// <param name="builder">Where the nodes are added; their values get names that are free there.</param>
    /// <param name="graph">The graph that is copied. Its initializers are shared, not copied.</param>
    /// <param name="arguments">What stands for each of its inputs.</param>
    /// <returns>The copies of its outputs.</returns>
    public static Value[] Inline(this GraphBuilder builder, Graph graph, IReadOnlyList<Value> arguments)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(arguments);
        if (arguments.Count != graph.Inputs.Count)
            throw new ShapeMismatchException($"The graph '{graph.Name}' has {graph.Inputs.Count} inputs, and {arguments.Count} values were given.");
        return new GraphCopier(builder).Copy(graph, graph.Inputs.Zip(arguments).ToDictionary(p => p.First, p => p.Second), graph.Outputs);
    }
}
