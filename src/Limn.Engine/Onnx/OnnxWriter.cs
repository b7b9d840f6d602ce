using Google.Protobuf;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>
/// Writes graphs as .onnx files of standard operators. Operators that ONNX lacks are written as their decompositions; values keep their names.
/// </summary>
/// <remarks>
/// Everything floating is written as FLOAT, and casts to a floating type as casts to FLOAT, because that is what is computed:
/// a model that was read in float16 or double comes back as a float32 model. Weights that no node uses are not written.
/// </remarks>
public static class OnnxWriter
{
    private const long LargestFile = int.MaxValue - (64L << 20); // room for the nodes beside the weights

    /// <summary>Writes a file. It is written aside and then renamed, so that a failure leaves an existing file as it was.</summary>
    /// <exception cref="UnsupportedOperatorException">A node has no form in ONNX.</exception>
    /// <exception cref="LimnException">The file cannot be written.</exception>
    public static void Write(Graph graph, string path, OnnxWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new OnnxWriteOptions();
        string aside = $"{path}.{Guid.NewGuid():N}.tmp", dataAside = aside + ".data";
        try
        {
            bool external = options.ExternalData || BytesOf(graph) > LargestFile;
            using (FileStream file = File.Create(aside))
            {
                if (external) WithExternalData(graph, options, Path.GetFileName(path) + ".data", dataAside).WriteTo(file);
                else GraphExporter.Export(graph, options, (name, array) => TensorWriter.Write(array, name)).WriteTo(file);
            }
            if (external) File.Move(dataAside, path + ".data", overwrite: true);
            File.Move(aside, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LimnException($"The model cannot be written to '{path}': {e.Message}", e);
        }
        finally
        {
            if (File.Exists(aside)) File.Delete(aside);
            if (File.Exists(dataAside)) File.Delete(dataAside);
        }
    }

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <exception cref="UnsupportedOperatorException">A node has no form in ONNX.</exception>
    /// <exception cref="LimnException">The weights do not fit into one file.</exception>
    public static void Write(Graph graph, Stream stream, OnnxWriteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new OnnxWriteOptions();
        if (options.ExternalData || BytesOf(graph) > LargestFile)
            throw new LimnException("A stream takes the model and its weights together, at most 2 GiB. Write to a path to have the weights in a file of their own.");
        GraphExporter.Export(graph, options, (name, array) => TensorWriter.Write(array, name)).WriteTo(stream);
    }

    private static ModelProto WithExternalData(Graph graph, OnnxWriteOptions options, string location, string path)
    {
        const int Alignment = 4096, WorthIt = 1024; // bytes; small tensors stay in the model, where shape inference of peers finds them
        using FileStream data = File.Create(path);
        return GraphExporter.Export(graph, options, (name, array) =>
        {
            if (array.Type == ElementType.String || array.Length * 4L < WorthIt) return TensorWriter.Write(array, name);
            data.Position = (data.Position + Alignment - 1) / Alignment * Alignment; // mapped files start at pages
            long offset = data.Position;
            byte[] bytes = TensorWriter.Bytes(array);
            data.Write(bytes);
            return TensorWriter.WriteExternal(array, name, location, offset, bytes.Length);
        });
    }

    private static long BytesOf(Graph graph) => graph.Initializers.Values.Sum(a => a.Length * (a.Type.IsInteger() ? 8L : 4L));
}
