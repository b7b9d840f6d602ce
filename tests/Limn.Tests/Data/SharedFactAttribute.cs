namespace Limn.Tests.Data;

/// <summary>Files beside the repository, in its sibling folder <c>shared</c>.</summary>
internal static class SharedFiles
{
    /// <summary>The folder, or null where there is none.</summary>
    public static string? Folder { get; } = Find();

    public static string Path(string relative) => System.IO.Path.Combine(Folder!, relative);

    private static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(folder.FullName, "Limn.slnx"))) continue;
            string shared = System.IO.Path.Combine(folder.Parent!.FullName, "shared");
            return Directory.Exists(shared) ? shared : null;
        }
        return null;
    }
}

/// <summary>A fact about a file in <see cref="SharedFiles"/>; skipped where it is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute(string file, bool jpeg = false)
    {
        if (SharedFiles.Folder is null || !File.Exists(SharedFiles.Path(file))) Skip = $"../shared/{file} is not there";
        else if (jpeg && !Limn.Data.JpegFile.IsSupported) Skip = "libturbojpeg is not installed";
    }
}

/// <summary>A theory about files in <see cref="SharedFiles"/>; skipped where the folder is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute()
    {
        if (SharedFiles.Folder is null) Skip = "../shared is not there";
    }
}

/// <summary>A fact that needs libturbojpeg; skipped where that is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class JpegFactAttribute : FactAttribute
{
    public JpegFactAttribute()
    {
        if (!Limn.Data.JpegFile.IsSupported) Skip = "libturbojpeg is not installed";
    }
}
