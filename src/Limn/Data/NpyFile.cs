using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Limn.Data;

/// <summary>
/// Arrays in NumPy's <c>.npy</c> format, versions 1.0 to 3.0: booleans, integers and floats of 1 to 8 bytes, either byte order,
/// row-major or column-major. Object and structured arrays are refused, and nothing in a file is ever executed.
/// </summary>
/// <remarks>A file's length is compared with what its header promises before memory is taken for the values.</remarks>
public static class NpyFile
{
    private const int BlockBytes = 1 << 20; // by blocks, for a span of bytes ends at 2 GiB

    /// <summary>Reads an array.</summary>
    /// <exception cref="InvalidDataException">The file is missing, malformed, truncated, or holds another type of values.</exception>
    public static NpyArray Read(string path) => DataFile.Read(path, Read);

    /// <summary>Reads an array from a stream of which the next <paramref name="length"/> bytes are the file.</summary>
    /// <exception cref="InvalidDataException">The bytes are malformed, truncated, or hold another type of values.</exception>
    public static NpyArray Read(Stream stream, long length)
    {
        ArgumentNullException.ThrowIfNull(stream);
        NpyHeader header = NpyHeader.Read(stream, length);
        Array values = header.Type switch
        {
            NpyType.Boolean => Array.ConvertAll(ReadValues<byte>(stream, header), b => b != 0),
            NpyType.Int8 => ReadValues<sbyte>(stream, header),
            NpyType.Int16 => ReadValues<short>(stream, header),
            NpyType.Int32 => ReadValues<int>(stream, header),
            NpyType.Int64 => ReadValues<long>(stream, header),
            NpyType.UInt8 => ReadValues<byte>(stream, header),
            NpyType.UInt16 => ReadValues<ushort>(stream, header),
            NpyType.UInt32 => ReadValues<uint>(stream, header),
            NpyType.UInt64 => ReadValues<ulong>(stream, header),
            NpyType.Float16 => ReadValues<Half>(stream, header),
            NpyType.Float32 => ReadValues<float>(stream, header),
            _ => ReadValues<double>(stream, header),
        };
        return new NpyArray(header.Type, header.Shape, values);
    }

    /// <summary>
    /// Writes a tensor (bool, integers, <see cref="Half"/>, float, double) as version 1.0, little-endian, row-major.
    /// The file appears whole or not at all (<see cref="AtomicFile"/>).
    /// </summary>
    /// <exception cref="InvalidOptionException">The format has no such element type.</exception>
    /// <exception cref="LimnException">The file cannot be written.</exception>
    public static void Write<T>(string path, Tensor<T> values) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        NpyTypes.Descr<T>();
        AtomicFile.Write(path, stream => Write(stream, values));
    }

    /// <summary>Writes a tensor to a stream, in the form of <see cref="Write{T}(string, Tensor{T})"/>.</summary>
    public static void Write<T>(Stream stream, Tensor<T> values) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(values);
        stream.Write(NpyHeader.Write(NpyTypes.Descr<T>(), values.Lengths));
        T[] flat = Tensors.Values(values);
        int block = BlockBytes / Unsafe.SizeOf<T>();
        for (int i = 0; i < flat.Length; i += block)
        {
            Span<T> part = flat.AsSpan(i, Math.Min(block, flat.Length - i));
            if (!BitConverter.IsLittleEndian) ReverseEach(part);
            stream.Write(MemoryMarshal.AsBytes(part));
        }
    }

    private static T[] ReadValues<T>(Stream stream, NpyHeader header) where T : unmanaged
    {
        T[] values = new T[header.Count];
        int block = BlockBytes / Unsafe.SizeOf<T>();
        for (int i = 0; i < values.Length; i += block)
        {
            Span<T> part = values.AsSpan(i, Math.Min(block, values.Length - i));
            Span<byte> bytes = MemoryMarshal.AsBytes(part);
            if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
                DataFile.Throw("the .npy file is truncated within its values.");
            if (header.BigEndian == BitConverter.IsLittleEndian) ReverseEach(part);
        }
        return header.FortranOrder && header.Shape.Length > 1 ? ToRowMajor(values, header.Shape) : values;
    }

    private static void ReverseEach<T>(Span<T> values) where T : unmanaged
    {
        switch (Unsafe.SizeOf<T>())
        {
            case 2:
                Span<ushort> words2 = MemoryMarshal.Cast<T, ushort>(values);
                BinaryPrimitives.ReverseEndianness(words2, words2);
                break;
            case 4:
                Span<uint> words4 = MemoryMarshal.Cast<T, uint>(values);
                BinaryPrimitives.ReverseEndianness(words4, words4);
                break;
            case 8:
                Span<ulong> words8 = MemoryMarshal.Cast<T, ulong>(values);
                BinaryPrimitives.ReverseEndianness(words8, words8);
                break;
        }
    }

    // Walks the target in order, and keeps the index into the source, whose first dimension is the fastest.
    private static T[] ToRowMajor<T>(T[] columnMajor, int[] shape)
    {
        T[] rowMajor = new T[columnMajor.Length];
        int[] strides = new int[shape.Length];
        for (int d = 0, stride = 1; d < shape.Length && columnMajor.Length > 0; stride *= shape[d++]) strides[d] = stride;
        int[] index = new int[shape.Length];
        for (int to = 0, from = 0; to < rowMajor.Length; to++)
        {
            rowMajor[to] = columnMajor[from];
            for (int d = shape.Length - 1; d >= 0; d--)
            {
                from += strides[d];
                if (++index[d] < shape[d]) break;
                from -= strides[d] * shape[d];
                index[d] = 0;
            }
        }
        return rowMajor;
    }
}
