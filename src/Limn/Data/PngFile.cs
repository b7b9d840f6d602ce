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
