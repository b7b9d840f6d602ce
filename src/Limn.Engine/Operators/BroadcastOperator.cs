using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>An operator of two inputs that broadcast as in numpy: shapes align at the right, sizes of one repeat.</summary>
public abstract class BroadcastOperator(string name) : Operator
{
    public sealed override string Name => name;

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.InputCount != 2) throw context.Error($"it takes two inputs, and has {context.InputCount}.");
        context.Output(0, TypeOf(context), BroadcastShape(context));
    }

    /// <summary>The type of the output; checks those of the inputs.</summary>
    protected virtual ElementType TypeOf(InferenceContext context)
    {
        CheckSameStorage(context);
        if (!context.TypeOf(0).IsFloating() && !context.TypeOf(0).IsInteger()) throw context.Error($"it takes numbers, and its inputs are {context.TypeOf(0)}.");
        return context.TypeOf(0);
    }

    /// <summary>Both inputs must be floats, integers, or booleans; floats of several widths may meet, since they are all held as float.</summary>
    protected static void CheckSameStorage(InferenceContext context)
    {
        for (int i = 1; i < context.InputCount; i++)
            if (context.TypeOf(i).Storage() != context.TypeOf(0).Storage())
                throw context.Error($"its inputs must have the same type, and they are {context.TypeOf(0)} and {context.TypeOf(i)}. Insert a Cast.");
    }

    /// <summary>The shape to which all inputs broadcast, as far as it is known.</summary>
    internal static Shape? BroadcastShape(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        for (int i = 1; i < context.InputCount && shape is not null; i++) shape = context.ShapeOf(i) is { } next ? Shape.Broadcast(shape, next) : null;
        return shape;
    }

    /// <summary>y = f(a, b) on floats.</summary>
    private protected static void Floats<TFunction>(KernelContext context)
        where TFunction : struct, IBinaryFunction<float, float> =>
        Broadcast.Apply<TFunction, float, float>(context.Floats(0), context.Dims(0), context.Floats(1), context.Dims(1),
            context.OutputFloats(), context.OutputDims(), context.Workers);

    /// <summary>y = f(a, b) on integers, wrapped around to the range of the output's type.</summary>
    private protected static void Integers<TFunction>(KernelContext context)
        where TFunction : struct, IBinaryFunction<long, long>
    {
        Broadcast.Apply<TFunction, long, long>(context.Integers(0), context.Dims(0), context.Integers(1), context.Dims(1),
            context.OutputIntegers(), context.OutputDims(), context.Workers);
        IntegerTypes.Wrap(context.OutputIntegers(), context.Output(0).Type);
    }

    /// <summary>Sends to each input what <paramref name="parts"/> makes, summed over the axes along which the input was repeated.</summary>
    private protected static Value?[] Send(Backward backward, params ReadOnlySpan<Func<Value>> parts)
    {
        var sent = new Value?[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (backward.Needs(i)) sent[i] = backward.Graph.SumTo(parts[i](), backward.Inputs(i));
        return sent;
    }
}
