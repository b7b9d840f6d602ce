using Limn.Engine;
using Limn.Engine.Graphs;

namespace Limn.Models;

/// <summary>The layers of a network under the names of its file, and how to find them by a part of the name.</summary>
public sealed class Layers
{
    private readonly Graph graph;

    internal Layers(Graph graph) => this.graph = graph;

    /// <summary>The nodes in the order they are computed.</summary>
    public IReadOnlyList<Node> All => graph.Nodes;

    /// <summary>
    /// The value that a name stands for: a value's name, a node's name (its first output), or a part of either path that is unique,
    /// with '/' or '.' between the parts: "conv1" or "layer1.conv2" finds "/layer1/conv2/Conv".
    /// </summary>
    /// <exception cref="UnknownNameException">Nothing or more than one thing matches; the message lists the nearest names.</exception>
    public Value Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (graph.Find(name) is { } exact) return exact;
        if (graph.Nodes.FirstOrDefault(n => n.Name == name) is { } node) return node.Outputs[0];

        string[] wanted = Parts(name);
        List<Node> matches = wanted.Length == 0 ? [] : [.. graph.Nodes.Where(n => Contains(Parts(n.Name), wanted))];
        // A module that exports as several nodes: the one whose path ends soonest after the name is the module's own, as in
        // "conv1" for "/conv1/Conv" beside "/block/conv1/Conv"; otherwise the last node of the module is its output.
        if (matches.Count > 1)
        {
            int shortest = matches.Min(n => Parts(n.Name).Length);
            List<Node> nearest = [.. matches.Where(n => Parts(n.Name).Length == shortest)];
            if (nearest.Count == 1 || nearest.TrueForAll(n => Path(n.Name) == Path(nearest[0].Name))) matches = [nearest[^1]];
        }
        if (matches.Count == 1) return matches[0].Outputs[0];
        if (matches.Count > 1)
            throw new UnknownNameException($"'{name}' fits {matches.Count} layers: {string.Join(", ", matches.Take(5).Select(n => n.Name))}{(matches.Count > 5 ? ", ..." : "")}. Give more of the path.");

        List<Value> values = wanted.Length == 0 ? [] : [.. graph.Values.Where(v => Contains(Parts(v.Name), wanted))];
        if (values.Count == 1) return values[0];
        // Modules first, under the names that their author gave them: "conv1" for "/conv1/Conv".
        IEnumerable<string> modules = graph.Nodes.Select(n => string.Join('.', Parts(n.Name).SkipLast(1)));
        IReadOnlyList<string> near = NearestName.Of(name, modules.Concat(graph.Nodes.Select(n => n.Name)).Concat(graph.Values.Select(v => v.Name)).Distinct());
        throw new UnknownNameException($"No layer is called '{name}'. "
            + (near.Count > 0 ? $"Nearest: {string.Join(", ", near)}. " : "") + "'limn inspect' lists all layers.");
    }

    /// <summary>Whether a node's path holds the given part.</summary>
    internal static bool Matches(string path, string part) => path == part || Contains(Parts(path), Parts(part));

    private static string Path(string name) => string.Join('/', Parts(name).SkipLast(1));

    private static string[] Parts(string name) => name.Split(['/', '.'], StringSplitOptions.RemoveEmptyEntries);

    private static bool Contains(string[] path, string[] wanted)
    {
        for (int i = 0; i + wanted.Length <= path.Length; i++)
            if (path.AsSpan(i, wanted.Length).SequenceEqual(wanted)) return true;
        return false;
    }
}
