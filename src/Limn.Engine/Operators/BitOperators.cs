using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Integers as bits: <c>BitwiseAnd</c>, <c>BitwiseOr</c>, <c>BitwiseXor</c>, <c>BitwiseNot</c>, <c>BitShift</c>.</summary>
/// <remarks>Integers carry no gradient.</remarks>
public static class BitOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("BitwiseAnd", _ => new BitwiseOperator("BitwiseAnd"), since: 18),
        OperatorDefinition.Of("BitwiseOr", _ => new BitwiseOperator("BitwiseOr"), since: 18),
        OperatorDefinition.Of("BitwiseXor", _ => new BitwiseOperator("BitwiseXor"), since: 18),
        OperatorDefinition.Of("BitwiseNot", _ => new BitwiseNot(), since: 18),
        OperatorDefinition.Of("BitShift", import => import.Attributes.String("direction", "") switch
        {
            "LEFT" => import.Emit(new BitwiseOperator("BitShift") { Direction = "LEFT" }, import.Inputs),
            "RIGHT" => import.Emit(new BitwiseOperator("BitShift") { Direction = "RIGHT" }, import.Inputs),
            string other => throw new InvalidModelException($"its direction is '{other}'; LEFT or RIGHT are expected."),
        }, since: 11),
    ];
}

/// <summary>A function of the bits of two integers, which broadcast.</summary>
/// <remarks>ONNX 18 (BitShift 11) to newest. A shift by the width of the type or more leaves no bit.</remarks>
public sealed class BitwiseOperator(string name) : BroadcastOperator(name)
{
    /// <summary>For BitShift: LEFT or RIGHT.</summary>
    public string Direction { get; init; } = "";

    public override int OpsetVersion => Name == "BitShift" ? 11 : 18;

    public override IEnumerable<OperatorAttribute> Attributes => Name == "BitShift" ? [new("direction", Direction)] : [];

    protected override ElementType TypeOf(InferenceContext context)
    {
        for (int i = 0; i < 2; i++)
            if (!context.TypeOf(i).IsInteger()) throw context.Error($"it takes integers, and its input {i} is {context.TypeOf(i)}.");
        return context.TypeOf(0);
    }

    public override void Execute(KernelContext context)
    {
        switch (Name)
        {
            case "BitwiseAnd": Integers<Scalars<long, AndBits>>(context); break;
            case "BitwiseOr": Integers<Scalars<long, OrBits>>(context); break;
            case "BitwiseXor": Integers<Scalars<long, XorBits>>(context); break;
            default:
                if (Direction == "LEFT") Integers<Scalars<long, ShiftLeft>>(context);
                else Integers<Scalars<long, ShiftRight>>(context);
                break;
        }
    }

    public override Value?[]? Gradient(Differentiation.Backward backward) => null;

    private readonly struct AndBits : IScalarFunction<long>
    {
        public static long Invoke(long x, long y) => x & y;
    }

    private readonly struct OrBits : IScalarFunction<long>
    {
        public static long Invoke(long x, long y) => x | y;
    }

    private readonly struct XorBits : IScalarFunction<long>
    {
        public static long Invoke(long x, long y) => x ^ y;
    }

    private readonly struct ShiftLeft : IScalarFunction<long>
    {
        public static long Invoke(long x, long y) => y is < 0 or >= 64 ? 0 : x << (int)y;
    }

    private readonly struct ShiftRight : IScalarFunction<long>
    {
        public static long Invoke(long x, long y) => y is < 0 or >= 64 ? 0 : x >>> (int)y;
    }
}

/// <summary>Every bit turned over.</summary>
/// <remarks>ONNX 18.</remarks>
public sealed class BitwiseNot : Operator
{
    public override string Name => "BitwiseNot";

    public override int OpsetVersion => 18;

    public override bool MayOverwrite(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (!context.TypeOf(0).IsInteger()) throw context.Error($"it takes integers, and its input is {context.TypeOf(0)}.");
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        for (int i = 0; i < x.Length; i++) context.OutputIntegers()[i] = IntegerTypes.Wrap(~x.Integers[i], x.Type);
    }
}
