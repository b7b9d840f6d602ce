using System.Runtime.InteropServices;
using Google.Protobuf;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>
/// Reads .onnx files: IR versions 3 to 13, operator sets 7 to 27 of ai.onnx, weights inside the file or beside it.
/// A file is not trusted: sizes are checked before memory is taken, nesting is limited, and only the model's own folder is read.
/// </summary>
/// <remarks>
/// Every floating type is computed in float, every integer type as a 64-bit integer. An initializer that is also a graph input
/// (a weight with a default, IR 3) is an initializer. Nodes may stand in any order.
/// </remarks>
public static class OnnxReader
{
    /// <exception cref="InvalidModelException">The file is missing, truncated, not ONNX, or inconsistent.</exception>
    /// <exception cref="UnsupportedOperatorException">It uses an operator, an attribute, a type or a version that is not implemented.</exception>
    public static OnnxFile Read(string path, OnnxReadOptions? options = null)
    {
        options ??= new OnnxReadOptions();
        return Named(path, () =>
        {
            using FileStream stream = Open(path, options);
            ModelProto model = Skim(stream, options, out IReadOnlyDictionary<TensorProto, FilePart> parts);
            return Import(model, Path.GetFileNameWithoutExtension(path), FolderOf(path, options), options, parts);
        });
    }

    /// <summary>Reads a model from a stream, to its end.</summary>
    /// <inheritdoc cref="Read(string, OnnxReadOptions?)"/>
    public static OnnxFile Read(Stream stream, OnnxReadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new OnnxReadOptions();
        return Named("model", () => Import(Parse(stream, options), "model", options.ExternalDataFolder, options, parts: null));
    }

    /// <summary>Reads a model from memory.</summary>
    /// <inheritdoc cref="Read(string, OnnxReadOptions?)"/>
    public static OnnxFile Read(ReadOnlyMemory<byte> bytes, OnnxReadOptions? options = null)
    {
        using MemoryStream stream = MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(bytes.ToArray(), writable: false);
        return Read(stream, options);
    }

    /// <summary>What the file says of itself: also for a model with operators that are not supported. Weights are not read.</summary>
    /// <exception cref="InvalidModelException">The file is missing, truncated or not ONNX.</exception>
    /// <exception cref="UnsupportedOperatorException">Its IR or operator-set version is outside the range that is read.</exception>
    public static OnnxInspection Inspect(string path, OnnxReadOptions? options = null) =>
        Named(path, () =>
        {
            options ??= new OnnxReadOptions();
            using FileStream stream = Open(path, options);
            return OnnxInspection.Of(Skim(stream, options, out _), Path.GetFileNameWithoutExtension(path));
        });

    private static FileStream Open(string path, OnnxReadOptions options)
    {
        try
        {
            FileStream stream = File.OpenRead(path);
            if (stream.Length <= options.MaxFileBytes) return stream;
            long length = stream.Length;
            stream.Dispose();
            throw TooLarge(length, options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidModelException($"the file cannot be read: {e.Message}", e);
        }
    }

    private static ModelProto Skim(FileStream stream, OnnxReadOptions options, out IReadOnlyDictionary<TensorProto, FilePart> parts)
    {
        try
        {
            return ModelSkimmer.Read(stream, options, out parts);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidModelException($"this is not an ONNX model, or the file is damaged: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InvalidModelException($"the file cannot be read: {e.Message}", e);
        }
    }

    private static InvalidModelException TooLarge(long length, OnnxReadOptions options) =>
        new($"the file has {length} bytes; {nameof(OnnxReadOptions.MaxFileBytes)} allows {options.MaxFileBytes}.");

    private static ModelProto Parse(Stream stream, OnnxReadOptions options)
    {
        if (stream.CanSeek && stream.Length - stream.Position > options.MaxFileBytes)
            throw TooLarge(stream.Length - stream.Position, options);
        try
        {
            using var input = CodedInputStream.CreateWithLimits(stream, options.MaxFileBytes, options.MaxDepth);
            return ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(input);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidModelException($"this is not an ONNX model, or the file is damaged: {e.Message}", e);
        }
    }

    private static string? FolderOf(string path, OnnxReadOptions options) => options.ExternalDataFolder ?? Path.GetDirectoryName(Path.GetFullPath(path));

    /// <summary>Lets every error name the file.</summary>
    private static T Named<T>(string path, Func<T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string file = Path.GetFileName(path);
        try
        {
            return read();
        }
        catch (UnsupportedOperatorException e)
        {
            throw new UnsupportedOperatorException($"{file}: {e.Message}");
        }
        catch (LimnException e)
        {
            throw new InvalidModelException($"{file}: {e.Message}", e);
        }
    }

    private static OnnxFile Import(ModelProto model, string fileName, string? folder, OnnxReadOptions options, IReadOnlyDictionary<TensorProto, FilePart>? parts)
    {
        Dictionary<string, int> domains = OnnxVersions.Check(model);
        using var external = new ExternalData(folder, options.MaxExternalBytes);
        OperatorSupport.Check(model, domains);
        var session = new ImportSession(domains, FunctionInliner.Apply(model, options), new TensorReader(external, parts, options.SkipWeights), options);
        string name = model.Graph.Name.Length > 0 ? model.Graph.Name : fileName;
        return new OnnxFile(new GraphImporter(model.Graph, session).Import(name), name, ProducerOf(model), (int)model.IrVersion, domains.GetValueOrDefault(""), domains, MetadataOf(model));
    }

    internal static string ProducerOf(ModelProto model) => $"{model.ProducerName} {model.ProducerVersion}".Trim();

    internal static Dictionary<string, string> MetadataOf(ModelProto model)
    {
        var entries = new Dictionary<string, string>();
        foreach (StringStringEntryProto entry in model.MetadataProps) entries[entry.Key] = entry.Value;
        return entries;
    }
}
