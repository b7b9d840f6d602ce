using System.Numerics.Tensors;

namespace Limn.Data;

/// <summary>Makes tensors over arrays, and arrays from tensors.</summary>
internal static class Tensors
{
    /// <summary>
    /// A tensor over <paramref name="values"/> (not copied). A scalar (no dimensions) becomes [1]: <see cref="Tensor.Create{T}(T[], ReadOnlySpan{nint})"/>
    /// makes an empty tensor when it is given no lengths.
    /// </summary>
    public static Tensor<T> Of<T>(T[] values, params ReadOnlySpan<int> shape)
    {
        Span<nint> lengths = shape.Length == 0 ? [1] : new nint[shape.Length];
        for (int i = 0; i < shape.Length; i++) lengths[i] = shape[i];
        return Tensor.Create(values, lengths);
    }

    /// <summary>The values in row-major order, copied.</summary>
    public static T[] Values<T>(Tensor<T> tensor)
    {
        T[] values = new T[tensor.FlattenedLength];
        tensor.FlattenTo(values);
        return values;
    }

    /// <summary>The shape as text: <c>[1, 3, 224, 224]</c>.</summary>
    public static string Describe<T>(Tensor<T> tensor) => $"[{string.Join(", ", tensor.Lengths.ToArray())}]";
}
