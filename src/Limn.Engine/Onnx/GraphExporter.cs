using Google.Protobuf;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Onnx;

/// <summary>Turns a <see cref="Graph"/> into a model of the file format.</summary>
internal sealed class GraphExporter
{
    private readonly SortedDictionary<string, int> opsets = new(StringComparer.Ordinal);
    private readonly Func<string, NdArray, TensorProto> weight;
    private readonly Dictionary<NdArray, string> large = new(ReferenceEqualityComparer.Instance); // weights that graphs inside nodes take from the model's
    private readonly List<TensorProto> hoisted = [];
    private readonly HashSet<string> nodeNames = [];

    private GraphExporter(Func<string, NdArray, TensorProto> weight) => this.weight = weight;

    /// <param name="graph">The graph.</param>
    /// <param name="options">The options.</param>
    /// <param name="weight">Makes the tensor of an initializer from its name and elements.</param>
    public static ModelProto Export(Graph graph, OnnxWriteOptions options, Func<string, NdArray, TensorProto> weight)
    {
        if (options.MinOpset is < OnnxVersions.MinOpset or > OnnxVersions.MaxOpset)
            throw new InvalidOptionException($"{nameof(options.MinOpset)} is {options.MinOpset}; {OnnxVersions.MinOpset} to {OnnxVersions.MaxOpset} are expected.");
        var exporter = new GraphExporter(weight);
        var model = new ModelProto { ProducerName = "limn", DocString = options.Description };
        if (typeof(GraphExporter).Assembly.GetName().Version is { } version) model.ProducerVersion = version.ToString(3);
        foreach (var (key, value) in options.Metadata) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        model.Graph = exporter.GraphOf(graph, new Dictionary<Value, string>(), prefix: "");
        model.Graph.Initializer.AddRange(exporter.hoisted);
        exporter.opsets[""] = Math.Max(exporter.opsets.GetValueOrDefault(""), options.MinOpset);
        foreach (var (domain, opset) in exporter.opsets) model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = opset });
        model.IrVersion = OnnxVersions.IrFor(exporter.opsets[""]);
        return model;
    }

    /// <param name="graph">The graph.</param>
    /// <param name="around">For a graph inside a node: the names, in the graph around, of what it takes from there.</param>
    /// <param name="prefix">What its own names begin with: names of a graph inside a node must differ from those around.</param>
    private GraphProto GraphOf(Graph graph, IReadOnlyDictionary<Value, string> around, string prefix)
    {
        var lowered = new Lowering(graph);
        var proto = new GraphProto { Name = prefix.Length > 0 && !graph.Name.StartsWith(prefix, StringComparison.Ordinal) ? prefix + graph.Name : graph.Name };
        foreach (Value input in graph.Inputs)
            if (!around.ContainsKey(input)) proto.Input.Add(ValueInfo(input, NameOf(input)));
        HashSet<Value> written = [.. graph.Inputs];
        HashSet<string> outputs = [.. lowered.Outputs.Select(NameOf)];
        foreach (Node node in lowered.Nodes)
        {
            foreach (Value? input in node.Inputs) AddWeight(input);
            proto.Node.Add(NodeOf(node, NameOf, Unique(prefix + node.Name)));
            foreach (Value output in node.Outputs)
                if (written.Add(output) && output.Shape is not null && !outputs.Contains(NameOf(output))) proto.ValueInfo.Add(ValueInfo(output, NameOf(output)));
        }
        for (int i = 0; i < lowered.Outputs.Count; i++)
        {
            Value output = lowered.Outputs[i];
            AddWeight(output);
            string name = NameOf(output);
            if (around.ContainsKey(output)) // a graph inside a node returns only what is its own
            {
                name = $"{prefix}output.{i}";
                proto.Node.Add(new NodeProto { OpType = "Identity", Name = name, Input = { NameOf(output) }, Output = { name } });
            }
            proto.Output.Add(ValueInfo(output, name));
        }
        return proto;

        string NameOf(Value value) => around.TryGetValue(value, out string? outer) ? outer
            : lowered.ConstantOf(value) is { } array && large.TryGetValue(array, out string? once) && prefix.Length > 0 ? once : prefix + lowered.NameOf(value);

        // Nodes of one name are refused by ONNX Runtime.
        string Unique(string name)
        {
            string unique = name;
            for (int i = 1; !nodeNames.Add(unique); i++) unique = $"{name}.{i}";
            return unique;
        }

        void AddWeight(Value? value)
        {
            if (value is null || written.Contains(value) || lowered.ConstantOf(value) is not { } array || !written.Add(value)) return;
            const int WorthSharing = 256;
            if (prefix.Length == 0 || array.Length < WorthSharing) proto.Initializer.Add(weight(NameOf(value), array));
            else if (large.TryAdd(array, prefix + value.Name)) hoisted.Add(weight(large[array], array));
        }
    }

    private NodeProto NodeOf(Node node, Func<Value, string> nameOf, string name)
    {
        Operator op = node.Operator;
        Declare(op.Domain, op.OpsetVersion);
        foreach (Value? value in node.Inputs.Concat(node.Outputs))
            if (value is not null) Declare("", OnnxVersions.Since(op.Name, value.Type));
        var proto = new NodeProto { Name = name, OpType = op.Name };
        if (op.Domain.Length > 0) proto.Domain = op.Domain;
        int inputs = op is ControlFlowOperator { OwnInputs: var own } ? own : node.Inputs.Count;
        int required = op is Loop ? 2 : 0; // both may be empty, and must be there
        while (inputs > required && node.Inputs[inputs - 1] is null) inputs--;
        foreach (Value? input in node.Inputs.Take(inputs)) proto.Input.Add(input is null ? "" : nameOf(input));
        foreach (Value output in node.Outputs) proto.Output.Add(nameOf(output));
        if (op is not ControlFlowOperator flow)
        {
            foreach (OperatorAttribute attribute in op.Attributes) proto.Attribute.Add(AttributeOf(node, attribute));
            return proto;
        }
        foreach (var (attribute, body) in flow.Bodies)
        {
            var around = new Dictionary<Value, string>();
            for (int i = flow.Formals; i < body.Inputs.Count; i++) around[body.Inputs[i]] = nameOf(node.Inputs[flow.OwnInputs + i - flow.Formals]!);
            proto.Attribute.Add(new AttributeProto { Name = attribute, Type = Kind.Graph, G = GraphOf(body, around, $"{proto.Output[0]}/{attribute}/") });
        }
        return proto;
    }

    private void Declare(string domain, int opset) => opsets[domain] = Math.Max(opset, opsets.GetValueOrDefault(domain));

    private static AttributeProto AttributeOf(Node node, OperatorAttribute attribute)
    {
        var proto = new AttributeProto { Name = attribute.Name };
        switch (attribute.Value)
        {
            case float value: (proto.Type, proto.F) = (Kind.Float, value); break;
            case long value: (proto.Type, proto.I) = (Kind.Int, Written(attribute.Name, value)); break;
            case int value: (proto.Type, proto.I) = (Kind.Int, Written(attribute.Name, value)); break;
            case bool value: (proto.Type, proto.I) = (Kind.Int, value ? 1 : 0); break;
            case ElementType value: (proto.Type, proto.I) = (Kind.Int, Written(attribute.Name, (long)value)); break;
            case string value: (proto.Type, proto.S) = (Kind.String, ByteString.CopyFromUtf8(value)); break;
            case NdArray value: (proto.Type, proto.T) = (Kind.Tensor, TensorWriter.Write(value)); break;
            case IEnumerable<float> values: proto.Type = Kind.Floats; proto.Floats.AddRange(values); break;
            case IEnumerable<long> values: proto.Type = Kind.Ints; proto.Ints.AddRange(values); break;
            case IEnumerable<string> values: proto.Type = Kind.Strings; proto.Strings.AddRange(values.Select(ByteString.CopyFromUtf8)); break;
            default:
                throw new UnsupportedOperatorException($"The attribute '{attribute.Name}' of {node} is a {attribute.Value.GetType().Name}, which cannot be written.");
        }
        return proto;
    }

    /// <summary>An element type among the attributes (Cast's "to") is written as the type that its values are written in.</summary>
    private static long Written(string name, long value) => name is "to" or "dtype" ? (long)TensorWriter.TypeOf((ElementType)value) : value;

    private static ValueInfoProto ValueInfo(Value value, string name)
    {
        var type = new TypeProto.Types.Tensor { ElemType = (int)TensorWriter.TypeOf(value.Type) };
        if (value.Shape is { } shape)
        {
            type.Shape = new TensorShapeProto();
            foreach (Dim dim in shape)
            {
                var proto = new TensorShapeProto.Types.Dimension();
                if (dim.IsKnown) proto.DimValue = dim.Value;
                else if (dim.Symbol is not null) proto.DimParam = dim.Symbol;
                type.Shape.Dim.Add(proto);
            }
        }
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = type } };
    }
}
