using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>The gradients of normalisations by a sample's own statistics, as standard operators.</summary>
internal static class NormalizationGradient
{
    /// <summary>A vector of one number a channel, shaped to broadcast against [N, C, ...].</summary>
    public static Value PerChannel(this GraphBuilder graph, Value vector, int rank) =>
        rank == 2 ? vector : graph.Unsqueeze(vector, [.. Enumerable.Range(1, rank - 2).Select(i => (long)i)]);

    /// <summary>dx = d · (g − mean(g) − n · mean(g · n)) over the axes from <paramref name="axis"/> on, where n = (x − μ) · d and g arrives at n.</summary>
    public static Value Rows(GraphBuilder graph, Value arriving, Value normalised, Value inverse, int axis)
    {
        long[] axes = [.. Enumerable.Range(axis, normalised.Rank - axis).Select(i => (long)i)];
        Value centred = graph.Sub(arriving, graph.ReduceMean(arriving, axes));
        Value along = graph.Mul(normalised, graph.ReduceMean(graph.Mul(arriving, normalised), axes));
        return graph.Mul(inverse, graph.Sub(centred, along));
    }

    /// <summary>The gradient of group normalisation, for x seen as [N, groups, length].</summary>
    /// <param name="backward">The node, with inputs x, scale and bias.</param>
    /// <param name="groups">The number of groups, as a vector of length one.</param>
    /// <param name="length">The number of elements of a group, as a vector of length one.</param>
    /// <param name="epsilon">What is added to the variance.</param>
    public static Value?[] OfGroups(Backward backward, Value groups, Value length, float epsilon)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), scale = backward.Inputs(1), dy = backward.Upstream;
        var sent = new Value?[3];
        if (backward.Needs(2)) sent[2] = graph.SumOfChannels(dy);
        if (!backward.Needs(0) && !backward.Needs(1)) return sent;

        Value shape = graph.Concat(0, graph.Op(new ShapeOf { Start = 0, End = 1 }, x), groups, length);
        Value one = graph.Constant(NdArray.Vector(1f).As(x.Type));
        IReadOnlyList<Value> rows = graph.Node(new LayerNormalization { Epsilon = epsilon }, [graph.Reshape(x, shape), one], outputCount: 3);
        Value normalised = rows[0], inverse = rows[2];
        if (backward.Needs(1)) sent[1] = graph.SumOfChannels(graph.Mul(dy, graph.ReshapeLike(normalised, x)));
        if (backward.Needs(0))
        {
            Value arriving = graph.Reshape(graph.Mul(dy, graph.PerChannel(scale, x.Rank)), shape);
            sent[0] = graph.ReshapeLike(Rows(graph, arriving, normalised, inverse, 2), x);
        }
        return sent;
    }
}
