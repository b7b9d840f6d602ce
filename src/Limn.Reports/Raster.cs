namespace Limn.Reports;

/// <summary>A picture of 8-bit sRGB pixels, row by row, three bytes (red, green, blue) a pixel.</summary>
public sealed record Raster(int Width, int Height, byte[] Rgb)
{
    /// <summary>The bytes of all pixels, <c>3 · Width · Height</c> of them.</summary>
    public byte[] Rgb { get; } = Width > 0 && Height > 0 && Rgb.Length == 3L * Width * Height
        ? Rgb
        : throw new InvalidDataException($"A picture of {Width}x{Height} pixels needs {3L * Width * Height} bytes (and at least one pixel); got {Rgb.Length}.");
}
