namespace Limn.Engine;

/// <summary>The element types of ONNX, with the numbers of its specification.</summary>
public enum ElementType
{
    Undefined = 0,
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    UInt32 = 12,
    UInt64 = 13,
    Complex64 = 14,
    Complex128 = 15,
    BFloat16 = 16,
    Float8E4M3FN = 17,
    Float8E4M3FNUZ = 18,
    Float8E5M2 = 19,
    Float8E5M2FNUZ = 20,
    UInt4 = 21,
    Int4 = 22,
    Float4E2M1 = 23,
    Float8E8M0 = 24,
    UInt2 = 25,
    Int2 = 26,
}

/// <summary>How the engine keeps elements in memory: every floating type as float, every integer type as long.</summary>
public enum Storage
{
    Float,
    Integer,
    Boolean,
    String,
}

public static class ElementTypes
{
    /// <summary>Whether values of this type can carry a gradient.</summary>
    public static bool IsFloating(this ElementType type) => type is ElementType.Float or ElementType.Double or ElementType.Float16 or ElementType.BFloat16 || type.IsSmallFloat();

    /// <summary>Whether this is a floating type of eight bits or fewer, of which every value is held exactly.</summary>
    public static bool IsSmallFloat(this ElementType type) => type is >= ElementType.Float8E4M3FN and <= ElementType.Float8E5M2FNUZ or ElementType.Float4E2M1 or ElementType.Float8E8M0;

    public static bool IsInteger(this ElementType type) => type is ElementType.Int64 or ElementType.Int32 or ElementType.Int16 or ElementType.Int8
        or ElementType.UInt64 or ElementType.UInt32 or ElementType.UInt16 or ElementType.UInt8
        or ElementType.Int4 or ElementType.UInt4 or ElementType.Int2 or ElementType.UInt2;

    /// <exception cref="UnsupportedOperatorException">The type has no storage here (complex numbers).</exception>
    public static Storage Storage(this ElementType type) => type switch
    {
        _ when type.IsFloating() => Engine.Storage.Float,
        _ when type.IsInteger() => Engine.Storage.Integer,
        ElementType.Bool => Engine.Storage.Boolean,
        ElementType.String => Engine.Storage.String,
        _ => throw new UnsupportedOperatorException($"Tensors of ONNX element type {type} are not supported; floats, integers, booleans and strings are."),
    };

    /// <summary>The bits of an element in a file; those below eight lie together in bytes, the first in the lowest bits.</summary>
    internal static int Bits(this ElementType type) => type switch
    {
        ElementType.Double or ElementType.Int64 or ElementType.UInt64 => 64,
        ElementType.Float or ElementType.Int32 or ElementType.UInt32 => 32,
        ElementType.Float16 or ElementType.BFloat16 or ElementType.Int16 or ElementType.UInt16 => 16,
        ElementType.Int4 or ElementType.UInt4 or ElementType.Float4E2M1 => 4,
        ElementType.Int2 or ElementType.UInt2 => 2,
        _ => 8,
    };

    /// <summary>The bytes that elements take in a file.</summary>
    internal static long BytesOf(this ElementType type, long count) => (count * type.Bits() + 7) / 8;
}
