using Limn.Engine.Kernels;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>Turns arrays into the tensors of a file: floating types of 16 bits and more as FLOAT, everything else as its declared type.</summary>
internal static class TensorWriter
{
    /// <summary>The type that is written for a type: what is computed in float is float.</summary>
    public static ElementType TypeOf(ElementType type) => type.IsFloating() && !type.IsSmallFloat() ? ElementType.Float : type;

    public static TensorProto Write(NdArray array, string? name = null)
    {
        TensorProto tensor = Header(array, name);
        if (array.Type == ElementType.String) tensor.StringData.AddRange(array.Strings.ToArray().Select(ByteString.CopyFromUtf8));
        else tensor.RawData = UnsafeByteOperations.UnsafeWrap(Bytes(array));
        return tensor;
    }

    /// <summary>A tensor whose elements are bytes of another file.</summary>
    public static TensorProto WriteExternal(NdArray array, string name, string location, long offset, long length)
    {
        TensorProto tensor = Header(array, name);
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset.ToString() });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = length.ToString() });
        return tensor;
    }

    /// <summary>The elements in little-endian order.</summary>
    public static byte[] Bytes(NdArray array) => array.Type switch
    {
        _ when array.Type.IsSmallFloat() => Pack(array.Length, array.Type.Bits(), i => SmallFloats.Encode(array.Floats[i], array.Type)),
        _ when array.Type.IsFloating() => LittleEndian<float>(array.Floats),
        ElementType.Int64 or ElementType.UInt64 => LittleEndian<long>(array.Integers),
        ElementType.Int32 or ElementType.UInt32 => LittleEndian<int>(Array.ConvertAll(array.Integers.ToArray(), v => unchecked((int)v))),
        ElementType.Int16 or ElementType.UInt16 => LittleEndian<short>(Array.ConvertAll(array.Integers.ToArray(), v => unchecked((short)v))),
        _ when array.Type.IsInteger() && array.Type.Bits() < 8 => Pack(array.Length, array.Type.Bits(), i => unchecked((byte)array.Integers[i])),
        ElementType.Int8 or ElementType.UInt8 => Array.ConvertAll(array.Integers.ToArray(), v => unchecked((byte)v)),
        ElementType.Bool => Array.ConvertAll(array.Booleans.ToArray(), v => v ? (byte)1 : (byte)0),
        _ => throw new UnsupportedOperatorException($"Tensors of type {array.Type} have no bytes."),
    };

    /// <summary>Elements of eight bits or fewer, the first in the lowest bits of a byte.</summary>
    private static byte[] Pack(int count, int bits, Func<int, byte> code)
    {
        int perByte = 8 / bits;
        var bytes = new byte[(count + perByte - 1) / perByte];
        for (int i = 0; i < count; i++) bytes[i / perByte] |= (byte)((code(i) & ((1 << bits) - 1)) << (i % perByte * bits));
        return bytes;
    }

    private static TensorProto Header(NdArray array, string? name)
    {
        var tensor = new TensorProto { DataType = (int)TypeOf(array.Type) };
        if (name is not null) tensor.Name = name;
        foreach (int dim in array.Dims) tensor.Dims.Add(dim);
        return tensor;
    }

    private static byte[] LittleEndian<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        if (BitConverter.IsLittleEndian || values.Length == 0) return bytes;
        int size = bytes.Length / values.Length;
        for (int i = 0; i < bytes.Length; i += size) bytes.AsSpan(i, size).Reverse();
        return bytes;
    }
}
