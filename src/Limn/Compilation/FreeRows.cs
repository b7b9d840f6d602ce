using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Compilation;

/// <summary>Models that fix their batch to one row, of which only the declaration says so.</summary>
internal static class FreeRows
{
    /// <summary>
    /// The same network for any number of rows, if everything that it computes from its inputs then has the rows along its first axis; the network itself if
    /// it fixes more than one row, or something in it (a Reshape to [1, ...]) holds for one row only.
    /// </summary>
    public static OnnxModel Of(OnnxModel network)
    {
        if (network.FixedRows != 1) return network;
        Graph graph = network.Graph;
        var rows = Dim.Named("batch");
        var builder = new GraphBuilder(graph.Name);
        var feeds = new Dictionary<Value, Value>();
        foreach (Value input in graph.Inputs) feeds.Add(input, builder.Input(input.Name, input.Type, input.Shape!.With(0, rows)));
        HashSet<Value> varying = [.. graph.Inputs];
        foreach (Node node in graph.Nodes)
            if (Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && varying.Contains(v) && !node.Operator.UsesShapeOnly(i))) varying.UnionWith(node.Outputs);
        Value[] all = [.. graph.Nodes.SelectMany(n => n.Outputs)];
        try
        {
            Value[] free = new GraphCopier(builder).Copy(graph, feeds, all, rename: new HashSet<string>());
            for (int i = 0; i < all.Length; i++)
                if (varying.Contains(all[i]) && !(free[i].Shape is { Rank: > 0 } shape && shape[0] == rows)) return network;
            foreach (Value output in graph.Outputs) builder.Output(feeds.TryGetValue(output, out Value? input) ? input : free[Array.IndexOf(all, output)]);
            return new OnnxModel(builder.Build(), network.Threads);
        }
        catch (ShapeMismatchException)
        {
            return network; // some node takes one row only
        }
    }
}
