using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>ArgMax</c> and <c>ArgMin</c> of ONNX operator sets 1 to 25.</summary>
public static class ArgExtremeOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("ArgMax", a => new ArgMax { Axis = Axis(a), KeepDims = a.Flag("keepdims", true), TakesLast = a.Flag("select_last_index", false) }),
        OperatorDefinition.Of("ArgMin", a => new ArgMin { Axis = Axis(a), KeepDims = a.Flag("keepdims", true), TakesLast = a.Flag("select_last_index", false) }),
    ];

    public static Value ArgMax(this GraphBuilder graph, Value x, int axis, bool keepDims = true) => graph.Op(new ArgMax { Axis = axis, KeepDims = keepDims }, x);

    public static Value ArgMin(this GraphBuilder graph, Value x, int axis, bool keepDims = true) => graph.Op(new ArgMin { Axis = axis, KeepDims = keepDims }, x);

    private static int Axis(NodeAttributes attributes) => checked((int)attributes.Int("axis", 0));
}

/// <summary>The place of the largest or smallest element along an axis, as int64; no gradient passes.</summary>
/// <remarks>Ties go to the first, or to the last where asked. NaN counts as the most extreme, as in numpy and PyTorch. An empty axis is an error.</remarks>
public abstract class ArgExtremeOperator(string name) : Operator
{
    public sealed override string Name => name;

    public int Axis { get; init; }

    /// <summary>Whether the axis stays, with size 1.</summary>
    public bool KeepDims { get; init; } = true;

    /// <summary>Whether the last of equal elements is taken (select_last_index).</summary>
    public bool TakesLast { get; init; }

    public override IEnumerable<OperatorAttribute> Attributes =>
        [new("axis", (long)Axis), new("keepdims", KeepDims ? 1L : 0L), new("select_last_index", TakesLast ? 1L : 0L)];

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsFloating() && !context.TypeOf(0).IsInteger()) throw context.Error($"it takes numbers, and its input is {context.TypeOf(0)}.");
        if (context.ShapeOf(0) is not { } shape)
        {
            context.Output(0, ElementType.Int64, null);
            return;
        }
        int axis = Shape.Axis(Axis, shape.Rank);
        if (shape[axis] == 0) throw context.Error($"axis {Axis} of its input of shape {shape} is empty: there is no largest or smallest element.");
        context.Output(0, ElementType.Int64, KeepDims ? shape.With(axis, 1) : Shape.Of([.. shape.Where((_, i) => i != axis)]));
    }
}

/// <inheritdoc cref="ArgExtremeOperator"/>
public sealed class ArgMax() : ArgExtremeOperator("ArgMax")
{
    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) ArgExtremes.ArgMax(context.Floats(0), context.Dims(0), Axis, TakesLast, context.OutputIntegers(), context.Workers);
        else ArgExtremes.ArgMax(context.Integers(0), context.Dims(0), Axis, TakesLast, context.OutputIntegers(), context.Workers);
    }
}

/// <inheritdoc cref="ArgExtremeOperator"/>
public sealed class ArgMin() : ArgExtremeOperator("ArgMin")
{
    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) ArgExtremes.ArgMin(context.Floats(0), context.Dims(0), Axis, TakesLast, context.OutputIntegers(), context.Workers);
        else ArgExtremes.ArgMin(context.Integers(0), context.Dims(0), Axis, TakesLast, context.OutputIntegers(), context.Workers);
    }
}
