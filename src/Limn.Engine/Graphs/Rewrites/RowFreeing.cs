using Limn.Engine.Operators;

namespace Limn.Engine.Graphs.Rewrites;

/// <summary>Networks whose inputs are declared for one row, made to take any number of rows.</summary>
/// <remarks>
/// Most files that fix their batch do so by declaration only, or by a Reshape to [1, ...]. With one row, such a Reshape changes the form of that row and nothing else,
/// so for more rows it is the same Reshape of each. Names stay.
/// </remarks>
public static class RowFreeing
{
    /// <summary>
    /// The network for any number of rows; null where the inputs are not all declared for one row, or where something that is computed from them
    /// then has no rows along its first axis, so that it is not known what the network would do with more.
    /// </summary>
    /// <param name="graph">The graph; it is not changed.</param>
    public static Graph? Of(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (graph.Inputs.Count == 0 || graph.Inputs.Any(i => i.Shape is not { Rank: > 0 } shape || shape[0] != 1)) return null;
        var rows = Dim.Named("batch");
        var builder = new GraphBuilder(graph.Name);
        builder.Reserve(graph.Values.Select(v => v.Name));
        var free = new Dictionary<Value, Value>();
        foreach (Value input in graph.Inputs) free.Add(input, builder.Input(input.Name, input.Type, input.Shape!.With(0, rows)));
        foreach (var (value, array) in graph.Initializers) free.Add(value, builder.Constant(array, value.Name));
        HashSet<Value> varying = [.. graph.Inputs];
        try
        {
            foreach (Node node in graph.Nodes)
            {
                Value?[] operands = [.. node.Inputs.Select(v => v is null ? null : free[v])];
                Operator op = node.Operator;
                if (OfOneRow(node) is { } form && varying.Contains(node.Inputs[0]!))
                    (op, operands[1]) = (new Reshape(), builder.Integers([0, .. form.Skip(1).Select(d => (long)d.Value)])); // 0 keeps the rows
                IReadOnlyList<Value> results = builder.Node(op, operands, node.Outputs.Count, node.Name, [.. node.Outputs.Select(o => o.Name)]);
                for (int i = 0; i < results.Count; i++) free.Add(node.Outputs[i], results[i]);
                if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && varying.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
                varying.UnionWith(node.Outputs);
                if (results.Any(r => r.Shape is not { Rank: > 0 } shape || shape[0] != rows)) return null;
            }
        }
        catch (ShapeMismatchException)
        {
            return null; // a node takes one row only
        }
        foreach (Value output in graph.Outputs) builder.Output(free[output]);
        return builder.Build();
    }

    /// <summary>The result's shape, if the node is a Reshape of one row to one row.</summary>
    private static Shape? OfOneRow(Node node) =>
        node.Operator is Reshape && node.Inputs[0]!.Shape is { Rank: > 0 } from && from[0] == 1
        && node.Outputs[0].Shape is { Rank: > 0, IsKnown: true } to && to[0] == 1 && to.All(d => d != 0) ? to : null;
}
