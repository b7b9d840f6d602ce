using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Activations that are linear in pieces: <c>Relu</c>, <c>LeakyRelu</c>, <c>PRelu</c>, <c>ThresholdedRelu</c>, <c>HardSigmoid</c>, <c>HardSwish</c>, <c>Clip</c>.</summary>
/// <remarks>ONNX operator sets 6 to 25.</remarks>
public static class RectifierOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Relu", _ => new Relu(), since: 6),
        OperatorDefinition.Of("LeakyRelu", a => new LeakyRelu { Alpha = a.Float("alpha", 0.01f) }, since: 6),
        OperatorDefinition.Of("PRelu", _ => new PRelu(), since: 7),
        OperatorDefinition.Of("ThresholdedRelu", a => new ThresholdedRelu { Alpha = a.Float("alpha", 1) }, since: 10),
        OperatorDefinition.Of("HardSigmoid", a => new HardSigmoid { Alpha = a.Float("alpha", 0.2f), Beta = a.Float("beta", 0.5f) }, since: 6),
        OperatorDefinition.Of("HardSwish", _ => new HardSwish(), since: 14),
        OperatorDefinition.Of("Clip", ImportClip, since: 6),
        OperatorDefinition.Of("Shrink", ImportShrink, since: 9, notes: "floating types only"),
    ];

    public static Value Relu(this GraphBuilder graph, Value x) => graph.Op(new Relu(), x);

    public static Value LeakyRelu(this GraphBuilder graph, Value x, float alpha = 0.01f) => graph.Op(new LeakyRelu { Alpha = alpha }, x);

    public static Value PRelu(this GraphBuilder graph, Value x, Value slope) => graph.Op(new PRelu(), x, slope);

    /// <summary>min(max(x, low), high); null for no bound.</summary>
    public static Value Clip(this GraphBuilder graph, Value x, float? low = null, float? high = null) => graph.Op(new Clip(), x,
        low is { } l ? graph.ScalarLike(x, l) : null, high is { } h ? graph.ScalarLike(x, h) : null);

    /// <summary>x + bias below −lambd, x − bias above lambd, 0 between.</summary>
    private static IReadOnlyList<Value> ImportShrink(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value x = import.Input(0);
        if (!x.Type.IsFloating()) throw import.Unsupported($"its input is {x.Type}; floating types are supported.");
        float threshold = import.Attributes.Float("lambd", 0.5f);
        Value bias = graph.ScalarLike(x, import.Attributes.Float("bias", 0));
        Value above = graph.WhereOrZero(graph.Greater(x, graph.ScalarLike(x, threshold)), graph.Sub(x, bias));
        return import.Emit(new Where(), graph.Less(x, graph.ScalarLike(x, -threshold)), graph.Add(x, bias), above);
    }

    private static IReadOnlyList<Value> ImportClip(OperatorImport import)
    {
        if (import.Opset >= 11) return import.Emit(new Clip(), import.Inputs);
        Value? low = import.Attributes.Has("min") ? import.Graph.ScalarLike(import.Input(0), import.Attributes.Float("min", 0)) : null;
        Value? high = import.Attributes.Has("max") ? import.Graph.ScalarLike(import.Input(0), import.Attributes.Float("max", 0)) : null;
        return import.Emit(new Clip(), import.Input(0), low, high);
    }
}

/// <summary>y = max(x, 0), with the derivative 0 at 0.</summary>
public sealed class Relu() : UnaryOperator("Relu")
{
    public override int OpsetVersion => 14;

    protected override bool TakesIntegers => true;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.Relu(x, y, workers);

    protected override void Compute(ReadOnlySpan<long> x, Span<long> y, Workers workers) => Elementwise.Relu(x, y, workers);

    /// <summary>By the sign of y, which is that of x: so y may be written over x.</summary>
    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return graph.WhereOrZero(graph.Greater(backward.Output, graph.ScalarLike(backward.Output, 0)), backward.Upstream);
    }
}

/// <summary>y = x for x ≥ 0, alpha·x below; the derivative at 0 is alpha, as in PyTorch.</summary>
public sealed class LeakyRelu() : UnaryOperator("LeakyRelu")
{
    public float Alpha { get; init; } = 0.01f;

    public override int OpsetVersion => 16;

    public override IEnumerable<OperatorAttribute> Attributes => [new("alpha", Alpha)];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.LeakyRelu(x, Alpha, y, workers);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return graph.Where(graph.Greater(backward.Input, graph.ScalarLike(backward.Input, 0)), backward.Upstream, graph.Scale(backward.Upstream, Alpha));
    }
}

/// <summary>y = x for x ≥ 0, slope·x below; the slope broadcasts to x. The derivative by x at 0 is the slope, as in PyTorch.</summary>
public sealed class PRelu() : BroadcastOperator("PRelu")
{
    public override int OpsetVersion => 16;

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        base.Infer(context);
        if (context.ShapeOf(0) is not { } x || context.ShapeOf(1) is not { } slope) return;
        Shape both = Shape.Broadcast(x, slope);
        for (int d = 0; d < both.Rank; d++)
            if (both.Rank != x.Rank || (both[d].IsKnown && x[d].IsKnown && both[d] != x[d])) throw context.Error($"its slope of shape {slope} does not broadcast to its input of shape {x}.");
        context.Output(0, context.TypeOf(0), x);
    }

    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Floats<PReluFunction>(context);
        else Integers<Scalars<long, IntegerPRelu>>(context);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), slope = backward.Inputs(1), upstream = backward.Upstream;
        Value rises = graph.Greater(x, graph.ScalarLike(x, 0));
        return Send(backward,
            () => graph.Where(rises, upstream, graph.Mul(upstream, slope)),
            () => graph.Where(rises, graph.ScalarLike(x, 0), graph.Mul(upstream, x)));
    }

    private readonly struct IntegerPRelu : IScalarFunction<long>
    {
        public static long Invoke(long a, long b) => a < 0 ? unchecked(a * b) : a;
    }
}

