using Google.Protobuf;
using Limn.Engine.Onnx.Schema;
using Microsoft.Win32.SafeHandles;

namespace Limn.Engine.Onnx;

/// <summary>
/// Reads a model file without the raw data of its weights, initializers and Constant nodes, and remembers where in the file they lie: so that a large model is in memory
/// once, and a look at a model (<see cref="OnnxReader.Inspect"/>) reads a few kilobytes of it.
/// </summary>
internal sealed class ModelSkimmer
{
    private const int GraphField = 7, NodeField = 1, InitializerField = 5, AttributeField = 5, ValueField = 5, RawDataField = 9; // of ModelProto, GraphProto (two), NodeProto, AttributeProto, TensorProto

    /// <summary>Bytes; smaller weights come along.</summary>
    internal const int WorthLeaving = 4096;

    private readonly Stream stream;
    private readonly long length;
    private readonly OnnxReadOptions options;
    private readonly MemoryStream model = new(), graph = new();
    private readonly List<(MemoryStream Tensor, FilePart? Data)> tensors = [];
    private readonly List<(int Index, MemoryStream Node, List<LargeAttribute> Attributes)> nodes = [];
    private int nodeCount;
    private bool hasGraph;

    private ModelSkimmer(Stream stream, OnnxReadOptions options)
    {
        this.stream = stream;
        this.options = options;
        length = stream.Length;
    }

    /// <param name="stream">The file.</param>
    /// <param name="options">What it may ask for.</param>
    /// <param name="parts">Where the weights that were left out lie, each beside its tensor.</param>
    /// <exception cref="InvalidModelException">The file is damaged.</exception>
    public static ModelProto Read(FileStream stream, OnnxReadOptions options, out IReadOnlyDictionary<TensorProto, FilePart> parts)
    {
        var skimmer = new ModelSkimmer(new BufferedStream(stream, 1 << 16), options);
        skimmer.Fields(skimmer.length, skimmer.model, (GraphField, skimmer.Graph));
        ModelProto result = skimmer.Parse(ModelProto.Parser, skimmer.model);
        var places = new Dictionary<TensorProto, FilePart>(ReferenceEqualityComparer.Instance);
        parts = places;
        if (!skimmer.hasGraph) return result;
        result.Graph = skimmer.Parse(GraphProto.Parser, skimmer.graph);
        foreach (var (bytes, data) in skimmer.tensors) result.Graph.Initializer.Add(skimmer.Tensor(bytes, data, stream.SafeFileHandle, places));
        foreach (var (index, bytes, attributes) in skimmer.nodes)
        {
            NodeProto node = skimmer.Parse(NodeProto.Parser, bytes);
            bool constant = node.OpType == "Constant";
            foreach (LargeAttribute large in attributes)
            {
                AttributeProto attribute = skimmer.Parse(AttributeProto.Parser, large.Attribute);
                foreach (var (tensor, data) in large.Values)
                {
                    if (attribute.T is not null) throw Damaged($"the attribute '{attribute.Name}' has two tensors.");
                    attribute.T = skimmer.Tensor(tensor, data, stream.SafeFileHandle, constant ? places : null);
                }
                node.Attribute.Add(attribute);
            }
            result.Graph.Node.Insert(index, node);
        }
        return result;
    }

    /// <summary>A tensor without its data, which are noted in <paramref name="places"/>; with them where there is nothing to note them in.</summary>
    private TensorProto Tensor(MemoryStream bytes, FilePart? data, SafeFileHandle file, Dictionary<TensorProto, FilePart>? places)
    {
        TensorProto tensor = Parse(TensorProto.Parser, bytes);
        if (data is not { } part) return tensor;
        if (places is not null)
        {
            places.Add(tensor, part with { File = file });
            return tensor;
        }
        var raw = new MemoryStream();
        stream.Position = part.Offset;
        Copy(raw, part.Length);
        tensor.RawData = UnsafeByteOperations.UnsafeWrap(raw.GetBuffer().AsMemory(0, (int)raw.Length));
        return tensor;
    }

    private void Graph(long end)
    {
        hasGraph = true;
        Fields(end, graph, (NodeField, Node), (InitializerField, e => tensors.Add(TensorAt(e))));
    }

