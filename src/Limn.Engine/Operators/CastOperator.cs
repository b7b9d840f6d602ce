using System.Globalization;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>Cast</c>, <c>CastLike</c>, which becomes a Cast when a file is read, and <c>BitCast</c>.</summary>
public static class CastOperator
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Cast", i => Import(i, TargetOf(i)), since: 6, notes: "not from or to complex numbers"),
        OperatorDefinition.Of("CastLike", i => Import(i, i.Input(1).Type), since: 15, notes: "as Cast"),
        OperatorDefinition.Of("BitCast", i => i.Emit(new BitCast(TargetOf(i)), i.Input(0)), since: 26, notes: "Not from or to double, whose bits are not kept, and of no gradient."),
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
        _ = to.Storage(); // refuses what cannot be held
        string rounding = import.Attributes.String("round_mode", "up");
        return import.Emit(new Cast(to)
        {
            Saturate = import.Attributes.Flag("saturate", true),
            Powers = rounding switch
            {
                "up" => PowerRounding.Up,
                "down" => PowerRounding.Down,
                "nearest" => PowerRounding.Nearest,
                _ => throw new InvalidModelException($"its round_mode is '{rounding}'; up, down or nearest are expected."),
            },
        }, import.Input(0));
    }
}

/// <summary>The elements of x as another type.</summary>
/// <remarks>
/// ONNX operator sets 6 to 25. To a 16-bit float and smaller: rounded to the nearest. From float to integer: truncated towards 0, NaN becomes 0.
/// To a narrower integer: the low bits. To bool: whether it differs from 0. From strings: numbers as they are written in programs, and NaN, INF,
/// -INF; to strings: integers exactly, floats with eight digits, as ONNX Runtime. The gradient passes from float to float as it is.
/// </remarks>
public sealed class Cast(ElementType to) : Operator
{
    /// <summary>The type of the output.</summary>
    public ElementType To { get; } = to;

    /// <summary>For floats of eight bits: whether what is too large becomes the largest number.</summary>
    public bool Saturate { get; init; } = true;

    /// <summary>For <see cref="ElementType.Float8E8M0"/>: how numbers become powers of two.</summary>
    public PowerRounding Powers { get; init; }

    public override string Name => "Cast";

    public override int OpsetVersion => To == ElementType.Float8E8M0 ? 24 : 13; // from 24 on it says how numbers are rounded

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            yield return new("to", (long)To);
            if (!Saturate) yield return new("saturate", 0L);
            if (Powers != PowerRounding.Up) yield return new("round_mode", Powers.ToString().ToLowerInvariant());
        }
    }

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => true;

    public override bool KeepsMeaning => true;

    public override void Infer(InferenceContext context) => context.Output(0, To, context.ShapeOf(0));

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), y = context.Output(0);
        switch (x.Type.Storage(), To.Storage())
        {
            case (Storage.Float, Storage.Float): Casting.Run(x.Floats, y.Floats, To, context.Workers, Saturate, Powers); break;
            case (Storage.Float, Storage.Integer): Casting.Run(x.Floats, y.Integers, To, context.Workers); break;
            case (Storage.Float, Storage.Boolean): Casting.Run(x.Floats, y.Booleans); break;
            case (Storage.Integer, Storage.Float): Casting.Run(x.Integers, x.Type, y.Floats, To, context.Workers, Saturate, Powers); break;
            case (Storage.Integer, Storage.Boolean): Casting.Run(x.Integers, y.Booleans); break;
            case (Storage.Boolean, Storage.Float): Casting.Run(x.Booleans, y.Floats); break;
            case (Storage.Boolean, Storage.Integer): Casting.Run(x.Booleans, y.Integers); break;
            case (Storage.String, Storage.Float):
                for (int i = 0; i < x.Length; i++) y.Floats[i] = (float)Parse(x.Strings[i]);
                Casting.Run(y.Floats, y.Floats, To, context.Workers, Saturate, Powers);
                break;
            case (Storage.String, Storage.Integer):
                for (int i = 0; i < x.Length; i++) y.Integers[i] = IntegerTypes.Wrap(long.TryParse(x.Strings[i], out long whole) ? whole : (long)Parse(x.Strings[i]), To);
                break;
            case (Storage.String, Storage.Boolean):
                for (int i = 0; i < x.Length; i++) y.Booleans[i] = Parse(x.Strings[i]) != 0;
                break;
            case (Storage.Float, Storage.String):
                for (int i = 0; i < x.Length; i++) y.Strings[i] = Text(x.Floats[i]);
                break;
            case (Storage.Integer, Storage.String):
                for (int i = 0; i < x.Length; i++) y.Strings[i] = x.Type == ElementType.UInt64 ? unchecked((ulong)x.Integers[i]).ToString() : x.Integers[i].ToString();
                break;
            case (Storage.Boolean, Storage.String):
                for (int i = 0; i < x.Length; i++) y.Strings[i] = x.Booleans[i] ? "1" : "0";
                break;
            default:
                y.CopyFrom(x);
                if (To.IsInteger()) IntegerTypes.Wrap(y.Integers, To);
                break;
        }
    }

    // What is sent backwards is not rounded: half precision would lose small gradients.
    public override Value?[] Gradient(Backward backward) => [backward.Upstream];

    private static double Parse(string text) => text.Trim() switch
    {
        "INF" or "+INF" or "inf" or "+inf" => double.PositiveInfinity,
        "-INF" or "-inf" => double.NegativeInfinity,
        "NaN" or "nan" => double.NaN,
        string number => double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value
            : throw new InvalidDataException($"The text '{text}' is no number, and it is cast to one."),
    };

    private static string Text(float value) => float.IsNaN(value) ? "NaN" : float.IsInfinity(value) ? value > 0 ? "INF" : "-INF"
        : value.ToString("G8", CultureInfo.InvariantCulture).Replace('E', 'e');
}

