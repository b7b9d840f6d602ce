using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Tensors with a border: <c>Pad</c>.</summary>
public static class PadOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Pad", Import, since: 2)];

    /// <summary><paramref name="x"/> with a border; the counts before every axis come first, then those after.</summary>
    public static Value Pad(this GraphBuilder graph, Value x, long[] pads, PadMode mode = PadMode.Constant, float value = 0) =>
        graph.Op(new Pad { Mode = mode }, x, graph.Integers(pads), value == 0 ? null : graph.Constant(value));

    /// <inheritdoc cref="Pad(GraphBuilder, Value, long[], PadMode, float)"/>
    public static Value Pad(this GraphBuilder graph, Value x, Value pads, PadMode mode = PadMode.Constant, Value? value = null) =>
        graph.Op(new Pad { Mode = mode }, x, pads, value);

    internal static string NameOf(PadMode mode) => mode.ToString().ToLowerInvariant();

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        string name = import.Attributes.String("mode", "constant");
        PadMode mode = name switch
        {
            "constant" => PadMode.Constant,
            "reflect" => PadMode.Reflect,
            "edge" => PadMode.Edge,
            "wrap" => PadMode.Wrap,
            _ => throw import.Unsupported($"padding mode '{name}' is not known; constant, reflect, edge and wrap are."),
        };
        GraphBuilder graph = import.Graph;
        if (import.Opset < 11)
        {
            long[] listed = import.Attributes.Ints("pads") ?? throw new InvalidModelException($"Node '{import.Node}' lacks the attribute 'pads'.");
            float value = import.Attributes.Float("value", 0);
            return import.Emit(new Pad { Mode = mode }, [import.Input(0), graph.Integers(listed), value == 0 ? null : graph.Constant(value)]);
        }
        Value pads = import.Input(1);
        if (import.Has(3)) pads = AllAxes(import, pads);
        return import.Emit(new Pad { Mode = mode }, [import.Input(0), pads, import.Has(2) ? import.Input(2) : null]);
    }

    /// <summary>Counts for some axes as counts for all: written over zeros, at places that negative axes may name as well.</summary>
    private static Value AllAxes(OperatorImport import, Value pads)
    {
        GraphBuilder graph = import.Graph;
        int rank = import.Input(0).Rank;
        long[] before = [.. Enumerable.Range(0, rank).Select(i => (long)i)], after = [.. before.Select(i => i + rank)];
        Value axes = import.Input(3);
        Value places = graph.Concat(0, graph.Gather(graph.Integers(before), axes), graph.Gather(graph.Integers(after), axes));
        return graph.ScatterElements(graph.Integers(new long[2 * rank]), places, pads);
    }
}

/// <summary>The input with a border. Inputs: x, the counts before every axis and then those after, [value].</summary>
/// <remarks>
/// ONNX 2 to newest (before 11 counts and value are attributes; axes are rewritten to counts for all). Negative counts crop. Modes:
/// constant (the value, default 0), reflect (mirrored about the outermost element; several times where the border is wider than the
/// tensor, as numpy does), edge (the outermost element), wrap (periodic).
/// </remarks>
public sealed class Pad : MovementOperator
{
    public PadMode Mode { get; init; }

    public override string Name => "Pad";

    public override int OpsetVersion => Mode == PadMode.Wrap ? 19 : 13;

    public override IEnumerable<OperatorAttribute> Attributes => [new("mode", PadOperators.NameOf(Mode))];

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (context.Integers(1) is not { } pads)
        {
            context.Output(0, context.TypeOf(0), shape is null ? null : Shape.OfRank(shape.Rank));
            return;
        }
        if (shape is not null && pads.Length != 2 * shape.Rank) throw context.Error($"{pads.Length} counts are given for an input of shape {shape}; two for each axis are expected.");
        if (shape is not null && shape.TryToArray(out int[]? dims))
            context.Output(0, context.TypeOf(0), Shape.Of(Slicing.PaddedDims(dims, Counts(pads))));
        else
            context.Output(0, context.TypeOf(0), shape is null ? Shape.OfRank(pads.Length / 2) : [.. shape.Select((d, i) => Padded(d, pads[i] + pads[shape.Rank + i]))]);
    }

    protected override void Move<T>(KernelContext context)
    {
        T value = context.Has(2) ? context.Input(2).Elements<T>()[0] : default;
        Slicing.Pad(context.Input(0).Elements<T>(), context.Dims(0), Counts(context.Integers(1)), Mode, value, context.Output(0).Elements<T>(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value dy = backward.Upstream, pads = backward.Inputs(1);
        var sent = new Value?[backward.Node.Inputs.Count];
        bool needsValue = backward.Has(2) && backward.Needs(2) && Mode == PadMode.Constant;
        if (backward.Needs(0) || needsValue)
            sent[0] = Mode == PadMode.Constant ? graph.Pad(dy, graph.Neg(pads)) : graph.Op(new PadGradient { Mode = Mode }, dy, graph.ShapeOf(backward.Input), pads);
        if (needsValue)
        {
            // What did not come from x came from the value.
            Value border = graph.Sub(Total(graph, dy), Total(graph, sent[0]!));
            sent[2] = graph.ReshapeLike(border, backward.Inputs(2));
        }
        return sent;
    }

    internal static int[] Counts(ReadOnlySpan<long> pads)
    {
        var counts = new int[pads.Length];
        for (int i = 0; i < counts.Length; i++) counts[i] = checked((int)pads[i]);
        return counts;
    }

    private static Value Total(GraphBuilder graph, Value x) => graph.ReduceSum(graph.Reshape(x, -1), [0]);

    private static Dim Padded(Dim dim, long count) => dim.IsKnown ? Dim.Of(dim.Value + count) : count == 0 ? dim : Dim.Unknown;
}

/// <summary>The adjoint of <see cref="Pad"/> in the modes that repeat elements: adds up what came from one place. Inputs: dy, shape of x, counts.</summary>
public sealed class PadGradient : Operator
{
    public PadMode Mode { get; init; }

    public override string Name => "PadGradient";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => [new("mode", PadOperators.NameOf(Mode))];

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), context.Listed(1));

    public override void Execute(KernelContext context)
    {
        context.OutputFloats().Clear();
        Slicing.AddPadded(context.Floats(0), Pad.Counts(context.Integers(2)), Mode, context.OutputFloats(), context.OutputDims());
    }

    public override Value?[] Gradient(Backward backward) => [backward.Graph.Pad(backward.Upstream, backward.Inputs(2), Mode), null, null];

    /// <summary>The numbers 0, 1, 2, ... in the shape of x, padded, say where each element of dy goes.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value shape = node.Inputs[1]!;
        return [graph.AddAtPlaces(node.Inputs[0]!, graph.Pad(graph.Places(shape), node.Inputs[2]!, Mode), shape)];
    }
}
