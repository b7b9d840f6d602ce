using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;

namespace Limn.Engine.Onnx;

/// <summary>Turns the graph of a file into a <see cref="Graph"/>, node by node, through the operators' definitions.</summary>
internal sealed class GraphImporter(ModelProto model, IReadOnlyDictionary<string, int> domains, TensorReader tensors, OnnxReadOptions options)
{
    private readonly GraphProto graph = model.Graph;
    private readonly Dictionary<string, Value> values = [];

    public Graph Import(string name)
    {
        if (graph.Node.Count > options.MaxNodes)
            throw new InvalidModelException($"the graph has {graph.Node.Count} nodes; {nameof(OnnxReadOptions.MaxNodes)} allows {options.MaxNodes}.");
        if (graph.SparseInitializer.Count > 0)
            throw new UnsupportedOperatorException($"the initializer '{graph.SparseInitializer[0].Values?.Name}' is sparse, which is not supported. Convert it to a dense one.");
        OperatorSupport.Check(model, domains);

        var builder = new GraphBuilder(name) { Declared = Declarations() };
        HashSet<string> weights = [.. graph.Initializer.Select(t => t.Name)];
        foreach (TensorProto tensor in graph.Initializer)
        {
            AddInitializer(builder, tensor.Name, tensors.Read(tensor));
            tensor.ClearRawData(); // so that a large model is not in memory twice
        }
        foreach (ValueInfoProto input in graph.Input)
            if (!weights.Contains(input.Name)) values.Add(input.Name, builder.Input(input.Name, TypeOf(input), ShapeOf(input.Type.TensorType)));
        foreach (NodeProto node in NodeOrder.Sort(graph.Node, values.Keys.ToHashSet())) Add(builder, node);
        foreach (ValueInfoProto output in graph.Output)
            builder.Output(values.GetValueOrDefault(output.Name)
                ?? throw new InvalidModelException($"the output '{output.Name}' is not produced by any node."));
        return builder.Build();
    }

    private void Add(GraphBuilder builder, NodeProto node)
    {
        string name = NodeOrder.NameOf(node), domain = OnnxVersions.Domain(node.Domain);
        int opset = domains[domain];
        try
        {
            NodeAttributes attributes = AttributeReader.Read(node, name, tensors);
            if (domain.Length == 0 && node.OpType == "Constant") AddConstant(builder, node, attributes);
            else AddNode(builder, node, new OperatorImport(builder, name, opset, Inputs(node), Trimmed(node.Output), attributes));
            string[] unread = [.. attributes.Unread];
            if (unread.Length > 0)
                throw new UnsupportedOperatorException($"attribute{(unread.Length > 1 ? "s" : "")} '{string.Join("', '", unread)}' of this operator {(unread.Length > 1 ? "are" : "is")} not supported.");
        }
        catch (UnsupportedOperatorException e)
        {
            throw new UnsupportedOperatorException($"{Describe(node, name, opset)}: {e.Message}");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidModelException($"{Describe(node, name, opset)}: {e.Message}", e); // whatever a malformed node provokes
        }
    }

    private void AddNode(GraphBuilder builder, NodeProto node, OperatorImport import)
    {
        IReadOnlyList<Value> outputs = OperatorRegistry.Find(node.Domain, node.OpType)!.Import(import);
        for (int i = 0; i < import.OutputNames.Count; i++)
        {
            string output = import.OutputNames[i];
            if (output.Length == 0) continue;
            if (i >= outputs.Count) throw new UnsupportedOperatorException($"its output {i} ('{output}') is not supported.");
            // A rewriting may end in a value that has a name already; the file's name is kept as well.
            values.Add(output, outputs[i].Name == output ? outputs[i] : builder.Node(new Identity(), [outputs[i]], outputNames: [output])[0]);
        }
    }

    /// <summary>A Constant node is an initializer under the name of its output.</summary>
    private void AddConstant(GraphBuilder builder, NodeProto node, NodeAttributes attributes)
    {
        if (node.Output.Count == 0 || node.Output[0].Length == 0) throw new InvalidModelException("it has no output.");
        NdArray? array = attributes.Tensor("value");
        if (array is null && attributes.Has("value_float")) array = NdArray.Scalar(attributes.Float("value_float", 0));
        if (array is null && attributes.Has("value_int")) array = NdArray.Scalar(attributes.Int("value_int", 0));
        if (array is null && attributes.Has("value_string")) array = new NdArray([attributes.String("value_string", "")]);
        array ??= attributes.Floats("value_floats") is { } floats ? NdArray.Vector(floats) : null;
        array ??= attributes.Ints("value_ints") is { } ints ? NdArray.Vector(ints) : null;
        array ??= attributes.Strings("value_strings") is { } strings ? new NdArray(strings, strings.Length) : null;
        AddInitializer(builder, node.Output[0], array ?? throw new InvalidModelException("it has no value."));
    }

    private void AddInitializer(GraphBuilder builder, string name, NdArray array)
    {
        if (name.Length == 0) throw new InvalidModelException("an initializer has no name.");
        values.Add(name, builder.Constant(array, name)); // the builder refuses a name that is taken
    }

    private List<Value?> Inputs(NodeProto node) => [.. Trimmed(node.Input).Select(i => i.Length == 0 ? null : values[i])];

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
            foreach (string output in node.Output) declared[output] = null;
        foreach (ValueInfoProto info in graph.ValueInfo.Concat(graph.Output).Concat(graph.Input)) declared[info.Name] = ShapeOf(info.Type?.TensorType);
        foreach (TensorProto tensor in graph.Initializer) declared.TryAdd(tensor.Name, null);
        return declared;
    }

    /// <summary>The declared shape: numbers, symbols, and unknown where the file says nothing (or a negative number).</summary>
    internal static Shape? ShapeOf(TypeProto.Types.Tensor? tensor) => tensor?.Shape is not { } shape ? null : Shape.Of(
        [.. shape.Dim.Select(d => d.HasDimValue && d.DimValue >= 0 ? Dim.Of(d.DimValue) : d.HasDimParam && d.DimParam.Length > 0 ? Dim.Named(d.DimParam) : Dim.Unknown)]);

    private static ElementType TypeOf(ValueInfoProto input) => input.Type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => TensorReader.Supported(input.Type.TensorType.ElemType, $"the input '{input.Name}'"),
        null or TypeProto.ValueOneofCase.None => throw new InvalidModelException($"the input '{input.Name}' has no type."),
        var other => throw new UnsupportedOperatorException($"the input '{input.Name}' is of the kind {other}; only tensors are supported."),
    };

    private static string Describe(NodeProto node, string name, int opset) => $"node '{name}' ({node.OpType}, {OnnxVersions.Display(OnnxVersions.Domain(node.Domain))} {opset})";
}
