using Limn.Engine.Kernels;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Limn.Engine.Onnx.Schema;
using Microsoft.Win32.SafeHandles;

namespace Limn.Engine.Onnx;

/// <summary>
/// Turns the tensors of a file into arrays: floating types become float (double is rounded, float16 and bfloat16 are exact), integers long.
/// Sizes are compared with the shape before anything is allocated.
/// </summary>
/// <param name="external">Weights beside the file.</param>
/// <param name="parts">Weights that were left in the file, each beside its tensor.</param>
/// <param name="skipWeights">Whether weights outside the message are left unread, and are zeros: memory that is never touched is never taken.</param>
internal sealed class TensorReader(ExternalData external, IReadOnlyDictionary<TensorProto, FilePart>? parts = null, bool skipWeights = false)
{
    private const int Chunk = 1 << 22; // bytes read from an external file at a time; a multiple of every element size

    /// <exception cref="InvalidModelException">The data do not fit the shape or the type.</exception>
    /// <exception cref="UnsupportedOperatorException">The element type is not supported.</exception>
    public NdArray Read(TensorProto tensor)
    {
        ElementType type = TypeOf(tensor);
        int[] dims = DimsOf(tensor, out int count);
        if (tensor.Segment is not null)
            throw new UnsupportedOperatorException($"the tensor '{tensor.Name}' is stored in segments, which are not supported.");
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External) return FromFile(tensor, type, dims, count);
        if (parts?.TryGetValue(tensor, out FilePart part) == true)
        {
            Expect(tensor, dims, "bytes", part.Length, type.BytesOf(count));
            return FromFile(tensor, type, dims, count, part.File, part.Offset);
        }
        return tensor.HasRawData ? FromRaw(tensor, type, dims, count) : FromFields(tensor, type, dims, count);
    }

    /// <summary>A tensor of which only some elements are given, made dense.</summary>
    /// <exception cref="InvalidModelException">Indices do not fit, are out of range or out of order, or the tensor is larger than a file may ask for.</exception>
    public NdArray Read(SparseTensorProto sparse)
    {
        const int Most = 1 << 28; // elements that a few bytes of a file may make
        if (sparse.Values is null || sparse.Indices is null) throw new InvalidModelException("a sparse tensor lacks its values or its indices.");
        NdArray values = Read(sparse.Values), indices = Read(sparse.Indices);
        var dense = new TensorProto { Name = sparse.Values.Name, DataType = sparse.Values.DataType };
        dense.Dims.AddRange(sparse.Dims);
        int[] dims = DimsOf(dense, out int count);
        if (count > Most) throw new InvalidModelException($"the sparse tensor '{dense.Name}' would have {count} elements; {Most} are allowed. Store it as a dense one.");
        bool tuples = indices.Rank == 2;
        if (values.Rank != 1 || values.Type == ElementType.String || indices.Type != ElementType.Int64
            || !indices.Dims.SequenceEqual(tuples ? [values.Length, dims.Length] : [values.Length]))
            throw new InvalidModelException($"the sparse tensor '{dense.Name}' has values {values} and indices {indices}, which do not go together.");

        NdArray array = NdArray.Create(values.Type, dims);
        long last = -1;
        for (int i = 0; i < values.Length; i++)
        {
            long place = tuples ? 0 : indices.Integers[i];
            for (int axis = 0; tuples && axis < dims.Length; axis++)
            {
                long index = indices.Integers[i * dims.Length + axis];
                place = index >= 0 && index < dims[axis] ? place * dims[axis] + index : throw new InvalidModelException($"the sparse tensor '{dense.Name}' has the index {index} on axis {axis}, which has {dims[axis]} places.");
            }
            if (place <= last || place >= count) throw new InvalidModelException($"the sparse tensor '{dense.Name}' has an index that is out of range or not in ascending order.");
            last = place;
            switch (array.Type.Storage())
            {
                case Storage.Float: array.Floats[(int)place] = values.Floats[i]; break;
                case Storage.Integer: array.Integers[(int)place] = values.Integers[i]; break;
                default: array.Booleans[(int)place] = values.Booleans[i]; break;
            }
        }
        return array;
    }

    /// <summary>The element type of a tensor, if there is storage for it.</summary>
    public static ElementType TypeOf(TensorProto tensor) => Supported(tensor.DataType, $"the tensor '{tensor.Name}'");

    /// <exception cref="UnsupportedOperatorException">There is no storage for the type.</exception>
    public static ElementType Supported(int dataType, string owner)
    {
        var type = (ElementType)dataType;
        if (type == ElementType.Undefined) throw new InvalidModelException($"{owner} has no element type.");
        if (type.IsFloating() || type.IsInteger() || type is ElementType.Bool or ElementType.String) return type;
        throw new UnsupportedOperatorException($"{owner} has the ONNX element type {(Enum.IsDefined(type) ? type : dataType)}, which is not supported; floating types of 4 to 64 bits, integers of 2 to 64 bits, bool and string are.");
    }

    /// <summary>The shape of a tensor and its number of elements.</summary>
    public static int[] DimsOf(TensorProto tensor, out int count)
    {
        var dims = new int[tensor.Dims.Count];
        for (int i = 0; i < dims.Length; i++)
            dims[i] = tensor.Dims[i] is >= 0 and <= int.MaxValue ? (int)tensor.Dims[i]
                : throw new InvalidModelException($"the tensor '{tensor.Name}' has the dimension {tensor.Dims[i]}.");
        try
        {
            count = NdArray.Count(dims);
        }
        catch (ShapeMismatchException e)
        {
            throw new InvalidModelException($"the tensor '{tensor.Name}': {e.Message}", e);
        }
        return dims;
    }

    private NdArray FromFile(TensorProto tensor, ElementType type, int[] dims, int count)
    {
        if (type == ElementType.String)
            throw new InvalidModelException($"the strings of the tensor '{tensor.Name}' are said to be external data, which the format does not allow.");
        (SafeFileHandle file, long offset) = external.Find(tensor, type.BytesOf(count));
        return FromFile(tensor, type, dims, count, file, offset);
    }

    private NdArray FromFile(TensorProto tensor, ElementType type, int[] dims, int count, SafeFileHandle file, long offset)
    {
        if (type == ElementType.String) throw NotRaw(tensor);
        if (skipWeights && type.BytesOf(count) >= ModelSkimmer.WorthLeaving) return NdArray.Create(type, dims);
        long bytes = type.BytesOf(count);
        var array = NdArray.Create(type, dims);
        var buffer = new byte[(int)Math.Min(bytes, Chunk)];
        for (long done = 0; done < bytes;)
        {
            int want = (int)Math.Min(bytes - done, buffer.Length), got = 0;
            while (got < want)
            {
                int read = RandomAccess.Read(file, buffer.AsSpan(got, want - got), offset + done + got);
                if (read == 0) throw new InvalidModelException($"the data of '{tensor.Name}' end too early.");
                got += read;
            }
            Decode(buffer.AsSpan(0, want), array, (int)(done * 8 / type.Bits()));
            done += want;
        }
        return array;
    }

    private static NdArray FromRaw(TensorProto tensor, ElementType type, int[] dims, int count)
    {
        if (type == ElementType.String) throw NotRaw(tensor);
        Expect(tensor, dims, "bytes", tensor.RawData.Length, type.BytesOf(count));
        var array = NdArray.Create(type, dims);
        Decode(tensor.RawData.Span, array, 0);
        return array;
    }

    private static InvalidModelException NotRaw(TensorProto tensor) =>
        new($"the strings of the tensor '{tensor.Name}' are stored as raw data, which the format does not allow.");

    private static NdArray FromFields(TensorProto tensor, ElementType type, int[] dims, int count)
    {
        switch (type)
        {
            case ElementType.Float:
                Expect(tensor, dims, "values", tensor.FloatData.Count, count);
                return new NdArray([.. tensor.FloatData], dims);
            case ElementType.Double:
                Expect(tensor, dims, "values", tensor.DoubleData.Count, count);
                return new NdArray([.. tensor.DoubleData.Select(v => (float)v)], dims).As(type);
            case ElementType.Int64:
                Expect(tensor, dims, "values", tensor.Int64Data.Count, count);
                return new NdArray([.. tensor.Int64Data], dims);
            case ElementType.UInt32 or ElementType.UInt64:
                Expect(tensor, dims, "values", tensor.Uint64Data.Count, count);
                return new NdArray([.. tensor.Uint64Data.Select(v => unchecked((long)(type == ElementType.UInt32 ? (uint)v : v)))], dims).As(type);
            case ElementType.String:
                Expect(tensor, dims, "values", tensor.StringData.Count, count);
                return new NdArray([.. tensor.StringData.Select(s => s.ToStringUtf8())], dims);
        }
        if (type.Bits() < 8 || type.IsSmallFloat())
        {
            Expect(tensor, dims, "values", tensor.Int32Data.Count, type.BytesOf(count)); // a byte in each
            var small = NdArray.Create(type, dims);
            Decode(tensor.Int32Data.Select(v => unchecked((byte)v)).ToArray(), small, 0);
            return small;
        }
        Expect(tensor, dims, "values", tensor.Int32Data.Count, count); // every smaller type is kept in 32-bit integers
        return type switch
        {
            ElementType.Float16 => new NdArray([.. tensor.Int32Data.Select(v => (float)BitConverter.UInt16BitsToHalf(unchecked((ushort)v)))], dims).As(type),
            ElementType.BFloat16 => new NdArray([.. tensor.Int32Data.Select(v => BitConverter.Int32BitsToSingle(v << 16))], dims).As(type),
            ElementType.Bool => new NdArray([.. tensor.Int32Data.Select(v => v != 0)], dims),
            _ => new NdArray([.. tensor.Int32Data.Select(v => Narrow(type, v))], dims).As(type),
        };
    }

    /// <summary>The value of a small integer whose bits lie in a 32-bit one.</summary>
    private static long Narrow(ElementType type, int value) => unchecked(type switch
    {
        ElementType.UInt8 => (byte)value,
        ElementType.Int8 => (sbyte)value,
        ElementType.UInt16 => (ushort)value,
        ElementType.Int16 => (short)value,
        _ => (long)value,
    });

    /// <summary>Converts little-endian elements into the array, from element <paramref name="start"/> on.</summary>
    private static void Decode(ReadOnlySpan<byte> source, NdArray target, int start)
    {
        switch (target.Type)
        {
            case ElementType.Float: Widen<float>(source, target.Floats[start..], static (s, d) => s.CopyTo(d)); break;
            case ElementType.Double: Widen<double>(source, target.Floats[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.Float16: Widen<Half>(source, target.Floats[start..], TensorPrimitives.ConvertToSingle); break;
            case ElementType.BFloat16: Widen<ushort>(source, target.Floats[start..], FromBFloat16); break;
            case ElementType.UInt8: Widen<byte>(source, target.Integers[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.Int8: Widen<sbyte>(source, target.Integers[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.UInt16: Widen<ushort>(source, target.Integers[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.Int16: Widen<short>(source, target.Integers[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.UInt32: Widen<uint>(source, target.Integers[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.Int32: Widen<int>(source, target.Integers[start..], TensorPrimitives.ConvertTruncating); break;
            case ElementType.UInt64 or ElementType.Int64: Widen<long>(source, target.Integers[start..], static (s, d) => s.CopyTo(d)); break;
            case var small when small.IsSmallFloat(): Unpack(source, small.Bits(), target.Floats[start..], code => SmallFloats.Decode(code, small)); break;
            case var small when small.IsInteger(): Unpack(source, small.Bits(), target.Integers[start..], code => IntegerTypes.Wrap(code, small)); break;
            default:
                for (int i = 0; i < source.Length; i++) target.Booleans[start + i] = source[i] != 0;
                break;
        }
    }

    /// <summary>Elements of eight bits or fewer, the first in the lowest bits of a byte. What the last byte has beyond the target is filling.</summary>
    private static void Unpack<T>(ReadOnlySpan<byte> source, int bits, Span<T> target, Func<byte, T> decode)
    {
        int perByte = 8 / bits, count = Math.Min(target.Length, source.Length * perByte);
        for (int i = 0; i < count; i++) target[i] = decode((byte)((source[i / perByte] >> (i % perByte * bits)) & ((1 << bits) - 1)));
    }

    private delegate void Conversion<TFrom, TTo>(ReadOnlySpan<TFrom> source, Span<TTo> destination);

    private static void Widen<T>(ReadOnlySpan<byte> bytes, Span<float> target, Conversion<T, float> convert) where T : unmanaged => convert(Cast<T>(bytes), target);

    private static void Widen<T>(ReadOnlySpan<byte> bytes, Span<long> target, Conversion<T, long> convert) where T : unmanaged => convert(Cast<T>(bytes), target);

    /// <summary>Little-endian bytes as elements of this machine.</summary>
    private static ReadOnlySpan<T> Cast<T>(ReadOnlySpan<byte> bytes) where T : unmanaged
    {
        if (BitConverter.IsLittleEndian) return MemoryMarshal.Cast<byte, T>(bytes);
        var elements = new T[bytes.Length / Marshal.SizeOf<T>()];
        Span<byte> copy = MemoryMarshal.AsBytes(elements.AsSpan());
        int size = copy.Length / Math.Max(1, elements.Length);
        for (int i = 0; i < elements.Length; i++)
        {
            bytes.Slice(i * size, size).CopyTo(copy[(i * size)..]);
            copy.Slice(i * size, size).Reverse();
        }
        return elements;
    }

    private static void FromBFloat16(ReadOnlySpan<ushort> source, Span<float> target)
    {
        for (int i = 0; i < source.Length; i++) target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    private static void Expect(TensorProto tensor, int[] dims, string what, long got, long wanted)
    {
        if (got != wanted)
            throw new InvalidModelException($"the tensor '{tensor.Name}' holds {got} {what}, and its shape {NdArray.Describe(dims)} needs {wanted}.");
    }
}
