using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Operators on the structure of a graph rather than on numbers: <c>Identity</c>, <c>Shape</c>, <c>Size</c>, <c>ConstantOfShape</c>.</summary>
public static class StructureOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Identity", import => import.Input(0) is SequenceValue sequence ? [sequence] : import.EmitAs(import.Input(0))) with { TakesSequences = true },
        OperatorDefinition.Of("Shape", a => new ShapeOf { Start = a.Int("start", 0), End = a.Int("end", long.MaxValue) }),
        OperatorDefinition.Of("Size", _ => new SizeOf()),
        OperatorDefinition.Of("ConstantOfShape", a => new ConstantOfShape(a.Tensor("value") ?? NdArray.Vector(0f))),
    ];

    public static Value Identity(this GraphBuilder graph, Value x) => graph.Op(new Identity(), x);

    /// <summary>The dimensions of <paramref name="x"/> as a vector of integers.</summary>
    public static Value ShapeOf(this GraphBuilder graph, Value x) => graph.Op(new ShapeOf(), x);

    /// <summary>The number of elements of <paramref name="x"/> as an integer scalar.</summary>
    public static Value SizeOf(this GraphBuilder graph, Value x) => graph.Op(new SizeOf(), x);

    /// <summary>A tensor of the shape of <paramref name="like"/>, filled with one number.</summary>
    public static Value Filled(this GraphBuilder graph, Value like, float value) => graph.Op(new ConstantOfShape(NdArray.Vector(value)), graph.ShapeOf(like));
}

/// <summary>y = x.</summary>
public sealed class Identity : Operator
{
    public override string Name => "Identity";

    public override bool KeepsMeaning => true;

    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => true;

    public override void Infer(InferenceContext context) => context.SameAs(0);

    public override void Execute(KernelContext context) => context.Output(0).CopyFrom(context.Input(0));

    public override Value?[] Gradient(Backward backward) => [backward.Upstream];
}

/// <summary>The dimensions of a tensor, from <see cref="Start"/> to <see cref="End"/> (exclusive), as int64.</summary>
public sealed class ShapeOf : Operator
{
    public long Start { get; init; }

    public long End { get; init; } = long.MaxValue;

    public override string Name => "Shape";

    public override int OpsetVersion => Start == 0 && End == long.MaxValue ? 13 : 15;

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            if (Start != 0) yield return new("start", Start);
            if (End != long.MaxValue) yield return new("end", End);
        }
    }

    public override bool UsesShapeOnly(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is not { } shape)
        {
            context.Output(0, ElementType.Int64, Shape.OfRank(1));
            return;
        }
        Dim[] dims = [.. shape.Take(Range(shape.Rank))];
        if (Array.TrueForAll(dims, d => d.IsKnown)) context.Output(0, NdArray.Vector(Array.ConvertAll(dims, d => (long)d.Value)));
        else context.Output(0, ElementType.Int64, [dims.Length]);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> dims = context.Dims(0)[Range(context.Dims(0).Length)];
        for (int i = 0; i < dims.Length; i++) context.OutputIntegers()[i] = dims[i];
    }

    private Range Range(int rank)
    {
        int start = (int)Math.Clamp(Start < 0 ? Start + rank : Start, 0, rank);
        int end = (int)Math.Clamp(End < 0 ? End + rank : End, start, rank);
        return start..end;
    }
}

/// <summary>The number of elements of a tensor, as an int64 scalar.</summary>
public sealed class SizeOf : Operator
{
    public override string Name => "Size";

    public override bool UsesShapeOnly(int input) => true;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0)?.TryToArray(out int[]? dims) == true) context.Output(0, NdArray.Scalar((long)NdArray.Count(dims)));
        else context.Output(0, ElementType.Int64, Shape.Scalar);
    }

    public override void Execute(KernelContext context) => context.OutputIntegers()[0] = context.Input(0).Length;
}

/// <summary>A tensor of the shape that the input lists, filled with one element.</summary>
public sealed class ConstantOfShape(NdArray value) : Operator
{
    /// <summary>The element, as an array of length one.</summary>
    public NdArray Element { get; } = value;

    public override string Name => "ConstantOfShape";

    public override IEnumerable<OperatorAttribute> Attributes => [new("value", Element)];

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.Integers(0) is { } dims ? Shape.Of([.. dims.Select(d => (Dim)d)])
            : context.ShapeOf(0) is { Rank: 1 } s && s[0].IsKnown ? Shape.OfRank(s[0].Value) : null;
        context.Output(0, Element.Type, shape);
    }

    public override void Execute(KernelContext context)
    {
        switch (Element.Type.Storage())
        {
            case Storage.Float: context.OutputFloats().Fill(Element.Floats[0]); break;
            case Storage.Integer: context.OutputIntegers().Fill(Element.Integers[0]); break;
            case Storage.Boolean: context.OutputBooleans().Fill(Element.Booleans[0]); break;
            default: context.Output(0).Strings.Fill(Element.Strings[0]); break;
        }
    }
}
