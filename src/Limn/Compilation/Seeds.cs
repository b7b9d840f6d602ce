using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Compilation;

/// <summary>The weights of a target's elements as a value of the graph; the counterpart of <see cref="Readout"/>.</summary>
internal static class Seeds
{
    /// <param name="graph">Where nodes are added.</param>
    /// <param name="target">The target.</param>
    /// <param name="source">The value that it reads from.</param>
    /// <param name="blank">An array of the source's shape for a number of rows.</param>
    /// <param name="fixedRows">The number of rows that the model fixes.</param>
    /// <returns>Weights of the shape of the source.</returns>
    /// <exception cref="InvalidTargetException">The target does not exist.</exception>
    public static Value Of(GraphBuilder graph, Target target, Value source, Func<int, NdArray> blank, int? fixedRows)
    {
        int rows = fixedRows ?? (target is ClassTarget { Classes: { Length: > 1 } classes } ? classes.Length : 1);
        NdArray weights = Readout.Of(target, blank(rows)).Weights;
        if (target is PredictedTarget && weights.Rank > 1) return Predicted(graph, source, weights.Dims.ToArray());
        Value constant = graph.Constant(weights);
        // A class for each of several rows is for exactly so many: Reshape minds, Expand would not.
        return rows == 1 ? graph.RepeatedLike(constant, source) : graph.ReshapeLike(constant, source);
    }

    /// <summary>1 at the first of the largest scores of each row.</summary>
    private static Value Predicted(GraphBuilder graph, Value source, int[] dims)
    {
        var counting = new NdArray([.. Enumerable.Range(0, dims[1]).Select(k => (long)k)], [.. dims.Select((d, i) => i == 1 ? d : 1)]);
        return graph.Cast(graph.Equal(graph.ArgMax(source, 1), graph.Constant(counting)), ElementType.Float);
    }
}
