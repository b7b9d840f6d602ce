using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>Complete multipliers for softmax, taken apart as y = e^z with z = x − L and L = ln Σ e^x.</summary>
/// <remarks>
/// With λ(a, b) = (e^a − e^b)/(a − b): Δyᵢ = λ(zᵢ, zᵢ')·(Δxᵢ − ΔL), and ΔL = Σⱼ wⱼ·Δxⱼ with wⱼ = λ(xⱼ, xⱼ')/λ(L, L'), because
/// Σⱼ λ(xⱼ, xⱼ')·Δxⱼ = Δ Σ e^x = λ(L, L')·ΔL. Each row is its own; nothing depends on the rest of the batch.
/// </remarks>
internal static class SoftmaxMultipliers
{
    public static Value?[] OfSoftmax(Backward b, int axis)
    {
        var (l, reference) = LogSums(b, axis);
        GraphBuilder g = b.Graph;
        Value z = g.Sub(b.Input, l), before = g.Sub(b.Reference(b.Input), reference);
        return Centred(b, g.Mul(b.Upstream, ExpSlope(g, z, before)), l, reference, axis);
    }

    public static Value?[] OfLogSoftmax(Backward b, int axis)
    {
        var (l, reference) = LogSums(b, axis);
        return Centred(b, b.Upstream, l, reference, axis);
    }

    /// <summary>What arrives at z = x − L, sent on to x.</summary>
    private static Value?[] Centred(Backward b, Value arriving, Value l, Value reference, int axis)
    {
        GraphBuilder g = b.Graph;
        Value top = g.Max(l, reference); // scales both exponentials alike, so that neither overflows
        Value weights = g.Div(ExpSlope(g, g.Sub(b.Input, top), g.Sub(b.Reference(b.Input), top)), ExpSlope(g, g.Sub(l, top), g.Sub(reference, top)));
        return [g.Sub(arriving, g.Mul(weights, g.ReduceSum(arriving, [axis])))];
    }

    private static (Value Here, Value Reference) LogSums(Backward b, int axis) => (LogSum(b.Graph, b.Input, axis), LogSum(b.Graph, b.Reference(b.Input), axis));

    private static Value LogSum(GraphBuilder g, Value x, int axis)
    {
        Value top = g.ReduceMax(x, [axis]);
        return g.Add(top, g.Log(g.ReduceSum(g.Exp(g.Sub(x, top)), [axis])));
    }

    /// <summary>(e^a − e^b)/(a − b); where a and b are close, by Simpson's rule, which loses no digits.</summary>
    private static Value ExpSlope(GraphBuilder g, Value a, Value b)
    {
        Value change = g.Sub(a, b), near = g.Less(g.Abs(change), g.ScalarLike(a, 0.1f));
        Value ends = g.Add(g.Exp(a), g.Exp(b)), middle = g.Exp(g.Scale(g.Add(a, b), 0.5f));
        Value simpson = g.Scale(g.Add(ends, g.Scale(middle, 4)), 1f / 6);
        return g.Where(near, simpson, g.Div(g.Sub(g.Exp(a), g.Exp(b)), g.Where(near, g.ScalarLike(a, 1), change)));
    }
}
