using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>What is taken for samples outside of the input.</summary>
internal enum SamplePadding
{
    Zeros,
    Border,
    Reflection,
}

/// <summary>Along one axis, the samples that make up the value at each place, and how much of each: tensors [..., taps].</summary>
/// <param name="Index">Which samples, as integers inside of the axis.</param>
/// <param name="Weight">How much of each; differentiable in the place.</param>
internal sealed record Taps(Value Index, Value Weight)
{
    /// <param name="graph">Where the nodes are added.</param>
    /// <param name="at">The places [...], in samples from the middle of the first.</param>
    /// <param name="length">The length of the axis, as a vector of one integer.</param>
    /// <param name="mode">The interpolation.</param>
    /// <param name="padding">What lies outside.</param>
    /// <param name="corners">Whether the axis ends in the middle of its last sample, not at its edge: where it is reflected.</param>
    public static Taps Of(GraphBuilder graph, Value at, Value length, ResizeMode mode, SamplePadding padding, bool corners)
    {
        Value n = graph.Cast(length, at.Type), zero = graph.ScalarLike(at, 0), last = graph.Sub(n, graph.ScalarLike(at, 1));
        if (mode == ResizeMode.Nearest) at = graph.Round(at); // halves to the even one, as PyTorch
        Value low = graph.ScalarLike(at, corners ? 0 : -0.5f), high = corners ? last : graph.Sub(n, graph.ScalarLike(at, 0.5f));
        if (padding != SamplePadding.Zeros)
        {
            Value outside = graph.Or(graph.Less(at, low), graph.Greater(at, high));
            at = graph.Where(outside, padding == SamplePadding.Border ? Within(at) : Reflected(at), at);
        }
        Value floor = mode == ResizeMode.Nearest ? at : graph.Floor(at), t = graph.Sub(at, floor);
        Value[] weights = mode switch
        {
            ResizeMode.Nearest => [graph.Filled(at, 1)],
            ResizeMode.Linear => [graph.Sub(graph.ScalarLike(t, 1), t), t],
            _ => [Far(graph.Add(t, One())), Near(t), Near(graph.Sub(One(), t)), Far(graph.Sub(Two(), t))],
        };
        if (mode == ResizeMode.Nearest && weights[0].Type != at.Type) weights[0] = graph.Cast(weights[0], at.Type);
        float[] steps = mode switch { ResizeMode.Nearest => [0], ResizeMode.Linear => [0, 1], _ => [-1, 0, 1, 2] };
        int axis = at.Rank;
        Value places = graph.Add(graph.Unsqueeze(floor, axis), graph.Constant(NdArray.Vector(steps).As(at.Type)));
        Value weight = weights.Length == 1 ? graph.Unsqueeze(weights[0], axis) : graph.Concat(axis, [.. weights.Select(w => graph.Unsqueeze(w, axis))]);
        if (padding == SamplePadding.Reflection) places = Reflected(places);
        if (padding == SamplePadding.Zeros)
            weight = graph.WhereOrZero(graph.And(graph.GreaterOrEqual(places, zero), graph.LessOrEqual(places, last)), weight);
        return new Taps(graph.Cast(Within(places), ElementType.Int64), weight);

        Value Within(Value x) => graph.Min(graph.Max(x, zero), last);
        Value One() => graph.ScalarLike(at, 1);
        Value Two() => graph.ScalarLike(at, 2);

        Value Reflected(Value x)
        {
            Value range = graph.Max(graph.Sub(high, low), One());
            Value distance = graph.Abs(graph.Sub(x, low)), times = graph.Floor(graph.Div(distance, range)), rest = graph.Sub(distance, graph.Mul(times, range));
            Value odd = graph.Greater(graph.Sub(times, graph.Mul(graph.Floor(graph.Div(times, Two())), Two())), graph.ScalarLike(at, 0.5f));
            return graph.Where(odd, graph.Sub(high, rest), graph.Add(low, rest));
        }

        // The two pieces of the kernel of Keys, 1981, with a = -0.75.
        Value Near(Value x) => graph.Add(graph.Mul(graph.Mul(graph.Sub(graph.Scale(x, 1.25f), graph.ScalarLike(x, 2.25f)), x), x), One());
        Value Far(Value x) => graph.Add(graph.Mul(graph.Add(graph.Mul(graph.Add(graph.Scale(x, -0.75f), graph.ScalarLike(x, 3.75f)), x), graph.ScalarLike(x, -6)), x), graph.ScalarLike(x, 3));
    }

    /// <summary>Samples of a grid of axes at places [N, P], one of <paramref name="axes"/> after the other: x [N, C, axes...] gives [N, C, P].</summary>
    public static Value Sample(GraphBuilder graph, Value x, Taps[] axes)
    {
        Value index = axes[0].Index, weight = axes[0].Weight; // [N, P, taps so far]
        for (int a = 1; a < axes.Length; a++)
        {
            Value row = graph.Unsqueeze(graph.Mul(index, graph.DimOf(x, 2 + a)), 3);
            index = graph.Flatten3(graph.Add(row, graph.Unsqueeze(axes[a].Index, 2)));
            weight = graph.Flatten3(graph.Mul(graph.Unsqueeze(weight, 3), graph.Unsqueeze(axes[a].Weight, 2)));
        }
        return graph.Op(new WeightedGather(), graph.Rows(x), index, weight);
    }
}

internal static class SamplingShapes
{
    /// <summary>[N, P, a, b] as [N, P, a · b].</summary>
    public static Value Flatten3(this GraphBuilder graph, Value x) =>
        graph.ReshapeExactly(x, graph.Concat(0, graph.DimOf(x, 0), graph.DimOf(x, 1), graph.Mul(graph.DimOf(x, 2), graph.DimOf(x, 3))));

    /// <summary>[N, C, ...] as [N, C, positions].</summary>
    public static Value Rows(this GraphBuilder graph, Value x)
    {
        if (x.Rank == 3) return x;
        Value length = graph.DimOf(x, 2);
        for (int d = 3; d < x.Rank; d++) length = graph.Mul(length, graph.DimOf(x, d));
        return graph.ReshapeExactly(x, graph.Concat(0, graph.DimOf(x, 0), graph.DimOf(x, 1), length));
    }
}
