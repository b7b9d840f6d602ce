using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>MaxRoiPool</c> of ONNX 1 and 22: the largest element of each bin of each region. Girshick: Fast R-CNN, 2015. Rewritten as a loop over the regions in which
/// the columns of each bin are reduced, then the rows.
/// </summary>
/// <remarks>
/// Regions are (sample, x1, y1, x2, y2), rounded to whole elements, halves up, and both ends belong to them; bins overlap where they do not divide evenly. A bin outside of
/// the map is 0. The gradient goes to the largest elements, evenly where there are several; none goes to the regions.
/// </remarks>
public static class MaxRoiPoolOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("MaxRoiPool", Import)];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        (GraphBuilder graph, Value x, Value rois) = (import.Graph, import.Input(0), import.Input(1));
        long[] bins = import.Attributes.Ints("pooled_shape") ?? [];
        float scale = import.Attributes.Float("spatial_scale", 1);
        if (bins.Length != 2 || x.Rank != 4 || rois.Rank != 2) throw new InvalidModelException("feature maps [N, C, H, W], regions [R, 5] and a pooled_shape of two numbers are expected.");
        var body = new GraphBuilder($"{import.Node}.region");
        Value roi = body.Input("region", rois.Type, [5]), maps = body.Input("maps", x.Type, x.Shape);
        Value map = body.Gather(maps, body.Cast(Number(0), ElementType.Int64)); // [1, C, H, W]
        Value rows = Bins(2, 4, bins[0]), columns = Bins(3, 3, bins[1]); // [bins, length]
        Value y = Largest(body.Unsqueeze(map, 3), columns, 4); // [1, C, H, PW]
        y = Largest(body.Unsqueeze(body.Transpose(y, 0, 1, 3, 2), 2), body.Unsqueeze(rows, 1), 4); // [1, C, PH, PW]
        Value none = body.ScalarLike(y, float.NegativeInfinity);
        body.Output(body.Squeeze(body.WhereOrZero(body.Greater(y, none), y), 0));
        return import.EmitAs(graph.Scan(body.Build(), [], [rois], [0], [false], [x])[0]);

        Value Number(int at) => body.Slice(roi, [at], [at + 1], [0]);

        Value Whole(int at) => body.Floor(body.Add(body.Scale(Number(at), scale), body.ScalarLike(roi, 0.5f)));

        // Which elements of an axis belong to each bin.
        Value Bins(int axis, int end, long count)
        {
            Value first = Whole(end - 2), one = body.ScalarLike(roi, 1);
            Value size = body.Scale(body.Max(body.Add(body.Sub(Whole(end), first), one), one), 1f / count);
            Value bin = body.Unsqueeze(body.Cast(body.CountTo(body.Integers(count)), roi.Type), 1), at = body.Cast(body.CountTo(body.DimOf(maps, axis)), roi.Type);
            Value from = body.Add(body.Floor(body.Mul(bin, size)), first), to = body.Add(body.Ceil(body.Mul(body.Add(bin, one), size)), first);
            return body.And(body.GreaterOrEqual(at, from), body.Less(at, to));
        }

        Value Largest(Value v, Value belongs, int axis) => body.ReduceMax(body.Where(belongs, v, body.ScalarLike(v, float.NegativeInfinity)), [axis], keepDims: false);
    }
}
