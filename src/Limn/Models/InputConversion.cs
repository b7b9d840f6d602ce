using Limn.Engine;
using Limn.Engine.Graphs;

namespace Limn.Models;

/// <summary>Brings arrays to the element type that a model's input declares.</summary>
internal static class InputConversion
{
    public static NdArray Convert(Value input, NdArray array) => Convert(input.Name, input.Type, array);

    /// <param name="input">The input's name, for messages.</param>
    /// <param name="type">The type that it declares.</param>
    /// <param name="array">What it is given.</param>
    public static NdArray Convert(string input, ElementType type, NdArray array)
    {
        NdArray converted = (array.Type.Storage(), type.Storage()) switch
        {
            var (from, to) when from == to => array,
            (Storage.Float, Storage.Integer) => new NdArray(Array.ConvertAll(array.Floats.ToArray(), v => Exact(input, type, v)), array.Dims.ToArray()),
            (Storage.Integer, Storage.Float) => new NdArray(Array.ConvertAll(array.Integers.ToArray(), v => (float)v), array.Dims.ToArray()),
            (Storage.Boolean, Storage.Float) => new NdArray(Array.ConvertAll(array.Booleans.ToArray(), v => v ? 1f : 0f), array.Dims.ToArray()),
            (Storage.Boolean, Storage.Integer) => new NdArray(Array.ConvertAll(array.Booleans.ToArray(), v => v ? 1L : 0L), array.Dims.ToArray()),
            (Storage.Float, Storage.Boolean) => new NdArray(Array.ConvertAll(array.Floats.ToArray(), v => Exact(input, type, v) != 0), array.Dims.ToArray()),
            (Storage.Integer, Storage.Boolean) => new NdArray(Array.ConvertAll(array.Integers.ToArray(), v => v != 0), array.Dims.ToArray()),
            _ => throw new ShapeMismatchException($"The input '{input}' takes {type} elements, and {array.Type} was given."),
        };
        return converted.As(type);
    }

    private static long Exact(string input, ElementType type, float value) => float.IsInteger(value)
        ? (long)value
        : throw new InvalidDataException($"The input '{input}' takes {type} elements, and {value} is not a whole number.");
}
