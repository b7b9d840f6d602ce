using System.Runtime.CompilerServices;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Finds the layer that class-activation maps explain when the user names none.</summary>
/// <remarks>
/// The last value before the target that is a map: channels by the network's own operators (<see cref="ChannelAxes"/>), more than one
/// position, and all positions of which the target depends on. In networks of convolutions that is what goes into the global pooling or
/// the classifier. In vision transformers it is the last residual sum or layer norm of which the target does not only read the
/// class token: tokens that nothing reads any more have no gradient, and their map would be empty. Where the target is a map itself
/// (segmentation), the search starts before the last convolution or product.
/// </remarks>
internal static class LastFeatureMap
{
    private static readonly ConditionalWeakTable<Value, Value> Found = [];

    /// <exception cref="InvalidOptionException">There is no such layer.</exception>
    public static Value Before(TargetSource source) => Found.GetValue(source.Value, _ => Search(source));

    private static Value Search(TargetSource source)
    {
        Graph graph = source.Graph;
        var axes = new ChannelAxes(graph);
        IReadOnlyList<Node> nodes = graph.NodesBehind([source.Value]);
        if (IsMap(axes, source.Value) && nodes.LastOrDefault(n => Mixes(n)) is { } last) nodes = graph.NodesBehind([last.Inputs[0]!]);
        for (int i = nodes.Count - 1; i >= 0; i--)
            foreach (Value value in nodes[i].Outputs)
                if (IsMap(axes, value) && ((axes.IsConvolutional(value) && (axes.Of(value) == 1 || value.Rank > 3)) || EndsBlock(axes, nodes[i])) && IsReadEverywhere(axes, value, nodes))
                    return value;
        throw new InvalidOptionException("The network has no layer with maps, [rows, channels, height, width] or the like, between its inputs and the target. "
            + "Class-activation maps are for networks that keep positions apart; name a layer (--at LAYER), or use another method, such as integrated-gradients.");
    }

    /// <summary>What to choose instead of a layer without positions: the last layers that have some, by name.</summary>
    public static string Suggestion(Graph graph)
    {
        var axes = new ChannelAxes(graph);
        string[] maps = [.. graph.Nodes.Where(n => n.Outputs.Any(o => IsMap(axes, o) && axes.IsConvolutional(o))).Select(n => n.Name.Length > 0 ? n.Name : n.Outputs[0].Name)];
        return maps.Length == 0 ? "The network has no layer with positions that is known to have channels"
            : $"Choose a layer with positions, such as {string.Join(", ", maps.TakeLast(3).Reverse().Select(m => $"'{m}'"))} (limn inspect lists all), leave --at away";
    }

    private static bool IsMap(ChannelAxes axes, Value value)
    {
        if (!value.Type.IsFloating() || axes.Of(value) is not { } channels || value.Shape is not { } shape) return false;
        for (int d = 1; d < shape.Rank; d++)
            if (d != channels && shape[d] != 1) return true;
        return false;
    }

    private static bool Mixes(Node node) => node.Operator.Name is "Conv" or "ConvTranspose" or "ConvolutionInputGradient" or "MatMul" or "Gemm";

    /// <summary>Tokens are taken where a block ends or begins: a sum of two computed values, or a layer norm.</summary>
    private static bool EndsBlock(ChannelAxes axes, Node node) => node.Operator.Name switch
    {
        "LayerNormalization" => true,
        "Add" or "Sum" => node.Inputs.All(i => axes.IsComputed(i) && i!.Shape?.Rank == node.Outputs[0].Rank && axes.Of(i) is not null),
        _ => false,
    };

    /// <summary>Whether the target reads more of the value than a single token: follows operators that leave tokens apart until one mixes or picks them.</summary>
    private static bool IsReadEverywhere(ChannelAxes axes, Value value, IReadOnlyList<Node> nodes)
    {
        if (value.Rank != 3 || axes.Of(value) != 2) return true;
        HashSet<Value> apart = [value];
        bool leaves = false;
        foreach (Node node in nodes)
        {
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && apart.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
            leaves = true;
            Shape? output = node.Outputs[0].Shape;
            if (node.Operator.Name is "Gather" or "Slice" && output is not null && (output.Rank == 2 || output[1] == 1)) continue;
            bool keepsTokens = output is { Rank: 3 } && output[1] == value.Shape![1] && node.Operator.Name != "Transpose"
                && !(node.Operator.Name == "MatMul" && axes.IsComputed(node.Inputs[1]));
            if (!keepsTokens) return true;
            apart.UnionWith(node.Outputs);
        }
        return !leaves;
    }
}
