using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;

namespace Limn.Engine.Onnx;

/// <summary>Turns a graph of a file into a <see cref="Graph"/>, node by node, through the operators' definitions.</summary>
/// <param name="graph">The graph.</param>
/// <param name="session">What all graphs of the file share.</param>
/// <param name="outer">The graph around, for one inside a node.</param>
internal sealed class GraphImporter(GraphProto graph, ImportSession session, GraphImporter? outer = null)
{
    private readonly Dictionary<string, Value> values = [];
    private readonly List<Value> around = [];
    private readonly GraphImporter? outer = outer;
    private readonly int depth = outer is null ? 0 : outer.depth + 1;
    private GraphBuilder builder = new();

    /// <summary>Reads the graph of the model.</summary>
    public Graph Import(string name)
    {
        Begin(name);
        HashSet<string> weights = [.. graph.Initializer.Select(t => t.Name), .. graph.SparseInitializer.Select(t => t.Values?.Name ?? "")];
        foreach (ValueInfoProto input in graph.Input)
            if (!weights.Contains(input.Name)) values.Add(input.Name, InputOf(input.Name, input.Type));
        End();
        return builder.Build();
    }

    /// <summary>Reads a graph inside a node. What it takes from around becomes an input after its own; constants from around are constants of its own.</summary>
    private ImportedBody Import(string name, IReadOnlyList<Formal> formals)
    {
        if (graph.Input.Count != formals.Count)
            throw new InvalidModelException($"its graph '{name}' has {graph.Input.Count} inputs, and {formals.Count} are given.");
        Begin(graph.Name.Length > 0 ? graph.Name : name);
        for (int i = 0; i < formals.Count; i++)
        {
            Value value = InputOf(graph.Input[i].Name, formals[i]);
            // Numbers may be declared as vectors of one.
            if (formals[i].Shape is { Rank: 0 } && graph.Input[i].Type?.TensorType?.Shape is { Dim.Count: 1 }) value = builder.Reshape(value, 1);
            values.Add(graph.Input[i].Name, value);
        }
        int[] lengths = SequenceValue.Lengths(End());
        return new ImportedBody(builder.Build(), around, lengths);
    }

    /// <summary>An input of a graph inside a node.</summary>
    private Value InputOf(string name, Formal formal) =>
        formal.Items is { } items ? new SequenceValue(name, [.. items.Select((item, k) => InputOf(ElementName(name, k), item))])
        : formal.Content is { } content ? builder.Constant(content, name) : builder.Input(name, formal.Type, formal.Shape);

