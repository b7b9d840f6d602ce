namespace Limn.Data;

/// <summary>Pictures as planes of floats from 0 to 255, one channel after the other.</summary>
internal static class ImagePlanes
{
    /// <summary>The channels that <paramref name="order"/> asks for, alpha composited over white.</summary>
    public static float[] From(Image image, ChannelOrder order)
    {
        int area = image.Width * image.Height, channels = image.Channels;
        int planes = order == ChannelOrder.Gray ? 1 : 3;
        if ((long)area * planes > Array.MaxLength) throw new ShapeMismatchException($"An image of {image.Size} pixels is too large to prepare; make it smaller.");
        float[] values = new float[planes * area];
        for (int i = 0; i < area; i++)
        {
            ReadOnlySpan<byte> pixel = image.Pixels.AsSpan(i * channels, channels);
            float red = pixel[0], green = pixel[channels == 1 ? 0 : 1], blue = pixel[channels == 1 ? 0 : 2];
            if (channels == 4 && pixel[3] < 255)
            {
                float alpha = pixel[3] / 255f, white = 255 - pixel[3];
                (red, green, blue) = ((red * alpha) + white, (green * alpha) + white, (blue * alpha) + white);
            }
            switch (order)
            {
                case ChannelOrder.Gray:
                    // Grey is its own luma; the weights sum to 1 only up to rounding.
                    values[i] = red == green && green == blue ? red : (0.299f * red) + (0.587f * green) + (0.114f * blue);
                    break;
                case ChannelOrder.Bgr:
                    (values[i], values[area + i], values[(2 * area) + i]) = (blue, green, red);
                    break;
                default:
                    (values[i], values[area + i], values[(2 * area) + i]) = (red, green, blue);
                    break;
            }
        }
        return values;
    }

    /// <summary>Planes of the target's size: resized, and cropped if the options say so.</summary>
    public static float[] Fit(float[] planes, int channels, ImageSize from, ImageSize to, ImagePreprocessing options)
    {
        ImageSize resized = to;
        if (options.Crop == CropMode.Center) resized = Covering(from, to, options.ShortSide);
        if ((double)channels * resized.Width * Math.Max(resized.Height, from.Height) > Array.MaxLength)
            throw new ShapeMismatchException($"An image of {from} pixels resized to {resized} is too large; choose a smaller size.");
        planes = Resampling.Resize(planes, channels, from.Height, from.Width, resized.Height, resized.Width, Interpolation.Bilinear, options.Antialias);
        return resized == to ? planes : CropCenter(planes, channels, resized, to);
    }

    // The short side gets its length, the long one keeps the proportion, rounded down as in torchvision. Without a given length the
    // picture is made as small as covers the target.
    private static ImageSize Covering(ImageSize from, ImageSize to, int? shortSide)
    {
        if (shortSide is { } side)
        {
            return from.Width <= from.Height
                ? new ImageSize(side, Whole((long)side * from.Height / from.Width))
                : new ImageSize(Whole((long)side * from.Width / from.Height), side);
        }
        return (long)from.Width * to.Height <= (long)from.Height * to.Width
            ? new ImageSize(to.Width, Whole((long)to.Width * from.Height / from.Width))
            : new ImageSize(Whole((long)to.Height * from.Width / from.Height), to.Height);

        int Whole(long length) => length <= Array.MaxLength
            ? (int)length
            : throw new ShapeMismatchException($"An image of {from} pixels is too long to be resized; crop it first.");
    }

    private static float[] CropCenter(float[] planes, int channels, ImageSize from, ImageSize to)
    {
        // Half pixels round to even, as in torchvision.
        int left = (int)Math.Round((from.Width - to.Width) / 2.0), top = (int)Math.Round((from.Height - to.Height) / 2.0);
        float[] result = new float[channels * to.Width * to.Height];
        for (int c = 0; c < channels; c++)
        {
            for (int y = 0; y < to.Height; y++)
            {
                planes.AsSpan((((c * from.Height) + top + y) * from.Width) + left, to.Width)
                    .CopyTo(result.AsSpan(((c * to.Height) + y) * to.Width));
            }
        }
        return result;
    }
}
