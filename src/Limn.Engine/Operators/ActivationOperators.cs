using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Smooth activations: <c>Sigmoid</c>, <c>Tanh</c>, <c>Softplus</c>, <c>Softsign</c>, <c>Mish</c>, <c>Gelu</c>, <c>Elu</c>, <c>Selu</c>, <c>Celu</c>.</summary>
/// <remarks>ONNX operator sets 6 to 25.</remarks>
public static class ActivationOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Sigmoid", _ => new Sigmoid(), since: 6),
        OperatorDefinition.Of("Tanh", _ => new Tanh(), since: 6),
        OperatorDefinition.Of("Softplus", _ => new Softplus()),
        OperatorDefinition.Of("Softsign", _ => new Softsign()),
        OperatorDefinition.Of("Mish", _ => new Mish(), since: 18),
        OperatorDefinition.Of("Gelu", ImportGelu, since: 20),
        OperatorDefinition.Of("Elu", a => new Elu { Alpha = a.Float("alpha", 1) }, since: 6),
        OperatorDefinition.Of("Selu", a => new Selu { Alpha = a.Float("alpha", Engine.Operators.Selu.DefaultAlpha), Gamma = a.Float("gamma", Engine.Operators.Selu.DefaultGamma) }, since: 6),
        OperatorDefinition.Of("Celu", ImportCelu, since: 12),
    ];

    public static Value Sigmoid(this GraphBuilder graph, Value x) => graph.Op(new Sigmoid(), x);

    public static Value Tanh(this GraphBuilder graph, Value x) => graph.Op(new Tanh(), x);

    public static Value Softplus(this GraphBuilder graph, Value x) => graph.Op(new Softplus(), x);

    /// <summary>x·Φ(x), or its approximation by tanh.</summary>
    public static Value Gelu(this GraphBuilder graph, Value x, bool tanh = false) => graph.Op(new Gelu { ByTanh = tanh }, x);

    private static IReadOnlyList<Value> ImportGelu(OperatorImport import) => import.Attributes.String("approximate", "none") switch
    {
        "none" => import.Emit(new Gelu(), import.Inputs),
        "tanh" => import.Emit(new Gelu { ByTanh = true }, import.Inputs),
        string other => throw import.Unsupported($"its attribute 'approximate' is '{other}'; 'none' and 'tanh' are supported."),
    };

    private static IReadOnlyList<Value> ImportCelu(OperatorImport import)
    {
        float alpha = import.Attributes.Float("alpha", 1);
        return alpha > 0 ? import.Emit(new Celu { Alpha = alpha }, import.Inputs)
            : throw import.Unsupported($"its attribute 'alpha' is {alpha}; it must be positive.");
    }
}

/// <summary>y = 1/(1 + e⁻ˣ), with the derivative y·(1 − y).</summary>
public sealed class Sigmoid() : UnaryOperator("Sigmoid")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Sigmoid(x, y, workers);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value y = backward.Output;
        return graph.Mul(backward.Upstream, graph.Mul(y, graph.Sub(graph.ScalarLike(y, 1), y)));
    }
}

/// <summary>y = tanh x, with the derivative 1 − y².</summary>
public sealed class Tanh() : UnaryOperator("Tanh")
{
    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Tanh(x, y, workers);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value y = backward.Output;
        return graph.Mul(backward.Upstream, graph.Sub(graph.ScalarLike(y, 1), graph.Mul(y, y)));
    }
}

/// <summary>y = ln(1 + eˣ), with the derivative 1/(1 + e⁻ˣ).</summary>
public sealed class Softplus() : UnaryOperator("Softplus")
{
    public override int OpsetVersion => 1;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Softplus(x, y, workers);

    protected override Value Derive(Backward backward) => backward.Graph.Mul(backward.Upstream, backward.Graph.Sigmoid(backward.Input));
}

/// <summary>y = x/(1 + |x|), with the derivative 1/(1 + |x|)².</summary>
public sealed class Softsign() : UnaryOperator("Softsign")
{
    public override int OpsetVersion => 1;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) =>
        Elementwise.Map(new SoftsignFunction(), x, y, workers, Chunks.Cheap);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value root = graph.Add(graph.Abs(backward.Input), graph.ScalarLike(backward.Input, 1));
        return graph.Div(backward.Upstream, graph.Mul(root, root));
    }
}

/// <summary>y = x·tanh(ln(1 + eˣ)).</summary>
public sealed class Mish() : UnaryOperator("Mish")
{
    public override int OpsetVersion => 18;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) =>
        Elementwise.Map(new MishFunction(), x, y, workers, Chunks.Dear);

    /// <summary>t + x·(1 − t²)·σ(x), with t = tanh(ln(1 + eˣ)).</summary>
    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, t = graph.Tanh(graph.Softplus(x));
        Value inner = graph.Mul(graph.Quadratic(t, -1, 1), graph.Mul(x, graph.Sigmoid(x)));
        return graph.Mul(backward.Upstream, graph.Add(t, inner));
    }
}

