using System.Globalization;
using System.Numerics;
using System.Numerics.Tensors;

namespace Limn.Data;

/// <summary>An array as it was read from a <c>.npy</c> file: element type, shape, and values in row-major order.</summary>
public sealed class NpyArray
{
    private readonly int[] shape;
    private readonly Array values;

    internal NpyArray(NpyType type, int[] shape, Array values) => (Type, this.shape, this.values) = (type, shape, values);

    /// <summary>The element type in the file.</summary>
    public NpyType Type { get; }

    /// <summary>The lengths of the dimensions; none for a scalar.</summary>
    public ReadOnlySpan<int> Shape => shape;

    /// <summary>How many values there are: the product of <see cref="Shape"/>.</summary>
    public int Count => values.Length;

    /// <summary>
    /// The values themselves, row-major, without conversion. <typeparamref name="T"/> must be the stored type
    /// (<see cref="NpyType.Float16"/> is <see cref="Half"/>).
    /// </summary>
    /// <exception cref="InvalidDataException">The file holds another type.</exception>
    public ReadOnlySpan<T> Elements<T>() where T : struct => values is T[] typed && values.GetType() == typeof(T[])
        ? typed
        : throw new InvalidDataException($"The array holds {Type} values, not {typeof(T).Name}; convert it with To<{typeof(T).Name}>().");

    /// <summary>
    /// The values as <see cref="float"/>, rounded to the nearest; a scalar becomes shape [1]. Booleans become 0 and 1;
    /// NaN and infinities stay. The tensor owns its values.
    /// </summary>
    /// <exception cref="InvalidDataException">A finite value is too large for a float.</exception>
    public Tensor<float> ToFloat() => To<float>();

    /// <summary>The values as 64-bit integers; a scalar becomes shape [1]. Booleans become 0 and 1. The tensor owns its values.</summary>
    /// <exception cref="InvalidDataException">A value is not a whole number, NaN, or out of range.</exception>
    public Tensor<long> ToInt64() => To<long>();

    /// <summary>The values as booleans, true for all but zero (NaN is true, as in NumPy); a scalar becomes shape [1]. The tensor owns its values.</summary>
    public Tensor<bool> ToBoolean() => Tensors.Of(Array.ConvertAll(Converted<double>(), x => x != 0), shape);

    /// <summary>
    /// The values as numbers of type <typeparamref name="T"/>; a scalar becomes shape [1]. Booleans become 0 and 1.
    /// Conversion to a floating-point type rounds; conversion to an integer type must be exact. The tensor owns its values.
    /// </summary>
    /// <typeparam name="T">One of the .NET types of <see cref="NpyType"/>, but for <see cref="bool"/>.</typeparam>
    /// <exception cref="InvalidDataException">A value has no counterpart: out of range, or, for integers, not whole.</exception>
    /// <exception cref="InvalidOptionException"><typeparamref name="T"/> is another type.</exception>
    public Tensor<T> To<T>() where T : struct, INumberBase<T>
    {
        NpyTypes.Descr<T>();
        return Tensors.Of(Converted<T>(), shape);
    }

    // By Type, not by pattern: to the runtime a sbyte[] is also a byte[].
    private T[] Converted<T>() where T : struct, INumberBase<T> => Type switch
    {
        NpyType.Boolean => Array.ConvertAll((bool[])values, x => x ? T.One : T.Zero),
        NpyType.Int8 => Convert<sbyte, T>(),
        NpyType.Int16 => Convert<short, T>(),
        NpyType.Int32 => Convert<int, T>(),
        NpyType.Int64 => Convert<long, T>(),
        NpyType.UInt8 => Convert<byte, T>(),
        NpyType.UInt16 => Convert<ushort, T>(),
        NpyType.UInt32 => Convert<uint, T>(),
        NpyType.UInt64 => Convert<ulong, T>(),
        NpyType.Float16 => Convert<Half, T>(),
        NpyType.Float32 => Convert<float, T>(),
        _ => Convert<double, T>(),
    };

    private TTo[] Convert<TFrom, TTo>() where TFrom : struct, INumberBase<TFrom> where TTo : struct, INumberBase<TTo>
    {
        var from = (TFrom[])values;
        if (typeof(TFrom) == typeof(TTo)) return [.. (TTo[])values];
        // Whether the target has fractions: integers cannot tell one half from nought.
        bool integral = TTo.IsZero(TTo.CreateTruncating(0.5));
        var to = new TTo[from.Length];
        for (int i = 0; i < from.Length; i++)
        {
            TFrom value = from[i];
            if (integral)
            {
                TTo saturated = TTo.CreateSaturating(value);
                if (!TFrom.IsInteger(value) || !SameValue(value, saturated)) Refuse(value, i, typeof(TTo).Name);
                to[i] = saturated;
            }
            else
            {
                to[i] = TTo.CreateTruncating(value);
                if (TFrom.IsFinite(value) && !TTo.IsFinite(to[i])) Refuse(value, i, typeof(TTo).Name);
            }
        }
        return to;
    }

    // Saturation moved the value unless the way back gives it again; 2^63 as a double is the trap, for it saturates to 2^63 - 1,
    // which rounds back to 2^63. Int128 holds every value of every integer type, and of those floats exactly.
    private static bool SameValue<TFrom, TTo>(TFrom value, TTo converted) where TFrom : INumberBase<TFrom> where TTo : INumberBase<TTo> =>
        Int128.CreateSaturating(value) == Int128.CreateSaturating(converted);

    private static void Refuse<T>(T value, int index, string type) where T : IFormattable => DataFile.Throw(
        $"value {value.ToString(null, CultureInfo.InvariantCulture)} at position {index} cannot be a {type}; convert the array before it is saved.");
}
