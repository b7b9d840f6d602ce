using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Compilation;

/// <summary>Formulas that several compiled methods share.</summary>
internal static class GraphMath
{
    /// <summary>The sum of each row: [rows].</summary>
    public static Value RowSum(this GraphBuilder graph, Value x) => graph.ReduceSum(x, Axes(1, x.Rank), keepDims: false);

    /// <summary>The axes from <paramref name="first"/> on.</summary>
    public static long[] Axes(int first, int rank) => [.. Enumerable.Range(first, Math.Max(0, rank - first)).Select(d => (long)d)];

    /// <summary>a / b, and 0 where b is 0.</summary>
    public static Value Share(this GraphBuilder graph, Value a, Value b)
    {
        Value none = graph.Equal(b, graph.ScalarLike(b, 0));
        return graph.WhereOrZero(graph.Not(none), graph.Div(a, graph.Where(none, graph.ScalarLike(b, 1), b)));
    }

    /// <summary>Values side by side along a new second axis.</summary>
    public static Value Stack(this GraphBuilder graph, IEnumerable<Value> values) => graph.Concat(1, [.. values.Select(v => graph.Unsqueeze(v, 1))]);

    /// <summary>x with axes of length one before an axis (of x) until it has <paramref name="rank"/>.</summary>
    public static Value Spread(this GraphBuilder graph, Value x, int at, int rank) =>
        x.Rank == rank ? x : graph.Unsqueeze(x, [.. Enumerable.Range(at, rank - x.Rank).Select(d => (long)d)]);

    /// <summary>x repeated to the shape of another value.</summary>
    public static Value RepeatedLike(this GraphBuilder graph, Value x, Value like) =>
        like.Shape is { } shape ? graph.Assume(graph.ExpandLike(x, like), shape) : graph.ExpandLike(x, like);

    /// <summary>A linear map along one axis: y_j = Σᵢ xᵢ mᵢⱼ.</summary>
    public static Value Along(this GraphBuilder graph, Value x, int axis, NdArray matrix)
    {
        Value m = graph.Constant(matrix);
        if (axis == x.Rank - 1) return graph.MatMul(x, m);
        int[] swap = [.. Enumerable.Range(0, x.Rank)];
        (swap[axis], swap[^1]) = (swap[^1], swap[axis]);
        return graph.Transpose(graph.MatMul(graph.Transpose(x, swap), m), swap);
    }

    /// <summary>The matrix of a linear map of vectors of n elements: row i is what becomes of the i-th unit vector.</summary>
    public static NdArray MatrixOf(int n, Func<float[], float[]> map)
    {
        float[][] rows = [.. Enumerable.Range(0, n).Select(i =>
        {
            var unit = new float[n];
            unit[i] = 1;
            return map(unit);
        })];
        return new NdArray(rows.SelectMany(r => r).ToArray(), n, rows[0].Length);
    }
}
