using Google.Protobuf;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Onnx;

/// <summary>Turns a <see cref="Graph"/> into a model of the file format.</summary>
internal static class GraphExporter
{
    /// <param name="graph">The graph.</param>
    /// <param name="options">The options.</param>
    /// <param name="weight">Makes the tensor of an initializer from its name and elements.</param>
    public static ModelProto Export(Graph graph, OnnxWriteOptions options, Func<string, NdArray, TensorProto> weight)
    {
        if (options.MinOpset is < OnnxVersions.MinOpset or > OnnxVersions.MaxOpset)
            throw new InvalidOptionException($"{nameof(options.MinOpset)} is {options.MinOpset}; {OnnxVersions.MinOpset} to {OnnxVersions.MaxOpset} are expected.");
        var lowered = new Lowering(graph);
        var model = new ModelProto { ProducerName = "limn", DocString = options.Description, Graph = GraphOf(graph, lowered, weight) };
        if (typeof(GraphExporter).Assembly.GetName().Version is { } version) model.ProducerVersion = version.ToString(3);
        foreach (var (key, value) in options.Metadata) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });

        var domains = new SortedDictionary<string, int>(StringComparer.Ordinal) { [""] = options.MinOpset };
        foreach (Node node in lowered.Nodes)
            domains[node.Operator.Domain] = Math.Max(node.Operator.OpsetVersion, domains.GetValueOrDefault(node.Operator.Domain));
        foreach (var (domain, opset) in domains) model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = opset });
        model.IrVersion = OnnxVersions.IrFor(domains[""]);
        return model;
    }

    private static GraphProto GraphOf(Graph graph, Lowering lowered, Func<string, NdArray, TensorProto> weight)
    {
        var proto = new GraphProto { Name = graph.Name };
        foreach (Value input in graph.Inputs) proto.Input.Add(ValueInfo(input, input.Name));
        HashSet<Value> written = [.. graph.Inputs];
        HashSet<string> outputs = [.. lowered.Outputs.Select(lowered.NameOf)], nodeNames = [];
        foreach (Node node in lowered.Nodes)
        {
            foreach (Value? input in node.Inputs) AddWeight(input);
            proto.Node.Add(NodeOf(node, Unique(node.Name), lowered));
            foreach (Value output in node.Outputs)
                if (written.Add(output) && output.Shape is not null && !outputs.Contains(lowered.NameOf(output))) proto.ValueInfo.Add(ValueInfo(output, lowered.NameOf(output)));
        }
        foreach (Value output in lowered.Outputs)
        {
            AddWeight(output);
            proto.Output.Add(ValueInfo(output, lowered.NameOf(output)));
        }
        return proto;

        // Nodes of one name are refused by ONNX Runtime.
        string Unique(string name)
        {
            string unique = name;
            for (int i = 1; !nodeNames.Add(unique); i++) unique = $"{name}.{i}";
            return unique;
        }

        void AddWeight(Value? value)
        {
            if (value is not null && !written.Contains(value) && lowered.ConstantOf(value) is { } array && written.Add(value))
                proto.Initializer.Add(weight(value.Name, array));
        }
    }

    private static NodeProto NodeOf(Node node, string name, Lowering lowered)
    {
        var proto = new NodeProto { Name = name, OpType = node.Operator.Name };
        if (node.Operator.Domain.Length > 0) proto.Domain = node.Operator.Domain;
        int inputs = node.Inputs.Count;
        while (inputs > 0 && node.Inputs[inputs - 1] is null) inputs--;
        foreach (Value? input in node.Inputs.Take(inputs)) proto.Input.Add(input is null ? "" : lowered.NameOf(input));
        foreach (Value output in node.Outputs) proto.Output.Add(lowered.NameOf(output));
        foreach (OperatorAttribute attribute in node.Operator.Attributes) proto.Attribute.Add(AttributeOf(node, attribute));
        return proto;
    }

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
