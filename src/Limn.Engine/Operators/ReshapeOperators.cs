using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Operators that keep every element and change how they are indexed: <c>Reshape</c>, <c>Flatten</c>, <c>Squeeze</c>, <c>Unsqueeze</c>, <c>Transpose</c>.</summary>
public static class ReshapeOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Reshape", a => new Reshape { AllowZero = a.Flag("allowzero", false) }, since: 5),
        OperatorDefinition.Of("Flatten", a => new Flatten { Axis = a.Int("axis", 1) }),
        OperatorDefinition.Of("Squeeze", import => import.Emit(new Squeeze(), AxesAsInput(import))),
        OperatorDefinition.Of("Unsqueeze", import => import.Emit(new Unsqueeze(), AxesAsInput(import))),
        OperatorDefinition.Of("Transpose", a => new Transpose { Permutation = a.Ints("perm") is { } perm ? Array.ConvertAll(perm, p => checked((int)p)) : null }),
    ];

    /// <summary>The elements of <paramref name="x"/> in the shape that a vector lists; 0 keeps a dimension and −1 is what is left.</summary>
    public static Value Reshape(this GraphBuilder graph, Value x, Value shape) => graph.Op(new Reshape(), x, shape);

    /// <inheritdoc cref="Reshape(GraphBuilder, Value, Value)"/>
    public static Value Reshape(this GraphBuilder graph, Value x, params long[] shape) => graph.Reshape(x, graph.Integers(shape));

    /// <summary>The elements of <paramref name="x"/> in exactly the shape of <paramref name="like"/>, also where that is empty.</summary>
    public static Value ReshapeLike(this GraphBuilder graph, Value x, Value like) => graph.ReshapeExactly(x, graph.ShapeOf(like));

    /// <summary>The elements of <paramref name="x"/> as a matrix whose columns begin at <paramref name="axis"/>.</summary>
    public static Value Flatten(this GraphBuilder graph, Value x, long axis = 1) => graph.Op(new Flatten { Axis = axis }, x);

    /// <summary>The axes in the order of <paramref name="permutation"/>; reversed when none is given.</summary>
    public static Value Transpose(this GraphBuilder graph, Value x, params int[] permutation) =>
        graph.Op(new Transpose { Permutation = permutation is { Length: > 0 } ? permutation : null }, x);

    /// <summary>Without the given axes, which have size 1.</summary>
    public static Value Squeeze(this GraphBuilder graph, Value x, params long[] axes) => graph.Op(new Squeeze(), x, graph.Integers(axes));

    /// <summary>With axes of size 1 at the given places of the result.</summary>
    public static Value Unsqueeze(this GraphBuilder graph, Value x, params long[] axes) => graph.Op(new Unsqueeze(), x, graph.Integers(axes));

    /// <summary>As <see cref="Reshape(GraphBuilder, Value, Value)"/>, with 0 meaning an empty dimension.</summary>
    internal static Value ReshapeExactly(this GraphBuilder graph, Value x, Value shape) => graph.Op(new Reshape { AllowZero = true }, x, shape);

    private static Value?[] AxesAsInput(OperatorImport import)
    {
        if (import.Opset >= 13) return [.. import.Inputs];
        return import.Attributes.Ints("axes") is { } axes ? [import.Input(0), import.Graph.Integers(axes)] : [import.Input(0)];
    }
}

/// <summary>The elements in another shape, which the second input lists.</summary>
/// <remarks>
/// ONNX 5 to newest. −1, at most once, is what is left; 0 keeps the input's dimension at that place, or is an empty dimension
/// with <see cref="AllowZero"/>. Beside an empty dimension that is kept, −1 is what is left of the others, so that an empty batch
/// takes the shape of a full one (numpy refuses); beside one that is listed it has no answer and is an error.
/// </remarks>
public sealed class Reshape : ViewOperator
{
    public bool AllowZero { get; init; }

    public override string Name => "Reshape";

    public override int OpsetVersion => AllowZero ? 14 : 13;

