using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Operators whose result is as large as the data say: <c>NonZero</c>, <c>Compress</c>; and rewritings of <c>Dropout</c>, <c>DepthToSpace</c>, <c>SpaceToDepth</c>.</summary>
public static class SelectionOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("NonZero", _ => new NonZero(), since: 9),
        OperatorDefinition.Of("Compress", ImportCompress, since: 9),
        OperatorDefinition.Of("Dropout", ImportDropout, since: 7, notes: "Nothing is dropped: inference, or a ratio of 0."),
        OperatorDefinition.Of("DepthToSpace", ImportDepthToSpace),
        OperatorDefinition.Of("SpaceToDepth", ImportSpaceToDepth),
    ];

    /// <summary>The indices of the elements that are not zero, a row an axis, a column an element.</summary>
    public static Value NonZero(this GraphBuilder graph, Value x) => graph.Op(new NonZero(), x);

    /// <summary>The slices along an axis (the elements, without one) whose condition holds: a Gather at the places that NonZero finds.</summary>
    private static IReadOnlyList<Value> ImportCompress(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value places = graph.Reshape(graph.NonZero(import.Input(1)), -1);
        if (import.Attributes.Has("axis")) return import.Emit(new Gather { Axis = import.Attributes.Int("axis", 0) }, import.Input(0), places);
        return import.Emit(new Gather(), graph.Reshape(import.Input(0), -1), places);
    }

    /// <summary>At inference nothing is dropped, nor in training with a ratio of 0; the mask, where it is used, is all true (all ones before version 10).</summary>
    private static IReadOnlyList<Value> ImportDropout(OperatorImport import)
    {
        import.Attributes.Ignore("ratio");
        import.Attributes.Ignore("seed");
        // torchvision's Swin transformer is exported with training set and nothing to drop
        bool keepsAll = import.Has(1) && import.Graph.ConstantOf(import.Input(1)) is { Length: 1 } ratio && ratio.Type.IsFloating() && ratio.Floats[0] == 0;
        if (import.Has(2) && !keepsAll)
        {
            if (import.Graph.ConstantOf(import.Input(2)) is not { Type: ElementType.Bool, Length: 1 } trains)
                throw import.Unsupported("whether Dropout trains is decided while the model runs. Export the model for inference (in PyTorch: model.eval()).");
            if (trains.Booleans[0])
                throw import.Unsupported("training_mode is set, and its random mask cannot be explained. Export the model for inference (in PyTorch: model.eval()).");
        }
        Value x = import.Input(0);
        Value y = import.Graph.Node(new Identity(), [x], name: import.Node, outputNames: [.. import.OutputNames.Take(1)])[0];
        if (import.OutputNames.Count < 2) return [y];
        NdArray one = import.Opset < 10 ? NdArray.Vector(1f) : new NdArray([true], 1);
        return [y, import.Graph.Node(new ConstantOfShape(one), [import.Graph.ShapeOf(x)], outputNames: [import.OutputNames[1]])[0]];
    }

    private static IReadOnlyList<Value> ImportDepthToSpace(OperatorImport import)
    {
        (GraphBuilder graph, Value x, long b) = (import.Graph, import.Input(0), BlockOf(import));
        Value batch = Dimension(graph, x, 0, 1), block = graph.Integers(b), blocks = graph.Integers(b, b), space = Dimension(graph, x, 2, 4);
        Value depth = graph.Div(Dimension(graph, x, 1, 2), graph.Integers(b * b));
        string mode = import.Attributes.String("mode", "DCR");
        (Value parts, int[] order) = mode switch
        {
            "DCR" => (graph.Concat(0, batch, block, block, depth, space), new[] { 0, 3, 4, 1, 5, 2 }),
            "CRD" => (graph.Concat(0, batch, depth, block, block, space), new[] { 0, 1, 4, 2, 5, 3 }),
            _ => throw import.Unsupported($"mode '{mode}' is not known; DCR and CRD are."),
        };
        Value moved = graph.Transpose(graph.ReshapeExactly(x, parts), order);
        return import.Emit(new Reshape { AllowZero = true }, moved, graph.Concat(0, batch, depth, graph.Mul(space, blocks)));
    }

    private static IReadOnlyList<Value> ImportSpaceToDepth(OperatorImport import)
    {
        (GraphBuilder graph, Value x, long b) = (import.Graph, import.Input(0), BlockOf(import));
        Value batch = Dimension(graph, x, 0, 1), depth = Dimension(graph, x, 1, 2), block = graph.Integers(b);
        Value height = graph.Div(Dimension(graph, x, 2, 3), block), width = graph.Div(Dimension(graph, x, 3, 4), block);
        Value moved = graph.Transpose(graph.ReshapeExactly(x, graph.Concat(0, batch, depth, height, block, width, block)), 0, 3, 5, 1, 2, 4);
        return import.Emit(new Reshape { AllowZero = true }, moved, graph.Concat(0, batch, graph.Mul(depth, graph.Integers(b * b)), height, width));
    }

    private static long BlockOf(OperatorImport import)
    {
        long block = import.Attributes.Int("blocksize", 0);
        if (block < 1) throw new InvalidModelException($"Node '{import.Node}' has blocksize {block}; it must be positive.");
        if (import.Input(0).Shape is { Rank: not 4 } shape) throw new ShapeMismatchException($"Node '{import.Node}' takes [batch, channels, height, width], and its input has the shape {shape}.");
        return block;
    }

    private static Value Dimension(GraphBuilder graph, Value x, int from, int to) => graph.Op(new ShapeOf { Start = from, End = to }, x);
}

/// <summary>The indices of the elements that are not zero (or are true): a matrix with a row for each axis and a column for each element, in row-major order.</summary>
/// <remarks>ONNX 9 to newest. NaN is not zero. A scalar counts as a vector of one. The result is as large as the data say.</remarks>
public sealed class NonZero : Operator
{
    public override string Name => "NonZero";

    public override void Infer(InferenceContext context)
    {
        Dim rank = context.ShapeOf(0) is { } shape ? Math.Max(1, shape.Rank) : Dim.Unknown;
        context.Output(0, ElementType.Int64, [rank, context.Constant(0) is { } x ? Places(x).Count : Dim.Unknown]);
    }

    public override void Execute(KernelContext context)
    {
        List<int> places = Places(context.Input(0));
        ReadOnlySpan<int> dims = context.Dims(0);
        Span<long> y = context.OutputIntegers();
        y.Clear();
        for (int k = 0; k < places.Count; k++)
        {
            int rest = places[k];
            for (int d = dims.Length - 1; d >= 0; d--)
            {
                (rest, int i) = Math.DivRem(rest, dims[d]);
                y[d * places.Count + k] = i;
            }
        }
    }

    private static List<int> Places(NdArray x)
    {
        List<int> places = [];
        for (int i = 0; i < x.Length; i++)
        {
            bool zero = x.Type.Storage() switch
            {
                Storage.Float => x.Floats[i] == 0,
                Storage.Integer => x.Integers[i] == 0,
                Storage.Boolean => !x.Booleans[i],
                _ => x.Strings[i].Length == 0,
            };
            if (!zero) places.Add(i);
        }
        return places;
    }
}
