using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>What all graphs of a file share while they are read.</summary>
/// <param name="domains">The operator sets that the model declares.</param>
/// <param name="functions">The operator sets of nodes that came from functions, where they differ.</param>
/// <param name="tensors">Reads weights.</param>
/// <param name="options">What a file may ask for.</param>
internal sealed class ImportSession(IReadOnlyDictionary<string, int> domains, IReadOnlyDictionary<NodeProto, IReadOnlyDictionary<string, int>> functions,
    TensorReader tensors, OnnxReadOptions options)
{
    private long nodes;

    public OnnxReadOptions Options { get; } = options;

    public TensorReader Tensors { get; } = tensors;

    /// <summary>The version of a node's operator set: that of the model, or of the function that the node came from.</summary>
    public int OpsetOf(NodeProto node)
    {
        string domain = OnnxVersions.Domain(node.Domain);
        return functions.GetValueOrDefault(node, domains).TryGetValue(domain, out int opset) || domains.TryGetValue(domain, out opset) ? opset
            : throw new InvalidModelException($"the file does not declare the operator set '{OnnxVersions.Display(domain)}'.");
    }

    /// <summary>Counts what is read against what a file may ask for.</summary>
    public void Count(GraphProto graph, int depth)
    {
        if ((nodes += graph.Node.Count) > Options.MaxNodes)
            throw new InvalidModelException($"the graph has {nodes} nodes; {nameof(OnnxReadOptions.MaxNodes)} allows {Options.MaxNodes}.");
        if (depth > Options.MaxGraphDepth)
            throw new InvalidModelException($"graphs are nested in nodes more than {Options.MaxGraphDepth} deep; {nameof(OnnxReadOptions.MaxGraphDepth)} allows no more.");
    }
}
