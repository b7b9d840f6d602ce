using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>
/// Rewritten as moves of elements: <c>CenterCropPad</c> (ONNX 18), <c>ReverseSequence</c> (10), <c>Col2Im</c> (18), <c>MaxUnpool</c> (9, 11, 22); and
/// <c>CumProd</c> (26) as products.
/// </summary>
public static class RearrangingOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("CenterCropPad", ImportCenterCropPad, since: 18),
        OperatorDefinition.Of("ReverseSequence", ImportReverse, since: 10),
        OperatorDefinition.Of("Col2Im", ImportCol2Im, since: 18, notes: "One to three spatial axes."),
        OperatorDefinition.Of("MaxUnpool", ImportUnpool, since: 9),
        OperatorDefinition.Of("CumProd", ImportCumProd, since: 26),
    ];

    /// <summary>The middle of each axis, or the axis with zeros around; where the difference is odd there is one more at the end.</summary>
    private static IReadOnlyList<Value> ImportCenterCropPad(OperatorImport import)
    {
        (GraphBuilder graph, Value x) = (import.Graph, import.Input(0));
        Value wanted = graph.Cast(import.Input(1), ElementType.Int64);
        long[] axes = [.. (import.Attributes.Ints("axes") ?? [.. Enumerable.Range(0, x.Rank).Select(d => (long)d)]).Select(a => (long)Shape.Axis(a, x.Rank))];
        Value zero = graph.Integers(0), two = graph.Integers(2);
        Value lengths = graph.Gather(graph.ShapeOf(x), graph.Integers(axes));
        Value start = graph.Div(graph.Max(graph.Sub(lengths, wanted), zero), two), kept = graph.Min(lengths, wanted);
        Value cropped = graph.Slice(x, start, graph.Add(start, kept), graph.Integers(axes));
        Value missing = graph.Max(graph.Sub(wanted, lengths), zero), before = graph.Div(missing, two);
        Value none = graph.Integers(new long[2 * x.Rank]);
        Value places = graph.Integers([.. axes, .. axes.Select(a => a + x.Rank)]);
        Value pads = graph.ScatterElements(none, places, graph.Concat(0, before, graph.Sub(missing, before)));
        return import.Emit(new Pad(), cropped, pads);
    }

    /// <summary>The first elements of each row, as many as its length says, in the opposite order.</summary>
    private static IReadOnlyList<Value> ImportReverse(OperatorImport import)
    {
        (GraphBuilder graph, Value x) = (import.Graph, import.Input(0));
        int rows = (int)import.Attributes.Int("batch_axis", 1), steps = (int)import.Attributes.Int("time_axis", 0);
        if (rows == steps || rows is not (0 or 1) || steps is not (0 or 1)) throw new InvalidModelException($"batch_axis is {rows} and time_axis {steps}; one must be 0, the other 1.");
        int[] swap = [1, 0, .. Enumerable.Range(2, x.Rank - 2)];
        if (rows == 1) x = graph.Transpose(x, swap);
        Value count = graph.DimOf(x, 0), length = graph.DimOf(x, 1), rest = graph.Op(new ShapeOf { Start = 2 }, x);
        Value ends = graph.Unsqueeze(import.Input(1), 1), step = graph.CountTo(length);
        Value from = graph.Where(graph.Less(step, ends), graph.Sub(graph.Sub(ends, graph.Integers(1)), step), step); // [rows, steps]
        Value index = graph.Reshape(graph.Add(from, graph.Unsqueeze(graph.Mul(graph.CountTo(count), length), 1)), -1);
        Value lines = graph.ReshapeExactly(x, graph.Concat(0, graph.Mul(count, length), rest));
        Value y = graph.ReshapeExactly(graph.Gather(lines, index), graph.ShapeOf(x));
        return import.EmitAs(rows == 1 ? graph.Transpose(y, swap) : y);
    }

    /// <summary>Blocks added at their places: a transposed convolution whose kernel puts each element of a block where it belongs.</summary>
    private static IReadOnlyList<Value> ImportCol2Im(OperatorImport import)
    {
        (GraphBuilder graph, Value x, Value image) = (import.Graph, import.Input(0), import.Input(1));
        Value block = import.Input(2);
        if (block.Shape is not { Rank: 1 } lengths || !lengths[0].IsKnown) throw import.Unsupported("how many numbers block_shape has is not known before the model runs.");
        int axes = lengths[0].Value;
        long[] ones = [.. Enumerable.Repeat(1L, axes)], strides = import.Attributes.Ints("strides") ?? ones, dilations = import.Attributes.Ints("dilations") ?? ones, pads = import.Attributes.Ints("pads") ?? new long[2 * axes];
        if (strides.Length != axes || dilations.Length != axes || pads.Length != 2 * axes) throw new InvalidModelException($"strides, dilations and pads do not go with {axes} axes.");
        Value begin = graph.Integers(pads[..axes]), one = graph.Integers(ones), size = graph.Op(new ReduceProd(), block);
        Value extent = graph.Add(graph.Mul(graph.Sub(block, one), graph.Integers(dilations)), one);
        Value blocks = graph.Add(graph.Div(graph.Sub(graph.Add(image, graph.Integers([.. Enumerable.Range(0, axes).Select(a => pads[a] + pads[axes + a])])), extent), graph.Integers(strides)), one);
        Value channels = graph.Div(graph.DimOf(x, 1), size);
        Value columns = graph.ReshapeExactly(x, graph.Concat(0, graph.Mul(graph.DimOf(x, 0), channels), size, blocks));
        Value unit = graph.Op(new EyeLike { Type = x.Type }, graph.Op(new ConstantOfShape(NdArray.Vector(0f)), graph.Concat(0, size, size)));
        Value placing = graph.ReshapeExactly(unit, graph.Concat(0, size, graph.Integers(1), block));
        Value full = graph.ConvTranspose(columns, placing, window: new SlidingWindow { Strides = strides, Dilations = dilations });
        Value after = graph.Sub(graph.Add(image, begin), graph.Op(new ShapeOf { Start = 2 }, full)), none = graph.Integers(0, 0);
        Value cut = graph.Pad(full, graph.Concat(0, none, graph.Neg(begin), none, after));
        return import.Emit(new Reshape { AllowZero = true }, cut, graph.Concat(0, graph.DimOf(x, 0), channels, image));
    }

    /// <summary>Elements written back where a MaxPool found them, zeros elsewhere.</summary>
    private static IReadOnlyList<Value> ImportUnpool(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes, Value x) = (import.Graph, import.Attributes, import.Input(0));
        long[] kernel = attributes.Ints("kernel_shape") ?? throw new InvalidModelException("kernel_shape is missing.");
        int axes = kernel.Length;
        long[] strides = attributes.Ints("strides") ?? [.. kernel.Select(_ => 1L)], pads = attributes.Ints("pads") ?? new long[2 * axes];
        Value pooled = graph.Op(new ShapeOf { Start = 2 }, x), outer = graph.Op(new ShapeOf { End = 2 }, x);
        Value rest = graph.Integers([.. kernel.Select((k, a) => k - strides[a] - pads[a] - pads[axes + a])]);
        Value inferred = graph.Concat(0, outer, graph.Add(graph.Mul(pooled, graph.Integers(strides)), rest));
        Value y = graph.ReshapeExactly(graph.ScatterElements(graph.Reshape(graph.Op(new ConstantOfShape(NdArray.Vector(0f).As(x.Type)), inferred), -1),
            graph.Reshape(import.Input(1), -1), graph.Reshape(x, -1)), inferred);
        if (!import.Has(2)) return import.EmitAs(y);
        return import.Emit(new Pad(), y, graph.Concat(0, graph.Integers(new long[axes + 2]), graph.Sub(import.Input(2), inferred)));
    }

    /// <summary>Running products, along an axis that may arrive while the model runs.</summary>
    private static IReadOnlyList<Value> ImportCumProd(OperatorImport import)
    {
        (GraphBuilder graph, Value x) = (import.Graph, import.Input(0));
        bool exclusive = import.Attributes.Flag("exclusive", false), reverse = import.Attributes.Flag("reverse", false);
        Value axis = graph.Position(import.Input(1), x.Rank, x.Rank);
        return import.EmitAs(graph.ConstantOf(axis) is { } known ? RunningProduct(graph, x, (int)known.Integers[0], exclusive, reverse)
            : graph.Choose(axis, x.Rank, [x], (g, taken, d) => RunningProduct(g, taken[0], d, exclusive, reverse)));
    }

    /// <summary>
    /// Where the length is known each element is multiplied by the one 1, 2, 4, ... before it; else step by step. Nothing is divided by, so
    /// that gradients are right at zeros, too.
    /// </summary>
    private static Value RunningProduct(GraphBuilder graph, Value x, int axis, bool exclusive, bool reverse)
    {
        Value one = graph.Constant(x.Type.IsInteger() ? NdArray.Scalar(1L).As(x.Type) : NdArray.Scalar(1f).As(x.Type));
        if (x.Shape![axis] == 0) return x;
        Value y = exclusive ? Shifted(x, 1) : x;
        if (x.Shape[axis].IsKnown)
        {
            for (long step = 1; step < x.Shape[axis].Value; step *= 2) y = graph.Mul(y, Shifted(y, step));
            return y;
        }
        var builder = new GraphBuilder("step");
        Shape slice = Shape.Of([.. x.Shape.Where((_, d) => d != axis)]);
        Value state = builder.Input("state", x.Type, slice), factor = builder.Input("slice", x.Type, slice), product = builder.Mul(state, factor);
        builder.Output(product);
        builder.Output(builder.Identity(product));
        Value begin = graph.Expand(one, graph.ShapeOf(graph.Gather(y, graph.Constant(NdArray.Scalar(0L)), axis)));
        Value scanned = graph.Scan(builder.Build(), [begin], [y], [axis], [reverse], [])[1];
        if (reverse) scanned = graph.Slice(scanned, [-1], [long.MinValue], [0], [-1]);
        return graph.Transpose(scanned, [.. Enumerable.Range(1, axis), 0, .. Enumerable.Range(axis + 1, x.Rank - axis - 1)]);

        // Each element takes the one a few places before it, and the first few take 1.
        Value Shifted(Value v, long by)
        {
            var pads = new long[2 * x.Rank];
            pads[reverse ? axis : x.Rank + axis] = -by;
            pads[reverse ? x.Rank + axis : axis] = by;
            return graph.Pad(v, graph.Integers(pads), PadMode.Constant, one);
        }
    }
}
