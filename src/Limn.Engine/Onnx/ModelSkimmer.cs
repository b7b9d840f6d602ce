using Google.Protobuf;
using Limn.Engine.Onnx.Schema;
using Microsoft.Win32.SafeHandles;

namespace Limn.Engine.Onnx;

/// <summary>
/// Reads a model file without the raw data of its weights, and remembers where in the file they lie: so that a large model is in memory
/// once, and a look at a model (<see cref="OnnxReader.Inspect"/>) reads a few kilobytes of it.
/// </summary>
internal sealed class ModelSkimmer
{
    private const int GraphField = 7, InitializerField = 5, RawDataField = 9; // of ModelProto, GraphProto and TensorProto

    /// <summary>Bytes; smaller weights come along.</summary>
    internal const int WorthLeaving = 4096;

    private readonly Stream stream;
    private readonly long length;
    private readonly OnnxReadOptions options;
    private readonly MemoryStream model = new(), graph = new();
    private readonly List<(MemoryStream Tensor, FilePart? Data)> tensors = [];
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
        skimmer.Fields(skimmer.length, GraphField, skimmer.model, skimmer.Graph);
        ModelProto result = skimmer.Parse(ModelProto.Parser, skimmer.model);
        var places = new Dictionary<TensorProto, FilePart>(ReferenceEqualityComparer.Instance);
        parts = places;
        if (!skimmer.hasGraph) return result;
        result.Graph = skimmer.Parse(GraphProto.Parser, skimmer.graph);
        foreach (var (bytes, data) in skimmer.tensors)
        {
            TensorProto tensor = skimmer.Parse(TensorProto.Parser, bytes);
            if (data is { } part) places.Add(tensor, part with { File = stream.SafeFileHandle });
            result.Graph.Initializer.Add(tensor);
        }
        return result;
    }

    private void Graph(long end)
    {
        hasGraph = true;
        Fields(end, InitializerField, graph, Tensor);
    }

    private void Tensor(long end)
    {
        var bytes = new MemoryStream();
        FilePart? data = null;
        Fields(end, RawDataField, bytes, dataEnd =>
        {
            long size = dataEnd - stream.Position;
            if (size < WorthLeaving)
            {
                Varint(bytes, RawDataField << 3 | 2);
                Varint(bytes, (ulong)size);
                Copy(bytes, size);
                return;
            }
            data = new FilePart(null!, stream.Position, size);
            stream.Position = dataEnd;
        });
        tensors.Add((bytes, data));
    }

    /// <summary>Copies the fields of a message, but hands one that is a message or bytes to <paramref name="taken"/>.</summary>
    private void Fields(long end, int field, MemoryStream copy, Action<long> taken)
    {
        while (stream.Position < end)
        {
            ulong tag = Varint();
            int wire = (int)(tag & 7);
            if (tag >> 3 == (ulong)field && wire == 2)
            {
                taken(Limit(Varint(), end));
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

/// <summary>Bytes of a file.</summary>
internal readonly record struct FilePart(SafeFileHandle File, long Offset, long Length);
