using Google.Protobuf;

namespace Limn.Tests.Trees;

/// <summary>ONNX files made field by field (onnx.proto), because what they hold is not what our writer writes.</summary>
internal static class OnnxFiles
{
    /// <summary>A model that reads <c>x</c> [n, features] and gives the named outputs, whatever they are.</summary>
    public static byte[] Model(int features, int version, string[] outputs, params byte[][] nodes)
    {
        byte[] shape = Message((1, Message((2, "n"))), (1, Message((1, (long)features))));
        byte[] x = Message((1, "x"), (2, Message((1, Message((1, 1L), (2, shape))))));
        byte[] graph = Message([.. nodes.Select(n => (1, (object)n)), (2, "g"), (11, x), .. outputs.Select(o => (12, (object)Message((1, o))))]);
        return Message((1, 8L), (7, graph), (8, Message((1, ""), (2, 17L))), (8, Message((1, "ai.onnx.ml"), (2, (long)version))));
    }

    public static byte[] Node(string op, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes) => Message(
        [.. inputs.Select(i => (1, (object)i)), .. outputs.Select(o => (2, (object)o)), (3, op + outputs[0]), (4, op), .. attributes.Select(a => (5, (object)Attribute(a.Name, a.Value))), (7, "ai.onnx.ml")]);

    public static byte[] Floats(params float[] values) => Message([(1, (long)values.Length), (2, 1L), .. values.Select(v => (4, (object)v))]);

    public static byte[] Bytes(params byte[] values) => Message((1, (long)values.Length), (2, 2L), (9, values));

    private static byte[] Attribute(string name, object value) => value switch
    {
        float v => Message((1, name), (2, v), (20, 1L)),
        long v => Message((1, name), (3, v), (20, 2L)),
        string v => Message((1, name), (4, v), (20, 3L)),
        byte[] v => Message((1, name), (5, v), (20, 4L)),
        float[] v => Message([(1, name), .. v.Select(f => (7, (object)f)), (20, 6L)]),
        long[] v => Message([(1, name), .. v.Select(i => (8, (object)i)), (20, 7L)]),
        string[] v => Message([(1, name), .. v.Select(s => (9, (object)s)), (20, 8L)]),
        _ => throw new ArgumentException($"no attribute: {value}"),
    };

    private static byte[] Message(params (int Field, object Value)[] fields)
    {
        using var stream = new MemoryStream();
        using (var to = new CodedOutputStream(stream, leaveOpen: true))
        {
            foreach ((int field, object value) in fields)
            {
                to.WriteTag(field, value switch { long => WireFormat.WireType.Varint, float => WireFormat.WireType.Fixed32, _ => WireFormat.WireType.LengthDelimited });
                switch (value)
                {
                    case long v: to.WriteInt64(v); break;
                    case float v: to.WriteFloat(v); break;
                    case string v: to.WriteString(v); break;
                    case byte[] v: to.WriteBytes(ByteString.CopyFrom(v)); break;
                }
            }
        }
        return stream.ToArray();
    }
}