    /// <summary>A large node is kept apart, and so are the large tensors among its attributes.</summary>
    private void Node(long end)
    {
        int index = nodeCount++;
        if (CopiedWhole(graph, NodeField, end)) return;
        var bytes = new MemoryStream();
        List<LargeAttribute> attributes = [];
        Fields(end, bytes, (AttributeField, e =>
        {
            if (CopiedWhole(bytes, AttributeField, e)) return;
            var attribute = new LargeAttribute(new MemoryStream(), []);
            Fields(e, attribute.Attribute, (ValueField, v => attribute.Values.Add(TensorAt(v))));
            attributes.Add(attribute);
        }));
        nodes.Add((index, bytes, attributes));
    }

    private (MemoryStream, FilePart?) TensorAt(long end)
    {
        var bytes = new MemoryStream();
        FilePart? data = null;
        Fields(end, bytes, (RawDataField, dataEnd =>
        {
            if (CopiedWhole(bytes, RawDataField, dataEnd)) return;
            data = new FilePart(null!, stream.Position, dataEnd - stream.Position);
            stream.Position = dataEnd;
        }));
        return (bytes, data);
    }

    /// <summary>Copies a field that is not worth leaving.</summary>
    private bool CopiedWhole(MemoryStream to, int field, long end)
    {
        long size = end - stream.Position;
        if (size >= WorthLeaving) return false;
        Varint(to, (ulong)field << 3 | 2);
        Varint(to, (ulong)size);
        Copy(to, size);
        return true;
    }

    /// <summary>Copies the fields of a message, but hands those that are messages or bytes, and listed, to what takes them.</summary>
    private void Fields(long end, MemoryStream copy, params ReadOnlySpan<(int Field, Action<long> Take)> taken)
    {
        while (stream.Position < end)
        {
            ulong tag = Varint();
            int wire = (int)(tag & 7);
            Action<long>? take = null;
            foreach (var (field, action) in taken)
                if (tag >> 3 == (ulong)field && wire == 2) take = action;
            if (take is not null)
            {
                take(Limit(Varint(), end));
                continue;
            }
            Varint(copy, tag);
            switch (wire)
            {
                case 0: Varint(copy, Varint()); break;
                case 1: Copy(copy, 8); break;
                case 5: Copy(copy, 4); break;
                case 2:
                    ulong size = Varint();
                    long to = Limit(size, end);
                    Varint(copy, size);
                    Copy(copy, to - stream.Position);
                    break;
                default: throw Damaged($"there is a field of the unknown kind {wire} at byte {stream.Position}.");
            }
        }
        if (stream.Position > end) throw Damaged($"a part of it ends at byte {end}, in the middle of a field.");
    }

    private long Limit(ulong size, long end) => size <= (ulong)(end - stream.Position) ? stream.Position + (long)size
        : throw Damaged($"it ends too early: a part that begins at byte {stream.Position} is said to have {size} bytes, and {end - stream.Position} are left.");

    private void Copy(MemoryStream to, long count)
    {
        if (count > length - stream.Position) throw Damaged("it ends too early.");
        Span<byte> buffer = stackalloc byte[4096];
        while (count > 0)
        {
            int read = stream.Read(buffer[..(int)Math.Min(count, buffer.Length)]);
            if (read == 0) throw Damaged("it ends too early.");
            to.Write(buffer[..read]);
            count -= read;
        }
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            int next = stream.ReadByte();
            if (next < 0) throw Damaged("it ends too early.");
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
        throw Damaged($"there is a number of more than ten bytes at byte {stream.Position}.");
    }

    private static void Varint(MemoryStream to, ulong value)
    {
        for (; value >= 0x80; value >>= 7) to.WriteByte((byte)(value | 0x80));
        to.WriteByte((byte)value);
    }

    private T Parse<T>(MessageParser<T> parser, MemoryStream bytes) where T : IMessage<T>
    {
        bytes.Position = 0;
        using var input = CodedInputStream.CreateWithLimits(bytes, options.MaxFileBytes, options.MaxDepth);
        return parser.WithDiscardUnknownFields(true).ParseFrom(input);
    }

    private static InvalidModelException Damaged(string how) => new($"this is not an ONNX model, or the file is damaged: {how}");
}

/// <summary>An attribute that was too large to copy: what remains of it, and its tensors.</summary>
internal readonly record struct LargeAttribute(MemoryStream Attribute, List<(MemoryStream Tensor, FilePart? Data)> Values);

/// <summary>Bytes of a file.</summary>
internal readonly record struct FilePart(SafeFileHandle File, long Offset, long Length);
