using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.ClassActivation;

/// <summary>Which axis of each value of a network counts channels, as far as the operators say.</summary>
/// <remarks>
/// Convolutions, poolings and batch norms make channels axis 1; layer norms and products with a constant matrix make them the last axis
/// (tokens, or channels-last maps). Transposing moves the axis; operators that keep the rank keep it. What is made of an input alone, and
/// products of two computed values (attention), says nothing.
/// </remarks>
internal sealed class ChannelAxes
{
    private readonly Dictionary<Value, Evidence> known = [];
    private readonly HashSet<Value> computed;

    public ChannelAxes(Graph graph)
    {
        computed = [.. graph.Inputs];
        foreach (Node node in graph.Nodes)
        {
            if (!node.Inputs.Any(i => i is not null && computed.Contains(i))) continue;
            computed.UnionWith(node.Outputs);
            foreach (Value output in node.Outputs)
                if (output.Shape is { Rank: >= 3 } shape && Of(node, shape) is { } evidence) known[output] = evidence;
        }
    }

    /// <summary>The channel axis; null where the network does not say.</summary>
    public int? Of(Value value) => known.TryGetValue(value, out Evidence evidence) ? evidence.Axis : null;

    /// <summary>Whether a convolution or pooling made the value a map, rather than a layer of tokens.</summary>
    public bool IsConvolutional(Value value) => known.TryGetValue(value, out Evidence evidence) && evidence.Convolutional;

    /// <summary>Whether a value depends on the network's inputs.</summary>
    public bool IsComputed(Value? value) => value is not null && computed.Contains(value);

    private Evidence? Of(Node node, Shape output)
    {
        switch (node.Operator.Name)
        {
            case "Conv" or "ConvTranspose" or "ConvolutionInputGradient" or "BatchNormalization" or "InstanceNormalization" or "GroupNormalization" or "LRN"
                or "MaxPool" or "AveragePool" or "LpPool" or "GlobalAveragePool" or "GlobalMaxPool":
                return new Evidence(1, Convolutional: true);
            case "LayerNormalization":
                return new Evidence(output.Rank - 1, Convolutional: false);
            case "MatMul" or "Gemm":
                return IsComputed(node.Inputs[1]) ? null : new Evidence(output.Rank - 1, Convolutional: false);
            case "Einsum":
                return null;
        }
        foreach (Value? input in node.Inputs)
        {
            if (input?.Shape is not { } shape || !known.TryGetValue(input, out Evidence evidence)) continue;
            if (node.Operator is Transpose { Permutation: { } permutation }) return evidence with { Axis = Array.IndexOf(permutation, evidence.Axis) };
            if (node.Operator is Reshape or Flatten)
                return evidence.Axis == 1 && output[1] == shape[1] ? evidence
                    : evidence.Axis == shape.Rank - 1 && output[^1] == shape[^1] ? evidence with { Axis = output.Rank - 1 } : null;
            return shape.Rank == output.Rank ? evidence : null;
        }
        return null;
    }

    private readonly record struct Evidence(int Axis, bool Convolutional);
}
