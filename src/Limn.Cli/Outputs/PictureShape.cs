using System.Numerics.Tensors;
using Limn.Cli.Inputs;
using Limn.Data;

namespace Limn.Cli.Outputs;

/// <summary>A tensor of four dimensions seen as pictures.</summary>
internal readonly record struct PictureShape(bool Planar, int Channels, int Height, int Width)
{
    /// <summary>[N, C, H, W] or [N, H, W, C] with C of 1, 3 or 4 and sides of at least 2; null for anything else. Where both fit, the first.</summary>
    public static PictureShape? Of(ReadOnlySpan<int> dims) => dims.Length != 4 ? null
        : dims[1] is 1 or 3 or 4 && dims[2] >= 2 && dims[3] >= 2 ? new PictureShape(true, dims[1], dims[2], dims[3])
        : dims[3] is 1 or 3 or 4 && dims[1] >= 2 && dims[2] >= 2 ? new PictureShape(false, dims[3], dims[1], dims[2])
        : null;

    /// <summary>A layer's maps, [N, C, h, w] with any C.</summary>
    public static PictureShape? OfLayer(ReadOnlySpan<int> dims) =>
        dims.Length == 4 && dims[2] >= 2 && dims[3] >= 2 ? new PictureShape(true, dims[1], dims[2], dims[3]) : Of(dims);

    /// <summary>A row's values, channel by channel.</summary>
    public float[] Planes(ReadOnlySpan<float> row)
    {
        if (Planar || Channels == 1) return row.ToArray();
        var planes = new float[row.Length];
        int area = Height * Width;
        for (int p = 0; p < area; p++)
            for (int c = 0; c < Channels; c++) planes[c * area + p] = row[p * Channels + c];
        return planes;
    }

    /// <summary>
    /// The picture that the model saw in a row: undone preprocessing where a picture was read, else the row's own range spread over black to white.
    /// </summary>
    public Image Restore(FilledInput input, int row)
    {
        if (input.Pictures is { } pictures && pictures.Layout == (Planar ? TensorLayout.Nchw : TensorLayout.Nhwc))
            return pictures.Restore(input.Array.Rows(row, 1).ToTensor());
        float[] planes = Planes(input.Array.Rows(row, 1).ToTensor().ToDenseArray());
        int area = Height * Width, shown = Channels == 1 ? 1 : 3;
        Span<float> visible = planes.AsSpan(0, shown * area);
        float low = TensorPrimitives.Min<float>(visible), range = TensorPrimitives.Max<float>(visible) - low;
        var image = new Image(Width, Height, shown);
        for (int c = 0; c < shown; c++)
            for (int p = 0; p < area; p++)
                image.Pixels[p * shown + c] = range > 0 ? (byte)MathF.Round(Math.Clamp((visible[c * area + p] - low) / range, 0, 1) * 255) : (byte)128;
        return image;
    }
}

internal static class TensorArrays
{
    /// <summary>The values in row-major order, copied.</summary>
    public static float[] ToDenseArray(this Tensor<float> tensor)
    {
        var values = new float[tensor.FlattenedLength];
        tensor.FlattenTo(values);
        return values;
    }

    public static int[] Dims(this Tensor<float> tensor) => Array.ConvertAll(tensor.Lengths.ToArray(), l => (int)l);
}
