using Google.Protobuf;
using Limn.Engine.Onnx.Schema;
using Kind = Limn.Engine.Onnx.Schema.AttributeProto.Types.AttributeType;

namespace Limn.Engine.Tests.Fuzzing;

/// <summary>Damages a model where bytes alone seldom hit: dimensions, names, attributes, edges, nesting.</summary>
internal static class ModelMutator
{
    private static readonly long[] Extremes = [-1, 0, 1, 2, 3, 7, 255, 65536, int.MaxValue, (long)int.MaxValue + 1, 1L << 40, long.MaxValue, long.MinValue];
    private static readonly string[] Places = ["../../../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\windows\\win.ini", "a/../../b", "weights\0.bin", "", "nul", "/dev/zero", "model.onnx"];

    /// <param name="bytes">A model.</param>
    /// <param name="m">Where chance comes from.</param>
    public static byte[] Damage(byte[] bytes, Mutator m)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(bytes);
        for (int times = 1 + m.Next(3); times > 0; times--) Once(model, model.Graph, m);
        return model.ToByteArray();
    }

    private static void Once(ModelProto model, GraphProto graph, Mutator m)
    {
        NodeProto? node = graph.Node.Count > 0 ? m.One(graph.Node) : null;
        switch (m.Next(16))
        {
            case 0 when graph.Initializer.Count > 0: Dimension(m.One(graph.Initializer), m); break;
            case 1 when graph.Initializer.Count > 0: Move(m.One(graph.Initializer), m); break;
            case 2 when graph.Initializer.Count > 0: m.One(graph.Initializer).DataType = m.Next(30); break;
            case 3 when graph.Input.Count > 0: Declare(m.One(graph.Input), m); break;
            case 4 when node is { Input.Count: > 0, Output.Count: > 0 }: node.Input[m.Next(node.Input.Count)] = m.One(m.One(graph.Node).Output.DefaultIfEmpty("x").ToArray()); break; // circles among them
            case 5 when node is { Input.Count: > 0 }: node.Input.RemoveAt(m.Next(node.Input.Count)); break;
            case 6 when node is not null: node.Input.Add(m.One((string[])["", "nowhere", .. node.Input])); break;
            case 7 when node is not null: node.OpType = m.One(graph.Node).OpType; break;
            case 8 when node is not null: node.OpType = m.One(Limn.Engine.Operators.OperatorRegistry.All.ToArray()) is var d ? d.Name : ""; break;
            case 9 when node is { Attribute.Count: > 0 }: Attribute(m.One(node.Attribute), m); break;
            case 10 when node is { Attribute.Count: > 0 }: node.Attribute.RemoveAt(m.Next(node.Attribute.Count)); break;
            case 11 when node is not null: Nest(node, graph, m); break;
            case 12 when node is not null: graph.Node.Add(node.Clone()); break;
            case 13 when graph.Initializer.Count > 0: Contents(m.One(graph.Initializer), m); break;
            case 14: model.OpsetImport[0].Version = m.One(Extremes) + m.Next(28); break;
            default: foreach (ValueInfoProto output in graph.Output) output.Name = m.One((string[])[output.Name, "nowhere", graph.Name]); break;
        }
    }

    private static void Dimension(TensorProto tensor, Mutator m)
    {
        if (tensor.Dims.Count > 0 && m.Chance(0.7)) tensor.Dims[m.Next(tensor.Dims.Count)] = m.One(Extremes);
        else tensor.Dims.Add(m.One(Extremes));
    }

    private static void Move(TensorProto tensor, Mutator m)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = m.One(Places) });
        if (m.Chance(0.5)) tensor.ExternalData.Add(new StringStringEntryProto { Key = m.One((string[])["offset", "length", "odd"]), Value = m.One(Extremes).ToString() });
    }

    private static void Declare(ValueInfoProto input, Mutator m)
    {
        if (input.Type?.TensorType is not { } tensor) return;
        TensorShapeProto shape = tensor.Shape ??= new TensorShapeProto();
        var dim = new TensorShapeProto.Types.Dimension { DimValue = m.One(Extremes) };
        if (shape.Dim.Count > 0 && m.Chance(0.7)) shape.Dim[m.Next(shape.Dim.Count)] = dim;
        else shape.Dim.Add(dim);
    }

    /// <summary>Numbers that may be shapes, indices or counts.</summary>
    private static void Contents(TensorProto tensor, Mutator m)
    {
        if (tensor.DataType != (int)ElementType.Int64 || !tensor.HasRawData || tensor.RawData.Length < 8) return;
        byte[] raw = tensor.RawData.ToByteArray();
        BitConverter.TryWriteBytes(raw.AsSpan(8 * m.Next(raw.Length / 8)), m.One(Extremes));
        tensor.RawData = ByteString.CopyFrom(raw);
    }

    private static void Attribute(AttributeProto attribute, Mutator m)
    {
        switch (attribute.Type)
        {
            case Kind.Int: attribute.I = m.One(Extremes); break;
            case Kind.Ints when attribute.Ints.Count > 0: attribute.Ints[m.Next(attribute.Ints.Count)] = m.One(Extremes); break;
            case Kind.Ints: attribute.Ints.Add(m.One(Extremes)); break;
            case Kind.Float: attribute.F = m.One((float[])[float.NaN, float.PositiveInfinity, -1, 0, float.MaxValue, float.Epsilon]); break;
            case Kind.String: attribute.S = ByteString.CopyFromUtf8(m.One((string[])["", "x", "SAME_UPPER", "\uFFFF"])); break;
            case Kind.Tensor when attribute.T is not null: Dimension(attribute.T, m); break;
            default: attribute.Type = (Kind)m.Next(15); break;
        }
    }

    /// <summary>Graphs in graphs, up to far too deep.</summary>
    private static void Nest(NodeProto node, GraphProto graph, Mutator m)
    {
        GraphProto inner = new() { Name = "inner" };
        inner.Node.Add(node.Clone());
        foreach (string output in node.Output) inner.Output.Add(new ValueInfoProto { Name = output });
        for (int depth = m.Next(60); depth > 0; depth--)
        {
            var outer = new GraphProto { Name = $"level{depth}" };
            var holder = new NodeProto { OpType = "If", Input = { m.One((string[])["c", .. graph.Input.Select(i => i.Name)]) }, Output = { "r" } };
            holder.Attribute.Add(new AttributeProto { Name = "then_branch", Type = Kind.Graph, G = inner });
            holder.Attribute.Add(new AttributeProto { Name = "else_branch", Type = Kind.Graph, G = m.Chance(0.2) ? inner : new GraphProto { Name = "empty" } });
            outer.Node.Add(holder);
            outer.Output.Add(new ValueInfoProto { Name = "r" });
            if (outer.CalculateSize() > 1 << 13) break; // a graph in both branches doubles the size
            inner = outer;
        }
        node.OpType = m.One((string[])["If", "Loop", "Scan"]);
        node.Attribute.Clear();
        node.Attribute.Add(new AttributeProto { Name = node.OpType == "If" ? "then_branch" : "body", Type = Kind.Graph, G = inner });
        if (node.OpType == "If") node.Attribute.Add(new AttributeProto { Name = "else_branch", Type = Kind.Graph, G = inner });
    }
}