    public override IEnumerable<OperatorAttribute> Attributes => AllowZero ? [new("allowzero", 1L)] : [];

    public override void Infer(InferenceContext context)
    {
        Shape? from = context.ShapeOf(0);
        if (context.Integers(1) is not { } wanted)
        {
            Shape? length = context.ShapeOf(1);
            context.Output(0, context.TypeOf(0), length is { Rank: 1 } && length[0].IsKnown ? Shape.OfRank(length[0].Value) : null);
            return;
        }
        var to = new Dim[wanted.Length];
        List<Dim> left = [.. from ?? Shape.Scalar]; // what no dimension of the result accounts for yet
        List<Dim> over = []; // dimensions of the result that stand for none in particular of the input
        int open = -1;
        for (int i = 0; i < to.Length; i++)
        {
            if (wanted[i] < -1) throw context.Error($"the shape [{string.Join(',', wanted)}] holds {wanted[i]}; a dimension is positive, 0 (keep) or -1 (what is left).");
            if (wanted[i] == -1)
            {
                if (open >= 0) throw context.Error($"the shape [{string.Join(',', wanted)}] holds -1 twice.");
                open = i;
            }
            else if (wanted[i] == 0 && !AllowZero)
            {
                if (from is not null && i >= from.Rank) throw context.Error($"the shape [{string.Join(',', wanted)}] keeps dimension {i}, which an input of shape {from} lacks.");
                to[i] = from?[i] ?? Dim.Unknown;
                if (from is not null) left[i] = 1;
            }
            else
            {
                to[i] = wanted[i];
                over.Add(to[i]);
            }
        }
        if (open >= 0 && from is not null) to[open] = Rest(left, over) ?? throw context.Error($"an input of shape {from} cannot have the shape [{string.Join(',', wanted)}]: nothing fits in place of -1.");
        Shape result = Shape.Of(to);
        if (from is not null && from.TryToArray(out int[]? a) && result.TryToArray(out int[]? b) && NdArray.Count(a) != NdArray.Count(b))
            throw context.Error($"an input of shape {from} ({NdArray.Count(a)} elements) cannot have the shape {result} ({NdArray.Count(b)} elements).");
        context.Output(0, context.TypeOf(0), result);
    }

    /// <summary>The quotient of two products; unknown where symbols stay, null where it is no whole number.</summary>
    private static Dim? Rest(List<Dim> left, List<Dim> over)
    {
        long above = 1, below = 1;
        foreach (Dim d in over) below *= d.Value;
        Dim symbol = 1;
        int symbols = 0;
        foreach (Dim d in left)
            if (d.IsKnown) above *= d.Value;
            else (symbol, symbols) = (d, symbols + 1);
        if (symbols == 0) return below > 0 && above % below == 0 ? Dim.Of(above / below) : null;
        return symbols == 1 && above == below ? symbol : Dim.Unknown;
    }
}

/// <summary>A matrix: the dimensions before <see cref="Axis"/> are its rows, the others its columns.</summary>
/// <remarks>ONNX 1 to newest; an axis may be negative.</remarks>
public sealed class Flatten : ViewOperator
{
    public long Axis { get; init; } = 1;

    public override string Name => "Flatten";

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis)];

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is not { } shape)
        {
            context.Output(0, context.TypeOf(0), Shape.OfRank(2));
            return;
        }
        int axis = Axis == shape.Rank ? shape.Rank : Shape.Axis(Axis, shape.Rank);
        context.Output(0, context.TypeOf(0), [shape.Product(0, axis), shape.Product(axis, shape.Rank)]);
    }
}

