using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>How an operator of a file becomes nodes of a graph.</summary>
/// <param name="Name">The operator's name in ONNX.</param>
/// <param name="Domain">Its domain; empty for ai.onnx.</param>
/// <param name="Import">Adds the nodes and returns the outputs. Old meanings are rewritten to the present one here.</param>
/// <param name="Since">The oldest operator-set version that is understood.</param>
/// <param name="Notes">What is not covered, for the documentation; empty if nothing.</param>
public sealed record OperatorDefinition(string Name, string Domain, Func<OperatorImport, IReadOnlyList<Value>> Import, int Since = 1, string Notes = "")
{
    /// <summary>Whether inputs may be sequences; the others take tensors only.</summary>
    internal bool TakesSequences { get; init; }

    /// <summary>An operator of ai.onnx that is one node, whatever the version.</summary>
    public static OperatorDefinition Of(string name, Func<NodeAttributes, Operator> create, int since = 1, string notes = "") =>
        new(name, "", import => import.Emit(create(import.Attributes), import.Inputs), since, notes);

    /// <summary>An operator of ai.onnx whose import needs more than its attributes.</summary>
    public static OperatorDefinition Of(string name, Func<OperatorImport, IReadOnlyList<Value>> import, int since = 1, string notes = "") =>
        new(name, "", import, since, notes);
}

/// <summary>A node of a file on its way into a graph.</summary>
/// <param name="Graph">Where nodes are added.</param>
/// <param name="Node">The node's name in the file, never empty.</param>
/// <param name="Opset">The version of the node's operator set that the file declares.</param>
/// <param name="Inputs">The inputs; null where an optional one is left out, and never null at the end.</param>
/// <param name="OutputNames">The names of the outputs in the file; empty where an optional one is left out.</param>
/// <param name="Attributes">The attributes.</param>
public sealed record OperatorImport(GraphBuilder Graph, string Node, int Opset, IReadOnlyList<Value?> Inputs, IReadOnlyList<string> OutputNames, NodeAttributes Attributes)
{
    public bool Has(int input) => input < Inputs.Count && Inputs[input] is not null;

    /// <summary>A required input.</summary>
    /// <exception cref="InvalidModelException">It is left out.</exception>
    public Value Input(int index) => Has(index) ? Inputs[index]!
        : throw new InvalidModelException($"Node '{Node}' lacks its input {index}, which is required.");

    /// <summary>Imports the graph of an attribute.</summary>
    /// <param name="attribute">The attribute.</param>
    /// <param name="formals">Types and shapes of the graph's inputs, which hold whenever it runs.</param>
    public ImportedBody Body(string attribute, IReadOnlyList<Formal> formals) =>
        (Attributes.Body(attribute) ?? throw new InvalidModelException($"Node '{Node}' lacks its graph '{attribute}'."))(formals);

    /// <summary>Adds the node that produces the outputs of the file's node, under their names.</summary>
    public IReadOnlyList<Value> Emit(Operator op, params IReadOnlyList<Value?> operands) => Graph.Node(op, operands, name: Node, outputNames: OutputNames);

    /// <summary>Gives the file's output name to a value that a rewriting ended in.</summary>
    public IReadOnlyList<Value> EmitAs(Value value) => Emit(new Identity(), [value]);

    /// <summary>An error that names the node.</summary>
    public UnsupportedOperatorException Unsupported(string what) => new($"Node '{Node}': {what}");
}

/// <summary>The attributes of a node of a file. Remembers which were read: one that nobody reads is an error, not a silent difference.</summary>
public sealed class NodeAttributes(string node, IReadOnlyDictionary<string, object> values)
{
    private readonly HashSet<string> read = [];

    /// <summary>The names that nobody has asked for.</summary>
    public IEnumerable<string> Unread => values.Keys.Where(k => !read.Contains(k));

    public bool Has(string name) => values.ContainsKey(name);

    public float Float(string name, float otherwise) => Get<float>(name, out float value) ? value : otherwise;

    public long Int(string name, long otherwise) => Get<long>(name, out long value) ? value : otherwise;

    public bool Flag(string name, bool otherwise) => Get<long>(name, out long value) ? value != 0 : otherwise;

    public string String(string name, string otherwise) => Get<string>(name, out string? value) ? value : otherwise;

    public long[]? Ints(string name) => Get<long[]>(name, out long[]? value) ? value : null;

    public float[]? Floats(string name) => Get<float[]>(name, out float[]? value) ? value : null;

    public string[]? Strings(string name) => Get<string[]>(name, out string[]? value) ? value : null;

    public NdArray? Tensor(string name) => Get<NdArray>(name, out NdArray? value) ? value : null;

    internal Func<IReadOnlyList<Formal>, ImportedBody>? Body(string name) => Get<Func<IReadOnlyList<Formal>, ImportedBody>>(name, out var value) ? value : null;

    /// <summary>Marks an attribute as known and without effect here.</summary>
    public void Ignore(string name) => read.Add(name);

    private bool Get<T>(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out T? value)
    {
        read.Add(name);
        value = default;
        if (!values.TryGetValue(name, out object? found)) return false;
        // An empty list has no type of its own in some files.
        value = found switch
        {
            T typed => typed,
            Array { Length: 0 } when typeof(T) == typeof(long[]) => (T)(object)Array.Empty<long>(),
            Array { Length: 0 } when typeof(T) == typeof(float[]) => (T)(object)Array.Empty<float>(),
            Array { Length: 0 } when typeof(T) == typeof(string[]) => (T)(object)Array.Empty<string>(),
            _ => throw new InvalidModelException($"Node '{node}': attribute '{name}' is a {found.GetType().Name}, and a {typeof(T).Name} is expected."),
        };
        return true;
    }
}
