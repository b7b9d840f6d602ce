using System.Globalization;

namespace Limn.Cli.Inputs;

/// <summary>The texts of token ids: a line a token, the first for id 0.</summary>
internal sealed class Vocabulary
{
    private readonly string[] tokens;

    private Vocabulary(string[] tokens) => this.tokens = tokens;

    public static Vocabulary None { get; } = new([]);

    /// <exception cref="InvalidDataException">The file cannot be read.</exception>
    public static Vocabulary Read(string? path)
    {
        if (path is null) return None;
        try
        {
            return new Vocabulary(File.ReadAllLines(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"the vocabulary '{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The token, or its id where the vocabulary has no line, or an empty one, for it.</summary>
    public string TextOf(long id) => id >= 0 && id < tokens.Length && tokens[id].Length > 0 ? tokens[id] : id.ToString(CultureInfo.InvariantCulture);
}
