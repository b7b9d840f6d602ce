namespace Limn.Data;

/// <summary>
/// JPEG pictures, decoded by the system's libturbojpeg when that is installed. Grey pictures have 1 channel, all others become RGB.
/// </summary>
/// <remarks>
/// The accurate inverse cosine transform and smooth chroma upsampling are used, as in Pillow. An Exif orientation is not applied.
/// A file that ends too early is an error, not a picture with a grey part.
/// </remarks>
public static class JpegFile
{
    /// <summary>Whether libturbojpeg was found, and JPEG can be read.</summary>
    public static bool IsSupported => TurboJpeg.Library is not null;

    internal static ReadOnlySpan<byte> Signature => [0xFF, 0xD8, 0xFF];

    /// <summary>Reads a picture.</summary>
    /// <exception cref="InvalidDataException">The file is missing, too large, truncated, corrupt, or not JPEG; or libturbojpeg is not installed.</exception>
    public static Image Read(string path, ImageOptions? options = null) =>
        DataFile.Read(path, (stream, length) => Decode(DataFile.ReadAll(stream, length), options));

    /// <summary>Reads a picture from a file's bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are too large a picture, truncated, corrupt, or not JPEG; or libturbojpeg is not installed.</exception>
    public static Image Decode(byte[] file, ImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (!file.AsSpan().StartsWith(Signature)) DataFile.Throw("not a JPEG file: it does not begin with FF D8 FF.");
        if (TurboJpeg.Library is not { } library)
        {
            throw new InvalidDataException("JPEG pictures are read through libturbojpeg, which is not installed. Install it (Debian, Ubuntu: "
                + "apt install libturbojpeg0; Fedora: dnf install turbojpeg; macOS: brew install jpeg-turbo; Windows: "
                + "turbojpeg.dll of libjpeg-turbo, copied beside the program), or convert the picture to PNG.");
        }
        return library.Decode(file, options ?? ImageOptions.Default);
    }
}
