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
        var sent = new Value?[b.Node.Inputs.Count];
        sent[0] = Grouped(b, b.Upstream, (x, arriving, axes, epsilon) => Rows(b.Graph, x, Seen(b, b.Reference(b.Input)), arriving, axes, epsilon));
        return sent;
    }

    /// <summary>Applies a function to x and to what arrives at n, both seen so that what is normalised together lies along the axes that it is given.</summary>
    private static Value Grouped(Backward b, Value upstream, Func<Value, Value, long[], float, Value> send)
    {
        GraphBuilder g = b.Graph;
        Value x = b.Input, scale = b.Inputs(1);
        if (b.Node.Operator is LayerNormalization layer)
        {
            int axis = Shape.Axis(layer.Axis, x.Rank);
            return send(x, g.Mul(upstream, scale), [.. Enumerable.Range(axis, x.Rank - axis).Select(i => (long)i)], layer.Epsilon);
        }
        float epsilon = b.Node.Operator is GroupNormalization group ? group.Epsilon : ((InstanceNormalization)b.Node.Operator).Epsilon;
        Value arriving = g.Mul(upstream, x.Rank == 2 ? scale : g.Unsqueeze(scale, [.. Enumerable.Range(1, x.Rank - 2).Select(i => (long)i)]));
        return g.ReshapeLike(send(Seen(b, x), Seen(b, arriving), [2], epsilon), x);
    }

    /// <summary>[N, groups, elements of a group]; as it is for layer normalisation.</summary>
    private static Value Seen(Backward b, Value v)
    {
        GraphBuilder g = b.Graph;
        if (b.Node.Operator is LayerNormalization) return v;
        Value batch = g.Op(new ShapeOf { Start = 0, End = 1 }, v);
        Value groups = b.Node.Operator is GroupNormalization several ? g.Integers(several.Groups) : g.Op(new ShapeOf { Start = 1, End = 2 }, v);
        return g.Reshape(v, g.Concat(0, batch, groups, g.Integers(-1)));
    }

    /// <summary>What arrives at y, sent to x by the derivative, with d held fixed: d·(g − mean(g)), g = what arrives · scale.</summary>
    public static Value WithDeviationHeld(Backward b, Value upstream)
    {
        GraphBuilder g = b.Graph;
        return Grouped(b, upstream, (x, arriving, axes, epsilon) =>
        {
            Value held = g.Mul(arriving, Statistics(g, x, axes, epsilon).Inverse);
            return g.Sub(held, g.ReduceMean(held, axes));
        });
    }

    /// <summary>What arrives at n, sent to x, for normalisation over the axes.</summary>
    private static Value Rows(GraphBuilder g, Value x, Value reference, Value arriving, long[] axes, float epsilon)
    {
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