/// <summary>The same elements without the axes that the second input lists, or, without it, without all axes of size 1.</summary>
/// <remarks>ONNX 1 to newest (before 13 the axes are an attribute).</remarks>
public sealed class Squeeze : ViewOperator
{
    public override string Name => "Squeeze";

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (context.Has(1) && context.Integers(1) is { } listed && shape is not null)
        {
            int[] axes = Array.ConvertAll(listed, a => Shape.Axis(a, shape.Rank));
            foreach (int axis in axes)
                if (shape[axis] is { IsKnown: true, Value: not 1 }) throw context.Error($"axis {axis} of an input of shape {shape} is not of size 1.");
            context.Output(0, context.TypeOf(0), [.. shape.Where((_, i) => !axes.Contains(i))]);
        }
        else if (!context.Has(1) && shape is { IsKnown: true })
            context.Output(0, context.TypeOf(0), [.. shape.Where(d => d != 1)]);
        else if (context.Has(1) && shape is not null && context.ShapeOf(1) is { Rank: 1 } count && count[0].IsKnown)
            context.Output(0, context.TypeOf(0), Shape.OfRank(Math.Max(0, shape.Rank - count[0].Value)));
        else context.Output(0, context.TypeOf(0), null);
    }
}

/// <summary>The same elements with axes of size 1 at the places of the result that the second input lists.</summary>
/// <remarks>ONNX 1 to newest (before 13 the axes are an attribute).</remarks>
public sealed class Unsqueeze : ViewOperator
{
    public override string Name => "Unsqueeze";

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is not { } shape || context.Integers(1) is not { } listed)
        {
            bool rankKnown = context.ShapeOf(0) is not null && context.ShapeOf(1) is { Rank: 1 } n && n[0].IsKnown;
            context.Output(0, context.TypeOf(0), rankKnown ? Shape.OfRank(context.ShapeOf(0)!.Rank + context.ShapeOf(1)![0].Value) : null);
            return;
        }
        int rank = Shape.Checked(shape.Rank + (long)listed.Length);
        HashSet<int> axes = [.. listed.Select(a => Shape.Axis(a, rank))];
        if (axes.Count < listed.Length) throw context.Error($"the axes [{string.Join(',', listed)}] name one place twice.");
        var result = new Dim[rank];
        for (int i = 0, from = 0; i < rank; i++) result[i] = axes.Contains(i) ? 1 : shape[from++];
        context.Output(0, context.TypeOf(0), Shape.Of(result));
    }
}

/// <summary>Axis d of the result is axis <see cref="Permutation"/>[d] of the input; reversed without a permutation.</summary>
/// <remarks>ONNX 1 to newest.</remarks>
public sealed class Transpose : MovementOperator
{
    public int[]? Permutation { get; init; }

    public override string Name => "Transpose";

    public override IEnumerable<OperatorAttribute> Attributes => Permutation is null ? [] : [new("perm", Array.ConvertAll(Permutation, p => (long)p))];

    /// <summary>Nothing moves when the axes that are not of size 1 stay in order.</summary>
    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output)
    {
        int last = -1;
        foreach (int axis in OrderOf(input.Length))
        {
            if (input[axis] == 1) continue;
            if (axis < last) return false;
            last = axis;
        }
        return true;
    }

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (shape is null)
        {
            context.Output(0, context.TypeOf(0), Permutation is null ? null : Shape.OfRank(Permutation.Length));
            return;
        }
        int[] order = OrderOf(shape.Rank);
        if (order.Length != shape.Rank || !order.Order().SequenceEqual(Enumerable.Range(0, shape.Rank)))
            throw context.Error($"[{string.Join(',', order)}] is not a permutation of the axes of an input of shape {shape}.");
        context.Output(0, context.TypeOf(0), [.. order.Select(a => shape[a])]);
    }

    protected override void Move<T>(KernelContext context) => Kernels.Transpose.Apply<T>(
        context.Input(0).Elements<T>(), context.Dims(0), OrderOf(context.Dims(0).Length), context.Output(0).Elements<T>(), context.Workers);

    public override Value?[] Gradient(Backward backward)
    {
        if (Permutation is null) return [backward.Graph.Transpose(backward.Upstream)];
        var inverse = new int[Permutation.Length];
        for (int d = 0; d < inverse.Length; d++) inverse[Permutation[d]] = d;
        return [backward.Graph.Transpose(backward.Upstream, inverse)];
    }

    private int[] OrderOf(int rank) => Permutation ?? [.. Enumerable.Range(0, rank).Reverse()];
}