    /// <summary>An input of the model. A sequence of which the options say how long it is is as many inputs; an optional is there unless they say that it is not.</summary>
    private Value InputOf(string name, TypeProto? type) => type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => builder.Input(name, TensorReader.Supported(type.TensorType.ElemType, $"the input '{name}'"), ShapeOf(type.TensorType)),
        TypeProto.ValueOneofCase.OptionalType => session.Options.AbsentInputs.Contains(name) ? new AbsentValue(name) : InputOf(name, type.OptionalType.ElemType),
        TypeProto.ValueOneofCase.SequenceType when session.Options.SequenceLengths.TryGetValue(name, out int length) =>
            new SequenceValue(name, [.. Enumerable.Range(0, length).Select(k => InputOf(ElementName(name, k), type.SequenceType.ElemType))]),
        TypeProto.ValueOneofCase.SequenceType => throw new UnsupportedOperatorException($"the input '{name}' is a sequence. Say how long it is when the file is read ({nameof(OnnxReadOptions)}.{nameof(OnnxReadOptions.SequenceLengths)}): each of its elements is an input then."),
        TypeProto.ValueOneofCase.MapType when MapInputs.Of(name, type.MapType, graph) is var (values, shape) => builder.Input(name, values, shape),
        null or TypeProto.ValueOneofCase.None => throw new InvalidModelException($"the input '{name}' has no type."),
        var other => throw new UnsupportedOperatorException($"the input '{name}' is of the kind {other}, which is not supported."),
    };

    private static string ElementName(string name, int element) => $"{name}[{element}]";

    private void Begin(string name)
    {
        session.Count(graph, depth);
        builder = new GraphBuilder(name) { Declared = Declarations() };
        foreach (TensorProto tensor in graph.Initializer)
        {
            AddInitializer(tensor.Name, session.Tensors.Read(tensor));
            if (outer is null) tensor.ClearRawData(); // so that a large model is not in memory twice; a graph inside a node may be read again
        }
        foreach (SparseTensorProto tensor in graph.SparseInitializer) AddInitializer(tensor.Values?.Name ?? "", session.Tensors.Read(tensor));
    }

    /// <summary>Adds the nodes and declares the outputs, of a sequence each element.</summary>
    private List<Value> End()
    {
        HashSet<string> available = [.. values.Keys];
        for (GraphImporter? scope = outer; scope is not null; scope = scope.outer) available.UnionWith(scope.values.Keys);
        foreach (NodeProto node in NodeOrder.Sort(graph.Node, available)) Add(node);
        List<Value> results = [];
        foreach (ValueInfoProto output in graph.Output)
        {
            Value result = Find(output.Name) ?? throw new InvalidModelException($"the output '{output.Name}' is not produced by any node.");
            results.Add(result);
            if (result is AbsentValue) throw new UnsupportedOperatorException($"the output '{output.Name}' is an optional without a value, which is not supported.");
            if (result is not SequenceValue sequence) builder.Output(result);
            else for (int k = 0; k < sequence.Items.Count; k++) builder.Output(sequence.Items[k], ElementName(output.Name, k));
        }
        return results;
    }

    /// <summary>The value of a name here or around; null if there is none.</summary>
    private Value? Find(string name)
    {
        if (values.TryGetValue(name, out Value? value)) return value;
        return outer?.Find(name) is { } from ? values[name] = Take(name, from) : null;
    }

    /// <summary>What stands here for a value from around.</summary>
    private Value Take(string name, Value from)
    {
        if (from is AbsentValue) return from;
        if (from is SequenceValue sequence) return new SequenceValue(name, [.. sequence.Items.Select((item, k) => Take(ElementName(name, k), item))]);
        if (outer!.builder.ConstantOf(from) is { } constant) return builder.Constant(constant, name);
        around.Add(from);
        return builder.Input(name, from.Type, from.Shape);
    }

    private void Add(NodeProto node)
    {
        string name = NodeOrder.NameOf(node), domain = OnnxVersions.Domain(node.Domain);
        int opset = session.OpsetOf(node);
        try
        {
            NodeAttributes attributes = AttributeReader.Read(node, name, session.Tensors, body => formals => new GraphImporter(body, session, this).Import(name, formals));
            if (domain.Length == 0 && node.OpType == "Constant") AddConstant(node, attributes);
            else AddNode(node, new OperatorImport(builder, name, opset, Inputs(node), Trimmed(node.Output), attributes));
            string[] unread = [.. attributes.Unread];
            if (unread.Length > 0)
                throw new UnsupportedOperatorException($"attribute{(unread.Length > 1 ? "s" : "")} '{string.Join("', '", unread)}' of this operator {(unread.Length > 1 ? "are" : "is")} not supported.");
        }
        catch (UnsupportedOperatorException e)
        {
            throw new UnsupportedOperatorException($"{Describe(node, name, opset)}: {Reason(e, name)}");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidModelException($"{Describe(node, name, opset)}: {Reason(e, name)}", e); // whatever a malformed node provokes
        }
    }

    private void AddNode(NodeProto node, OperatorImport import)
    {
        OperatorDefinition definition = OperatorRegistry.Find(node.Domain, node.OpType)!;
        if (!definition.TakesSequences && import.Inputs.OfType<SequenceValue>().FirstOrDefault() is { } given)
            throw new InvalidModelException($"its input '{given.Name}' is a sequence, and it takes tensors.");
        IReadOnlyList<Value> outputs = definition.Import(import);
        for (int i = 0; i < import.OutputNames.Count; i++)
        {
            string output = import.OutputNames[i];
            if (output.Length == 0) continue;
            if (i >= outputs.Count) throw new UnsupportedOperatorException($"its output {i} ('{output}') is not supported.");
            // A rewriting may end in a value that has a name already; the file's name is kept as well.
            values.Add(output, outputs[i].Name == output || outputs[i] is SequenceValue or AbsentValue ? outputs[i] : builder.Node(new Identity(), [outputs[i]], outputNames: [output])[0]);
        }
    }

    /// <summary>A Constant node is an initializer under the name of its output.</summary>
    private void AddConstant(NodeProto node, NodeAttributes attributes)
    {
        if (node.Output.Count == 0 || node.Output[0].Length == 0) throw new InvalidModelException("it has no output.");
        NdArray? array = attributes.Tensor("value") ?? attributes.Tensor("sparse_value");
        if (array is null && attributes.Has("value_float")) array = NdArray.Scalar(attributes.Float("value_float", 0));
        if (array is null && attributes.Has("value_int")) array = NdArray.Scalar(attributes.Int("value_int", 0));
        if (array is null && attributes.Has("value_string")) array = new NdArray([attributes.String("value_string", "")]);
        array ??= attributes.Floats("value_floats") is { } floats ? NdArray.Vector(floats) : null;
        array ??= attributes.Ints("value_ints") is { } ints ? NdArray.Vector(ints) : null;
        array ??= attributes.Strings("value_strings") is { } strings ? new NdArray(strings, strings.Length) : null;
        AddInitializer(node.Output[0], array ?? throw new InvalidModelException("it has no value."));
        if (outer is not null) return;
        foreach (AttributeProto attribute in node.Attribute) attribute.T?.ClearRawData(); // as of initializers
    }

    private void AddInitializer(string name, NdArray array)
    {
        if (name.Length == 0) throw new InvalidModelException("an initializer has no name.");
        values.Add(name, builder.Constant(array, name)); // the builder refuses a name that is taken
    }

    private List<Value?> Inputs(NodeProto node) => [.. Trimmed(node.Input).Select(i => i.Length == 0 || Find(i) is AbsentValue ? null : Find(i))];

    private static string[] Trimmed(IReadOnlyList<string> names)
    {
        int count = names.Count;
        while (count > 0 && names[count - 1].Length == 0) count--;
        return [.. names.Take(count)];
    }

    /// <summary>Every name of the file, with the shape that it declares for it, if any.</summary>
    private Dictionary<string, Shape?> Declarations()
    {
        var declared = new Dictionary<string, Shape?>();
        foreach (NodeProto node in graph.Node)
            foreach (string name in node.Output.Concat(NodeOrder.InputsOf(node))) declared[name] = null;
        foreach (ValueInfoProto info in graph.ValueInfo.Concat(graph.Output).Concat(graph.Input)) declared[info.Name] = ShapeOf(info.Type?.TensorType);
        foreach (TensorProto tensor in graph.Initializer.Concat(graph.SparseInitializer.Select(t => t.Values).OfType<TensorProto>())) declared.TryAdd(tensor.Name, null);
        return declared;
    }

    /// <summary>The declared shape: numbers, symbols, and unknown where the file says nothing (or a negative number).</summary>
    internal static Shape? ShapeOf(TypeProto.Types.Tensor? tensor) => tensor?.Shape is not { } shape ? null : Shape.Of(
        [.. shape.Dim.Select(d => d.HasDimValue && d.DimValue >= 0 ? Dim.Of(d.DimValue) : d.HasDimParam && d.DimParam.Length > 0 ? Dim.Named(d.DimParam) : Dim.Unknown)]);

    /// <summary>The message of an error, without the node's name where it begins with that.</summary>
    private static string Reason(Exception e, string name)
    {
        int end = e.Message.StartsWith($"Node '{name}'", StringComparison.Ordinal) ? e.Message.IndexOf(": ", name.Length, StringComparison.Ordinal) : -1;
        return end < 0 ? e.Message : e.Message[(end + 2)..];
    }

    private static string Describe(NodeProto node, string name, int opset) => $"node '{name}' ({node.OpType}, {OnnxVersions.Display(OnnxVersions.Domain(node.Domain))} {opset})";
}
