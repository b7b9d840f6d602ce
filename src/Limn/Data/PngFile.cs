namespace Limn.Data;

/// <summary>
/// Portable Network Graphics: reads every colour type, bit depth and interlacing of the standard; writes 8-bit grey, RGB and RGBA.
/// Source: PNG Specification (Third Edition), W3C Recommendation, 2025.
/// </summary>
/// <remarks>
/// Reading gives 8 bits a channel: fewer bits are spread over 0..255 (v·255/(2ᵇ − 1)), 16 bits are rounded to the nearest
/// (v·255/65535; libpng's default drops the lower byte instead, which is at most one level darker). Grey with alpha becomes RGBA, and
/// so does a picture whose tRNS chunk makes colours transparent; a palette becomes RGB or RGBA. Colour spaces (gAMA, iCCP, sRGB) are not
/// applied, and of an animation the still picture is read. What a file contains is never trusted: sizes are checked before memory is
/// taken, decompression ends at the size that the header implies, and all checksums are compared.
/// </remarks>
public static class PngFile
{
    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    /// <summary>Reads a picture.</summary>
    /// <exception cref="InvalidDataException">The file is missing, too large, truncated, corrupt, or not PNG.</exception>
    public static Image Read(string path, ImageOptions? options = null) =>
        DataFile.Read(path, (stream, length) => Decode(DataFile.ReadAll(stream, length), options));

    /// <summary>Reads a picture from a file's bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are too large a picture, truncated, corrupt, or not PNG.</exception>
    public static Image Decode(byte[] file, ImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return new PngDecoder(file, options ?? ImageOptions.Default).Decode();
    }

    /// <summary>Writes a picture; the file appears whole or not at all.</summary>
    /// <exception cref="LimnException">The file cannot be written.</exception>
    public static void Write(string path, Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        AtomicFile.Write(path, stream => PngEncoder.Write(stream, image));
    }

    /// <summary>The bytes of the file that <see cref="Write"/> makes.</summary>
    public static byte[] Encode(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var stream = new MemoryStream();
        PngEncoder.Write(stream, image);
        return stream.ToArray();
    }
}

/// <summary>How a row of a PNG is filtered before compression (PNG specification, section 9).</summary>
internal static class PngFilter
{
    public const int Count = 5;

    /// <summary>The neighbour (left a, above b, above left c) nearest to a + b − c; ties go to a, then b.</summary>
    public static int Paeth(int a, int b, int c)
    {
        int toA = Math.Abs(b - c), toB = Math.Abs(a - c), toC = Math.Abs(a + b - c - c);
        return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
    }

    /// <summary>Filters <paramref name="row"/> into <paramref name="filtered"/>.</summary>
    public static void Apply(int filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> filtered, int pixelBytes)
    {
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < pixelBytes ? 0 : row[i - pixelBytes], b = above[i], c = i < pixelBytes ? 0 : above[i - pixelBytes];
            filtered[i] = (byte)(row[i] - Prediction(filter, a, b, c));
        }
    }

    /// <summary>Undoes a filter in place. An unknown filter (above 4) is the caller's to refuse.</summary>
    public static void Undo(int filter, Span<byte> row, ReadOnlySpan<byte> above, int pixelBytes)
    {
        if (filter == 0) return;
        if (filter == 2)
        {
            for (int i = 0; i < row.Length; i++) row[i] += above[i];
            return;
        }
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < pixelBytes ? 0 : row[i - pixelBytes], b = above[i], c = i < pixelBytes ? 0 : above[i - pixelBytes];
            row[i] = (byte)(row[i] + Prediction(filter, a, b, c));
        }
    }

    private static int Prediction(int filter, int a, int b, int c) => filter switch
    {
        0 => 0,
        1 => a,
        2 => b,
        3 => (a + b) / 2,
        _ => Paeth(a, b, c),
    };
}
