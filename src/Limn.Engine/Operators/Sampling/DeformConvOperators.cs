using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>DeformConv</c> of ONNX 19 to newest: a convolution whose taps lie where offsets say, times a mask. Dai et al.: Deformable Convolutional Networks, 2017;
/// Zhu et al.: version 2, 2018. Rewritten as interpolation (<see cref="WeightedGather"/>) and a product of matrices.
/// </summary>
/// <remarks>Linear interpolation; outside of the input there are zeros. The gradient goes to input, weights, offsets, bias and mask.</remarks>
public static class DeformConvOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("DeformConv", Import, since: 19, notes: "The weights' shape must be known.")];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        Value x = import.Input(0), w = import.Input(1), offset = import.Input(2);
        int axes = x.Rank - 2;
        if (w.Shape is null || !w.Shape.TryToArray(out int[]? weights)) throw import.Unsupported("the shape of the weights is not known before the model runs.");
        attributes.Ignore("kernel_shape"); // that of the weights
        long[] kernel = [.. weights[2..].Select(k => (long)k)];
        long[] strides = attributes.Ints("strides") ?? [.. kernel.Select(_ => 1L)], dilations = attributes.Ints("dilations") ?? [.. kernel.Select(_ => 1L)], pads = attributes.Ints("pads") ?? new long[2 * axes];
        long groups = attributes.Int("group", 1), offsetGroups = attributes.Int("offset_group", 1), taps = kernel.Aggregate(1L, (a, b) => a * b);
        if (kernel.Length != axes || strides.Length != axes || dilations.Length != axes || pads.Length != 2 * axes)
            throw new InvalidModelException($"weights of shape {w.Shape}, strides, dilations and pads do not go with {axes} spatial axes.");
        if (groups < 1 || weights[0] % groups != 0 || offsetGroups < 1) throw new InvalidModelException($"{weights[0]} output channels do not divide into {groups} groups.");

        // Each group of offsets has its samples and channels of its own.
        Value batch = graph.Mul(graph.DimOf(x, 0), graph.Integers(offsetGroups)), channels = graph.Integers(weights[1] * groups / offsetGroups);
        Value outputs = graph.Op(new ShapeOf { Start = 2 }, offset);
        Value spatial = graph.Op(new ShapeOf { Start = 2 }, x);
        Value parts = graph.ReshapeExactly(x, graph.Concat(0, batch, channels, spatial));
        Value moved = graph.ReshapeExactly(offset, graph.Concat(0, batch, graph.Integers([.. kernel, axes]), outputs));
        Taps[] samples = [.. Enumerable.Range(0, axes).Select(a =>
        {
            Value own = graph.Squeeze(graph.Slice(moved, [a], [a + 1], [1 + axes]), 1 + axes); // [batch, kernel..., outputs...]
            long[] tap = [.. Enumerable.Range(0, checked((int)kernel[a])).Select(k => k * dilations[a] - pads[a])];
            Value of = graph.Reshape(graph.Integers(tap), [.. Enumerable.Range(0, 2 * axes).Select(d => d == a ? kernel[a] : 1)]);
            Value steps = graph.Mul(graph.CountTo(graph.DimOf(offset, 2 + a)), graph.Integers(strides[a]));
            steps = graph.Reshape(steps, [.. Enumerable.Range(0, axes).Select(d => d == a ? -1L : 1)]);
            Value at = graph.Add(own, graph.Cast(graph.Add(of, steps), x.Type));
            return Taps.Of(graph, graph.Flatten(at, 1), graph.DimOf(x, 2 + a), ResizeMode.Linear, SamplePadding.Zeros, corners: true);
        })];
        Value columns = Taps.Sample(graph, parts, samples); // [batch, channels, taps · positions]
        if (import.Has(4)) columns = graph.Mul(columns, graph.ReshapeExactly(import.Input(4), graph.Concat(0, batch, graph.Integers(1), graph.DimOf(columns, 2))));

        Value matrix = graph.Reshape(w, groups, weights[0] / groups, weights[1] * taps);
        Value grouped = graph.Reshape(columns, graph.Concat(0, graph.DimOf(x, 0), graph.Integers(groups, weights[1] * taps, -1)));
        Value full = graph.Concat(0, graph.DimOf(x, 0), graph.Integers(weights[0]), outputs);
        Value y = graph.ReshapeExactly(graph.MatMul(matrix, grouped), full);
        if (import.Has(3)) y = graph.Add(y, graph.PerChannel(import.Input(3), x.Rank));
        return import.EmitAs(y);
    }
}
