using System.Numerics.Tensors;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>The trigonometric and hyperbolic functions and their inverses.</summary>
/// <remarks>ONNX operator sets 7 to 25. Outside its domain a function is NaN; at its ends the derivative of an inverse is infinite.</remarks>
public static class TrigonometricOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Sin", _ => new Sin(), since: 7),
        OperatorDefinition.Of("Cos", _ => new Cos(), since: 7),
        OperatorDefinition.Of("Tan", _ => new Tan(), since: 7),
        OperatorDefinition.Of("Asin", _ => new Asin(), since: 7),
        OperatorDefinition.Of("Acos", _ => new Acos(), since: 7),
        OperatorDefinition.Of("Atan", _ => new Atan(), since: 7),
        OperatorDefinition.Of("Sinh", _ => new Sinh(), since: 9),
        OperatorDefinition.Of("Cosh", _ => new Cosh(), since: 9),
        OperatorDefinition.Of("Asinh", _ => new Asinh(), since: 9),
        OperatorDefinition.Of("Acosh", _ => new Acosh(), since: 9),
        OperatorDefinition.Of("Atanh", _ => new Atanh(), since: 9),
    ];

    public static Value Sin(this GraphBuilder graph, Value x) => graph.Op(new Sin(), x);

    public static Value Cos(this GraphBuilder graph, Value x) => graph.Op(new Cos(), x);

    public static Value Sinh(this GraphBuilder graph, Value x) => graph.Op(new Sinh(), x);

    public static Value Cosh(this GraphBuilder graph, Value x) => graph.Op(new Cosh(), x);

    /// <summary>a·x² + b.</summary>
    internal static Value Quadratic(this GraphBuilder graph, Value x, float a, float b) =>
        graph.Add(graph.Scale(graph.Mul(x, x), a), graph.ScalarLike(x, b));
}

/// <summary>sin x, x in radians.</summary>
public sealed class Sin() : UnaryOperator("Sin")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Sin(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Graph.Cos(backward.Input));
}

/// <summary>cos x, x in radians.</summary>
public sealed class Cos() : UnaryOperator("Cos")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Cos(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Neg(backward.Graph.Mul(backward.Upstream, backward.Graph.Sin(backward.Input)));
}

/// <summary>tan x, x in radians, with the derivative 1 + y².</summary>
public sealed class Tan() : UnaryOperator("Tan")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Tan(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Graph.Quadratic(backward.Output, 1, 1));
}

/// <summary>arcsin x, with the derivative 1/√(1 − x²).</summary>
public sealed class Asin() : UnaryOperator("Asin")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Asin(x, y, workers);

    protected override Value Derive(Backward backward) =>
        backward.Graph.Div(backward.Upstream, backward.Graph.Sqrt(backward.Graph.Quadratic(backward.Input, -1, 1)));
}

/// <summary>arccos x, with the derivative −1/√(1 − x²).</summary>
public sealed class Acos() : UnaryOperator("Acos")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Acos(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Neg(
        backward.Graph.Div(backward.Upstream, backward.Graph.Sqrt(backward.Graph.Quadratic(backward.Input, -1, 1))));
}

/// <summary>arctan x, with the derivative 1/(1 + x²).</summary>
public sealed class Atan() : UnaryOperator("Atan")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Atan(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Div(backward.Upstream, backward.Graph.Quadratic(backward.Input, 1, 1));
}

/// <summary>(eˣ − e⁻ˣ)/2.</summary>
public sealed class Sinh() : UnaryOperator("Sinh")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Sinh(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Graph.Cosh(backward.Input));
}

/// <summary>(eˣ + e⁻ˣ)/2.</summary>
public sealed class Cosh() : UnaryOperator("Cosh")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Cosh(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Graph.Sinh(backward.Input));
}

/// <summary>The inverse of sinh, with the derivative 1/√(x² + 1).</summary>
public sealed class Asinh() : UnaryOperator("Asinh")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) =>
        Elementwise.MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Asinh);

    protected override Value Derive(Backward backward) =>
        backward.Graph.Div(backward.Upstream, backward.Graph.Sqrt(backward.Graph.Quadratic(backward.Input, 1, 1)));
}

/// <summary>The inverse of cosh for x ≥ 1, with the derivative 1/√(x² − 1).</summary>
public sealed class Acosh() : UnaryOperator("Acosh")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) =>
        Elementwise.MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Acosh);

    protected override Value Derive(Backward backward) =>
        backward.Graph.Div(backward.Upstream, backward.Graph.Sqrt(backward.Graph.Quadratic(backward.Input, 1, -1)));
}

/// <summary>The inverse of tanh for |x| ≤ 1, ±∞ at ±1, with the derivative 1/(1 − x²).</summary>
public sealed class Atanh() : UnaryOperator("Atanh")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) =>
        Elementwise.MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Atanh);

    protected override Value Derive(Backward backward) => backward.Graph.Div(backward.Upstream, backward.Graph.Quadratic(backward.Input, -1, 1));
}
