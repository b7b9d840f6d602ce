namespace Limn.Engine.Onnx;

/// <summary>How a graph is written.</summary>
public sealed record OnnxWriteOptions
{
    /// <summary>The lowest operator-set version to declare (default 17); a higher one is declared if an operator needs it.</summary>
    public int MinOpset { get; init; } = 17;

    /// <summary>A text for people (doc_string); empty for none.</summary>
    public string Description { get; init; } = "";

    /// <summary>Entries of one's own (metadata_props).</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Whether weights go into a second file, FILE.data, beside the model (default false).
    /// They always do where the model is larger than one file of the format can be (2 GiB).
    /// </summary>
    public bool ExternalData { get; init; }
}
