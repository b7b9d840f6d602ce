using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>The end of a network as CAM needs it: a layer of maps, their means over all positions, and at most one linear layer.</summary>
/// <param name="Layer">What is pooled.</param>
internal sealed record PooledHead(Value Layer)
{
    private static readonly string[] Reshaping = ["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Dropout"];

    /// <exception cref="InvalidOptionException">The network does not end so.</exception>
    public static PooledHead Of(TargetSource source)
    {
        Graph graph = source.Graph;
        var axes = new ChannelAxes(graph);
        Node? Skip(Value value, params string[] also)
        {
            Node? node = graph.ProducerOf(value);
            while (node is not null && (Reshaping.Contains(node.Operator.Name) || also.Contains(node.Operator.Name)))
                node = node.Inputs.FirstOrDefault(axes.IsComputed) is { } on && node.Inputs.Count(axes.IsComputed) == 1 ? graph.ProducerOf(on) : null;
            return node;
        }

        Node? last = Skip(TargetSource.Squashing(graph, source.Value)?.Inputs[0] ?? source.Value, "Add", "Sub");
        Node? pool = last is not null && IsLinear(axes, last) ? Skip(last.Inputs[0]!) : last;
        if (pool is not null && IsMean(pool)) return new PooledHead(pool.Inputs[0]!);
        throw new InvalidOptionException("CAM is defined for networks that end in global average pooling and one linear layer, and this one "
            + $"{(pool is null ? "does not" : $"has '{pool.Name}' ({pool.Operator.Name}) where the pooling would be")}. Use grad-cam, which is the same map where both are defined.");
    }

    private static bool IsLinear(ChannelAxes axes, Node node) =>
        (node.Operator.Name is "MatMul" or "Gemm" && !axes.IsComputed(node.Inputs[1]))
        || (node.Operator.Name == "Conv" && Positions(node.Inputs[0]!.Shape) == 1);

    private static bool IsMean(Node node) => node.Operator.Name switch
    {
        "GlobalAveragePool" => true,
        "ReduceMean" => node.Inputs[0]!.Shape is { Rank: >= 3 } from && node.Outputs[0].Shape is { } to
            && (to.Rank == 2 || (to.Rank == from.Rank && Enumerable.Range(1, to.Rank - 1).Count(d => to[d] != 1) <= 1)),
        "AveragePool" => Positions(node.Outputs[0].Shape) == 1,
        _ => false,
    };

    private static Dim Positions(Shape? shape) => shape is { Rank: >= 3 } ? shape.Product(2, shape.Rank) : Dim.Unknown;
}
