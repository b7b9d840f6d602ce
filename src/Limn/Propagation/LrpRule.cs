using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>How relevance is divided at a linear layer zₖ = Σⱼ aⱼ·wⱼₖ + bₖ; a value, to be given to layers by <see cref="LrpAssignment"/>.</summary>
/// <remarks>
/// All have the form Rⱼ = Σₖ qⱼₖ / stab(Σᵢ qᵢₖ) · Rₖ; they differ in the shares q. stab(z) = z + ε·sign(z) with sign(0) = +1.
/// A bias is in the sum below, and so absorbs relevance, unless said otherwise. w⁺ = max(w, 0), w⁻ = min(w, 0).
/// Montavon et al.: Layer-Wise Relevance Propagation: An Overview, 2019, table 10.1; Bach et al., PLoS ONE 2015.
/// </remarks>
public abstract record LrpRule
{
    private const float Stabilizer = 1e-9f;

    /// <summary>q = a·w.</summary>
    public static LrpRule Epsilon(double epsilon = 1e-6) => new EpsilonRule(epsilon);

    /// <summary>q = a·(w + γ·w⁺), which favours what speaks for the output; for signed activations and outputs in its generalised form, with w⁻ where the signs differ.</summary>
    public static LrpRule Gamma(double gamma = 0.25) => new GammaRule(gamma);

    /// <summary>α times the shares of the positive contributions less β times those of the negative ones, α − β = 1.</summary>
    public static LrpRule AlphaBeta(double alpha = 2, double beta = 1) => new AlphaBetaRule(alpha, beta);

    /// <summary>Positive contributions only: <see cref="AlphaBeta"/> with α = 1, β = 0.</summary>
    public static LrpRule ZPlus { get; } = new AlphaBetaRule(1, 0);

    /// <summary>q = a·w − low·w⁺ − high·w⁻, for inputs within [low, high]; the least and largest element of each row when null. No bias.</summary>
    public static LrpRule ZBox(double? low = null, double? high = null) => new ZBoxRule(low, high);

    /// <summary>q = w², whatever the activations. No bias.</summary>
    public static LrpRule WSquare { get; } = new WeightRule(Evenly: false);

    /// <summary>q = 1: evenly over what the layer sees. No bias.</summary>
    public static LrpRule Flat { get; } = new WeightRule(Evenly: true);

    /// <summary>Rⱼ = R of the output at the same place; only for layers whose output has the shape of their input.</summary>
    public static LrpRule Pass { get; } = new PassRule();

    /// <summary>q = a·w without the bias, which therefore absorbs nothing.</summary>
    public static LrpRule Norm { get; } = new NormRule();

    internal abstract Value Send(LinearStep step);

    /// <summary>R / stab(z).</summary>
    internal static Value Quotient(GraphBuilder g, Value relevance, Value z, float epsilon = Stabilizer) =>
        g.Div(relevance, g.Add(z, g.Where(g.Less(z, g.ScalarLike(z, 0)), g.ScalarLike(z, -epsilon), g.ScalarLike(z, epsilon))));

    private static Value Positive(GraphBuilder g, Value x) => g.Relu(x);

    private static Value Negative(GraphBuilder g, Value x) => g.Min(x, g.ScalarLike(x, 0));

