namespace Limn.Cli.Tests;

/// <summary>Data in a folder "shared" beside the repository; it is not part of it.</summary>
internal static class Shared
{
    /// <summary>The full path of something in the folder; null if it is not there.</summary>
    public static string? Find(string relative)
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!File.Exists(Path.Combine(folder, "Limn.slnx"))) continue;
            string path = Path.GetFullPath(Path.Combine(folder, "..", "shared", relative));
            return File.Exists(path) || Directory.Exists(path) ? path : null;
        }
        return null;
    }
}

/// <summary>A theory that is skipped, with a message, where what it reads is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute(string relative)
    {
        if (Shared.Find(relative) is null) Skip = $"../shared/{relative} is not there";
    }
}
