using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>Brings the nodes of a file into an order in which each comes after those it depends on.</summary>
internal static class NodeOrder
{
    /// <summary>Kahn's algorithm; among the nodes that are ready the first in the file comes first, so that an ordered file stays as it is.</summary>
    /// <param name="nodes">The nodes.</param>
    /// <param name="available">The names of graph inputs and initializers.</param>
    /// <exception cref="InvalidModelException">Nodes depend on each other in a circle, a name is produced twice, or a name is produced by nothing.</exception>
    public static IReadOnlyList<NodeProto> Sort(IReadOnlyList<NodeProto> nodes, IReadOnlySet<string> available)
    {
        var producer = new Dictionary<string, int>();
        for (int n = 0; n < nodes.Count; n++)
            foreach (string output in nodes[n].Output)
                if (output.Length > 0 && (available.Contains(output) || !producer.TryAdd(output, n)))
                    throw new InvalidModelException($"two values of the graph are called '{output}'; names must be unique.");

        var waiting = new int[nodes.Count];
        var users = new List<int>?[nodes.Count];
        for (int n = 0; n < nodes.Count; n++)
            foreach (string input in InputsOf(nodes[n]).Where(i => !available.Contains(i)).Distinct())
            {
                if (!producer.TryGetValue(input, out int from))
                    throw new InvalidModelException($"{Describe(nodes[n])} takes '{input}', which is neither an input, nor an initializer, nor the output of a node.");
                waiting[n]++;
                (users[from] ??= []).Add(n);
            }

        var ready = new PriorityQueue<int, int>();
        for (int n = 0; n < nodes.Count; n++)
            if (waiting[n] == 0) ready.Enqueue(n, n);
        var sorted = new List<NodeProto>(nodes.Count);
        while (ready.TryDequeue(out int n, out _))
        {
            sorted.Add(nodes[n]);
            foreach (int user in users[n] ?? [])
                if (--waiting[user] == 0) ready.Enqueue(user, user);
        }
        return sorted.Count == nodes.Count ? sorted
            : throw new InvalidModelException($"nodes depend on each other in a circle: {string.Join(" -> ", Circle(nodes, producer, waiting).Select(Describe))}.");
    }

    /// <summary>The name of a node, made up from its operator and first output if the file has none.</summary>
    public static string NameOf(NodeProto node) => node.Name.Length > 0 ? node.Name : $"{node.OpType}_{node.Output.FirstOrDefault(o => o.Length > 0) ?? "unused"}";

    /// <summary>The names that a node depends on: its inputs, and what graphs inside it take from around.</summary>
    public static IEnumerable<string> InputsOf(NodeProto node)
    {
        foreach (string input in node.Input)
            if (input.Length > 0) yield return input;
        foreach (AttributeProto attribute in node.Attribute)
            if (attribute.G is { } graph)
                foreach (string name in TakenFromAround(graph)) yield return name;
    }

    private static HashSet<string> TakenFromAround(GraphProto graph)
    {
        HashSet<string> own = [.. graph.Input.Select(i => i.Name), .. graph.Initializer.Select(i => i.Name), .. graph.Node.SelectMany(n => n.Output)];
        HashSet<string> taken = [.. graph.Node.SelectMany(InputsOf), .. graph.Output.Select(o => o.Name)];
        taken.ExceptWith(own);
        return taken;
    }

    private static string Describe(NodeProto node) => $"node '{NameOf(node)}' ({node.OpType})";

    /// <summary>One circle: from any blocked node back along blocked producers until one comes again.</summary>
    private static List<NodeProto> Circle(IReadOnlyList<NodeProto> nodes, Dictionary<string, int> producer, int[] waiting)
    {
        var path = new List<int>();
        var place = new Dictionary<int, int>();
        int at = Array.FindIndex(waiting, w => w > 0);
        while (place.TryAdd(at, path.Count))
        {
            path.Add(at);
            at = InputsOf(nodes[at]).Where(producer.ContainsKey).Select(i => producer[i]).First(p => waiting[p] > 0);
        }
        path.RemoveRange(0, place[at]);
        path.Reverse();
        const int Shown = 8;
        return [.. path.Take(Shown).Append(path[0]).Select(i => nodes[i])];
    }
}
