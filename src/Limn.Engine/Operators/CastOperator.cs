using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>Cast</c> and <c>CastLike</c>, which becomes a Cast when a file is read.</summary>
public static class CastOperator
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Cast", i => Import(i, TargetOf(i)), since: 6, notes: "not from or to strings, complex numbers, and floats of 8 bits or fewer"),
        OperatorDefinition.Of("CastLike", i => Import(i, i.Input(1).Type), since: 15, notes: "as Cast"),
    ];

    /// <summary>x as another type; x itself if it has it already.</summary>
    public static Value Cast(this GraphBuilder graph, Value x, ElementType to) => x.Type == to ? x : graph.Op(new Cast(to), x);

    private static ElementType TargetOf(OperatorImport import)
    {
        long to = import.Attributes.Int("to", 0);
        if (!Enum.IsDefined((ElementType)(int)to)) throw import.Unsupported($"it casts to the element type {to}, which is not supported.");
        return (ElementType)(int)to;
    }

    private static IReadOnlyList<Value> Import(OperatorImport import, ElementType to)
    {
        // What happens beyond the range of an 8-bit float or on the way to one; none of those types is held here.
        import.Attributes.Ignore("saturate");
        import.Attributes.Ignore("round_mode");
        if (to.Storage() == Storage.String || import.Input(0).Type == ElementType.String)
            throw import.Unsupported("it casts from or to strings, which is not supported.");
        return import.Emit(new Cast(to), import.Input(0));
    }
}

/// <summary>The elements of x as another type.</summary>
/// <remarks>
/// ONNX operator sets 6 to 25. To a 16-bit float: rounded to the nearest. From float to integer: truncated towards 0, NaN becomes 0.
/// To a narrower integer: the low bits. To bool: whether it differs from 0. The gradient passes from float to float as it is.
/// </remarks>
public sealed class Cast(ElementType to) : Operator
{
    /// <summary>The type of the output.</summary>
    public ElementType To { get; } = to;

    public override string Name => "Cast";

    public override IEnumerable<OperatorAttribute> Attributes => [new("to", (long)To)];

    public override bool MayOverwrite(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.TypeOf(0) == ElementType.String || To.Storage() == Storage.String) throw context.Error("casts from or to strings are not supported.");
        context.Output(0, To, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), y = context.Output(0);
        switch (x.Type.Storage(), To.Storage())
        {
            case (Storage.Float, Storage.Float): Casting.Run(x.Floats, y.Floats, To, context.Workers); break;
            case (Storage.Float, Storage.Integer): Casting.Run(x.Floats, y.Integers, To, context.Workers); break;
            case (Storage.Float, Storage.Boolean): Casting.Run(x.Floats, y.Booleans); break;
            case (Storage.Integer, Storage.Float): Casting.Run(x.Integers, x.Type, y.Floats, To, context.Workers); break;
            case (Storage.Integer, Storage.Boolean): Casting.Run(x.Integers, y.Booleans); break;
            case (Storage.Boolean, Storage.Float): Casting.Run(x.Booleans, y.Floats); break;
            case (Storage.Boolean, Storage.Integer): Casting.Run(x.Booleans, y.Integers); break;
            default:
                y.CopyFrom(x);
                if (To.IsInteger()) IntegerTypes.Wrap(y.Integers, To);
                break;
        }
    }

    // Not rounded to the input's type: a gradient below the smallest half would be lost.
    public override Value?[] Gradient(Backward backward) => [backward.Upstream];
}
