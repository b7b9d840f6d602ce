using System.Globalization;

namespace Limn.Cli.Inputs;

/// <summary>The names of classes: a line a class, with or without its number and a comma before it.</summary>
internal sealed class ClassLabels
{
    private readonly string[]? names;

    private ClassLabels(string[]? names) => this.names = names;

    public static ClassLabels None { get; } = new(null);

    public static ClassLabels Of(IReadOnlyList<string> names) => new([.. names]);

    /// <exception cref="InvalidDataException">The file cannot be read, or does not have a line for each class.</exception>
    public static ClassLabels Read(string? path, int? classes)
    {
        if (path is null) return None;
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"the labels '{path}' cannot be read: {e.Message}", e);
        }
        while (lines.Length > 0 && string.IsNullOrWhiteSpace(lines[^1])) lines = lines[..^1];
        string[] prefixes = [.. lines.Select((_, i) => i.ToString(CultureInfo.InvariantCulture) + ",")];
        if (lines.Length > 0 && lines.Zip(prefixes).All(p => p.First.StartsWith(p.Second, StringComparison.Ordinal)))
            lines = [.. lines.Zip(prefixes, (line, prefix) => line[prefix.Length..])];
        if (classes is { } count && lines.Length != count)
            throw new InvalidDataException($"the labels '{path}' have {lines.Length} lines, and the model has {count} classes; give a line for each class.");
        return new ClassLabels([.. lines.Select(l => l.Trim())]);
    }

    /// <summary>The name of a class; null if it has none.</summary>
    public string? Find(int index) => names is not null && index < names.Length && names[index].Length > 0 ? names[index] : null;

    /// <summary>The name, or "class 3".</summary>
    public string NameOf(int index) => Find(index) ?? $"class {index.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The words for a score: <c>"tabby" (class 281)</c>.</summary>
    public string Describe(int index) => Find(index) is { } name ? $"\"{name}\" (class {index.ToString(CultureInfo.InvariantCulture)})" : NameOf(index);
}
