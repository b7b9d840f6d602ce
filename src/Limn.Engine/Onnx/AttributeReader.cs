using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Onnx;

/// <summary>Turns the attributes of a node of a file into plain values.</summary>
internal static class AttributeReader
{
    /// <param name="node">The node.</param>
    /// <param name="name">Its name, for errors.</param>
    /// <param name="tensors">Reads tensors.</param>
    /// <param name="bodies">Makes of a graph what imports it once types and shapes of its inputs are known.</param>
    /// <exception cref="InvalidModelException">An attribute comes twice or has no value.</exception>
    /// <exception cref="UnsupportedOperatorException">An attribute is a list of types, tensors or graphs.</exception>
    public static NodeAttributes Read(NodeProto node, string name, TensorReader tensors, Func<GraphProto, Func<IReadOnlyList<Formal>, ImportedBody>> bodies)
    {
        var values = new Dictionary<string, object>();
        foreach (AttributeProto attribute in node.Attribute)
        {
            if (attribute.RefAttrName.Length > 0)
                throw new InvalidModelException($"attribute '{attribute.Name}' refers to the attribute '{attribute.RefAttrName}' of a function, outside any function.");
            if (!values.TryAdd(attribute.Name, Value(attribute, tensors, bodies)))
                throw new InvalidModelException($"attribute '{attribute.Name}' is given twice.");
        }
        return new NodeAttributes(name, values);
    }

    private static object Value(AttributeProto a, TensorReader tensors, Func<GraphProto, Func<IReadOnlyList<Formal>, ImportedBody>> bodies) => KindOf(a) switch
    {
        Kind.Float => a.F,
        Kind.Int => a.I,
        Kind.String => a.S.ToStringUtf8(),
        Kind.Tensor when a.T is not null => tensors.Read(a.T),
        Kind.SparseTensor when a.SparseTensor is not null => tensors.Read(a.SparseTensor),
        Kind.Floats => a.Floats.ToArray(),
        Kind.Ints => a.Ints.ToArray(),
        Kind.Strings => a.Strings.Select(s => s.ToStringUtf8()).ToArray(),
        Kind.Graph when a.G is not null => bodies(a.G),
        Kind.TypeProto when a.Tp is not null => a.Tp,
        Kind.Tensor or Kind.Graph or Kind.Undefined => throw new InvalidModelException($"attribute '{a.Name}' has no value."),
        Kind kind => throw new UnsupportedOperatorException($"attribute '{a.Name}' is of the kind {kind}, which is not supported."),
    };

    /// <summary>The kind of an attribute; files of the first versions do not say it.</summary>
    private static Kind KindOf(AttributeProto a) => a.Type != Kind.Undefined ? a.Type
        : a.HasF ? Kind.Float : a.HasI ? Kind.Int : a.HasS ? Kind.String : a.T is not null ? Kind.Tensor : a.SparseTensor is not null ? Kind.SparseTensor : a.G is not null ? Kind.Graph
        : a.Floats.Count > 0 ? Kind.Floats : a.Ints.Count > 0 ? Kind.Ints : a.Strings.Count > 0 ? Kind.Strings
        : a.Tensors.Count > 0 ? Kind.Tensors : a.Graphs.Count > 0 ? Kind.Graphs : Kind.Undefined;
}
