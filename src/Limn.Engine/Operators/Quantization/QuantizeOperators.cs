using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Numbers as small integers and back: <c>QuantizeLinear</c>, <c>DequantizeLinear</c>, <c>DynamicQuantizeLinear</c>.</summary>
/// <remarks>
/// What is computed forward is exact. Rounding has the derivative 0 almost everywhere, which would explain nothing; backwards it counts as the
/// identity where nothing saturates (a straight-through estimator: Bengio, Léonard, Courville, 2013), and <see cref="Operator.GradientNote"/> says so.
/// </remarks>
public static class QuantizeOperators
{
    internal const string Note = "The network is quantised: its gradients are taken as if numbers were not rounded (straight-through), and are those of a network near it.";

    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("QuantizeLinear", ImportQuantize, since: 10, notes: "Straight-through gradient to the input; none to scale and zero point."),
        OperatorDefinition.Of("DequantizeLinear", ImportDequantize, since: 10, notes: "No gradient to scale and zero point."),
        OperatorDefinition.Of("DynamicQuantizeLinear", import => import.Graph.DynamicQuantize(import.Input(0)), since: 11, notes: "Straight-through gradient; the range counts as constant."),
    ];

    /// <summary>Integers as numbers: (x − zero) · scale.</summary>
    public static Value DequantizeLinear(this GraphBuilder graph, Value x, Value scale, Value? zero = null, long axis = 1) =>
        graph.Op(new DequantizeLinear(scale.Type) { Axis = axis }, x, scale, zero);

    /// <summary>Numbers as integers: x / scale rounded, + zero, saturated.</summary>
    public static Value QuantizeLinear(this GraphBuilder graph, Value x, Value scale, Value zero, long axis = 1) =>
        graph.Op(new QuantizeLinear(zero.Type) { Axis = axis }, x, scale, zero);

    /// <summary>Over 0..255, with a scale and a zero point from the range of x, which is widened to hold 0.</summary>
    internal static Value[] DynamicQuantize(this GraphBuilder g, Value x)
    {
        Value none = g.Constant(0f);
        Value most = g.Max(g.ReduceMax(x, null, keepDims: false), none), least = g.Min(g.ReduceMin(x, null, keepDims: false), none);
        Value scale = g.Div(g.Sub(most, least), g.Constant(255f));
        Value divisor = g.Where(g.Equal(scale, none), g.Constant(1f), scale);
        Value zero = g.Cast(g.Round(g.Clip(g.Div(g.Neg(least), divisor), 0, 255)), ElementType.UInt8);
        return [g.QuantizeLinear(x, divisor, zero), scale, zero];
    }

    private static IReadOnlyList<Value> ImportQuantize(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        long declared = a.Int("output_dtype", 0);
        a.Ignore("precision"); // the division is made in float
        ElementType type = import.Has(2) ? import.Input(2).Type : declared == 0 ? ElementType.UInt8 : (ElementType)(int)declared;
        if (!type.IsInteger() && !type.IsSmallFloat()) throw new InvalidModelException($"it quantizes to {type}, which is no integer and no small float.");
        return import.Emit(new QuantizeLinear(type) { Axis = a.Int("axis", 1), BlockSize = a.Int("block_size", 0), Saturate = a.Flag("saturate", true) }, import.Inputs);
    }

    private static IReadOnlyList<Value> ImportDequantize(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        long declared = a.Int("output_dtype", 0);
        ElementType type = declared == 0 ? import.Input(1).Type : (ElementType)(int)declared;
        if (!type.IsFloating()) throw new InvalidModelException($"it dequantizes to {type}, which is no floating type.");
        return import.Emit(new DequantizeLinear(type) { Axis = a.Int("axis", 1), BlockSize = a.Int("block_size", 0) }, import.Inputs);
    }
}

/// <summary>An operator with a scale and a zero point: one for the tensor, one for each place of an axis, or one for each block along an axis.</summary>
public abstract class ScaledOperator : Operator
{
    /// <summary>The axis along which scales change.</summary>
    public long Axis { get; init; } = 1;

    /// <summary>How many neighbours along the axis share a scale; 0 if the scales are not in blocks.</summary>
    public long BlockSize { get; init; }

