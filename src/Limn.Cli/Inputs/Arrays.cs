using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary>Brings arrays from files into the engine's form and into a model's shape.</summary>
internal static class Arrays
{
    /// <summary>An array with its element type as near as the engine has it.</summary>
    public static NdArray From(NpyArray array) => array.Type switch
    {
        NpyType.Boolean => NdArray.From(array.ToBoolean()),
        NpyType.Float16 => NdArray.From(array.ToFloat()).As(ElementType.Float16),
        NpyType.Float32 => NdArray.From(array.ToFloat()),
        NpyType.Float64 => NdArray.From(array.ToFloat()).As(ElementType.Double),
        _ => NdArray.From(array.ToInt64()),
    };

    /// <summary>Arrays joined along the first axis.</summary>
    public static NdArray Join(IReadOnlyList<NdArray> parts)
    {
        if (parts.Count == 1) return parts[0];
        NdArray joined = NdArray.Create(parts[0].Type, [parts.Sum(p => p.Dims[0]), .. parts[0].Dims[1..]]);
        int at = 0;
        foreach (NdArray part in parts)
        {
            if (part.Type != joined.Type || !part.Dims[1..].SequenceEqual(joined.Dims[1..]))
                throw new ShapeMismatchException($"arrays of {parts[0]} and {part} cannot be joined into one batch.");
            joined.Rows(at, part.Dims[0]).CopyFrom(part);
            at += part.Dims[0];
        }
        return joined;
    }

    /// <summary>
    /// An array in the shape that a model's input declares. A single row without its batch axis gets one; rows of another shape with
    /// the right number of elements are reshaped.
    /// </summary>
    /// <exception cref="ShapeMismatchException">The rows have another number of elements.</exception>
    public static NdArray Fit(NdArray array, ModelInput input, string path)
    {
        if (input.Shape is not { Rank: > 0 } shape || Matches(array.Dims, input, from: 1)) return array;
        if (array.Rank == shape.Rank - 1 && RowMatches(array.Dims, input)) return array.Reshape([1, .. array.Dims]);
        int[]? row = input.Row;
        if (array.Rank > 0 && array.Dims[0] > 0 && row is not null && array.Length / array.Dims[0] == NdArray.Count(row))
            return array.Reshape([array.Dims[0], .. row]);
        throw new ShapeMismatchException($"'{path}' has the shape {NdArray.Describe(array.Dims)}, and the model's input '{input.Name}' takes {shape}.");
    }

    private static bool Matches(ReadOnlySpan<int> dims, ModelInput input, int from)
    {
        if (dims.Length != input.Shape!.Rank) return false;
        for (int i = from; i < dims.Length; i++)
            if (input.Shape[i].IsKnown && input.Shape[i].Value != dims[i]) return false;
        return true;
    }

    private static bool RowMatches(ReadOnlySpan<int> dims, ModelInput input) => Matches([1, .. dims], input, from: 1);
}
