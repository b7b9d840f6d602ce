using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Compilation;

/// <summary>The strongest pattern that maps share, in a graph; the counterpart of <see cref="EigenMap"/>.</summary>
/// <remarks>
/// ONNX has no singular value decomposition. The first eigenvector of the smaller Gram matrix G is found by squaring: G^(2ᵏ), divided by its trace
/// at each step, tends to v₁v₁ᵀ, of which a column is v₁. k = 16 is enough for eigenvalues that differ by a thousandth; where they are equal
/// the direction is as arbitrary as that of any decomposition. Two steps with G itself take off what squaring in single precision leaves.
/// </remarks>
internal static class EigenGraph
{
    private const int Squarings = 16, Refinements = 2;

    /// <summary>For each row M · v₁, with M the matrix [positions, channels] of the maps: [rows, positions].</summary>
    public static Value Of(FeatureGraph layer, Value maps, bool center)
    {
        GraphBuilder graph = layer.Graph;
        if (center) maps = graph.Sub(maps, layer.Mean(maps));
        Value turned = graph.Transpose(maps, 0, 2, 1);
        bool byPosition = layer.Positions <= layer.Channels;
        Value v = Dominant(graph, byPosition ? graph.MatMul(turned, maps) : graph.MatMul(maps, turned), byPosition ? layer.Positions : layer.Channels);
        // With u the first left singular vector, M v₁ = σ₁ u = M Mᵀ u / ‖Mᵀ u‖.
        if (byPosition) v = Unit(graph, graph.MatMul(maps, v));
        return Signed(graph, graph.Squeeze(graph.MatMul(turned, v), 2), graph.ReduceSum(maps, [1], keepDims: false));
    }

    /// <summary>The unit eigenvector of the largest eigenvalue: [rows, size, 1].</summary>
    private static Value Dominant(GraphBuilder graph, Value gram, int size)
    {
        NdArray eye = NdArray.Create(ElementType.Float, 1, size, size);
        for (int i = 0; i < size; i++) eye.Floats[i * size + i] = 1;
        Value identity = graph.Constant(eye);
        Value Diagonal(Value matrix) => graph.ReduceSum(graph.Mul(matrix, identity), [2]);
        Value Scaled(Value matrix) => graph.Share(matrix, graph.ReduceSum(Diagonal(matrix), [1]));

        Value start = Scaled(gram), power = start;
        for (int k = 0; k < Squarings; k++) power = Scaled(graph.MatMul(power, power));
        // The column with the largest element on the diagonal is the longest.
        Value longest = graph.ArgMax(Diagonal(power), 1);
        Value vector = Unit(graph, graph.MatMul(power, graph.Cast(graph.Equal(longest, graph.Constant(new NdArray([.. Enumerable.Range(0, size).Select(i => (long)i)], 1, size, 1))), ElementType.Float)));
        for (int k = 0; k < Refinements; k++) vector = Unit(graph, graph.MatMul(start, vector));
        return vector;
    }

    private static Value Unit(GraphBuilder graph, Value vector) => graph.Share(vector, graph.Sqrt(graph.ReduceSum(graph.Mul(vector, vector), [1])));

    /// <summary>The sign in which the map agrees with the sum over channels; where that decides nothing, in which its largest element is positive.</summary>
    private static Value Signed(GraphBuilder graph, Value map, Value sums)
    {
        Value products = graph.Mul(map, sums), agreement = graph.ReduceSum(products, [1]);
        Value decides = graph.Greater(graph.Abs(agreement), graph.Scale(graph.ReduceSum(graph.Abs(products), [1]), 1e-6f)); // what single precision can tell from zero
        Value largest = graph.GatherElements(map, graph.ArgMax(graph.Abs(map), 1), 1);
        Value sign = graph.Where(graph.Less(graph.Where(decides, agreement, largest), graph.ScalarLike(map, 0)), graph.ScalarLike(map, -1), graph.ScalarLike(map, 1));
        return graph.Mul(map, sign);
    }
}