    private protected void Check(InferenceContext context)
    {
        if (context.ShapeOf(0) is not { } x || context.ShapeOf(1) is not { } scale) return;
        if (BlockSize < 0 || BlockSize > int.MaxValue) throw context.Error($"its block_size is {BlockSize}.");
        if (scale.Rank == 0 || (scale.Rank == 1 && scale[0] == 1)) return;
        int axis = Shape.Axis(Axis, x.Rank);
        if (BlockSize == 0 && (scale.Rank != 1 || (scale[0].IsKnown && x[axis].IsKnown && scale[0] != x[axis])))
            throw context.Error($"the scale has the shape {scale}, and axis {axis} of the input {x[axis]} places.");
        if (BlockSize > 0 && (scale.Rank != x.Rank || (scale[axis].IsKnown && x[axis].IsKnown && scale[axis].Value != SlidingWindow.CeilingOf(x[axis].Value, (int)BlockSize))))
            throw context.Error($"the scale has the shape {scale}, which does not go with blocks of {BlockSize} along axis {axis} of {x}.");
    }

    /// <summary>For each element of x the position of its scale.</summary>
    private protected Func<int, int> ScaleIndex(ReadOnlySpan<int> x, NdArray scale)
    {
        if (scale.Length == 1) return _ => 0;
        (_, int length, int inner) = Dims.Split(x, (int)Axis);
        if (BlockSize == 0)
        {
            if (scale.Length != length) throw new ShapeMismatchException($"{scale.Length} scales are given for {length} places.");
            return i => i / inner % length;
        }
        int size = (int)BlockSize, blocks = SlidingWindow.CeilingOf(length, size);
        if (scale.Length != (long)blocks * (length == 0 ? 0 : NdArray.Count(x) / length)) throw new ShapeMismatchException($"{scale.Length} scales do not go with blocks of {size}.");
        return i =>
        {
            (int outer, int rest) = Math.DivRem(i, length * inner);
            return (outer * blocks + rest / inner / size) * inner + rest % inner;
        };
    }

    /// <summary>The scales (or zero points) in a shape that broadcasts to x.</summary>
    private protected Value Spread(GraphBuilder g, Value scale, Value x)
    {
        if (scale.Rank == 0) return scale;
        int axis = Shape.Axis(Axis, x.Rank);
        if (BlockSize == 0)
        {
            if (scale.Shape![0] == 1) return scale;
            var shape = new long[x.Rank];
            Array.Fill(shape, 1);
            shape[axis] = -1;
            return g.Reshape(scale, shape);
        }
        // Each block's scale, repeated along the axis.
        Value length = g.Op(new ShapeOf { Start = axis, End = axis + 1 }, x);
        Value places = g.Range(g.Constant(NdArray.Scalar(0L)), g.Squeeze(length, 0), g.Constant(NdArray.Scalar(1L)));
        return g.Gather(scale, g.Div(places, g.Constant(NdArray.Scalar(BlockSize))), axis);
    }

    private protected IEnumerable<OperatorAttribute> ScaleAttributes => BlockSize == 0 ? [new("axis", Axis)] : [new("axis", Axis), new("block_size", BlockSize)];
}

/// <summary>y = saturate(round(x / scale) + zero), rounded to the nearest, ties to even; for small floats x / scale rounded to one. Inputs: x, scale, [zero].</summary>
/// <remarks>ONNX 10 to 25. NaN becomes the zero point. The gradient is upstream / scale where the result does not saturate, 0 elsewhere.</remarks>
public sealed class QuantizeLinear(ElementType to) : ScaledOperator
{
    /// <summary>The type of the output.</summary>
    public ElementType To { get; } = to;

    /// <summary>For small floats: whether what is too large becomes the largest number.</summary>
    public bool Saturate { get; init; } = true;

    public override string Name => "QuantizeLinear";

    public override int OpsetVersion => To is ElementType.Int2 or ElementType.UInt2 ? 25 : To == ElementType.Float4E2M1 ? 23 : 21;

    public override IEnumerable<OperatorAttribute> Attributes => Saturate ? [.. ScaleAttributes, new("output_dtype", (long)To)] : [.. ScaleAttributes, new("output_dtype", (long)To), new("saturate", 0L)];

    public override bool Quantizes => true;

    public override string GradientNote => QuantizeOperators.Note;

