using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>A linear node with constant weights, z = w·a + b, through which relevance goes: its parts, and the same node with other weights.</summary>
internal sealed class LinearStep
{
    private readonly Backward backward;
    private readonly int data;
    private readonly Operator op;
    private readonly Value weights;

    private LinearStep(Backward backward, int data, Func<Value, bool> neverNegative)
    {
        NeverNegative = neverNegative(backward.Inputs(data));
        this.backward = backward;
        this.data = data;
        GraphBuilder g = backward.Graph;
        weights = backward.Inputs(1 - data);
        Bias = backward.Has(2) ? backward.Inputs(2) : null;
        op = backward.Node.Operator;
        if (op is Gemm gemm) // the factors go into the weights, so that these have the sign that counts
        {
            op = new Gemm { TransA = gemm.TransA, TransB = gemm.TransB };
            weights = g.Scale(weights, gemm.Alpha);
            Bias = Bias is null ? null : g.Scale(Bias, gemm.Beta);
        }
    }

    public GraphBuilder Graph => backward.Graph;

    /// <summary>The activations a.</summary>
    public Value Input => backward.Inputs(data);

    /// <summary>Whether no activation is ever negative, so that there is nothing to do for negative ones.</summary>
    public bool NeverNegative { get; }

    /// <summary>z, on the weights as they are.</summary>
    public Value Output => backward.Output;

    /// <summary>The relevance that arrives.</summary>
    public Value Relevance => backward.Upstream;

    public Value? Bias { get; }

    public Node Node => backward.Node;

    /// <summary>The node as a linear step; null if it is none: another operator, or no or several inputs that vary with the model's input.</summary>
    public static LinearStep? Of(Backward b, Func<Value, bool> neverNegative)
    {
        if (b.Node.Operator is not (Conv or ConvTranspose or Gemm or MatMul)) return null;
        int varying = b.Varies(0) ? 0 : 1;
        return b.Varies(varying) && !b.Varies(1 - varying) && !b.Varies(2) && (varying == 0 || b.Node.Operator is Gemm or MatMul) ? new LinearStep(b, varying, neverNegative) : null;
    }

    /// <summary>The node with other activations, weights f(w) and another bias (none when null).</summary>
    public OtherPoint With(Value activations, Func<Value, Value> f, Value? bias)
    {
        var inputs = new Value?[backward.Node.Inputs.Count];
        inputs[data] = activations;
        inputs[1 - data] = f(weights);
        if (inputs.Length > 2) inputs[2] = bias;
        return backward.At(inputs, op);
    }

    /// <summary>Σ over the signs of the activations of a± · back(R / stab(z)), z = f⁺(w)·a⁺ + f⁻(w)·a⁻ + b: what all rules do that treat the signs apart.</summary>
    /// <param name="ofPositive">The weights for positive activations, f⁺.</param>
    /// <param name="ofNegative">The weights for negative ones, f⁻.</param>
    /// <param name="bias">The bias; none when null.</param>
    /// <param name="relevance">What is divided.</param>
    /// <param name="quotient">R / stab(z).</param>
    public Value BySign(Func<Value, Value> ofPositive, Func<Value, Value> ofNegative, Value? bias, Value relevance, Func<Value, Value, Value> quotient)
    {
        GraphBuilder g = Graph;
        Value up = NeverNegative ? Input : g.Relu(Input);
        OtherPoint first = With(up, ofPositive, bias);
        if (NeverNegative) return g.Mul(up, Back(first, quotient(relevance, first.Output)));
        Value down = g.Min(Input, g.ScalarLike(Input, 0));
        OtherPoint second = With(down, ofNegative, null);
        Value s = quotient(relevance, g.Add(first.Output, second.Output));
        return g.Add(g.Mul(up, Back(first, s)), g.Mul(down, Back(second, s)));
    }

    /// <summary>What a node made by <see cref="With"/> sends to its activations.</summary>
    public Value Back(OtherPoint node, Value arriving) => node.Calculus(arriving)[data]!;

    /// <summary>One entry for each input: the relevance of the activations, nothing to the weights.</summary>
    public Value?[] Sent(Value relevance)
    {
        var all = new Value?[backward.Node.Inputs.Count];
        all[data] = relevance;
        return all;
    }
}
