using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Functions of truth values, and the choice by them: <c>Not</c>, <c>And</c>, <c>Or</c>, <c>Xor</c>, <c>Where</c>.</summary>
/// <remarks>ONNX operator sets 7 to 25, with numpy's broadcasting.</remarks>
public static class LogicOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Not", _ => new Not()),
        OperatorDefinition.Of("And", _ => new And(), since: 7),
        OperatorDefinition.Of("Or", _ => new Or(), since: 7),
        OperatorDefinition.Of("Xor", _ => new Xor(), since: 7),
        OperatorDefinition.Of("Where", ImportWhere, since: 9, notes: "not strings"),
    ];

    public static Value Not(this GraphBuilder graph, Value x) => graph.Op(new Not(), x);

    public static Value And(this GraphBuilder graph, Value a, Value b) => graph.Op(new And(), a, b);

    public static Value Or(this GraphBuilder graph, Value a, Value b) => graph.Op(new Or(), a, b);

    /// <summary>condition ? x : y, element by element.</summary>
    public static Value Where(this GraphBuilder graph, Value condition, Value x, Value y) => graph.Op(new Where(), condition, x, y);

    /// <summary>condition ? x : 0, element by element.</summary>
    public static Value WhereOrZero(this GraphBuilder graph, Value condition, Value x) => graph.Where(condition, x, graph.ScalarLike(x, 0));

    private static IReadOnlyList<Value> ImportWhere(OperatorImport import) => import.Input(1).Type != ElementType.String
        ? import.Emit(new Where(), import.Inputs)
        : throw import.Unsupported("it chooses among strings, which is not supported.");
}

/// <summary>The opposite of each truth value.</summary>
public sealed class Not : Operator
{
    public override string Name => "Not";

    public override int OpsetVersion => 1;

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.TypeOf(0) != ElementType.Bool) throw context.Error($"it takes booleans, and its input is {context.TypeOf(0)}.");
        context.SameAs(0);
    }

    public override void Execute(KernelContext context) => Elementwise.Not(context.Booleans(0), context.OutputBooleans(), context.Workers);
}

/// <summary>A function of two truth values.</summary>
public abstract class LogicOperator(string name) : BroadcastOperator(name)
{
    public override int OpsetVersion => 7;

    protected override ElementType TypeOf(InferenceContext context)
    {
        for (int i = 0; i < 2; i++)
            if (context.TypeOf(i) != ElementType.Bool) throw context.Error($"it takes booleans, and its input {i} is {context.TypeOf(i)}.");
        return ElementType.Bool;
    }

    private protected static void Booleans<TFunction>(KernelContext context)
        where TFunction : struct, IBinaryFunction<bool, bool> =>
        Broadcast.Apply<TFunction, bool, bool>(context.Booleans(0), context.Dims(0), context.Booleans(1), context.Dims(1),
            context.OutputBooleans(), context.OutputDims(), context.Workers);
}

/// <summary>a ∧ b.</summary>
public sealed class And() : LogicOperator("And")
{
    public override void Execute(KernelContext context) => Booleans<AndFunction>(context);
}

/// <summary>a ∨ b.</summary>
public sealed class Or() : LogicOperator("Or")
{
    public override void Execute(KernelContext context) => Booleans<OrFunction>(context);
}

/// <summary>a ≠ b of truth values.</summary>
public sealed class Xor() : LogicOperator("Xor")
{
    public override void Execute(KernelContext context) => Booleans<XorFunction>(context);
}

/// <summary>y = condition ? a : b, with broadcasting of all three.</summary>
/// <remarks>The gradient goes to the input that was chosen; the other receives exact zeros, even where what arrives is infinite or NaN.</remarks>
public sealed class Where : Operator
{
    public override string Name => "Where";

    public override int OpsetVersion => 9;

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => input != 0;

    public override void Infer(InferenceContext context)
    {
        if (context.TypeOf(0) != ElementType.Bool) throw context.Error($"its condition must be boolean, and is {context.TypeOf(0)}.");
        Storage storage = context.TypeOf(1).Storage();
        if (storage != context.TypeOf(2).Storage())
            throw context.Error($"its inputs 1 and 2 must have the same type, and they are {context.TypeOf(1)} and {context.TypeOf(2)}. Insert a Cast.");
        if (storage == Storage.String) throw context.Error("it chooses among strings, which is not supported.");
        context.Output(0, context.TypeOf(1), BroadcastOperator.BroadcastShape(context));
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<bool> condition = context.Booleans(0);
        switch (context.Output(0).Type.Storage())
        {
            case Storage.Float:
                Broadcast.Where(condition, context.Dims(0), context.Floats(1), context.Dims(1), context.Floats(2), context.Dims(2),
                    context.OutputFloats(), context.OutputDims(), context.Workers);
                break;
            case Storage.Integer:
                Broadcast.Where(condition, context.Dims(0), context.Integers(1), context.Dims(1), context.Integers(2), context.Dims(2),
                    context.OutputIntegers(), context.OutputDims(), context.Workers);
                break;
            default:
                Broadcast.Where(condition, context.Dims(0), context.Booleans(1), context.Dims(1), context.Booleans(2), context.Dims(2),
                    context.OutputBooleans(), context.OutputDims(), context.Workers);
                break;
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value condition = backward.Inputs(0), upstream = backward.Upstream;
        return
        [
            null,
            backward.Needs(1) ? graph.SumTo(graph.WhereOrZero(condition, upstream), backward.Inputs(1)) : null,
            backward.Needs(2) ? graph.SumTo(graph.Where(condition, graph.ScalarLike(upstream, 0), upstream), backward.Inputs(2)) : null,
        ];
    }
}
