namespace Limn.Data;

/// <summary>A width and a height in pixels.</summary>
public readonly record struct ImageSize(int Width, int Height)
{
    public override string ToString() => $"{Width}x{Height}";
}

/// <summary>A picture of 8 bits a channel: grey (1 channel), red-green-blue (3) or red-green-blue-alpha (4).</summary>
/// <remarks>Pixels are interleaved and row-major: channel c of the pixel at (x, y) is <c>Pixels[(y·Width + x)·Channels + c]</c>. Alpha is not premultiplied.</remarks>
public sealed class Image
{
    /// <summary>A picture over <paramref name="pixels"/>, which are not copied.</summary>
    /// <exception cref="ShapeMismatchException">The sizes are not positive, the channels not 1, 3 or 4, or the pixels not Width·Height·Channels.</exception>
    public Image(int width, int height, int channels, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (width < 1 || height < 1) throw new ShapeMismatchException($"An image of {width}x{height} pixels cannot be; width and height are at least 1.");
        if (channels is not (1 or 3 or 4)) throw new ShapeMismatchException($"An image has 1 (grey), 3 (RGB) or 4 (RGBA) channels, not {channels}.");
        double needed = (double)width * height * channels; // a double does not overflow, and is exact where it matters
        if (pixels.Length != needed) throw new ShapeMismatchException($"An image of {width}x{height} pixels with {channels} channels needs {needed} bytes, not {pixels.Length}.");
        (Width, Height, Channels, Pixels) = (width, height, channels, pixels);
    }

    /// <summary>A black picture (with alpha: transparent).</summary>
    public Image(int width, int height, int channels) : this(width, height, channels, Allocate(width, height, channels)) { }

    public int Width { get; }

    public int Height { get; }

    /// <summary>1 (grey), 3 (RGB) or 4 (RGBA).</summary>
    public int Channels { get; }

    /// <summary>The interleaved bytes, row by row.</summary>
    public byte[] Pixels { get; }

    public ImageSize Size => new(Width, Height);

    /// <summary>The channels of the pixel at (x, y).</summary>
    public Span<byte> this[int x, int y]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)x, (uint)Width, nameof(x));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)y, (uint)Height, nameof(y));
            return Pixels.AsSpan(((y * Width) + x) * Channels, Channels);
        }
    }

    /// <summary>A picture of one colour; the number of components is the number of channels.</summary>
    public static Image Filled(int width, int height, params ReadOnlySpan<byte> colour)
    {
        var image = new Image(width, height, colour.Length);
        for (int i = 0; i < image.Pixels.Length; i += colour.Length) colour.CopyTo(image.Pixels.AsSpan(i));
        return image;
    }

    /// <summary>
    /// The part of width x height pixels whose upper left corner is (x, y).
    /// </summary>
    /// <exception cref="ShapeMismatchException">The part is empty or not within the picture.</exception>
    public Image Crop(int x, int y, int width, int height)
    {
        if (x < 0 || y < 0 || width < 1 || height < 1 || width > Width - x || height > Height - y)
            throw new ShapeMismatchException($"The part {width}x{height} at ({x}, {y}) is not within an image of {Size} pixels.");
        var part = new Image(width, height, Channels);
        for (int row = 0; row < height; row++)
            Pixels.AsSpan((((y + row) * Width) + x) * Channels, width * Channels).CopyTo(part.Pixels.AsSpan(row * width * Channels));
        return part;
    }

    private static byte[] Allocate(int width, int height, int channels)
    {
        double length = (double)Math.Max(width, 0) * Math.Max(height, 0) * Math.Clamp(channels, 0, 4);
        return length <= Array.MaxLength
            ? new byte[(int)length]
            : throw new ShapeMismatchException($"An image of {width}x{height} pixels with {channels} channels is too large: {length} bytes.");
    }
}

/// <summary>How pictures are read.</summary>
public sealed record ImageOptions
{
    /// <summary>The defaults.</summary>
    public static ImageOptions Default { get; } = new();

    /// <summary>
    /// The most pixels (width · height) a picture may have, by default 100 million. It is checked in the header, before memory is
    /// taken: a file of a few bytes can claim any size.
    /// </summary>
    public long MaximumPixels { get; init; } = 100_000_000;

    internal void Check(long width, long height, int channels)
    {
        if (width < 1 || height < 1) DataFile.Throw($"the picture claims to have {width}x{height} pixels; both must be at least 1.");
        if (width > MaximumPixels / height || width > Array.MaxLength / channels / height)
        {
            DataFile.Throw($"the picture claims to have {width}x{height} pixels, more than the {MaximumPixels} that are allowed; make it smaller"
                + $", or raise {nameof(ImageOptions)}.{nameof(MaximumPixels)} if you trust it.");
        }
    }
}