    private sealed record EpsilonRule(double Of) : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            OtherPoint node = step.With(step.Input, w => w, step.Bias);
            return step.Graph.Mul(step.Input, step.Back(node, Quotient(step.Graph, step.Relevance, step.Output, (float)Of)));
        }
    }

    private sealed record NormRule : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            OtherPoint node = step.With(step.Input, w => w, null);
            return step.Graph.Mul(step.Input, step.Back(node, Quotient(step.Graph, step.Relevance, node.Output)));
        }
    }

    private sealed record GammaRule(double Of) : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            GraphBuilder g = step.Graph;
            Value Favour(Value w) => g.Add(w, g.Scale(Positive(g, w), (float)Of));
            Value Disfavour(Value w) => g.Add(w, g.Scale(Negative(g, w), (float)Of));
            Value rises = g.Greater(step.Output, g.ScalarLike(step.Output, 0));
            // Where z > 0 what raises it is favoured, where z < 0 what lowers it.
            return g.Add(Half(rises, Favour, Disfavour), Half(g.Not(rises), Disfavour, Favour));

            Value Half(Value where, Func<Value, Value> ofPositive, Func<Value, Value> ofNegative) =>
                step.BySign(ofPositive, ofNegative, step.Bias, g.WhereOrZero(where, step.Relevance), (r, z) => Quotient(g, r, z));
        }
    }

    private sealed record AlphaBetaRule : LrpRule
    {
        private readonly double alpha;
        private readonly double beta;

        public AlphaBetaRule(double alpha, double beta)
        {
            if (Math.Abs(alpha - beta - 1) > 1e-6 || beta < 0)
                throw new InvalidOptionException($"α − β must be 1 and β at least 0, so that relevance is kept; α = {alpha} and β = {beta} were given.");
            (this.alpha, this.beta) = (alpha, beta);
        }

        internal override Value Send(LinearStep step)
        {
            GraphBuilder g = step.Graph;
            Value sent = g.Scale(Share(w => Positive(g, w), w => Negative(g, w), b => Positive(g, b)), (float)alpha);
            return beta == 0 ? sent : g.Sub(sent, g.Scale(Share(w => Negative(g, w), w => Positive(g, w), b => Negative(g, b)), (float)beta));

            Value Share(Func<Value, Value> ofPositive, Func<Value, Value> ofNegative, Func<Value, Value> ofBias) =>
                step.BySign(ofPositive, ofNegative, step.Bias is null ? null : ofBias(step.Bias), step.Relevance, (r, z) => Quotient(g, r, z));
        }
    }

    /// <summary>
    /// The shares of positive contributions, q = a·w⁺ (a negative activation counts with w⁻), no bias. For the contrast, less the same of the
    /// layer with its weights negated.
    /// </summary>
    internal sealed record ExcitationRule(bool Contrast) : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            GraphBuilder g = step.Graph;
            return Contrast ? g.Sub(Share(1), Share(-1)) : Share(1);

            Value Share(float sign) =>
                step.BySign(w => Positive(g, g.Scale(w, sign)), w => Negative(g, g.Scale(w, sign)), null, step.Relevance, (r, z) => Quotient(g, r, z));
        }
    }

    private sealed record ZBoxRule(double? Low, double? High) : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            GraphBuilder g = step.Graph;
            Value x = step.Input;
            long[] axes = [.. Enumerable.Range(1, x.Rank - 1).Select(i => (long)i)];
            Value low = Low is { } l ? Everywhere((float)l) : g.ExpandLike(g.Neg(g.ReduceMax(g.Neg(x), axes)), x);
            Value high = High is { } h ? Everywhere((float)h) : g.ExpandLike(g.ReduceMax(x, axes), x);
            OtherPoint all = step.With(x, w => w, null), below = step.With(low, w => Positive(g, w), null), above = step.With(high, w => Negative(g, w), null);
            Value s = Quotient(g, step.Relevance, g.Sub(g.Sub(all.Output, below.Output), above.Output));
            return g.Sub(g.Sub(g.Mul(x, step.Back(all, s)), g.Mul(low, step.Back(below, s))), g.Mul(high, step.Back(above, s)));

            Value Everywhere(float v) => g.Add(g.Scale(x, 0), g.ScalarLike(x, v));
        }
    }

    private sealed record WeightRule(bool Evenly) : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            GraphBuilder g = step.Graph;
            Value one = g.Add(g.Scale(step.Input, 0), g.ScalarLike(step.Input, 1));
            OtherPoint node = step.With(one, w => Evenly ? g.Add(g.Scale(w, 0), g.ScalarLike(w, 1)) : g.Mul(w, w), null);
            return step.Back(node, Quotient(g, step.Relevance, node.Output));
        }
    }

    private sealed record PassRule : LrpRule
    {
        internal override Value Send(LinearStep step)
        {
            Shape? from = step.Input.Shape, to = step.Output.Shape;
            bool fits = from is null || to is null || (from.Rank == to.Rank && from.Zip(to).All(d => !d.First.IsKnown || !d.Second.IsKnown || d.First == d.Second));
            return fits ? step.Relevance : throw new InvalidOptionException(
                $"The rule 'pass' needs a layer whose output has the shape of its input; '{step.Node.Name}' makes {to} of {from}. Give this layer another rule.");
        }
    }
}
