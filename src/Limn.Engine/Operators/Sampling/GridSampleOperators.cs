using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>GridSample</c> (ONNX 16 and 20 to newest) and <c>AffineGrid</c> (20), rewritten as <see cref="WeightedGather"/> and a product.</summary>
/// <remarks>
/// The input may have any number of spatial axes; the grid holds places between −1 and 1, the last axis first. The gradient goes to input and grid
/// (the latter is zero for nearest). Places beyond the borders are clamped or reflected before the neighbours are taken, also in the mode cubic, as in ONNX
/// Runtime (PyTorch does so after); on a sample itself the slope is that to the next one. A place that is NaN or infinite lies outside: 0 with zeros; NaN and
/// infinity with reflection and NaN with border give NaN.
/// </remarks>
public static class GridSampleOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("GridSample", Import, since: 16),
        OperatorDefinition.Of("AffineGrid", ImportAffine, since: 20),
    ];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        Value x = import.Input(0), grid = import.Input(1);
        string mode = attributes.String("mode", "linear"), padding = attributes.String("padding_mode", "zeros");
        ResizeMode interpolation = mode switch
        {
            "linear" or "bilinear" => ResizeMode.Linear,
            "nearest" => ResizeMode.Nearest,
            "cubic" or "bicubic" => ResizeMode.Cubic,
            _ => throw import.Unsupported($"mode '{mode}' is not known; linear, nearest and cubic are."),
        };
        SamplePadding outside = padding switch
        {
            "zeros" => SamplePadding.Zeros,
            "border" => SamplePadding.Border,
            "reflection" => SamplePadding.Reflection,
            _ => throw import.Unsupported($"padding_mode '{padding}' is not known; zeros, border and reflection are."),
        };
        bool corners = attributes.Flag("align_corners", false);
        int axes = x.Rank - 2;
        if (axes < 1 || grid.Rank != x.Rank) throw new InvalidModelException($"an input of shape {x.Shape} and a grid of shape {grid.Shape} do not go together.");
        grid = graph.Cast(grid, x.Type);
        Value[] shape = [.. Enumerable.Range(1, axes).Select(d => graph.DimOf(grid, d))];
        Value places = shape.Aggregate((a, b) => graph.Mul(a, b));
        Value flat = graph.ReshapeExactly(grid, graph.Concat(0, graph.DimOf(grid, 0), places, graph.Integers(axes)));
        Taps[] taps = [.. Enumerable.Range(0, axes).Select(a =>
        {
            Value length = graph.DimOf(x, 2 + a), n = graph.Cast(length, x.Type);
            Value at = graph.Squeeze(graph.Slice(flat, [axes - 1 - a], [axes - a], [2]), 2);
            at = graph.Add(at, graph.ScalarLike(at, 1));
            at = corners ? graph.Mul(at, graph.Scale(graph.Sub(n, graph.ScalarLike(n, 1)), 0.5f)) : graph.Scale(graph.Sub(graph.Mul(at, n), graph.ScalarLike(n, 1)), 0.5f);
            return Taps.Of(graph, at, length, interpolation, outside, corners);
        })];
        Value y = Taps.Sample(graph, x, taps);
        return import.Emit(new Reshape { AllowZero = true }, y, graph.Concat(0, [graph.DimOf(x, 0), graph.DimOf(x, 1), .. shape]));
    }

    /// <summary>The places of a regular grid, turned and moved by a matrix [N, axes, axes + 1].</summary>
    private static IReadOnlyList<Value> ImportAffine(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value theta = import.Input(0), size = graph.Cast(import.Input(1), ElementType.Int64);
        bool corners = import.Attributes.Flag("align_corners", false);
        int axes = size.Shape is { Rank: 1 } length && length[0].IsKnown ? length[0].Value - 2
            : theta.Shape is { Rank: 3 } matrix && matrix[1].IsKnown ? matrix[1].Value : throw import.Unsupported("the number of axes is not known before the model runs.");
        Value spatial = graph.Slice(size, [2], [2 + axes], [0]), full = graph.Concat(0, spatial, graph.Integers(1));
        List<Value> columns = [];
        for (int a = axes - 1; a >= 0; a--) // the last axis first
        {
            Value n = graph.Slice(size, [2 + a], [3 + a], [0]), count = graph.Cast(n, theta.Type), one = graph.ScalarLike(theta, 1);
            Value i = graph.Cast(graph.CountTo(n), theta.Type), steps = graph.Sub(count, one);
            Value at = corners // an axis of one sample has it in the middle
                ? graph.Mul(graph.Sub(graph.Div(graph.Scale(i, 2), graph.Max(steps, one)), one), graph.Min(steps, one))
                : graph.Sub(graph.Div(graph.Add(graph.Scale(i, 2), one), count), one);
            long[] others = [.. Enumerable.Range(0, axes + 1).Where(d => d != a).Select(d => (long)d)];
            columns.Add(graph.Expand(graph.Unsqueeze(at, others), full));
        }
        columns.Add(graph.Op(new ConstantOfShape(NdArray.Vector(1f).As(theta.Type)), full));
        Value grid = graph.Reshape(graph.Concat(axes, [.. columns]), -1, axes + 1); // [positions, axes + 1]
        Value places = graph.MatMul(grid, theta, transA: false, transB: true);
        return import.Emit(new Reshape { AllowZero = true }, places, graph.Concat(0, graph.Slice(size, [0], [1], [0]), spatial, graph.Integers(axes)));
    }
}
