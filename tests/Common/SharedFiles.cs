namespace Limn;

/// <summary>Models and data that lie in a folder "shared" beside the repository and are not part of it. Compiled into every test project.</summary>
internal static class SharedFiles
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The folder beside it; null where there is none.</summary>
    public static string? Folder { get; } = Existing(System.IO.Path.GetFullPath(System.IO.Path.Combine(Root, "..", "shared")));

    /// <summary>The full path of something in the folder; null if it is not there.</summary>
    public static string? Find(params string[] parts) => Folder is null ? null : Existing(System.IO.Path.Combine([Folder, .. parts]));

    /// <summary>The full path of something that is there.</summary>
    public static string Path(string relative) => Find(relative) ?? throw new FileNotFoundException($"../shared/{relative} is not there.");

    private static string? Existing(string path) => System.IO.Path.Exists(path) ? path : null;

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "Limn.slnx"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests do not run from within the repository.");
    }
}

/// <summary>A fact about something in <see cref="SharedFiles"/>; skipped, with a message, where that is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute(params string[] parts)
    {
        if (SharedFiles.Find(parts) is null) Skip = $"../shared/{string.Join('/', parts)} is not there";
    }
}

/// <summary>A theory about something in <see cref="SharedFiles"/>; skipped, with a message, where that is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute(params string[] parts)
    {
        if (SharedFiles.Find(parts) is null) Skip = $"../shared/{string.Join('/', parts)} is not there";
    }
}
