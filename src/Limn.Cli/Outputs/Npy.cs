using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Outputs;

/// <summary>Arrays as the bytes of .npy files.</summary>
internal static class Npy
{
    public static byte[] Of<T>(Tensor<T> values) where T : unmanaged
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, values);
        return stream.ToArray();
    }

    /// <summary>Floating values as float32, integers as int64, booleans as bool.</summary>
    /// <exception cref="InvalidDataException">The array holds text.</exception>
    public static byte[] Of(NdArray array)
    {
        nint[] lengths = Array.ConvertAll(array.Dims.ToArray(), d => (nint)d);
        if (lengths.Length == 0) lengths = [1]; // a tensor without dimensions would be empty
        return array.Type.Storage() switch
        {
            Storage.Float => Of(Tensor.Create(array.Floats.ToArray(), lengths)),
            Storage.Integer => Of(Tensor.Create(array.Integers.ToArray(), lengths)),
            Storage.Boolean => Of(Tensor.Create(array.Booleans.ToArray(), lengths)),
            _ => throw new InvalidDataException("an .npy file cannot hold text; print the output instead (leave --output away)."),
        };
    }
}
