using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Arithmetic of two broadcasting tensors: <c>Add</c>, <c>Sub</c>, <c>Mul</c>, <c>Div</c>, <c>Mod</c>.</summary>
/// <remarks>
/// ONNX operator sets 7 to 25. Floats follow IEEE 754; integers wrap around at the ends of their type. The gradient is summed
/// over the axes along which an input was repeated.
/// </remarks>
public static class ArithmeticOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Add", _ => new Add(), since: 7),
        OperatorDefinition.Of("Sub", _ => new Sub(), since: 7),
        OperatorDefinition.Of("Mul", _ => new Mul(), since: 7),
        OperatorDefinition.Of("Div", _ => new Div(), since: 7),
        OperatorDefinition.Of("Mod", a => new Mod { TruncatesQuotient = a.Flag("fmod", false) }, since: 10),
    ];

    public static Value Add(this GraphBuilder graph, Value a, Value b) => graph.Op(new Add(), a, b);

    public static Value Sub(this GraphBuilder graph, Value a, Value b) => graph.Op(new Sub(), a, b);

    public static Value Mul(this GraphBuilder graph, Value a, Value b) => graph.Op(new Mul(), a, b);

    public static Value Div(this GraphBuilder graph, Value a, Value b) => graph.Op(new Div(), a, b);

    /// <summary>x times a number.</summary>
    public static Value Scale(this GraphBuilder graph, Value x, float factor) => factor == 1 ? x : graph.Mul(x, graph.ScalarLike(x, factor));

    /// <summary>A constant without axes, of the floating type of <paramref name="like"/>.</summary>
    public static Value ScalarLike(this GraphBuilder graph, Value like, float value) => graph.Constant(NdArray.Scalar(value).As(like.Type));
}

/// <summary>y = a + b.</summary>
public sealed class Add() : BroadcastOperator("Add")
{
    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Floats<AddFunction<float>>(context);
        else Integers<AddFunction<long>>(context);
    }

    public override Value?[] Gradient(Backward backward) => Send(backward, () => backward.Upstream, () => backward.Upstream);
}

/// <summary>y = a − b.</summary>
public sealed class Sub() : BroadcastOperator("Sub")
{
    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Floats<SubtractFunction<float>>(context);
        else Integers<SubtractFunction<long>>(context);
    }

    public override Value?[] Gradient(Backward backward) =>
    [
        backward.Needs(0) ? backward.Graph.SumTo(backward.Upstream, backward.Inputs(0)) : null,
        backward.Needs(1) ? backward.Graph.Neg(backward.Graph.SumTo(backward.Upstream, backward.Inputs(1))) : null,
    ];
}

/// <summary>y = a·b.</summary>
public sealed class Mul() : BroadcastOperator("Mul")
{
    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Floats<MultiplyFunction<float>>(context);
        else Integers<MultiplyFunction<long>>(context);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return Send(backward, () => graph.Mul(backward.Upstream, backward.Inputs(1)), () => graph.Mul(backward.Upstream, backward.Inputs(0)));
    }
}

/// <summary>y = a / b; of integers, truncated towards 0.</summary>
/// <remarks>An integer divisor of 0 is an <see cref="InvalidDataException"/>; the least integer over −1 wraps around to itself.</remarks>
public sealed class Div() : BroadcastOperator("Div")
{
    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Floats<DivideFunction>(context);
        else Integers<Dividing<DivideInt>>(context);
    }

    /// <summary>∂y/∂a = 1/b and ∂y/∂b = −y/b.</summary>
    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value quotient = graph.Div(backward.Upstream, backward.Inputs(1));
        return Send(backward, () => quotient, () => graph.Neg(graph.Mul(quotient, backward.Output)));
    }
}

/// <summary>The remainder of a / b: a − b·⌊a/b⌋, with the sign of b as in Python, or a − b·trunc(a/b), with the sign of a as in C.</summary>
/// <remarks>
/// ONNX allows floats only with the sign of a (fmod = 1); here both are defined. An integer divisor of 0 is an
/// <see cref="InvalidDataException"/>, a floating one gives NaN. The derivative by b is minus the whole quotient, as in PyTorch.
/// </remarks>
public sealed class Mod() : BroadcastOperator("Mod")
{
    /// <summary>Whether the remainder has the sign of the dividend (ONNX's fmod).</summary>
    public bool TruncatesQuotient { get; init; }

    public override IEnumerable<OperatorAttribute> Attributes => TruncatesQuotient ? [new("fmod", 1L)] : [];

    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating())
        {
            if (TruncatesQuotient) Floats<Scalars<float, RemainderFloat>>(context);
            else Floats<Scalars<float, ModFloat>>(context);
        }
        else if (TruncatesQuotient) Integers<Dividing<RemainderInt>>(context);
        else Integers<Dividing<ModInt>>(context);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return Send(backward, () => backward.Upstream, () =>
        {
            Value quotient = graph.Round(graph.Div(graph.Sub(backward.Inputs(0), backward.Output), backward.Inputs(1)));
            return graph.Neg(graph.Mul(backward.Upstream, quotient));
        });
    }
}
