namespace Limn.Tests.Data;

/// <summary>A fact that needs libturbojpeg, and perhaps something in <see cref="SharedFiles"/>; skipped where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class JpegFactAttribute : FactAttribute
{
    public JpegFactAttribute(params string[] parts)
    {
        if (parts.Length > 0 && SharedFiles.Find(parts) is null) Skip = $"../shared/{string.Join('/', parts)} is not there";
        if (!Limn.Data.JpegFile.IsSupported) Skip = "libturbojpeg is not installed";
    }
}
