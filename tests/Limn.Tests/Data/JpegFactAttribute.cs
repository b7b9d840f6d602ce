namespace Limn.Tests.Data;

/// <summary>A fact that needs libturbojpeg, and perhaps something in <see cref="SharedFiles"/>; skipped where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class JpegFactAttribute : SharedFactAttribute
{
    public JpegFactAttribute(params string[] parts) : base(parts)
    {
        if (parts.Length == 0) Skip = null;
        if (!Limn.Data.JpegFile.IsSupported) Skip = "libturbojpeg is not installed";
    }
}
