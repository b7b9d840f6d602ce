using System.Buffers.Binary;

namespace Limn.Data;

/// <summary>The colour types of PNG, by their numbers in the file.</summary>
internal enum PngColour
{
    Grey = 0,
    Rgb = 2,
    Palette = 3,
    GreyAlpha = 4,
    Rgba = 6,
}

/// <summary>The IHDR chunk.</summary>
internal sealed record PngHeader(int Width, int Height, int BitDepth, PngColour Colour, bool Interlaced)
{
    /// <summary>Where the passes of Adam7 begin and how far apart their pixels are; the last is the whole picture, for files without.</summary>
    private static readonly (int X, int Y, int StepX, int StepY)[] Passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2), (0, 0, 1, 1)];

    /// <summary>How many samples a pixel has in the file.</summary>
    public int Samples => Colour switch
    {
        PngColour.Grey or PngColour.Palette => 1,
        PngColour.GreyAlpha => 2,
        PngColour.Rgb => 3,
        _ => 4,
    };

    /// <summary>The distance to the pixel on the left that filters look at.</summary>
    public int PixelBytes => Math.Max(1, Samples * BitDepth / 8);

    /// <summary>The bytes of a row of so many pixels, without the filter byte.</summary>
    public long RowBytes(int pixels) => (((long)pixels * Samples * BitDepth) + 7) / 8;

    /// <summary>The rows of pixels that the file holds one after the other: (first x, step of x, y, pixels in the row).</summary>
    public IEnumerable<(int X, int StepX, int Y, int Pixels, bool First)> Rows()
    {
        (int from, int to) = Interlaced ? (0, 7) : (7, 8);
        for (int pass = from; pass < to; pass++)
        {
            (int x, int startY, int stepX, int stepY) = Passes[pass];
            int pixels = Count(Width, x, stepX);
            if (pixels == 0) continue; // a pass without columns has no filter bytes either
            for (int row = 0; row < Count(Height, startY, stepY); row++) yield return (x, stepX, startY + (row * stepY), pixels, row == 0);
        }
    }

    /// <summary>The size of the decompressed data.</summary>
    public long DataBytes()
    {
        (int from, int to) = Interlaced ? (0, 7) : (7, 8);
        long total = 0;
        foreach ((int x, int y, int stepX, int stepY) in Passes.AsSpan(from..to))
        {
            int pixels = Count(Width, x, stepX);
            if (pixels > 0) total += (1 + RowBytes(pixels)) * Count(Height, y, stepY);
        }
        return total;
    }

    public static PngHeader Parse(ReadOnlySpan<byte> chunk, ImageOptions options)
    {
        if (chunk.Length != 13) DataFile.Throw($"the PNG header should have 13 bytes, not {chunk.Length}.");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(chunk), height = BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]);
        int depth = chunk[8];
        var colour = (PngColour)chunk[9];
        bool known = colour switch
        {
            PngColour.Grey => depth is 1 or 2 or 4 or 8 or 16,
            PngColour.Palette => depth is 1 or 2 or 4 or 8,
            PngColour.Rgb or PngColour.GreyAlpha or PngColour.Rgba => depth is 8 or 16,
            _ => false,
        };
        if (!known) DataFile.Throw($"the PNG has colour type {chunk[9]} with {depth} bits, which the standard does not know.");
        if (chunk[10] != 0 || chunk[11] != 0 || chunk[12] > 1)
            DataFile.Throw($"the PNG has compression {chunk[10]}, filter {chunk[11]}, interlacing {chunk[12]}, which the standard does not know.");
        options.Check(width, height, 4);
        var header = new PngHeader((int)width, (int)height, depth, colour, chunk[12] == 1);
        if (header.RowBytes(header.Width) >= Array.MaxLength) DataFile.Throw($"the PNG has rows of {width} pixels, which is too wide.");
        return header;
    }

    private static int Count(int length, int start, int step) => length <= start ? 0 : ((length - start - 1) / step) + 1;
}
