using System.Text;

namespace Limn.Data;

/// <summary>Pictures of any format that Limn reads. The first bytes decide what a file is, not its name.</summary>
public static class ImageFile
{
    /// <summary>Reads a PNG or JPEG picture.</summary>
    /// <exception cref="InvalidDataException">The file is missing, damaged, too large, or something else; the message says what.</exception>
    public static Image Read(string path, ImageOptions? options = null) =>
        DataFile.Read(path, (stream, length) => Decode(DataFile.ReadAll(stream, length), options));

    /// <summary>Reads a PNG or JPEG picture from a file's bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are damaged, too large a picture, or something else; the message says what.</exception>
    public static Image Decode(byte[] file, ImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (file.AsSpan().StartsWith(PngFile.Signature)) return PngFile.Decode(file, options);
        if (file.AsSpan().StartsWith(JpegFile.Signature)) return JpegFile.Decode(file, options);
        throw new InvalidDataException($"the file is not a PNG or JPEG picture but {Describe(file)}; convert it to PNG.");
    }

    /// <summary>Whether a file begins like a picture that <see cref="Read"/> reads.</summary>
    public static bool IsImage(ReadOnlySpan<byte> start) => start.StartsWith(PngFile.Signature) || start.StartsWith(JpegFile.Signature);

    private static string Describe(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty) return "empty";
        if (file.StartsWith("GIF8"u8)) return "a GIF picture";
        if (file.StartsWith("BM"u8)) return "a BMP picture";
        if (file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8)) return "a TIFF picture";
        if (file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..12].SequenceEqual("WEBP"u8)) return "a WebP picture";
        if (file.Length >= 12 && file[4..8].SequenceEqual("ftyp"u8))
            return file[8..12].SequenceEqual("avif"u8) ? "an AVIF picture" : $"an ISO media file of type '{Encoding.Latin1.GetString(file[8..12]).Trim()}' (such as HEIC)";
        if (file.StartsWith("\0\0\x01\0"u8)) return "an icon";
        if (file.StartsWith("%PDF"u8)) return "a PDF document";
        if (file.StartsWith("PK"u8)) return "a ZIP archive";
        if (file.StartsWith(NumpyMagic)) return "an .npy array";
        if (file[0] is (byte)'P' && file.Length > 2 && file[1] is >= (byte)'1' and <= (byte)'7' && file[2] is (byte)'\n' or (byte)' ') return "a Netpbm picture";
        if (file.TrimStart(" \t\r\n"u8).StartsWith("<"u8)) return "an XML, SVG or HTML document";
        ReadOnlySpan<byte> start = file[..Math.Min(file.Length, 8)];
        return $"an unknown format that begins with the bytes {Convert.ToHexString(start)}";
    }

    private static ReadOnlySpan<byte> NumpyMagic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];
}
