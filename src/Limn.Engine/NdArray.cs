using System.Diagnostics.CodeAnalysis;
using System.Numerics.Tensors;

namespace Limn.Engine;

/// <summary>
/// An array of any ONNX element type, as the engine holds it: dense, row-major, floating types as float, integers as long.
/// At public boundaries it converts from and to <see cref="Tensor{T}"/>.
/// </summary>
public sealed class NdArray
{
    private readonly int[] dims;
    private readonly Memory<float> floats;
    private readonly Memory<long> integers;
    private readonly Memory<bool> booleans;
    private readonly string[]? strings;

    private NdArray(ElementType type, int[] dims, int available)
    {
        Type = type;
        this.dims = dims;
        Length = Count(dims);
        if (available != Length)
            throw new ShapeMismatchException($"{available} elements do not fill the shape {Describe(dims)}, which holds {Length}.");
    }

    public NdArray(Memory<float> values, params int[] dims) : this(ElementType.Float, dims, values.Length) => floats = values;

    public NdArray(Memory<long> values, params int[] dims) : this(ElementType.Int64, dims, values.Length) => integers = values;

    public NdArray(Memory<bool> values, params int[] dims) : this(ElementType.Bool, dims, values.Length) => booleans = values;

    public NdArray(string[] values, params int[] dims) : this(ElementType.String, dims, values.Length) => strings = values;

    public NdArray(float[] values, params int[] dims) : this(values.AsMemory(), dims) { }

    public NdArray(long[] values, params int[] dims) : this(values.AsMemory(), dims) { }

    public NdArray(bool[] values, params int[] dims) : this(values.AsMemory(), dims) { }

    private NdArray(NdArray source, ElementType type, int[] dims) : this(type, dims, source.Length)
    {
        floats = source.floats;
        integers = source.integers;
        booleans = source.booleans;
        strings = source.strings;
    }

    /// <summary>The element type that the model declares; the storage behind it is <see cref="ElementTypes.Storage"/>.</summary>
    public ElementType Type { get; }

    public ReadOnlySpan<int> Dims => dims;

    public int Rank => dims.Length;

    public int Length { get; }

    public Span<float> Floats => Type.IsFloating() ? floats.Span : throw Mismatch("floating");

    public Span<long> Integers => Type.IsInteger() ? integers.Span : throw Mismatch("integer");

    public Span<bool> Booleans => Type == ElementType.Bool ? booleans.Span : throw Mismatch("boolean");

    public Span<string> Strings => Type == ElementType.String ? strings : throw Mismatch("string");

    public Memory<float> FloatMemory => Type.IsFloating() ? floats : throw Mismatch("floating");

    internal Memory<bool> BooleanMemory => Type == ElementType.Bool ? booleans : throw Mismatch("boolean");

    /// <summary>A new array of zeros (empty strings, false) of the given type and shape.</summary>
    public static NdArray Create(ElementType type, params int[] dims)
    {
        int length = Count(dims);
        NdArray array = type.Storage() switch
        {
            Storage.Float => new NdArray(new float[length], dims),
            Storage.Integer => new NdArray(new long[length], dims),
            Storage.Boolean => new NdArray(new bool[length], dims),
            _ => new NdArray(Enumerable.Repeat("", length).ToArray(), dims),
        };
        return array.As(type);
    }

    public static NdArray Scalar(float value) => new([value]);

    public static NdArray Scalar(long value) => new([value]);

    public static NdArray Scalar(bool value) => new([value]);

    public static NdArray Vector(params long[] values) => new(values, values.Length);

    public static NdArray Vector(params float[] values) => new(values, values.Length);

    /// <summary>A copy of a public tensor of float, double, a .NET integer type or bool.</summary>
    public static NdArray From<T>(Tensor<T> tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var shape = new int[tensor.Rank];
        for (int i = 0; i < shape.Length; i++) shape[i] = checked((int)tensor.Lengths[i]);
        var flat = new T[tensor.FlattenedLength];
        tensor.FlattenTo(flat);
        return flat switch
        {
            float[] f => new NdArray(f, shape),
            double[] d => new NdArray(Array.ConvertAll(d, v => (float)v), shape).As(ElementType.Double),
            long[] l => new NdArray(l, shape),
            int[] l => new NdArray(Array.ConvertAll(l, v => (long)v), shape).As(ElementType.Int32),
            byte[] l => new NdArray(Array.ConvertAll(l, v => (long)v), shape).As(ElementType.UInt8),
            sbyte[] l => new NdArray(Array.ConvertAll(l, v => (long)v), shape).As(ElementType.Int8),
            short[] l => new NdArray(Array.ConvertAll(l, v => (long)v), shape).As(ElementType.Int16),
            bool[] b => new NdArray(b, shape),
            string[] s => new NdArray(s, shape),
            _ => throw new ShapeMismatchException($"Tensors of {typeof(T).Name} are not supported; use float, double, an integer type, bool or string."),
        };
    }

