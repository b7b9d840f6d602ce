using System.Runtime.CompilerServices;

namespace Limn.Data;

/// <summary>The element type of an array file.</summary>
public enum NpyType
{
    /// <summary>One byte: zero is false, everything else true.</summary>
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    /// <summary>IEEE 754 binary16.</summary>
    Float16,
    Float32,
    Float64,
}

/// <summary>What the twelve element types are called in a header and in .NET.</summary>
internal static class NpyTypes
{
    private static readonly (NpyType Type, string Code, Type Clr, int Size)[] All =
    [
        (NpyType.Boolean, "b1", typeof(bool), 1),
        (NpyType.Int8, "i1", typeof(sbyte), 1),
        (NpyType.Int16, "i2", typeof(short), 2),
        (NpyType.Int32, "i4", typeof(int), 4),
        (NpyType.Int64, "i8", typeof(long), 8),
        (NpyType.UInt8, "u1", typeof(byte), 1),
        (NpyType.UInt16, "u2", typeof(ushort), 2),
        (NpyType.UInt32, "u4", typeof(uint), 4),
        (NpyType.UInt64, "u8", typeof(ulong), 8),
        (NpyType.Float16, "f2", typeof(Half), 2),
        (NpyType.Float32, "f4", typeof(float), 4),
        (NpyType.Float64, "f8", typeof(double), 8),
    ];

    public static int Size(this NpyType type) => All[(int)type].Size;

    /// <summary>The type called <paramref name="descr"/> (<c>&lt;f4</c>, <c>|b1</c>, <c>&gt;i8</c>), and whether its bytes are big-endian.</summary>
    public static bool TryParse(string descr, out NpyType type, out bool bigEndian)
    {
        (type, bigEndian) = (default, false);
        if (descr.Length != 3) return false;
        int index = Array.FindIndex(All, t => descr.AsSpan(1).SequenceEqual(t.Code));
        if (index < 0 || descr[0] is not ('<' or '>' or '|') || (descr[0] == '|' && All[index].Size > 1)) return false;
        (type, bigEndian) = (All[index].Type, descr[0] == '>');
        return true;
    }

    /// <summary>The header's name for little-endian values of <typeparamref name="T"/>.</summary>
    /// <exception cref="InvalidOptionException">An array file cannot hold such values.</exception>
    public static string Descr<T>()
    {
        int index = Array.FindIndex(All, t => t.Clr == typeof(T));
        if (index < 0)
            throw new InvalidOptionException($"An .npy file cannot hold values of type {typeof(T).Name}; use one of {string.Join(", ", All.Select(t => t.Clr.Name))}.");
        return (Unsafe.SizeOf<T>() == 1 ? "|" : "<") + All[index].Code;
    }
}
