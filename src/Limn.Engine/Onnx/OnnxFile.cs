using Limn.Engine.Graphs;

namespace Limn.Engine.Onnx;

/// <summary>A model read from an .onnx file.</summary>
/// <param name="Graph">The graph.</param>
/// <param name="Name">The graph's name in the file, or the file's name where that is empty.</param>
/// <param name="Producer">The program that wrote the file, with its version; empty if it does not say.</param>
/// <param name="IrVersion">The version of the file format.</param>
/// <param name="OpsetVersion">The version of the standard operators (ai.onnx); 0 if the file declares none.</param>
/// <param name="Domains">The versions of all operator sets that the file declares, by domain; that of ai.onnx is empty.</param>
/// <param name="Metadata">The file's own entries (metadata_props).</param>
public sealed record OnnxFile(
    Graph Graph, string Name, string Producer, int IrVersion, int OpsetVersion,
    IReadOnlyDictionary<string, int> Domains, IReadOnlyDictionary<string, string> Metadata);

/// <summary>What a file may ask for. The defaults let every usual model through and stop a file that was made to exhaust the machine.</summary>
public sealed record OnnxReadOptions
{
    /// <summary>The largest .onnx file in bytes, without external data; 2 GiB - 1 (the default) is the most that the format can hold.</summary>
    public int MaxFileBytes { get; init; } = int.MaxValue;

    /// <summary>The most bytes of external data that are read for all weights together (default 32 GiB).</summary>
    public long MaxExternalBytes { get; init; } = 32L << 30;

    /// <summary>The most nodes (default 500 000).</summary>
    public int MaxNodes { get; init; } = 500_000;

    /// <summary>Whether large weights (from 4 KB) are left unread and are zeros: for a look at names and shapes, which reads a few kilobytes of any model.</summary>
    public bool SkipWeights { get; init; }

    /// <summary>How deep graphs may be nested in nodes, and functions in functions (default 8).</summary>
    public int MaxGraphDepth { get; init; } = 8;

    /// <summary>How many elements the inputs have that are sequences, by name. Each element is an input then, called NAME[0], NAME[1], ...</summary>
    public IReadOnlyDictionary<string, int> SequenceLengths { get; init; } = new Dictionary<string, int>();

    /// <summary>The inputs that are optionals and get no value; all others are expected to be fed.</summary>
    public IReadOnlySet<string> AbsentInputs { get; init; } = new HashSet<string>();

    /// <summary>How deep messages may be nested in each other (default 100).</summary>
    public int MaxDepth { get; init; } = 100;

    /// <summary>
    /// The folder that external data may be read from; null (the default) for the folder of the model file.
    /// A model read from a stream or from memory has no folder, so external data are refused unless this is set.
    /// </summary>
    public string? ExternalDataFolder { get; init; }
}
