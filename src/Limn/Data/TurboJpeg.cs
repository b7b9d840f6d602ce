using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Limn.Data;

/// <summary>
/// The five functions of the TurboJPEG interface (2.x and later, turbojpeg.h) that decoding needs. The library is looked for once;
/// a library that lacks one of them counts as absent.
/// </summary>
internal sealed unsafe class TurboJpeg
{
    private const int PixelsRgb = 0, PixelsGrey = 6;                 // TJPF_RGB, TJPF_GRAY
    private const int SpaceGrey = 2, SpaceCmyk = 3;                  // TJCS_GRAY, TJCS_CMYK; 4 is YCCK
    private const int AccurateTransform = 4096, LimitScans = 32768;  // TJFLAG_ACCURATEDCT, TJFLAG_LIMITSCANS

    // On Apple silicon, Homebrew's folder is not one that the system looks into.
    private static readonly string[] Names =
        ["libturbojpeg.so.0", "libturbojpeg.so", "turbojpeg.dll", "libturbojpeg.dylib", "/opt/homebrew/lib/libturbojpeg.dylib"];

    private readonly delegate* unmanaged[Cdecl]<nint> initDecompress;
    private readonly delegate* unmanaged[Cdecl]<nint, byte*, CULong, int*, int*, int*, int*, int> decompressHeader;
    private readonly delegate* unmanaged[Cdecl]<nint, byte*, CULong, byte*, int, int, int, int, int, int> decompress;
    private readonly delegate* unmanaged[Cdecl]<nint, int> destroy;
    private readonly delegate* unmanaged[Cdecl]<nint, byte*> errorText;

    private TurboJpeg(nint init, nint header, nint pixels, nint end, nint error)
    {
        initDecompress = (delegate* unmanaged[Cdecl]<nint>)init;
        decompressHeader = (delegate* unmanaged[Cdecl]<nint, byte*, CULong, int*, int*, int*, int*, int>)header;
        decompress = (delegate* unmanaged[Cdecl]<nint, byte*, CULong, byte*, int, int, int, int, int, int>)pixels;
        destroy = (delegate* unmanaged[Cdecl]<nint, int>)end;
        errorText = (delegate* unmanaged[Cdecl]<nint, byte*>)error;
    }

    /// <summary>The library, or null where it is not installed.</summary>
    public static TurboJpeg? Library { get; } = Load();

    public Image Decode(byte[] file, ImageOptions options)
    {
        nint handle = initDecompress();
        if (handle == 0) DataFile.Throw($"libturbojpeg cannot be used: {Error(0)}");
        try
        {
            fixed (byte* bytes = file)
            {
                int width, height, subsampling, space;
                var length = new CULong((nuint)file.Length);
                if (decompressHeader(handle, bytes, length, &width, &height, &subsampling, &space) != 0)
                    DataFile.Throw($"the JPEG is corrupt or truncated: {Error(handle)}");
                if (space >= SpaceCmyk) DataFile.Throw("the JPEG has CMYK colours, which cannot be shown without a colour profile; convert it to RGB.");
                int channels = space == SpaceGrey ? 1 : 3;
                options.Check(width, height, channels);
                var image = new Image(width, height, channels);
                fixed (byte* pixels = image.Pixels)
                {
                    int format = channels == 1 ? PixelsGrey : PixelsRgb;
                    int result = decompress(handle, bytes, length, pixels, width, width * channels, height, format, AccurateTransform | LimitScans);
                    // Stray bytes between segments are a common fault of writers, and the only warning that leaves the pixels whole.
                    if (result != 0 && Error(handle) is var error && !error.Contains("extraneous bytes", StringComparison.Ordinal))
                        DataFile.Throw($"the JPEG is corrupt or truncated: {error}");
                }
                return image;
            }
        }
        finally
        {
            _ = destroy(handle);
        }
    }

    private string Error(nint handle) => Marshal.PtrToStringUTF8((nint)errorText(handle)) ?? "no reason given";

    private static TurboJpeg? Load()
    {
        foreach (string name in Names)
        {
            // Only the program's and the system's folders are asked, not the current one, where anybody might have put a library.
            if (!NativeLibrary.TryLoad(name, typeof(TurboJpeg).Assembly, DllImportSearchPath.SafeDirectories, out nint library)) continue;
            if (NativeLibrary.TryGetExport(library, "tjInitDecompress", out nint init)
                && NativeLibrary.TryGetExport(library, "tjDecompressHeader3", out nint header)
                && NativeLibrary.TryGetExport(library, "tjDecompress2", out nint pixels)
                && NativeLibrary.TryGetExport(library, "tjDestroy", out nint end)
                && NativeLibrary.TryGetExport(library, "tjGetErrorStr2", out nint error))
            {
                return new TurboJpeg(init, header, pixels, end, error);
            }
            NativeLibrary.Free(library);
        }
        return null;
    }
}
