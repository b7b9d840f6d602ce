using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Functions of any number of broadcasting tensors: <c>Max</c>, <c>Min</c>, <c>Sum</c>, <c>Mean</c>.</summary>
/// <remarks>ONNX operator sets 8 to 25.</remarks>
public static class VariadicOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Max", _ => new Max(), since: 6),
        OperatorDefinition.Of("Min", _ => new Min(), since: 6),
        OperatorDefinition.Of("Sum", _ => new Sum(), since: 6),
        OperatorDefinition.Of("Mean", _ => new Mean(), since: 6),
    ];

    public static Value Max(this GraphBuilder graph, params Value[] values) => graph.Op(new Max(), values);

    public static Value Min(this GraphBuilder graph, params Value[] values) => graph.Op(new Min(), values);

    public static Value Sum(this GraphBuilder graph, params Value[] values) => graph.Op(new Sum(), values);

    public static Value Mean(this GraphBuilder graph, params Value[] values) => graph.Op(new Mean(), values);
}

/// <summary>A function of one tensor or more, applied from left to right.</summary>
public abstract class VariadicOperator(string name) : Operator
{
    public sealed override string Name => name;

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        ElementType type = context.TypeOf(0);
        if (!type.IsFloating() && !type.IsInteger()) throw context.Error($"it takes numbers, and its input 0 is {type}.");
        for (int i = 1; i < context.InputCount; i++)
            if (context.TypeOf(i).Storage() != type.Storage())
                throw context.Error($"its inputs must have the same type, and they are {type} and {context.TypeOf(i)}. Insert a Cast.");
        context.Output(0, type, BroadcastOperator.BroadcastShape(context));
    }

    private protected static void Fold<TFloat, TInteger>(KernelContext context)
        where TFloat : struct, IBinaryFunction<float, float>
        where TInteger : struct, IBinaryFunction<long, long>
    {
        if (context.Output(0).Type.IsFloating())
        {
            Fold<TFloat, float>(context, static a => a.Floats);
            return;
        }
        Fold<TInteger, long>(context, static a => a.Integers);
        IntegerTypes.Wrap(context.OutputIntegers(), context.Output(0).Type);
    }

    private delegate Span<T> Elements<T>(NdArray array);

    private static void Fold<TFunction, T>(KernelContext context, Elements<T> of)
        where TFunction : struct, IBinaryFunction<T, T>
        where T : unmanaged
    {
        NdArray first = context.Input(0);
        Span<T> y = of(context.Output(0));
        // A later input may be the memory that the first result is written over (Sum(x, x, x)).
        var later = new NdArray[context.InputCount];
        for (int i = 1; i < later.Length; i++)
            later[i] = i > 1 && of(context.Input(i)).Overlaps(y) ? context.Input(i).Copy() : context.Input(i);

        int next = 1;
        if (later.Length > 1 && Broadcast.BroadcastDims(first.Dims, later[1].Dims).AsSpan().SequenceEqual(context.OutputDims()))
        {
            Broadcast.Apply<TFunction, T, T>(of(first), first.Dims, of(later[1]), later[1].Dims, y, context.OutputDims(), context.Workers);
            next = 2;
        }
        else
        {
            if (later.Length > 1 && of(later[1]).Overlaps(y)) later[1] = later[1].Copy();
            Broadcast.Expand<T>(of(first), first.Dims, y, context.OutputDims(), context.Workers);
        }
        for (; next < later.Length; next++)
            Broadcast.Apply<TFunction, T, T>(y, context.OutputDims(), of(later[next]), later[next].Dims, y, context.OutputDims(), context.Workers);
    }
}

/// <summary>The sum of all inputs, from left to right.</summary>
public sealed class Sum() : VariadicOperator("Sum")
{
    public override void Execute(KernelContext context) => Fold<AddFunction<float>, AddFunction<long>>(context);

    public override Value?[] Gradient(Backward backward) =>
        [.. backward.Node.Inputs.Select((x, i) => backward.Needs(i) ? backward.Graph.SumTo(backward.Upstream, x!) : null)];
}

/// <summary>The mean of all inputs.</summary>
public sealed class Mean() : VariadicOperator("Mean")
{
    public override void Infer(InferenceContext context)
    {
        base.Infer(context);
        if (!context.TypeOf(0).IsFloating()) throw context.Error($"it takes floating-point numbers, and its inputs are {context.TypeOf(0)}.");
    }

    public override void Execute(KernelContext context)
    {
        Fold<AddFunction<float>, AddFunction<long>>(context);
        Span<float> y = context.OutputFloats();
        System.Numerics.Tensors.TensorPrimitives.Divide(y, context.InputCount, y);
    }

    public override Value?[] Gradient(Backward backward)
    {
        Value share = backward.Graph.Scale(backward.Upstream, 1f / backward.Node.Inputs.Count);
        return [.. backward.Node.Inputs.Select((x, i) => backward.Needs(i) ? backward.Graph.SumTo(share, x!) : null)];
    }
}

/// <summary>The largest or smallest of all inputs; NaN if any is NaN.</summary>
/// <remarks>Where several inputs tie, the gradient is shared evenly among them: with two inputs half and half, as PyTorch's maximum.</remarks>
public abstract class ExtremeOperator(string name) : VariadicOperator(name)
{
    public sealed override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        if (backward.Node.Inputs.Count == 1) return [backward.Upstream];
        Value[] wins = [.. backward.Node.Inputs.Select(x => graph.Cast(graph.Equal(x!, backward.Output), backward.Output.Type))];
        Value share = graph.Div(backward.Upstream, graph.Sum(wins));
        return [.. backward.Node.Inputs.Select((x, i) => backward.Needs(i) ? graph.SumTo(graph.Mul(share, wins[i]), x!) : null)];
    }
}

/// <inheritdoc cref="ExtremeOperator"/>
public sealed class Max() : ExtremeOperator("Max")
{
    public override void Execute(KernelContext context) => Fold<MaxFunction<float>, MaxFunction<long>>(context);
}

/// <inheritdoc cref="ExtremeOperator"/>
public sealed class Min() : ExtremeOperator("Min")
{
    public override void Execute(KernelContext context) => Fold<MinFunction<float>, MinFunction<long>>(context);
}
