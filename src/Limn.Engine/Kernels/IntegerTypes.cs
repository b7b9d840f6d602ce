namespace Limn.Engine.Kernels;

/// <summary>The ranges of the integer types that are held as long.</summary>
/// <remarks>An unsigned 64-bit integer is held by its bits: from 2⁶³ on it counts as negative in comparisons and divisions.</remarks>
internal static class IntegerTypes
{
    /// <summary>The low bits of an integer, read as <paramref name="type"/>: arithmetic of two's complement.</summary>
    public static long Wrap(long value, ElementType type) => type switch
    {
        ElementType.Int32 => unchecked((int)value),
        ElementType.Int16 => unchecked((short)value),
        ElementType.Int8 => unchecked((sbyte)value),
        ElementType.UInt32 => unchecked((uint)value),
        ElementType.UInt16 => unchecked((ushort)value),
        ElementType.UInt8 => unchecked((byte)value),
        ElementType.Int4 => value << 60 >> 60,
        ElementType.UInt4 => value & 15,
        ElementType.Int2 => value << 62 >> 62,
        ElementType.UInt2 => value & 3,
        _ => value,
    };

    /// <summary>Wraps each element around to the range of <paramref name="type"/>.</summary>
    public static void Wrap(Span<long> values, ElementType type)
    {
        if (type is ElementType.Int64 or ElementType.UInt64) return;
        for (int i = 0; i < values.Length; i++) values[i] = Wrap(values[i], type);
    }

    /// <summary>Takes each element to the nearest that <paramref name="type"/> has.</summary>
    public static void Clamp(Span<long> values, ElementType type)
    {
        var (least, most) = Range(type);
        foreach (ref long value in values) value = Math.Clamp(value, least, most);
    }

    /// <summary>The smallest and the largest integer of a type, as they are held.</summary>
    public static (long Least, long Most) Range(ElementType type) => type switch
    {
        ElementType.Int32 => (int.MinValue, int.MaxValue),
        ElementType.Int16 => (short.MinValue, short.MaxValue),
        ElementType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        ElementType.UInt32 => (0, uint.MaxValue),
        ElementType.UInt16 => (0, ushort.MaxValue),
        ElementType.UInt8 => (0, byte.MaxValue),
        ElementType.UInt64 => (0, long.MaxValue),
        ElementType.Int4 => (-8, 7),
        ElementType.UInt4 => (0, 15),
        ElementType.Int2 => (-2, 1),
        ElementType.UInt2 => (0, 3),
        _ => (long.MinValue, long.MaxValue),
    };
}