/// <summary>y = x·Φ(x), with Φ the distribution function of the standard normal; or, where <see cref="ByTanh"/>, x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
public sealed class Gelu() : UnaryOperator("Gelu")
{
    /// <summary>Whether it is the approximation by tanh.</summary>
    public bool ByTanh { get; init; }

    public override int OpsetVersion => 20;

    public override IEnumerable<OperatorAttribute> Attributes => [new("approximate", ByTanh ? "tanh" : "none")];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers)
    {
        if (ByTanh) Elementwise.GeluTanh(x, y, workers);
        else Elementwise.Gelu(x, y, workers);
    }

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input;
        return graph.Mul(backward.Upstream, ByTanh ? Approximate() : Exact());

        // Φ(x) + x·φ(x)
        Value Exact()
        {
            const float RootHalf = 0.707106781f, Peak = 0.398942280f;
            Value distribution = graph.Scale(graph.Add(graph.Erf(graph.Scale(x, RootHalf)), graph.ScalarLike(x, 1)), 0.5f);
            Value density = graph.Scale(graph.Exp(graph.Scale(graph.Mul(x, x), -0.5f)), Peak);
            return graph.Add(distribution, graph.Mul(x, density));
        }

        // (1 + t)/2 + x/2·(1 − t²)·u', with t = tanh u and u = √(2/π)·(x + 0.044715·x³)
        Value Approximate()
        {
            const float Scale = 0.797884561f, Cubic = 0.044715f;
            Value t = graph.Tanh(graph.Mul(x, graph.Quadratic(x, Scale * Cubic, Scale)));
            Value slope = graph.Mul(graph.Quadratic(t, -0.5f, 0.5f), graph.Quadratic(x, 3 * Scale * Cubic, Scale));
            return graph.Add(graph.Scale(graph.Add(t, graph.ScalarLike(x, 1)), 0.5f), graph.Mul(x, slope));
        }
    }
}

/// <summary>scale·x for x &gt; 0, scale·alpha·(e^(rate·x) − 1) below: the common form of Elu, Selu and Celu. The derivative at 0 is that from below, as in PyTorch.</summary>
public abstract class ExponentialLinearOperator(string name) : UnaryOperator(name)
{
    private protected Value Derive(Backward backward, float scale, float alpha, float rate)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, zero = graph.ScalarLike(x, 0);
        // Bounded, so that the branch that is not taken is finite.
        Value below = graph.Scale(graph.Exp(graph.Scale(graph.Min(x, zero), rate)), scale * alpha * rate);
        return graph.Mul(backward.Upstream, graph.Where(graph.Greater(x, zero), graph.ScalarLike(x, scale), below));
    }
}

/// <summary>y = x for x &gt; 0, alpha·(eˣ − 1) below.</summary>
public sealed class Elu() : ExponentialLinearOperator("Elu")
{
    public float Alpha { get; init; } = 1;

    public override int OpsetVersion => 6;

    public override IEnumerable<OperatorAttribute> Attributes => [new("alpha", Alpha)];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Elu(x, Alpha, y, workers);

    protected override Value Derive(Backward backward) => Derive(backward, 1, Alpha, 1);
}

/// <summary>y = gamma·x for x &gt; 0, gamma·alpha·(eˣ − 1) below.</summary>
public sealed class Selu() : ExponentialLinearOperator("Selu")
{
    internal const float DefaultAlpha = 1.67326319f, DefaultGamma = 1.05070102f;

    public float Alpha { get; init; } = DefaultAlpha;

    public float Gamma { get; init; } = DefaultGamma;

    public override int OpsetVersion => 6;

    public override IEnumerable<OperatorAttribute> Attributes => [new("alpha", Alpha), new("gamma", Gamma)];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Selu(x, Alpha, Gamma, y, workers);

    protected override Value Derive(Backward backward) => Derive(backward, Gamma, Alpha, 1);
}

/// <summary>y = x for x &gt; 0, alpha·(e^(x/alpha) − 1) below.</summary>
public sealed class Celu() : ExponentialLinearOperator("Celu")
{
    public float Alpha { get; init; } = 1;

    public override int OpsetVersion => 12;

    public override IEnumerable<OperatorAttribute> Attributes => [new("alpha", Alpha)];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Celu(x, Alpha, y, workers);

    protected override Value Derive(Backward backward) => Derive(backward, 1, Alpha, 1 / Alpha);
}
