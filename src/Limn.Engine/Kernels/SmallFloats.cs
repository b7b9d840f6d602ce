namespace Limn.Engine.Kernels;

/// <summary>How numbers become powers of two in <see cref="ElementType.Float8E8M0"/>.</summary>
public enum PowerRounding
{
    /// <summary>The next power that is not smaller.</summary>
    Up,

    /// <summary>The next power that is not greater.</summary>
    Down,

    /// <summary>The nearer power; the greater of two that are as near.</summary>
    Nearest,
}

/// <summary>The floating types of eight bits and fewer: their codes, and rounding to them.</summary>
/// <remarks>
/// A code is a sign, an exponent and a mantissa of M bits. FN: no infinities, one NaN of each sign. FNUZ: neither infinities nor −0, whose code is
/// the NaN. E2M1 has neither NaN nor infinities. E8M0 has no sign and no mantissa: code c is 2^(c − 127), 255 is NaN; there is no 0.
/// ONNX, "Float stored in 8 bits" and "Float stored in 4 bits".
/// </remarks>
internal static class SmallFloats
{
    private static readonly Dictionary<ElementType, Format> Formats = new()
    {
        [ElementType.Float8E4M3FN] = new(Mantissa: 3, LeastExponent: -6, Most: 448, Sign: 0x80, NaN: 0x7F),
        [ElementType.Float8E4M3FNUZ] = new(Mantissa: 3, LeastExponent: -7, Most: 240, Sign: 0x80, NaN: 0x80),
        [ElementType.Float8E5M2] = new(Mantissa: 2, LeastExponent: -14, Most: 57344, Sign: 0x80, NaN: 0x7F) { Infinite = true },
        [ElementType.Float8E5M2FNUZ] = new(Mantissa: 2, LeastExponent: -15, Most: 57344, Sign: 0x80, NaN: 0x80),
        [ElementType.Float4E2M1] = new(Mantissa: 1, LeastExponent: 0, Most: 6, Sign: 8, NaN: null),
    };

    /// <summary>The number of a code.</summary>
    public static float Decode(byte code, ElementType type) => type == ElementType.Float8E8M0 ? code == 255 ? float.NaN : MathF.ScaleB(1, code - 127) : Formats[type].Decode(code);

    /// <summary>The code of a number that the type has.</summary>
    public static byte Encode(float value, ElementType type)
    {
        if (type != ElementType.Float8E8M0) return Formats[type].Encode(value);
        return float.IsNaN(value) ? (byte)255 : (byte)(MathF.ILogB(value) + 127);
    }

    /// <summary>Rounds to the nearest number of a type, of two to the one with the even code.</summary>
    /// <param name="x">The numbers.</param>
    /// <param name="y">Takes the rounded ones; may be the same memory.</param>
    /// <param name="type">The type.</param>
    /// <param name="saturate">Whether what is too large (infinity, too) becomes the largest number; otherwise infinity, or NaN where the type has none.</param>
    /// <param name="powers">How E8M0 rounds.</param>
    public static void Round(ReadOnlySpan<float> x, Span<float> y, ElementType type, bool saturate, PowerRounding powers)
    {
        if (type == ElementType.Float8E8M0)
        {
            for (int i = 0; i < x.Length; i++) y[i] = ToPower(x[i], saturate, powers);
            return;
        }
        Format format = Formats[type];
        for (int i = 0; i < x.Length; i++) y[i] = format.Round(x[i], saturate);
    }

    private static float ToPower(float x, bool saturate, PowerRounding rounding)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x), mantissa = bits & 0x7FFFFF;
        int exponent = (int)((bits >> 23) & 0xFF);
        if (exponent == 255) return float.NaN;
        bool up = rounding switch
        {
            // Below 2^-126 there is only 2^-127, whose mantissa has its first bit.
            PowerRounding.Up => mantissa > (exponent == 0 ? 0x400000u : 0),
            PowerRounding.Down => false,
            _ => mantissa >= (exponent == 0 ? 0x600000u : 0x400000u),
        };
        if (up && !(saturate && exponent == 254)) exponent++;
        return Decode((byte)exponent, ElementType.Float8E8M0);
    }

    private sealed record Format(int Mantissa, int LeastExponent, float Most, byte Sign, byte? NaN)
    {
        public bool Infinite { get; init; }

        public float Round(float x, bool saturate)
        {
            if (float.IsNaN(x)) return NaN is null ? -0f : x; // without a NaN the reference implementation gives -0
            double size = Math.Abs((double)x), rounded = size;
            if (size != 0 && !double.IsInfinity(size))
            {
                double unit = Math.ScaleB(1, Math.Max(Math.ILogB(size), LeastExponent) - Mantissa);
                rounded = Math.Round(size / unit, MidpointRounding.ToEven) * unit;
            }
            if (rounded > Most) rounded = saturate || NaN is null ? Most : Infinite ? double.PositiveInfinity : double.NaN;
            if (rounded == 0 && NaN == Sign) return 0; // no negative zero
            return float.CopySign((float)rounded, x);
        }

        public float Decode(byte code)
        {
            if (code == NaN || (NaN != Sign && NaN is { } nan && (code & ~Sign) == nan)) return float.NaN;
            int size = code & (Sign - 1), exponent = size >> Mantissa, fraction = size & ((1 << Mantissa) - 1);
            float value = exponent == 0 ? MathF.ScaleB(fraction, LeastExponent - Mantissa) : MathF.ScaleB((1 << Mantissa) | fraction, LeastExponent + exponent - 1 - Mantissa);
            if (Infinite && value > Most) value = fraction == 0 ? float.PositiveInfinity : float.NaN;
            return (code & Sign) != 0 ? -value : value;
        }

        public byte Encode(float value)
        {
            if (float.IsNaN(value)) return NaN ?? throw new ArgumentException("The type has no NaN.", nameof(value));
            int sign = float.IsNegative(value) ? Sign : 0;
            if (float.IsInfinity(value)) return (byte)(sign | (CodeOf(Most) + 1));
            return (byte)(sign | CodeOf(Math.Abs(value)));
        }

        /// <summary>The code of a number that is not negative.</summary>
        private int CodeOf(float size)
        {
            if (size == 0) return 0;
            int exponent = Math.Max(MathF.ILogB(size), LeastExponent);
            int steps = (int)MathF.ScaleB(size, Mantissa - exponent); // with the leading one, if it has one
            return ((exponent - LeastExponent) << Mantissa) + steps;
        }
    }
}
