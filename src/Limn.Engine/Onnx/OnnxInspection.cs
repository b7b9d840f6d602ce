using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>What an .onnx file says of itself, without its weights being read and whether or not Limn can run it.</summary>
/// <param name="Name">The graph's name, or the file's where that is empty.</param>
/// <param name="Producer">The program that wrote the file, with its version.</param>
/// <param name="IrVersion">The version of the file format.</param>
/// <param name="OpsetVersion">The version of ai.onnx; 0 if none is declared.</param>
/// <param name="Domains">The versions of all operator sets, by domain.</param>
/// <param name="Metadata">The file's own entries.</param>
/// <param name="Inputs">What must be fed, in order.</param>
/// <param name="Outputs">The outputs, in order.</param>
/// <param name="Nodes">The nodes in the order of the file.</param>
/// <param name="Parameters">The number of elements of all floating initializers and constants.</param>
/// <param name="Unsupported">Operators that Limn does not implement; empty for a model that can be read. Attributes are checked only when it is read.</param>
public sealed record OnnxInspection(
    string Name, string Producer, int IrVersion, int OpsetVersion,
    IReadOnlyDictionary<string, int> Domains, IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<OnnxValueInfo> Inputs, IReadOnlyList<OnnxValueInfo> Outputs, IReadOnlyList<OnnxNodeInfo> Nodes,
    long Parameters, IReadOnlyList<UnsupportedOperator> Unsupported)
{
    internal static OnnxInspection Of(ModelProto model, string fileName)
    {
        Dictionary<string, int> domains = OnnxVersions.Check(model);
        GraphProto graph = model.Graph;
        HashSet<string> weights = [.. graph.Initializer.Select(t => t.Name)];
        var declared = new Dictionary<string, ValueInfoProto>();
        foreach (ValueInfoProto info in graph.ValueInfo.Concat(graph.Output)) declared[info.Name] = info;
        IEnumerable<TensorProto> constants = graph.Node.Where(n => n.OpType == "Constant").SelectMany(n => n.Attribute).Select(a => a.T).Where(t => t is not null);
        return new OnnxInspection(
            graph.Name.Length > 0 ? graph.Name : fileName, OnnxReader.ProducerOf(model), (int)model.IrVersion, domains.GetValueOrDefault(""),
            domains, OnnxReader.MetadataOf(model),
            [.. graph.Input.Where(i => !weights.Contains(i.Name)).Select(ValueInfo)],
            [.. graph.Output.Select(ValueInfo)],
            [.. graph.Node.Select(n => new OnnxNodeInfo(NodeOrder.NameOf(n), n.OpType, OnnxVersions.Domain(n.Domain), [.. n.Input],
                [.. n.Output.Select(o => declared.TryGetValue(o, out ValueInfoProto? info) ? ValueInfo(info) : new OnnxValueInfo(o, "", null))]))],
            graph.Initializer.Concat(constants).Sum(Parameter), OperatorSupport.Missing(model, domains));
    }

    private static long Parameter(TensorProto tensor)
    {
        _ = TensorReader.DimsOf(tensor, out int count);
        return ((ElementType)tensor.DataType).IsFloating() ? count : 0;
    }

    private static OnnxValueInfo ValueInfo(ValueInfoProto info) => new(info.Name, Describe(info.Type), GraphImporter.ShapeOf(info.Type?.TensorType));

    private static string Describe(TypeProto? type) => type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType => ((ElementType)type.TensorType.ElemType).ToString(),
        TypeProto.ValueOneofCase.SparseTensorType => $"sparse({(ElementType)type.SparseTensorType.ElemType})",
        TypeProto.ValueOneofCase.SequenceType => $"sequence({Describe(type.SequenceType.ElemType)})",
        TypeProto.ValueOneofCase.OptionalType => $"optional({Describe(type.OptionalType.ElemType)})",
        TypeProto.ValueOneofCase.MapType => $"map({(ElementType)type.MapType.KeyType},{Describe(type.MapType.ValueType)})",
        _ => "",
    };
}

/// <summary>A value as a file declares it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type, or a description such as sequence(map(Int64,Float)); empty where the file does not say.</param>
/// <param name="Shape">Its shape; null where the file does not say.</param>
public sealed record OnnxValueInfo(string Name, string Type, Shape? Shape);

/// <summary>A node as a file has it.</summary>
/// <param name="Name">Its name, made up if the file has none.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Domain">The operator's domain; empty for ai.onnx.</param>
/// <param name="Inputs">The names of its inputs; empty where an optional one is left out.</param>
/// <param name="Outputs">Its outputs.</param>
public sealed record OnnxNodeInfo(string Name, string Operator, string Domain, IReadOnlyList<string> Inputs, IReadOnlyList<OnnxValueInfo> Outputs);