/// <summary>The bits of the elements of x as those of another type of the same size.</summary>
/// <remarks>ONNX operator set 26. No gradient.</remarks>
public sealed class BitCast(ElementType to) : Operator
{
    /// <summary>The type of the output.</summary>
    public ElementType To { get; } = to;

    public override string Name => "BitCast";

    public override int OpsetVersion => 26;

    public override IEnumerable<OperatorAttribute> Attributes => [new("to", (long)To)];

    public override void Infer(InferenceContext context)
    {
        ElementType from = context.TypeOf(0);
        if (from == ElementType.String || To == ElementType.String || from.Bits() != To.Bits()) throw context.Error($"the bits of {from} are not those of {To}: their sizes differ.");
        if (from != To && ElementType.Double is var real && (from == real || To == real)) throw new UnsupportedOperatorException("bits of doubles are not kept, so they cannot be cast.");
        context.Output(0, To, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), y = context.Output(0);
        for (int i = 0; i < x.Length; i++) Set(y, i, Get(x, i));
    }

    private static long Get(NdArray x, int i) => x.Type.Storage() switch
    {
        Storage.Integer => x.Integers[i],
        Storage.Boolean => x.Booleans[i] ? 1 : 0,
        _ => x.Type switch
        {
            ElementType.Float or ElementType.Double => BitConverter.SingleToInt32Bits(x.Floats[i]),
            ElementType.Float16 => BitConverter.HalfToInt16Bits((Half)x.Floats[i]),
            ElementType.BFloat16 => BitConverter.SingleToInt32Bits(x.Floats[i]) >> 16,
            _ => SmallFloats.Encode(x.Floats[i], x.Type),
        },
    };

    private static void Set(NdArray y, int i, long bits)
    {
        switch (y.Type.Storage())
        {
            case Storage.Integer: y.Integers[i] = IntegerTypes.Wrap(bits, y.Type); break;
            case Storage.Boolean: y.Booleans[i] = (bits & 0xFF) != 0; break;
            default:
                y.Floats[i] = y.Type switch
                {
                    ElementType.Float or ElementType.Double => BitConverter.Int32BitsToSingle((int)bits),
                    ElementType.Float16 => (float)BitConverter.Int16BitsToHalf((short)bits),
                    ElementType.BFloat16 => BitConverter.Int32BitsToSingle((int)bits << 16),
                    _ => SmallFloats.Decode((byte)bits, y.Type),
                };
                break;
        }
    }
}
