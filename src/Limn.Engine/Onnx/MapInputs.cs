using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>
/// Graph inputs that are maps: rows of a table [rows, keys] instead, one row for each map, with one column for each key that the model looks at. DictVectorizer
/// has the keys in its vocabulary; CastMap has 0, 1, ..., max_map − 1, or, in its dense form, whatever keys there are, in ascending order.
/// </summary>
internal static class MapInputs
{
    /// <summary>The type and shape of the table.</summary>
    /// <exception cref="UnsupportedOperatorException">The map goes to a node that is neither of the two, or to several that look at different keys.</exception>
    public static (ElementType Type, Shape Shape) Of(string name, TypeProto.Types.Map map, GraphProto graph)
    {
        NodeProto[] readers = [.. graph.Node.Where(n => n.Input.Contains(name))];
        string[] keys = [.. readers.Select(n => Keys(name, n)).Distinct()];
        if (keys.Length != 1)
            throw new UnsupportedOperatorException($"the input '{name}' is a map, and {(keys.Length == 0 ? "no node reads it" : "several nodes look for different keys in it")}; one DictVectorizer or CastMap can read it.");
        if (map.ValueType?.TensorType is not { } values) throw new UnsupportedOperatorException($"the input '{name}' is a map of values that are no tensors.");
        return (TensorReader.Supported(values.ElemType, $"the input '{name}'"), [Dim.Named($"{name}.rows"), Width(readers[0])]);
    }

    /// <summary>What tells whether two nodes look at the same keys in the same order.</summary>
    private static string Keys(string name, NodeProto node) => node.OpType switch
    {
        "DictVectorizer" => string.Join('\n', node.Attribute.Where(a => a.Ints.Count + a.Strings.Count > 0).Select(a => $"{string.Join(',', a.Ints)}{string.Join(',', a.Strings.Select(s => s.ToBase64()))}")),
        "CastMap" => Width(node).ToString(),
        _ => throw new UnsupportedOperatorException($"the input '{name}' is a map, and node '{NodeOrder.NameOf(node)}' ({node.OpType}) reads it; DictVectorizer and CastMap can."),
    };

    private static Dim Width(NodeProto node) => node.OpType == "DictVectorizer" ? Dim.Of(node.Attribute.Sum(a => (long)a.Ints.Count + a.Strings.Count))
        : node.Attribute.Any(a => a.Name == "map_form" && a.S.ToStringUtf8() == "SPARSE") ? Dim.Of(node.Attribute.FirstOrDefault(a => a.Name == "max_map")?.I ?? 1) : Dim.Unknown;
}