    public override void Infer(InferenceContext context)
    {
        Check(context);
        context.Output(0, To, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), scale = context.Input(1), y = context.Output(0);
        Func<int, int> at = ScaleIndex(x.Dims, scale);
        bool integers = x.Type.IsInteger();
        if (To.IsSmallFloat())
        {
            for (int i = 0; i < x.Length; i++) y.Floats[i] = (integers ? x.Integers[i] : x.Floats[i]) / scale.Floats[at(i)];
            SmallFloats.Round(y.Floats, y.Floats, To, Saturate, PowerRounding.Up);
            return;
        }
        NdArray? zero = context.Has(2) ? context.Input(2) : null;
        (long least, long most) = IntegerTypes.Range(To);
        context.Workers.Ranges(x.Length, Chunks.Dear, (from, end) =>
        {
            for (int i = from; i < end; i++)
            {
                int k = at(i);
                float rounded = MathF.Round((integers ? x.Integers[i] : x.Floats[i]) / scale.Floats[k], MidpointRounding.ToEven);
                long steps = float.IsNaN(rounded) ? 0 : (long)Math.Clamp(rounded, -1e15f, 1e15f);
                y.Integers[i] = Math.Clamp(steps + (zero is null ? 0 : zero.Integers[k]), least, most);
            }
        });
    }

    public override Value?[]? Gradient(Backward backward)
    {
        var sent = new Value?[backward.Node.Inputs.Count];
        if (!backward.Needs(0)) return sent;
        GraphBuilder g = backward.Graph;
        Value scale = Spread(g, backward.Inputs(1), backward.Input), steps = g.Div(backward.Input, scale);
        float most, least;
        if (To.IsSmallFloat())
        {
            NdArray limit = NdArray.Vector(float.PositiveInfinity);
            SmallFloats.Round(limit.Floats, limit.Floats, To, saturate: true, PowerRounding.Up);
            (least, most) = (-limit.Floats[0], limit.Floats[0]);
        }
        else
        {
            (long low, long high) = IntegerTypes.Range(To);
            (least, most) = (low, high);
            if (backward.Has(2)) steps = g.Add(steps, Spread(g, g.Cast(backward.Inputs(2), ElementType.Float), backward.Input));
        }
        // Half a step beyond the ends is rounded to them, and does not saturate.
        Value within = g.And(g.GreaterOrEqual(steps, g.ScalarLike(steps, least - 0.5f)), g.LessOrEqual(steps, g.ScalarLike(steps, most + 0.5f)));
        sent[0] = g.WhereOrZero(within, g.Div(backward.Upstream, scale));
        return sent;
    }
}

/// <summary>y = (x − zero) · scale. Inputs: x, scale, [zero].</summary>
/// <remarks>ONNX 10 to 25. The gradient to x is upstream · scale, of floats though x may hold integers.</remarks>
public sealed class DequantizeLinear(ElementType to) : ScaledOperator
{
    /// <summary>The type of the output.</summary>
    public ElementType To { get; } = to;

    public override string Name => "DequantizeLinear";

    public override int OpsetVersion => 21;

    public override IEnumerable<OperatorAttribute> Attributes => ScaleAttributes;

    public override void Infer(InferenceContext context)
    {
        Check(context);
        context.Output(0, To, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), scale = context.Input(1), y = context.Output(0);
        Func<int, int> at = ScaleIndex(x.Dims, scale);
        NdArray? zero = context.Has(2) ? context.Input(2) : null;
        bool integers = x.Type.IsInteger();
        context.Workers.Ranges(x.Length, Chunks.Dear, (from, end) =>
        {
            for (int i = from; i < end; i++)
            {
                int k = at(i);
                y.Floats[i] = integers ? (x.Integers[i] - (zero is null ? 0 : zero.Integers[k])) * scale.Floats[k] : (x.Floats[i] - (zero is null ? 0 : zero.Floats[k])) * scale.Floats[k];
            }
        });
        if (To is ElementType.Float16 or ElementType.BFloat16) Casting.Run(y.Floats, y.Floats, To, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        var sent = new Value?[backward.Node.Inputs.Count];
        if (backward.Needs(0)) sent[0] = backward.Graph.Mul(backward.Upstream, Spread(backward.Graph, backward.Inputs(1), backward.Input));
        return sent;
    }
}
