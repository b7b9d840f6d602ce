using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Attention;

/// <summary>Finds the attention matrices of a network: softmaxes over the last axis (or, transposed, the one before) of which the result, at most moved or masked on the way, is a factor of a matrix product.</summary>
internal static class AttentionMaps
{
    /// <summary>The matrices behind a value, in the order they are computed.</summary>
    public static IReadOnlyList<Value> Behind(Graph graph, Value target)
    {
        IReadOnlyList<Node> nodes = graph.NodesBehind([target]);
        return [.. nodes.Where(n => IsOverTokens(n) && FeedsProduct(nodes, n.Outputs[0])).Select(n => n.Outputs[0])];
    }

    /// <summary>Whether a value is an attention matrix, at most moved or masked since its softmax.</summary>
    public static bool IsMoved(Graph graph, Value? value)
    {
        while (value is not null && graph.ProducerOf(value) is { } node)
        {
            if (IsOverTokens(node)) return true;
            if (!Moves(node)) return false;
            value = node.Operator is Where ? node.Inputs.Skip(1).FirstOrDefault(v => v is not null && graph.ProducerOf(v) is { } p && (Moves(p) || IsOverTokens(p))) : node.Inputs[0];
        }
        return false;
    }

    /// <summary>Whether a matrix of this rank is the softmax over its columns' entries (the axis before the last), so that it stands transposed.</summary>
    public static bool IsTransposed(Graph graph, Value value, int rank) => graph.ProducerOf(value)?.Operator is Softmax { Axis: var axis } && (axis < 0 ? axis + rank : axis) == rank - 2;

    private static bool IsOverTokens(Node node) =>
        node.Operator is Softmax { Axis: var axis } && (node.Outputs[0].Shape is { } shape ? shape.Rank >= 3 && (axis < 0 ? axis + shape.Rank : axis) >= shape.Rank - 2 : axis is -1 or -2 or >= 2);

    private static bool FeedsProduct(IReadOnlyList<Node> nodes, Value softmax)
    {
        HashSet<Value> moved = [softmax];
        foreach (Node node in nodes)
        {
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && moved.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
            if (node.Operator is MatMul or TransposedMatMul) return true;
            if (Moves(node)) moved.UnionWith(node.Outputs);
        }
        return false;
    }

    private static bool Moves(Node node) =>
        node.Operator.Name is "Identity" or "Cast" or "Dropout" or "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Transpose" or "Expand" or "Where";
}