    /// <summary>A copy as the public tensor of floats; integers and booleans are converted. A scalar becomes a vector of one element.</summary>
    public Tensor<float> ToTensor()
    {
        float[] values = Type.Storage() switch
        {
            Storage.Float => floats.ToArray(),
            Storage.Integer => Array.ConvertAll(integers.ToArray(), v => (float)v),
            Storage.Boolean => Array.ConvertAll(booleans.ToArray(), v => v ? 1f : 0f),
            _ => throw Mismatch("numeric"),
        };
        return Tensor.Create(values, Rank == 0 ? [1] : Array.ConvertAll(dims, d => (nint)d));
    }

    /// <summary>The same memory under another shape with the same number of elements.</summary>
    public NdArray Reshape(params int[] shape) => new(this, Type, shape);

    /// <summary>The same memory, declared as another type of the same storage.</summary>
    public NdArray As(ElementType type)
    {
        if (type.Storage() != Type.Storage()) throw Mismatch(type.ToString());
        return type == Type ? this : new NdArray(this, type, dims);
    }

    /// <summary>Rows [<paramref name="from"/>, <paramref name="from"/> + <paramref name="count"/>) along the first axis, as a view of the same memory.</summary>
    public NdArray Rows(int from, int count)
    {
        if (Rank == 0 || from < 0 || count < 0 || from + count > dims[0])
            throw new ShapeMismatchException($"Rows {from} to {from + count - 1} do not exist in an array of shape {Describe(dims)}.");
        int inner = dims[0] == 0 ? 0 : Length / dims[0];
        int[] shape = [count, .. dims.AsSpan(1)];
        int start = from * inner, length = count * inner;
        NdArray rows = Type.Storage() switch
        {
            Storage.Float => new NdArray(floats.Slice(start, length), shape),
            Storage.Integer => new NdArray(integers.Slice(start, length), shape),
            Storage.Boolean => new NdArray(booleans.Slice(start, length), shape),
            _ => new NdArray(strings.AsSpan(start, length).ToArray(), shape),
        };
        return rows.As(Type);
    }

    /// <summary>A copy of columns [<paramref name="from"/>, <paramref name="from"/> + <paramref name="count"/>) of a matrix of floats.</summary>
    public NdArray Columns(int from, int count)
    {
        if (Rank != 2 || from < 0 || count < 0 || from + count > dims[1])
            throw new ShapeMismatchException($"Columns {from} to {from + count - 1} do not exist in an array of shape {Describe(dims)}.");
        var chosen = new float[dims[0] * count];
        for (int r = 0; r < dims[0]; r++) Floats.Slice(r * dims[1] + from, count).CopyTo(chosen.AsSpan(r * count));
        return new NdArray(chosen, dims[0], count).As(Type);
    }

    /// <summary>A copy in memory of its own.</summary>
    public NdArray Copy()
    {
        NdArray copy = Type.Storage() switch
        {
            Storage.Float => new NdArray(floats.ToArray(), dims),
            Storage.Integer => new NdArray(integers.ToArray(), dims),
            Storage.Boolean => new NdArray(booleans.ToArray(), dims),
            _ => new NdArray((string[])strings!.Clone(), dims),
        };
        return copy.As(Type);
    }

    /// <summary>Copies the elements of <paramref name="source"/>, which has the same storage and length.</summary>
    public void CopyFrom(NdArray source)
    {
        switch (Type.Storage())
        {
            case Storage.Float: source.Floats.CopyTo(floats.Span); break;
            case Storage.Integer: source.Integers.CopyTo(integers.Span); break;
            case Storage.Boolean: source.Booleans.CopyTo(booleans.Span); break;
            default: source.Strings.CopyTo(strings); break;
        }
    }

    /// <summary>The number of elements of a shape.</summary>
    /// <exception cref="ShapeMismatchException">A dimension is negative or the product is over 2^31 - 1.</exception>
    public static int Count(ReadOnlySpan<int> dims)
    {
        long count = 1;
        bool empty = false;
        foreach (int dim in dims)
        {
            if (dim < 0) throw new ShapeMismatchException($"The shape {Describe(dims)} has a negative dimension.");
            empty |= dim == 0;
            if (!empty && (count *= dim) > int.MaxValue)
                throw new ShapeMismatchException($"A tensor of shape {Describe(dims)} has more than 2^31 elements, which is more than Limn holds in one array.");
        }
        return empty ? 0 : (int)count;
    }

    public static string Describe(ReadOnlySpan<int> dims) => $"[{string.Join(',', dims.ToArray())}]";

    public override string ToString() => $"{Type}{Describe(dims)}";

    [DoesNotReturn]
    private ShapeMismatchException Mismatch(string wanted) =>
        throw new ShapeMismatchException($"A tensor of type {Type} and shape {Describe(dims)} was used where {wanted} elements are needed.");
}
