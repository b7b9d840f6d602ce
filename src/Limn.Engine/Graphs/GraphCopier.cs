namespace Limn.Engine.Graphs;

/// <summary>Copies parts of graphs into a graph under construction, onto other values: a graph used as a function.</summary>
/// <remarks>
/// The counterpart of running a session: what is fed are values of the new graph instead of arrays, and what is fetched comes back as values of it.
/// A node that was copied before onto the same operands is not copied again, and a weight is held once however often it is used.
/// </remarks>
public sealed class GraphCopier(GraphBuilder builder)
{
    private readonly Dictionary<Use, IReadOnlyList<Value>> made = [];
    private readonly Dictionary<NdArray, Value> constants = new(ReferenceEqualityComparer.Instance);

    /// <summary>Adds the nodes behind <paramref name="fetches"/>.</summary>
    /// <param name="graph">What is copied.</param>
    /// <param name="feeds">For values of the graph, among them every input that is needed, the values of the new graph that take their place.</param>
    /// <param name="fetches">The values that are wanted.</param>
    /// <param name="rename">Names that are not to be kept; all names are made up where this is null.</param>
    /// <returns>The fetches in the new graph.</returns>
    /// <exception cref="UnknownNameException">An input that is needed is not fed.</exception>
    public Value[] Copy(Graph graph, IReadOnlyDictionary<Value, Value> feeds, IReadOnlyList<Value> fetches, IReadOnlySet<string>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(feeds);
        ArgumentNullException.ThrowIfNull(fetches);
        var map = new Dictionary<Value, Value>(feeds);
        string? NameOf(string name) => rename?.Contains(name) != false ? null : name;
        if (rename is not null) builder.Reserve(graph.Values.Select(v => v.Name));

        Value Mapped(Value value) => map.TryGetValue(value, out Value? stands) ? stands
            : graph.Initializers.TryGetValue(value, out NdArray? array) ? map[value] = Constant(array, NameOf(value.Name))
            : throw new UnknownNameException($"The input '{value.Name}' of the graph '{graph.Name}' is needed and not fed.");

        foreach (Node node in graph.NodesBehind(fetches, feeds.Keys.ToHashSet()))
        {
            var use = new Use(node.Operator, [.. node.Inputs.Select(v => v is null ? null : Mapped(v))], node.Outputs.Count);
            if (!made.TryGetValue(use, out IReadOnlyList<Value>? outputs))
                made.Add(use, outputs = builder.Node(node.Operator, use.Operands, node.Outputs.Count, node.Name, [.. node.Outputs.Select(o => NameOf(o.Name))!]));
            for (int i = 0; i < outputs.Count; i++) map.TryAdd(node.Outputs[i], outputs[i]);
        }
        return [.. fetches.Select(Mapped)];
    }

    private Value Constant(NdArray array, string? name)
    {
        if (!constants.TryGetValue(array, out Value? constant)) constants.Add(array, constant = builder.Constant(array, name));
        return constant;
    }

    /// <summary>An operator on operands: what makes two nodes the same.</summary>
    private readonly record struct Use(Operators.Operator Operator, Value?[] Operands, int Outputs)
    {
        public bool Equals(Use other) => ReferenceEquals(Operator, other.Operator) && Outputs == other.Outputs && Operands.AsSpan().SequenceEqual(other.Operands);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.Add(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(Operator));
            foreach (Value? operand in Operands) hash.Add(operand);
            return hash.ToHashCode();
        }
    }
}
