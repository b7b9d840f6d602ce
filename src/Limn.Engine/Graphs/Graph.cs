namespace Limn.Engine.Graphs;

/// <summary>
/// A model: nodes in topological order over values. Immutable; <see cref="GraphBuilder"/> makes graphs and grows new ones from old.
/// </summary>
public sealed class Graph
{
    private readonly Dictionary<Value, Node> producers = [];
    private readonly Dictionary<string, Value> byName = [];

    internal Graph(string name, IReadOnlyList<Value> inputs, IReadOnlyList<Value> outputs, IReadOnlyList<Node> nodes, IReadOnlyDictionary<Value, NdArray> initializers)
    {
        Name = name;
        Inputs = inputs;
        Outputs = outputs;
        Nodes = nodes;
        Initializers = initializers;
        foreach (Value value in inputs.Concat(initializers.Keys)) byName.TryAdd(value.Name, value);
        foreach (Node node in nodes)
            foreach (Value output in node.Outputs)
            {
                producers.Add(output, node);
                byName.TryAdd(output.Name, output);
            }
    }

    public string Name { get; }

    /// <summary>What must be fed, in the order of the file.</summary>
    public IReadOnlyList<Value> Inputs { get; }

    public IReadOnlyList<Value> Outputs { get; }

    /// <summary>The nodes; each comes after the producers of its inputs.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>Weights and other constants.</summary>
    public IReadOnlyDictionary<Value, NdArray> Initializers { get; }

    /// <summary>Every value of the graph.</summary>
    public IEnumerable<Value> Values => byName.Values;

    /// <summary>The node that computes a value; null for an input or initializer.</summary>
    public Node? ProducerOf(Value value) => producers.GetValueOrDefault(value);

    /// <summary>The value of exactly this name; null if there is none.</summary>
    public Value? Find(string name) => byName.GetValueOrDefault(name);

    public bool Contains(Value value) => byName.TryGetValue(value.Name, out Value? found) && ReferenceEquals(found, value);

    /// <summary>The same graph with other contents in some of its initializers.</summary>
    /// <exception cref="ShapeMismatchException">A new array is not of the shape of its initializer.</exception>
    public Graph WithInitializers(IReadOnlyDictionary<Value, NdArray> changed)
    {
        var all = new Dictionary<Value, NdArray>(Initializers);
        foreach (var (value, array) in changed)
        {
            if (!all.TryGetValue(value, out NdArray? old)) throw new UnknownNameException($"'{value.Name}' is not an initializer of the graph '{Name}'.");
            if (!old.Dims.SequenceEqual(array.Dims) || old.Type.Storage() != array.Type.Storage())
                throw new ShapeMismatchException($"The initializer '{value.Name}' is {old}, and {array} was given.");
            all[value] = array;
        }
        return new Graph(Name, Inputs, Outputs, Nodes, all);
    }

    /// <summary>The nodes that <paramref name="targets"/> depend on, in topological order, without going beyond <paramref name="stopAt"/>.</summary>
    public IReadOnlyList<Node> NodesBehind(IEnumerable<Value> targets, IReadOnlySet<Value>? stopAt = null)
    {
        HashSet<Value> needed = [.. targets];
        List<Node> found = [];
        for (int i = Nodes.Count - 1; i >= 0; i--)
        {
            Node node = Nodes[i];
            if (!node.Outputs.Any(o => needed.Contains(o) && stopAt?.Contains(o) != true)) continue;
            found.Add(node);
            foreach (Value? input in node.Inputs)
                if (input is not null) needed.Add(input);
        }
        found.Reverse();
        return found;
    }
}
