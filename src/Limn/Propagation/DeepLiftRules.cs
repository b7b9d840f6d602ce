using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>The multipliers of DeepLIFT's Rescale rule: what each node sends back, times the change of its input, adds up to the change of its output.</summary>
/// <remarks>
/// With Δ = value on the input − value on the reference. Linear nodes: the derivative. One input to one output, y = f(x): Δy/Δx. Products: the
/// change of one factor times the mean of the other, Δ(xy) = Δx·(y + y')/2 + Δy·(x + x')/2. Maxima: see <see cref="Winners"/>. Softmax and
/// normalisations are taken apart into exponentials, sums, products and quotients. Any other smooth node: the mean derivative along the straight
/// line between the two inputs of the node. Each rule is complete for its node, so that the whole is.
/// </remarks>
internal sealed class DeepLiftRules(double epsilon) : Rulebook
{
    private readonly float epsilon = (float)epsilon;

    public override bool NeedsReference => true;

    public override BackwardRule? RuleFor(Node node) => node.Operator switch
    {
        Neg or Cast => null,
        Relu or LeakyRelu or ThresholdedRelu or HardSigmoid or HardSwish or Abs or Sign or Floor or Ceil or Round or Step or Elu or Selu or Celu or Tan => b => Quotient(b, smooth: false),
        UnaryOperator => b => Quotient(b, smooth: true),
        PRelu or Clip => b => Variables(b) == 1 && b.Varies(0) ? Quotient(b, smooth: false) : Selected(b),
        Pow => b => Variables(b) == 1 && b.Varies(0) ? Quotient(b, smooth: true) : LocalPath.Send(b),
        Mul or MatMul or TransposedMatMul or Gemm or Conv or ConvTranspose => b => Variables(b) <= 1 ? b.Calculus() : Mean(b),
        ReduceSumSquare => Mean,
        Div => Quotients,
        Max or ReduceMax or MaxPool or GlobalMaxPool => b => Winners(b, largest: true),
        Min or ReduceMin => b => Winners(b, largest: false),
        Softmax s => b => SoftmaxMultipliers.OfSoftmax(b, s.Axis),
        LogSoftmax s => b => SoftmaxMultipliers.OfLogSoftmax(b, s.Axis),
        LayerNormalization or InstanceNormalization or GroupNormalization => NormalizationMultipliers.Send,
        LocalResponseNormalization or LpNormalization or ReduceProd or ReduceL1 or ReduceL2 or ReduceLogSum or ReduceLogSumExp or Mod => LocalPath.Send,
        BatchNormalization => b => Variables(b) <= 1 ? b.Calculus() : LocalPath.Send(b),
        _ => null,
    };

    public override bool Equals(object? obj) => obj is DeepLiftRules other && other.epsilon == epsilon;

    public override int GetHashCode() => HashCode.Combine(typeof(DeepLiftRules), epsilon);

    /// <summary>(∂y/∂x on the input + ∂y/∂x on the reference) / 2: exact for what is of second degree in its inputs.</summary>
    internal static Value?[] Mean(Backward b)
    {
        Value?[] here = b.Calculus(), there = b.AtReference().Calculus();
        return [.. here.Select((h, i) => h is null || there[i] is not { } t ? null : b.Graph.Scale(b.Graph.Add(h, t), 0.5f))];
    }

    internal static int Variables(Backward b) => Enumerable.Range(0, b.Node.Inputs.Count).Count(b.Varies);

    /// <summary>
    /// Δy/Δx, and the derivative where |Δx| &lt; ε. A smooth function's quotient loses digits to rounding when Δx is small beside x; there the mean
    /// derivative between the two points (Simpson's rule) takes its place, which differs by less than 1e-7 of it.
    /// </summary>
    private Value?[] Quotient(Backward b, bool smooth)
    {
        GraphBuilder g = b.Graph;
        Value x = b.Input, reference = b.Reference(x), change = g.Sub(x, reference), size = g.Abs(change);
        Value equal = g.Less(size, g.ScalarLike(x, epsilon));
        Value arriving = b.Upstream;
        Value slope = g.Div(g.Sub(b.Output, b.Reference(b.Output)), g.Where(equal, g.ScalarLike(x, 1), change));
        Value sent = g.SumTo(g.Mul(arriving, slope), x);
        if (smooth)
        {
            Value middle = g.Scale(g.Add(x, reference), 0.5f);
            Value?[] ends = [b.Calculus()[0], b.At([middle, .. b.Node.Inputs.Skip(1)]).Calculus()[0], b.AtReference().Calculus()[0]];
            Value near = g.Less(size, g.Scale(g.Min(g.Abs(x), g.ScalarLike(x, 1)), 0.03f));
            Value simpson = g.Scale(g.Sum(ends[0]!, g.Scale(ends[1]!, 4), ends[2]!), 1f / 6);
            sent = g.Where(near, simpson, sent);
        }
        return Alone(b, b.Calculus()[0] is { } derivative ? g.Where(equal, derivative, sent) : g.Where(equal, g.ScalarLike(x, 0), sent));
    }

