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
    public static bool IsFloating(this ElementType type) => type is ElementType.Float or ElementType.Double or ElementType.Float16 or ElementType.BFloat16;

    public static bool IsInteger(this ElementType type) => type is ElementType.Int64 or ElementType.Int32 or ElementType.Int16 or ElementType.Int8
        or ElementType.UInt64 or ElementType.UInt32 or ElementType.UInt16 or ElementType.UInt8;

    /// <exception cref="UnsupportedOperatorException">The type has no storage here (complex numbers, sub-byte and 8-bit floats).</exception>
    public static Storage Storage(this ElementType type) => type switch
    {
        _ when type.IsFloating() => Engine.Storage.Float,
        _ when type.IsInteger() => Engine.Storage.Integer,
        ElementType.Bool => Engine.Storage.Boolean,
        ElementType.String => Engine.Storage.String,
        _ => throw new UnsupportedOperatorException($"Tensors of ONNX element type {type} are not supported; floats, integers, booleans and strings are."),
    };
}
