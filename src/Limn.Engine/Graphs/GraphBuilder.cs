using Limn.Engine.Operators;

namespace Limn.Engine.Graphs;

/// <summary>
/// Makes graphs. Shapes are inferred as nodes are added, as far as they are known.
/// <code>
/// var g = new GraphBuilder();
/// Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 4]);
/// g.Output(g.Relu(g.MatMul(x, g.Constant(weights))), "y");
/// Graph graph = g.Build();
/// </code>
/// </summary>
public sealed class GraphBuilder
{
    private readonly List<Value> inputs = [];
    private readonly List<Value> outputs = [];
    private readonly List<Node> nodes = [];
    private readonly Dictionary<Value, NdArray> initializers = [];
    private readonly Dictionary<Value, NdArray> known = []; // contents that follow from shapes and initializers alone
    private readonly HashSet<string> names = [];
    private readonly HashSet<string> reserved = [];
    private readonly string graphName;
    private int counter;

    public GraphBuilder(string name = "graph") => graphName = name;

    /// <summary>Starts from a graph: its inputs, outputs, nodes and initializers are all in the new one, as the same objects.</summary>
    public GraphBuilder(Graph start) : this(start.Name)
    {
        inputs.AddRange(start.Inputs);
        outputs.AddRange(start.Outputs);
        nodes.AddRange(start.Nodes);
        foreach (var (value, array) in start.Initializers) initializers.Add(value, array);
        names.UnionWith(start.Values.Select(v => v.Name));
    }

    /// <summary>The names that the file uses, which are never made up, each with the shape that the file declares, which stands in where inference finds no rank.</summary>
    internal IReadOnlyDictionary<string, Shape?> Declared { get; init; } = new Dictionary<string, Shape?>();

    /// <summary>The nodes added so far.</summary>
    internal IReadOnlyList<Node> Nodes => nodes;

    public Value Input(string name, ElementType type, Shape? shape)
    {
        var value = new Value(Claim(name), type, shape);
        inputs.Add(value);
        return value;
    }

    /// <summary>An initializer, for example a weight.</summary>
    public Value Constant(NdArray array, string? name = null)
    {
        var value = new Value(name is null ? Fresh("constant") : Claim(name), array.Type, Shape.Of(array.Dims));
        initializers.Add(value, array);
        return value;
    }

    public Value Constant(float value) => Constant(NdArray.Scalar(value));

    /// <summary>A vector of integers, such as a shape or a list of axes.</summary>
    public Value Integers(params long[] values) => Constant(NdArray.Vector(values));

    /// <summary>The elements of a value, if it is an initializer or follows from shapes and initializers alone; null otherwise.</summary>
    public NdArray? ConstantOf(Value? value) =>
        value is null ? null : initializers.TryGetValue(value, out NdArray? array) ? array : known.GetValueOrDefault(value);

    /// <summary>Declares that an initializer also is a graph input with a default (ONNX IR 3), and that outputs have been named by the file.</summary>
    public void Output(Value value) => outputs.Add(value);

    /// <summary>Makes <paramref name="value"/> an output under a name of its own.</summary>
    public Value Output(Value value, string name)
    {
        Value named = value.Name == name ? value : Node(new Identity(), [value], outputNames: [name])[0];
        outputs.Add(named);
        return named;
    }

    /// <summary>Forgets the outputs declared so far (to declare others on a graph started from another).</summary>
    public void ClearOutputs() => outputs.Clear();

    /// <summary>Adds a node with one output.</summary>
    public Value Op(Operator op, params Value?[] operands) => Node(op, operands)[0];

    /// <summary>Adds a node.</summary>
    /// <param name="op">The operator, with its attributes.</param>
    /// <param name="operands">The inputs; null where an optional one is left out.</param>
    /// <param name="outputCount">How many outputs are wanted.</param>
    /// <param name="name">The node's name; made up when null.</param>
    /// <param name="outputNames">The outputs' names; made up where null or empty.</param>
    /// <exception cref="ShapeMismatchException">The inputs do not fit the operator.</exception>
    public IReadOnlyList<Value> Node(Operator op, IReadOnlyList<Value?> operands, int outputCount = 1, string? name = null, IReadOnlyList<string?>? outputNames = null)
    {
        ArgumentNullException.ThrowIfNull(op);
        ArgumentNullException.ThrowIfNull(operands);
        name = string.IsNullOrEmpty(name) ? Fresh(op.Name) : name;
        if (outputNames is not null) outputCount = outputNames.Count;
        var inference = new InferenceContext(op, name, operands.Count, outputCount,
            i => operands[i] is { } v ? (v.Type, v.Shape) : null, i => ConstantOf(operands[i]));
        inference.Run();
        var results = new Value[outputCount];
        for (int i = 0; i < outputCount; i++)
        {
            var (type, shape) = inference.Outputs[i];
            string? outputName = outputNames?[i];
            if (shape is null && !string.IsNullOrEmpty(outputName)) shape = Declared.GetValueOrDefault(outputName);
            results[i] = new Value(string.IsNullOrEmpty(outputName) ? Fresh(op.Name) : Claim(outputName), type, shape);
            if (inference.Contents[i] is { } content) known.Add(results[i], content);
        }
        FoldShapeArithmetic(op, operands, results);
        nodes.Add(new Node(name, op, [.. operands], results));
        return results;
    }

    /// <summary>The graph built so far, without nodes and initializers that no output needs if <paramref name="prune"/> is set.</summary>
    public Graph Build(bool prune = false)
    {
        var graph = new Graph(graphName, [.. inputs], [.. outputs], [.. nodes], new Dictionary<Value, NdArray>(initializers));
        if (!prune) return graph;
        IReadOnlyList<Node> needed = graph.NodesBehind(outputs);
        HashSet<Value> used = [.. needed.SelectMany(n => n.Inputs).OfType<Value>(), .. outputs];
        return new Graph(graphName, graph.Inputs, graph.Outputs, needed, initializers.Where(p => used.Contains(p.Key)).ToDictionary());
    }

    /// <summary>Evaluates small integer computations, so that shapes computed inside the graph are known as early as possible.</summary>
    private void FoldShapeArithmetic(Operator op, IReadOnlyList<Value?> operands, Value[] results)
    {
        if (results.Length != 1 || known.ContainsKey(results[0]) || !results[0].Type.IsInteger()
            || results[0].Shape is not { } shape || !shape.TryToArray(out int[]? dims) || NdArray.Count(dims) > 64) return;
        NdArray?[] arrays = [.. operands.Select(ConstantOf)];
        for (int i = 0; i < arrays.Length; i++)
            if (operands[i] is not null && arrays[i] is null) return;
        known.Add(results[0], Compilation.Folding.Evaluate(op, arrays, [(results[0].Type, dims)])[0]);
    }

    /// <summary>Names that are about to be used, and are not to be made up before.</summary>
    internal void Reserve(IEnumerable<string> expected) => reserved.UnionWith(expected);

    private string Claim(string name) => names.Add(name)
        ? name
        : throw new InvalidModelException($"Two values of the graph are called '{name}'; names must be unique.");

    private string Fresh(string stem)
    {
        string name;
        do name = $"{stem}_{counter++}";
        while (Declared.ContainsKey(name) || reserved.Contains(name) || !names.Add(name));
        return name;
    }
}