/// <summary>y = x for x &gt; alpha, else 0; the derivative at alpha is 0.</summary>
public sealed class ThresholdedRelu() : UnaryOperator("ThresholdedRelu")
{
    public float Alpha { get; init; } = 1;

    public override int OpsetVersion => 10;

    public override IEnumerable<OperatorAttribute> Attributes => [new("alpha", Alpha)];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) =>
        Elementwise.Map(new ThresholdFunction(Alpha), x, y, workers, Chunks.Cheap);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return graph.WhereOrZero(graph.Greater(backward.Input, graph.ScalarLike(backward.Input, Alpha)), backward.Upstream);
    }
}

/// <summary>y = min(max(alpha·x + beta, 0), 1); the derivative is alpha where 0 &lt; y &lt; 1, else 0, as in PyTorch.</summary>
public sealed class HardSigmoid() : UnaryOperator("HardSigmoid")
{
    public float Alpha { get; init; } = 0.2f;

    public float Beta { get; init; } = 0.5f;

    public override int OpsetVersion => 6;

    public override IEnumerable<OperatorAttribute> Attributes => [new("alpha", Alpha), new("beta", Beta)];

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.HardSigmoid(x, Alpha, Beta, y, workers);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value y = backward.Output, inside = graph.And(graph.Greater(y, graph.ScalarLike(y, 0)), graph.Less(y, graph.ScalarLike(y, 1)));
        return graph.WhereOrZero(inside, graph.Scale(backward.Upstream, Alpha));
    }
}

/// <summary>y = x·min(max(x/6 + 1/2, 0), 1); the derivative is 0 up to −3, x/3 + 1/2 between, and 1 from 3 on, as in PyTorch.</summary>
public sealed class HardSwish() : UnaryOperator("HardSwish")
{
    public override int OpsetVersion => 14;

    protected override void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Elementwise.HardSwish(x, y, workers);

    protected override Value Derive(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, upstream = backward.Upstream;
        Value slope = graph.Add(graph.Scale(x, 1f / 3), graph.ScalarLike(x, 0.5f));
        Value below = graph.WhereOrZero(graph.Greater(x, graph.ScalarLike(x, -3)), graph.Mul(upstream, slope));
        return graph.Where(graph.GreaterOrEqual(x, graph.ScalarLike(x, 3)), upstream, below);
    }
}

/// <summary>y = min(max(x, low), high). Inputs 1 and 2, which may be left out, are the bounds; where low is above high, high.</summary>
/// <remarks>The gradient passes where low ≤ x ≤ high, bounds included; beyond a bound it goes to the bound: as in PyTorch. NaN stays NaN.</remarks>
public sealed class Clip : Operator
{
    public override string Name => "Clip";

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        ElementType type = context.TypeOf(0);
        if (!type.IsFloating() && !type.IsInteger()) throw context.Error($"it takes numbers, and its input is {type}.");
        for (int i = 1; i < 3; i++)
        {
            if (!context.Has(i)) continue;
            if (context.TypeOf(i).Storage() != type.Storage()) throw context.Error($"its bound {i} must have the type of its input, {type}, and is {context.TypeOf(i)}.");
            if (context.ShapeOf(i)?.TryToArray(out int[]? dims) == true && NdArray.Count(dims) != 1) throw context.Error($"its bound {i} must be one number, and has the shape {context.ShapeOf(i)}.");
        }
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating())
            Elementwise.Clip(context.Floats(0), context.Has(1) ? context.Floats(1)[0] : float.NegativeInfinity,
                context.Has(2) ? context.Floats(2)[0] : float.PositiveInfinity, context.OutputFloats(), context.Workers);
        else
            Elementwise.Clip(context.Integers(0), context.Has(1) ? context.Integers(1)[0] : long.MinValue,
                context.Has(2) ? context.Integers(2)[0] : long.MaxValue, context.OutputIntegers(), context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input, upstream = backward.Upstream;
        Value? low = backward.Has(1) ? backward.Inputs(1) : null, high = backward.Has(2) ? backward.Inputs(2) : null;
        var sent = new Value?[backward.Node.Inputs.Count];
        if (backward.Needs(0))
        {
            Value? inside = low is null ? null : graph.GreaterOrEqual(x, low);
            if (high is not null) inside = inside is null ? graph.LessOrEqual(x, high) : graph.And(inside, graph.LessOrEqual(x, high));
            sent[0] = inside is null ? upstream : graph.WhereOrZero(inside, upstream);
        }
        if (low is not null && backward.Needs(1))
        {
            Value below = high is null ? graph.Less(x, low) : graph.And(graph.Less(x, low), graph.Less(low, high));
            sent[1] = graph.SumTo(graph.WhereOrZero(below, upstream), low);
        }
        if (high is not null && backward.Needs(2))
        {
            Value above = low is null ? graph.Greater(x, high) : graph.Or(graph.Greater(x, high), graph.Less(high, low));
            sent[2] = graph.SumTo(graph.WhereOrZero(above, upstream), high);
        }
        return sent;
    }
}
