using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>RoiAlign</c> of ONNX 10, 16 and 22: regions of feature maps, resampled to one size. He et al.: Mask R-CNN, 2017. Rewritten as <see cref="WeightedGather"/>.
/// </summary>
/// <remarks>
/// The gradient goes to the feature maps and, in the mode avg and max alike, to the corners of the regions. sampling_ratio 0 takes ⌈region / output⌉ samples an
/// axis, which are counted anew for each region. The mode max is the largest weighted neighbour of any sample, as ONNX Runtime and the reference have it.
/// Before version 16 there is no shift by half a pixel.
/// </remarks>
public static class RoiAlignOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("RoiAlign", Import, since: 10)];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, NodeAttributes attributes) = (import.Graph, import.Attributes);
        Value x = import.Input(0), rois = graph.Cast(import.Input(1), x.Type), batch = graph.Cast(import.Input(2), ElementType.Int64);
        if (x.Rank != 4) throw new InvalidModelException($"feature maps [N, C, H, W] are expected, and their shape is {x.Shape}.");
        long height = attributes.Int("output_height", 1), width = attributes.Int("output_width", 1), ratio = attributes.Int("sampling_ratio", 0);
        float scale = attributes.Float("spatial_scale", 1);
        string mode = attributes.String("mode", "avg"), coordinates = attributes.String("coordinate_transformation_mode", import.Opset < 16 ? "output_half_pixel" : "half_pixel");
        if (mode is not ("avg" or "max")) throw import.Unsupported($"mode '{mode}' is not known; avg and max are.");
        if (coordinates is not ("half_pixel" or "output_half_pixel")) throw import.Unsupported($"coordinate_transformation_mode '{coordinates}' is not known; half_pixel and output_half_pixel are.");
        bool half = coordinates == "half_pixel";

        RoiAxis rows = RoiAxis.Of(graph, rois, 1, graph.DimOf(x, 2), height, ratio, scale, half, mean: mode == "avg"), columns = RoiAxis.Of(graph, rois, 0, graph.DimOf(x, 3), width, ratio, scale, half, mean: mode == "avg");
        // Of every region and output: rows' taps by columns' taps.
        Value first = graph.Mul(graph.Unsqueeze(batch, 1, 2, 3, 4), graph.DimOf(x, 2));
        Value index = graph.Add(graph.Mul(graph.Add(first, graph.Unsqueeze(rows.Index, 2, 4)), graph.DimOf(x, 3)), graph.Unsqueeze(columns.Index, 1, 3)); // [R, PH, PW, a, b]
        Value weight = graph.Mul(graph.Unsqueeze(rows.Weight, 2, 4), graph.Unsqueeze(columns.Weight, 1, 3));
        Value regions = graph.DimOf(rois, 0), channels = graph.DimOf(x, 1);
        Value flat = graph.Concat(0, graph.Integers(1), graph.Mul(regions, graph.Integers(height * width)), graph.Mul(graph.DimOf(index, 3), graph.DimOf(index, 4)));
        (index, weight) = (graph.ReshapeExactly(index, flat), graph.ReshapeExactly(weight, flat));
        Value maps = graph.Rows(graph.Transpose(graph.Unsqueeze(x, 0), 0, 2, 1, 3, 4)); // [1, C, N · H · W]
        Value y;
        if (mode == "avg") y = graph.Op(new WeightedGather(), maps, index, weight);
        else
        {
            Value counts = graph.And(graph.Unsqueeze(rows.Counts, 2, 4), graph.Unsqueeze(columns.Counts, 1, 3));
            Value products = graph.Mul(graph.Squeeze(WeightedGather.Gathered(graph, maps, index), 0), weight); // [C, places, taps]
            Value none = graph.ScalarLike(products, float.NegativeInfinity);
            y = graph.ReduceMax(graph.Where(graph.ReshapeExactly(counts, flat), products, none), [2], keepDims: false);
            y = graph.WhereOrZero(graph.Greater(y, none), y); // a region without samples
        }
        Value spread = graph.ReshapeExactly(y, graph.Concat(0, channels, regions, graph.Integers(height, width)));
        return import.Emit(new Transpose { Permutation = [1, 0, 2, 3] }, spread);
    }

    /// <summary>The taps of the samples of each output along one axis: [R, outputs, samples · 2].</summary>
    private sealed record RoiAxis(Value Index, Value Weight, Value Counts)
    {
        public static RoiAxis Of(GraphBuilder graph, Value rois, int corner, Value length, long outputs, long ratio, float scale, bool half, bool mean)
        {
            Value begin = Corner(corner), end = Corner(corner + 2), one = graph.ScalarLike(rois, 1);
            Value size = graph.Sub(end, begin);
            if (!half) size = graph.Max(size, one);
            Value bin = graph.Scale(size, 1f / outputs); // [R, 1]
            Value grid = ratio > 0 ? graph.ScalarLike(rois, ratio) : graph.Ceil(bin); // samples of an output
            Value samples = ratio > 0 ? graph.Integers(ratio) : graph.Cast(graph.Max(graph.ReduceMax(graph.Concat(0, grid, graph.Constant(new NdArray([1f], 1, 1).As(rois.Type))), [0, 1], keepDims: false), one), ElementType.Int64);
            if (ratio <= 0) samples = graph.Reshape(samples, 1);
            Value i = graph.Cast(graph.CountTo(samples), rois.Type), o = graph.Unsqueeze(graph.Cast(graph.CountTo(graph.Integers(outputs)), rois.Type), 1);
            Value divisor = graph.Max(grid, one);
            if (ratio <= 0) (grid, divisor) = (graph.Unsqueeze(grid, 2), graph.Unsqueeze(divisor, 2));
            (begin, bin) = (graph.Unsqueeze(begin, 2), graph.Unsqueeze(bin, 2)); // [R, 1, 1]
            Value within = graph.Div(graph.Add(i, graph.ScalarLike(i, 0.5f)), divisor);
            Value at = graph.Add(begin, graph.Mul(graph.Add(o, within), bin)); // [R, outputs, samples]
            Value n = graph.Cast(length, rois.Type);
            Value inside = graph.And(graph.GreaterOrEqual(at, graph.ScalarLike(at, -1)), graph.LessOrEqual(at, n));
            Value counted = graph.Less(graph.Add(i, graph.Scale(at, 0)), grid);
            Value clamped = graph.Min(graph.Max(at, graph.ScalarLike(at, 0)), graph.Sub(n, one));
            Taps taps = Taps.Of(graph, clamped, length, ResizeMode.Linear, SamplePadding.Border, corners: true);
            Value weight = graph.WhereOrZero(graph.Unsqueeze(graph.And(inside, counted), 3), taps.Weight);
            if (mean) weight = graph.Div(weight, graph.Unsqueeze(divisor, ratio > 0 ? [0] : [3]));
            Value both = graph.Expand(graph.Unsqueeze(counted, 3), graph.ShapeOf(taps.Index));
            return new RoiAxis(graph.Flatten3(taps.Index), graph.Flatten3(weight), graph.Flatten3(both));

            Value Corner(int k)
            {
                Value c = graph.Scale(graph.Slice(rois, [k], [k + 1], [1]), scale);
                return half ? graph.Sub(c, graph.ScalarLike(c, 0.5f)) : c;
            }
        }
    }
}
