using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>Softmax</c>, <c>LogSoftmax</c> and <c>Hardmax</c>, with the meaning of ONNX operator set 13: along one axis.</summary>
/// <remarks>Before 13 all axes from the given one on are one; such a node is rewritten to Flatten, the operator and Reshape.</remarks>
public static class SoftmaxOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Softmax", i => Import(i, axis => new Softmax { Axis = axis })),
        OperatorDefinition.Of("LogSoftmax", i => Import(i, axis => new LogSoftmax { Axis = axis })),
        OperatorDefinition.Of("Hardmax", i => Import(i, axis => new Hardmax { Axis = axis })),
    ];

    public static Value Softmax(this GraphBuilder graph, Value x, int axis = -1) => graph.Op(new Softmax { Axis = axis }, x);

    public static Value LogSoftmax(this GraphBuilder graph, Value x, int axis = -1) => graph.Op(new LogSoftmax { Axis = axis }, x);

    private static IReadOnlyList<Value> Import(OperatorImport import, Func<int, Operator> create)
    {
        Value x = import.Input(0);
        long axis = import.Attributes.Int("axis", import.Opset >= 13 ? -1 : 1);
        if (import.Opset >= 13 || axis == -1 || (x.Shape is { } shape && Shape.Axis(axis, shape.Rank) == shape.Rank - 1))
            return import.Emit(create(checked((int)axis)), x);
        GraphBuilder graph = import.Graph;
        return import.EmitAs(graph.ReshapeLike(graph.Op(create(-1), graph.Flatten(x, axis)), x));
    }
}

/// <summary>An operator on the numbers along one axis.</summary>
public abstract class AxisOperator(string name) : Operator
{
    public sealed override string Name => name;

    /// <summary>The axis; counted from the end if negative.</summary>
    public int Axis { get; init; } = -1;

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", (long)Axis)];

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsFloating()) throw context.Error($"it takes floating-point numbers, and its input is {context.TypeOf(0)}.");
        if (context.ShapeOf(0) is { } shape) _ = Shape.Axis(Axis, shape.Rank);
        context.SameAs(0);
    }
}

/// <summary>yᵢ = e^xᵢ / Σⱼ e^xⱼ along an axis.</summary>
/// <remarks>Does not overflow. A row that holds NaN or +∞, or nothing but −∞, becomes NaN, as in PyTorch.</remarks>
public sealed class Softmax() : AxisOperator("Softmax")
{
    public override bool MayOverwrite(int input) => true;

    public override void Execute(KernelContext context)
    {
        var (outer, axis, inner) = Dims.Split(context.Dims(0), Axis);
        SoftmaxKernels.Softmax(context.Floats(0), context.OutputFloats(), outer, axis, inner, context.Workers);
    }

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.Op(new SoftmaxGradient { Axis = Axis }, backward.Output, backward.Upstream)];
}

/// <summary>yᵢ = xᵢ − ln Σⱼ e^xⱼ along an axis.</summary>
/// <inheritdoc cref="Softmax" path="/remarks"/>
public sealed class LogSoftmax() : AxisOperator("LogSoftmax")
{
    public override bool MayOverwrite(int input) => true;

    public override void Execute(KernelContext context)
    {
        var (outer, axis, inner) = Dims.Split(context.Dims(0), Axis);
        SoftmaxKernels.LogSoftmax(context.Floats(0), context.OutputFloats(), outer, axis, inner, context.Workers);
    }

    public override Value?[] Gradient(Backward backward) =>
        [backward.Graph.Op(new LogSoftmaxGradient { Axis = Axis }, backward.Output, backward.Upstream)];
}

/// <summary>The vector-Jacobian product of <see cref="Softmax"/> in one pass: yᵢ·(dᵢ − Σⱼ yⱼ·dⱼ), of y (input 0) and what arrives (input 1).</summary>
public sealed class SoftmaxGradient() : AxisOperator("SoftmaxGradient")
{
    public override string Domain => "limn";

    public override bool MayOverwrite(int input) => input == 1;

    public override void Execute(KernelContext context)
    {
        var (outer, axis, inner) = Dims.Split(context.Dims(0), Axis);
        SoftmaxKernels.SoftmaxBackward(context.Floats(0), context.Floats(1), context.OutputFloats(), outer, axis, inner, context.Workers);
    }

    /// <summary>With g arriving: g·(d − Σ y·d) − d·Σ y·g to y, and the same operator to d, in which it is symmetric.</summary>
    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value y = backward.Inputs(0), d = backward.Inputs(1), g = backward.Upstream;
        Value Mean(Value v) => graph.ReduceSum(graph.Mul(y, v), [Axis]);
        return
        [
            backward.Needs(0) ? graph.Sub(graph.Mul(g, graph.Sub(d, Mean(d))), graph.Mul(d, Mean(g))) : null,
            backward.Needs(1) ? graph.Op(new SoftmaxGradient { Axis = Axis }, y, g) : null,
        ];
    }

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value y = node.Inputs[0]!, d = node.Inputs[1]!;
        return [graph.Mul(y, graph.Sub(d, graph.ReduceSum(graph.Mul(y, d), [Axis])))];
    }
}

/// <summary>The vector-Jacobian product of <see cref="LogSoftmax"/> in one pass: dᵢ − e^yᵢ·Σⱼ dⱼ, of y (input 0) and what arrives (input 1).</summary>
public sealed class LogSoftmaxGradient() : AxisOperator("LogSoftmaxGradient")
{
    public override string Domain => "limn";

    public override bool MayOverwrite(int input) => input == 1;

    public override void Execute(KernelContext context)
    {
        var (outer, axis, inner) = Dims.Split(context.Dims(0), Axis);
        SoftmaxKernels.LogSoftmaxBackward(context.Floats(0), context.Floats(1), context.OutputFloats(), outer, axis, inner, context.Workers);
    }

    /// <summary>With g arriving: −g·e^y·Σ d to y, and g − Σ g·e^y to d.</summary>
    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value weighted = graph.Mul(backward.Upstream, graph.Exp(backward.Inputs(0)));
        return
        [
            backward.Needs(0) ? graph.Neg(graph.Mul(weighted, graph.ReduceSum(backward.Inputs(1), [Axis]))) : null,
            backward.Needs(1) ? graph.Sub(backward.Upstream, graph.ReduceSum(weighted, [Axis])) : null,
        ];
    }

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value y = node.Inputs[0]!, d = node.Inputs[1]!;
        return [graph.Sub(d, graph.Mul(graph.Exp(y), graph.ReduceSum(d, [Axis])))];
    }
}

/// <summary>1 at the first of the largest elements along an axis, 0 elsewhere. The derivative is 0. The first NaN counts as the largest.</summary>
public sealed class Hardmax() : AxisOperator("Hardmax")
{
    public override void Execute(KernelContext context)
    {
        var (outer, axis, inner) = Dims.Split(context.Dims(0), Axis);
        Span<float> y = context.OutputFloats();
        y.Clear();
        if (y.IsEmpty) return;
        var places = new long[outer * inner];
        ArgExtremes.ArgMax(context.Floats(0), context.Dims(0), Axis, last: false, places, context.Workers);
        for (int i = 0; i < places.Length; i++) y[(i / inner * axis + (int)places[i]) * inner + i % inner] = 1;
    }

    public override Value?[] Gradient(Backward backward) => [null];
}
