using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The elementary functions of one number: <c>Neg</c>, <c>Abs</c>, <c>Sqrt</c>, <c>Exp</c>, <c>Log</c>, <c>Floor</c> and so on.</summary>
/// <remarks>ONNX operator sets 6 to 25. NaN gives NaN; outside its domain a function is NaN, as in C.</remarks>
public static class MathOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Neg", _ => new Neg(), since: 6),
        OperatorDefinition.Of("Abs", _ => new Abs(), since: 6),
        OperatorDefinition.Of("Sign", _ => new Sign(), since: 9),
        OperatorDefinition.Of("Sqrt", _ => new Sqrt(), since: 6),
        OperatorDefinition.Of("Exp", _ => new Exp(), since: 6),
        OperatorDefinition.Of("Log", _ => new Log(), since: 6),
        OperatorDefinition.Of("Reciprocal", _ => new Reciprocal(), since: 6),
        OperatorDefinition.Of("Floor", _ => new Floor(), since: 6),
        OperatorDefinition.Of("Ceil", _ => new Ceil(), since: 6),
        OperatorDefinition.Of("Round", _ => new Round(), since: 11),
        OperatorDefinition.Of("Erf", _ => new Erf(), since: 9),
    ];

    public static Value Neg(this GraphBuilder graph, Value x) => graph.Op(new Neg(), x);

    public static Value Abs(this GraphBuilder graph, Value x) => graph.Op(new Abs(), x);

    public static Value Sign(this GraphBuilder graph, Value x) => graph.Op(new Sign(), x);

    public static Value Sqrt(this GraphBuilder graph, Value x) => graph.Op(new Sqrt(), x);

    public static Value Exp(this GraphBuilder graph, Value x) => graph.Op(new Exp(), x);

    public static Value Log(this GraphBuilder graph, Value x) => graph.Op(new Log(), x);

    public static Value Reciprocal(this GraphBuilder graph, Value x) => graph.Op(new Reciprocal(), x);

    public static Value Floor(this GraphBuilder graph, Value x) => graph.Op(new Floor(), x);

    public static Value Ceil(this GraphBuilder graph, Value x) => graph.Op(new Ceil(), x);

    public static Value Round(this GraphBuilder graph, Value x) => graph.Op(new Round(), x);

    public static Value Erf(this GraphBuilder graph, Value x) => graph.Op(new Erf(), x);

    /// <summary>1 where x > 0, else 0.</summary>
    public static Value Step(this GraphBuilder graph, Value x) => graph.Op(new Step(), x);
}

/// <summary>y = −x; integers wrap around.</summary>
public sealed class Neg() : UnaryOperator("Neg")
{
    protected override bool TakesIntegers => true;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Negate(x, y, workers);

    protected override void Compute(ReadOnlySpan<long> x, Span<long> y, Workers workers) => Elementwise.Negate(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Neg(backward.Upstream);
}

/// <summary>y = |x|, with the derivative sign(x), 0 at 0 as in PyTorch; the least integer, which has no opposite, stays as it is.</summary>
public sealed class Abs() : UnaryOperator("Abs")
{
    protected override bool TakesIntegers => true;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Abs(x, y, workers);

    protected override void Compute(ReadOnlySpan<long> x, Span<long> y, Workers workers) => Elementwise.Abs(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Graph.Sign(backward.Input));
}

/// <summary>−1, 0 or 1 by the sign of x; ±0 stays as it is. The derivative is 0.</summary>
public sealed class Sign() : UnaryOperator("Sign")
{
    protected override bool TakesIntegers => true;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Sign(x, y, workers);

    protected override void Compute(ReadOnlySpan<long> x, Span<long> y, Workers workers) => Elementwise.Sign(x, y, workers);

    protected override Value? Derive(Backward backward) => null;
}

/// <summary>y = √x; NaN below 0. The derivative 1/(2y) is infinite at 0.</summary>
public sealed class Sqrt() : UnaryOperator("Sqrt")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Sqrt(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Div(backward.Graph.Scale(backward.Upstream, 0.5f), backward.Output);
}

/// <summary>y = eˣ.</summary>
public sealed class Exp() : UnaryOperator("Exp")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Exp(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Output);
}

/// <summary>y = ln x; −∞ at 0, NaN below.</summary>
public sealed class Log() : UnaryOperator("Log")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Log(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Div(backward.Upstream, backward.Input);
}

/// <summary>y = 1/x; ±∞ at ±0.</summary>
public sealed class Reciprocal() : UnaryOperator("Reciprocal")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Reciprocal(x, y, workers);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return graph.Neg(graph.Mul(backward.Upstream, graph.Mul(backward.Output, backward.Output)));
    }
}

/// <summary>The largest integer that is not above x. The derivative is 0.</summary>
public sealed class Floor() : UnaryOperator("Floor")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Floor(x, y, workers);

    protected override Value? Derive(Backward backward) => null;
}

/// <summary>The smallest integer that is not below x. The derivative is 0.</summary>
public sealed class Ceil() : UnaryOperator("Ceil")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Ceiling(x, y, workers);

    protected override Value? Derive(Backward backward) => null;
}

/// <summary>The nearest integer; halves go to the even one. The derivative is 0.</summary>
public sealed class Round() : UnaryOperator("Round")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Round(x, y, workers);

    protected override Value? Derive(Backward backward) => null;
}

/// <summary>The error function 2/√π·∫₀ˣ e^(−t²) dt.</summary>
public sealed class Erf() : UnaryOperator("Erf")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Erf(x, y, workers);

    protected override Value Derive(Backward backward)
    {
        const float TwoOverRootPi = 1.12837917f;
        GraphBuilder graph = backward.Graph;
        Value bell = graph.Exp(graph.Neg(graph.Mul(backward.Input, backward.Input)));
        return graph.Mul(backward.Upstream, graph.Scale(bell, TwoOverRootPi));
    }
}

/// <summary>1 where x > 0, else 0: the derivative of the rectifier. The derivative of this is 0.</summary>
/// <remarks>NaN stays NaN; in the written form, a comparison, it becomes 0.</remarks>
public sealed class Step() : UnaryOperator("Step")
{
    public override string Domain => "limn";

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Step(x, y, workers);

    protected override Value? Derive(Backward backward) => null;

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node) =>
        [graph.Cast(graph.Greater(node.Inputs[0]!, graph.ScalarLike(node.Inputs[0]!, 0)), node.Inputs[0]!.Type)];
}
