using System.Numerics.Tensors;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Comparisons of two broadcasting tensors, and tests for NaN and infinity. Their outputs are booleans, so no gradient passes.</summary>
/// <remarks>ONNX operator sets 7 to 25. A comparison with NaN is false, as by IEEE 754.</remarks>
public static class ComparisonOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Equal", _ => new Equal(), since: 7, notes: "not strings"),
        OperatorDefinition.Of("Greater", _ => new Greater(), since: 7),
        OperatorDefinition.Of("Less", _ => new Less(), since: 7),
        OperatorDefinition.Of("GreaterOrEqual", _ => new GreaterOrEqual(), since: 12),
        OperatorDefinition.Of("LessOrEqual", _ => new LessOrEqual(), since: 12),
        OperatorDefinition.Of("IsNaN", _ => new IsNaN(), since: 9),
        OperatorDefinition.Of("IsInf", a => new IsInf { Positive = a.Flag("detect_positive", true), Negative = a.Flag("detect_negative", true) }, since: 10),
    ];

    public static Value Equal(this GraphBuilder graph, Value a, Value b) => graph.Op(new Equal(), a, b);

    public static Value Greater(this GraphBuilder graph, Value a, Value b) => graph.Op(new Greater(), a, b);

    public static Value Less(this GraphBuilder graph, Value a, Value b) => graph.Op(new Less(), a, b);

    public static Value GreaterOrEqual(this GraphBuilder graph, Value a, Value b) => graph.Op(new GreaterOrEqual(), a, b);

    public static Value LessOrEqual(this GraphBuilder graph, Value a, Value b) => graph.Op(new LessOrEqual(), a, b);

    public static Value IsNaN(this GraphBuilder graph, Value x) => graph.Op(new IsNaN(), x);
}

/// <summary>A comparison of numbers.</summary>
public abstract class ComparisonOperator(string name) : BroadcastOperator(name)
{
    /// <summary>Never: the output holds booleans, the inputs may hold them under another shape only.</summary>
    public override bool MayOverwrite(int input) => false;

    protected override ElementType TypeOf(InferenceContext context)
    {
        _ = base.TypeOf(context);
        return ElementType.Bool;
    }

    private protected static void Numbers<TFloat, TInteger>(KernelContext context)
        where TFloat : struct, IPredicate<float>
        where TInteger : struct, IPredicate<long>
    {
        if (context.Input(0).Type.IsFloating())
            Broadcast.Apply<Compare<float, TFloat>, float, bool>(context.Floats(0), context.Dims(0), context.Floats(1), context.Dims(1),
                context.OutputBooleans(), context.OutputDims(), context.Workers);
        else
            Broadcast.Apply<Compare<long, TInteger>, long, bool>(context.Integers(0), context.Dims(0), context.Integers(1), context.Dims(1),
                context.OutputBooleans(), context.OutputDims(), context.Workers);
    }
}

/// <summary>a = b, of numbers or of booleans; −0 equals +0, NaN nothing.</summary>
public sealed class Equal() : ComparisonOperator("Equal")
{
    protected override ElementType TypeOf(InferenceContext context)
    {
        CheckSameStorage(context);
        if (context.TypeOf(0) == ElementType.String) throw context.Error("it compares strings, which is not supported.");
        return ElementType.Bool;
    }

    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type != ElementType.Bool) Numbers<IsEqual<float>, IsEqual<long>>(context);
        else
            Broadcast.Apply<EqualBoolFunction, bool, bool>(context.Booleans(0), context.Dims(0), context.Booleans(1), context.Dims(1),
                context.OutputBooleans(), context.OutputDims(), context.Workers);
    }
}

/// <summary>a &gt; b.</summary>
public sealed class Greater() : ComparisonOperator("Greater")
{
    public override void Execute(KernelContext context) => Numbers<IsGreater<float>, IsGreater<long>>(context);
}

/// <summary>a &lt; b.</summary>
public sealed class Less() : ComparisonOperator("Less")
{
    public override void Execute(KernelContext context) => Numbers<IsLess<float>, IsLess<long>>(context);
}

/// <summary>a ≥ b.</summary>
public sealed class GreaterOrEqual() : ComparisonOperator("GreaterOrEqual")
{
    public override int OpsetVersion => 16;

    public override void Execute(KernelContext context) => Numbers<IsGreaterOrEqual<float>, IsGreaterOrEqual<long>>(context);
}

/// <summary>a ≤ b.</summary>
public sealed class LessOrEqual() : ComparisonOperator("LessOrEqual")
{
    public override int OpsetVersion => 16;

    public override void Execute(KernelContext context) => Numbers<IsLessOrEqual<float>, IsLessOrEqual<long>>(context);
}

/// <summary>Whether each element is NaN.</summary>
public sealed class IsNaN : Operator
{
    public override string Name => "IsNaN";

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsFloating()) throw context.Error($"it takes floating-point numbers, and its input is {context.TypeOf(0)}.");
        context.Output(0, ElementType.Bool, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context) => Elementwise.IsNaN(context.Floats(0), context.OutputBooleans());
}

/// <summary>Whether each element is infinite.</summary>
public sealed class IsInf : Operator
{
    /// <summary>Whether +∞ counts.</summary>
    public bool Positive { get; init; } = true;

    /// <summary>Whether −∞ counts.</summary>
    public bool Negative { get; init; } = true;

    public override string Name => "IsInf";

    public override int OpsetVersion => 10;

    public override IEnumerable<OperatorAttribute> Attributes => [new("detect_positive", Positive ? 1L : 0L), new("detect_negative", Negative ? 1L : 0L)];

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsFloating()) throw context.Error($"it takes floating-point numbers, and its input is {context.TypeOf(0)}.");
        context.Output(0, ElementType.Bool, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        switch (Positive, Negative)
        {
            case (true, true): TensorPrimitives.IsInfinity(context.Floats(0), context.OutputBooleans()); break;
            case (true, false): TensorPrimitives.IsPositiveInfinity(context.Floats(0), context.OutputBooleans()); break;
            case (false, true): TensorPrimitives.IsNegativeInfinity(context.Floats(0), context.OutputBooleans()); break;
            default: context.OutputBooleans().Clear(); break;
        }
    }
}
