namespace Limn.Engine.Tests;

/// <summary>Models and data that lie in a folder "shared" beside the repository; they are not part of it.</summary>
internal static class SharedFiles
{
    /// <summary>The full path of something in the folder; null if it is not there.</summary>
    public static string? Find(params string[] parts)
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!File.Exists(Path.Combine(folder, "Limn.slnx"))) continue;
            string path = Path.GetFullPath(Path.Combine([folder, "..", "shared", .. parts]));
            return File.Exists(path) || Directory.Exists(path) ? path : null;
        }
        return null;
    }
}

/// <summary>A fact that is skipped, with a message, where something it reads is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute(params string[] parts)
    {
        if (SharedFiles.Find(parts) is null) Skip = $"shared/{string.Join('/', parts)} is not there.";
    }
}
