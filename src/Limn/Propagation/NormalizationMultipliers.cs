using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>Complete multipliers for normalisations by a sample's own mean and variance.</summary>
/// <remarks>
/// Taken apart as c = x − mean(x), v = mean(c²), d = 1/√(v + ε), n = c·d, y = n·scale + bias: linear, quadratic, of one variable, a product,
/// linear. With Δd/Δv = −d²·d'²/(d + d'), which loses no digits.
/// </remarks>
internal static class NormalizationMultipliers
{
    public static Value?[] Send(Backward b)
    {
        if (b.Varies(1) || b.Varies(2) || b.Arrives(1) || b.Arrives(2)) return LocalPath.Send(b);
        GraphBuilder g = b.Graph;
        Value x = b.Input, scale = b.Inputs(1);
        var sent = new Value?[b.Node.Inputs.Count];
        if (b.Node.Operator is LayerNormalization layer)
        {
            sent[0] = Rows(g, x, b.Reference(x), g.Mul(b.Upstream, scale), Shape.Axis(layer.Axis, x.Rank), layer.Epsilon);
            return sent;
        }
        float epsilon = b.Node.Operator is GroupNormalization group ? group.Epsilon : ((InstanceNormalization)b.Node.Operator).Epsilon;
        Value batch = g.Op(new ShapeOf { Start = 0, End = 1 }, x);
        Value groups = b.Node.Operator is GroupNormalization several ? g.Integers(several.Groups) : g.Op(new ShapeOf { Start = 1, End = 2 }, x);
        Value shape = g.Concat(0, batch, groups, g.Integers(-1));
        Value arriving = g.Mul(b.Upstream, x.Rank == 2 ? scale : g.Unsqueeze(scale, [.. Enumerable.Range(1, x.Rank - 2).Select(i => (long)i)]));
        sent[0] = g.ReshapeLike(Rows(g, g.Reshape(x, shape), g.Reshape(b.Reference(x), shape), g.Reshape(arriving, shape), 2, epsilon), x);
        return sent;
    }

    /// <summary>What arrives at n, sent to x, for normalisation over the axes from <paramref name="axis"/> on.</summary>
    private static Value Rows(GraphBuilder g, Value x, Value reference, Value arriving, int axis, float epsilon)
    {
        long[] axes = [.. Enumerable.Range(axis, x.Rank - axis).Select(i => (long)i)];
        var (centred, inverse) = Statistics(g, x, axes, epsilon);
        var (before, inverseBefore) = Statistics(g, reference, axes, epsilon);
        Value sum = g.Add(centred, before), inverses = g.Add(inverse, inverseBefore);
        Value toInverse = g.ReduceSum(g.Mul(arriving, g.Scale(sum, 0.5f)), axes);
        Value both = g.Mul(inverse, inverseBefore);
        Value toVariance = g.Neg(g.Mul(toInverse, g.Div(g.Mul(both, both), inverses)));
        Value share = g.Cast(g.Div(g.Cast(g.SizeOf(inverse), ElementType.Float), g.Cast(g.SizeOf(x), ElementType.Float)), x.Type);
        Value toCentred = g.Add(g.Mul(arriving, g.Scale(inverses, 0.5f)), g.Mul(g.Mul(toVariance, share), sum));
        return g.Sub(toCentred, g.ReduceMean(toCentred, axes));
    }

    private static (Value Centred, Value Inverse) Statistics(GraphBuilder g, Value x, long[] axes, float epsilon)
    {
        Value centred = g.Sub(x, g.ReduceMean(x, axes));
        Value variance = g.ReduceMean(g.Mul(centred, centred), axes);
        return (centred, g.Reciprocal(g.Sqrt(g.Add(variance, g.ScalarLike(x, epsilon)))));
    }
}