    /// <summary>Clip with bounds that vary, PRelu with a slope that does: their mean derivative along the line between the two inputs.</summary>
    private static Value?[] Selected(Backward b) => LocalPath.Send(b);

    /// <summary>y = a/b as a · (1/b): Δy = Δa·(1/b + 1/b')/2 − Δb·(a + a')/(2·b·b').</summary>
    private static Value?[] Quotients(Backward b)
    {
        GraphBuilder g = b.Graph;
        Value over = b.Inputs(0), under = b.Inputs(1), underReference = b.Reference(under), u = g.Scale(b.Upstream, 0.5f);
        Value first = g.Add(g.Div(u, under), g.Div(u, underReference));
        Value sum = g.Add(over, b.Reference(over));
        return
        [
            b.Needs(0) ? g.SumTo(first, over) : null,
            b.Needs(1) ? g.SumTo(g.Neg(g.Div(g.Div(g.Mul(u, sum), under), underReference)), under) : null,
        ];
    }

    /// <summary>
    /// Each output's change goes to one element: the winner on the input if the output rose, the winner on the reference if it fell. That element's
    /// own change is at least as large and of the same sign (y' ≥ x' of the winner, and vice versa), so its multiplier is within [0, 1] and defined
    /// whenever the output changed. As the division is by the element's own change, it is complete for windows that overlap as well.
    /// Where an element does not change, the derivative. Ties as in the derivative; of elements of a pooling's window that tie on the reference, the
    /// winner on the input takes the change, if it is among them (a flat reference, such as a black picture, ties everywhere).
    /// </summary>
    private Value?[] Winners(Backward b, bool largest)
    {
        GraphBuilder g = b.Graph;
        OtherPoint reference = b.AtReference();
        Value y = b.Output, before = b.Reference(y);
        Value here = largest ? g.GreaterOrEqual(y, before) : g.LessOrEqual(y, before);
        if (AtWinner(b) is { } ofWinner) here = g.Or(here, g.Equal(ofWinner, before));
        Value change = g.Where(g.Equal(y, before), g.ScalarLike(y, 0), g.Mul(b.Upstream, g.Sub(y, before)));
        Value?[] derivative = b.Calculus();
        Value?[] risen = b.Calculus(g.WhereOrZero(here, change)), fallen = reference.Calculus(g.WhereOrZero(g.Not(here), change));
        return [.. derivative.Select((d, i) =>
        {
            if (d is null || risen[i] is not { } up || fallen[i] is not { } down) return null;
            Value x = b.Inputs(i), moved = g.Sub(x, b.Reference(x)), still = g.Less(g.Abs(moved), g.ScalarLike(x, epsilon));
            return g.Where(still, d, g.Div(g.Add(up, down), g.Where(still, g.ScalarLike(x, 1), moved)));
        })];
    }

    /// <summary>For a pooling: on the reference, the element that wins on the input.</summary>
    private static Value? AtWinner(Backward b)
    {
        GraphBuilder g = b.Graph;
        Value x = b.Input;
        switch (b.Node.Operator)
        {
            case MaxPool pool:
                Value places = g.Node(new MaxPool(pool.Window), [x], outputCount: 2)[1];
                return g.Gather(g.Reshape(b.Reference(x), -1), places);
            case GlobalMaxPool:
                Value chosen = b.Calculus(g.Filled(b.Output, 1))[0]!;
                return g.ReduceSum(g.Mul(chosen, b.Reference(x)), [.. Enumerable.Range(2, x.Rank - 2).Select(i => (long)i)]);
            default:
                return null;
        }
    }

    private static Value?[] Alone(Backward b, Value sent)
    {
        var all = new Value?[b.Node.Inputs.Count];
        all[0] = sent;
        return all;
    }
}
