using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>What is known of the sign of a network's values, whatever goes in.</summary>
internal static class Signs
{
    /// <summary>Whether no element of a value is ever negative: behind a ReLU, for example, and what only moves, pools or adds up such values.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="value">The value.</param>
    /// <param name="set">Values that may be set to anything instead of being computed.</param>
    public static bool NeverNegative(Graph graph, Value value, IReadOnlyList<Value> set) => !set.Contains(value) && graph.ProducerOf(value) is { } node && node.Operator switch
    {
        Relu or Sigmoid or HardSigmoid or Softplus or Softmax or Abs => true,
        Clip => node.Inputs.Count > 1 && node.Inputs[1] is { } low && graph.Initializers.TryGetValue(low, out NdArray? least) && least is { Length: 1 } && least.Floats[0] >= 0,
        MaxPool or AveragePool or GlobalAveragePool or GlobalMaxPool or Identity or Reshape or Flatten or Transpose or Squeeze or Unsqueeze or Slice =>
            NeverNegative(graph, node.Inputs[0]!, set),
        Concat or Add or Sum => node.Inputs.All(v => NeverNegative(graph, v!, set)),
        _ => false,
    };
}
