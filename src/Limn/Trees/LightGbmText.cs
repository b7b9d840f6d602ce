using System.Globalization;
using System.Text;

namespace Limn.Trees;

/// <summary>The lines of a LightGBM model as sections of names and values: the header, then one section for each tree.</summary>
internal sealed class LightGbmText
{
    private LightGbmText(LightGbmSection header, IReadOnlyList<LightGbmSection> trees, bool marked) => (Header, Trees, Marked) = (header, trees, marked);

    public LightGbmSection Header { get; }

    public IReadOnlyList<LightGbmSection> Trees { get; }

    /// <summary>Whether the trees end with the line <c>end of trees</c>, as since LightGBM 2.2.</summary>
    public bool Marked { get; }

    /// <exception cref="InvalidModelException">A line of a tree is no name and value, or the file ends before its trees do.</exception>
    public static LightGbmText Read(ReadOnlyMemory<byte> file)
    {
        LightGbmSection header = new("the header"), section = header;
        List<LightGbmSection> trees = [];
        while (file.Length > 0)
        {
            ReadOnlyMemory<byte> line = NextLine(ref file);
            if (line.Length == 0) continue;
            bool marked = line.Span.SequenceEqual("end of trees"u8);
            if (marked || line.Span.SequenceEqual("feature importances:"u8) || line.Span.SequenceEqual("feature_importances:"u8))
            {
                if (file.Span.IndexOf("\nparameters:"u8) >= 0 && file.Span.IndexOf("\nend of parameters"u8) < 0)
                    throw new InvalidModelException("The file is cut off in its parameters.");
                return new LightGbmText(header, trees, marked);
            }
            if (line.Span.StartsWith("Tree="u8))
            {
                section = new LightGbmSection($"tree {trees.Count}");
                trees.Add(section);
                continue;
            }
            section.Add(line);
        }
        throw new InvalidModelException("The file is cut off: the line 'end of trees' is missing.");
    }

    private static ReadOnlyMemory<byte> NextLine(ref ReadOnlyMemory<byte> file)
    {
        int end = file.Span.IndexOf((byte)'\n');
        ReadOnlyMemory<byte> line = end < 0 ? file : file[..end];
        file = end < 0 ? default : file[(end + 1)..];
        return line.Length > 0 && line.Span[^1] == '\r' ? line[..^1] : line;
    }
}

/// <summary>Lines <c>name=value</c>; in the header also names alone.</summary>
/// <param name="title">What to call it in messages.</param>
internal sealed class LightGbmSection(string title)
{
    private readonly Dictionary<string, ReadOnlyMemory<byte>> values = [];

    public void Add(ReadOnlyMemory<byte> line)
    {
        int sign = line.Span.IndexOf((byte)'=');
        values[Encoding.UTF8.GetString(sign < 0 ? line.Span : line.Span[..sign])] = sign < 0 ? default : line[(sign + 1)..];
    }

    public bool Has(string name) => values.ContainsKey(name);

    public string Text(string name) => Encoding.UTF8.GetString(Value(name).Span);

    public int Integer(string name)
    {
        double[] numbers = Numbers(name, 1);
        return numbers[0] == (int)numbers[0] ? (int)numbers[0] : throw Wrong(name, $"is {numbers[0]}, not a whole number");
    }

    public int Integer(string name, int otherwise) => Has(name) ? Integer(name) : otherwise;

    /// <summary>So many whole numbers between the given ones.</summary>
    public int[] Integers(string name, int count, long from = int.MinValue, long to = int.MaxValue) => Array.ConvertAll(Numbers(name, count), n =>
        n >= from && n <= to && n == Math.Floor(n) ? unchecked((int)(long)n) : throw Wrong(name, $"holds {n}, and whole numbers from {from} to {to} are expected"));

    /// <summary>So many numbers. Room is made only for those that are there.</summary>
    public double[] Numbers(string name, int count)
    {
        List<double> numbers = [];
        ReadOnlySpan<byte> rest = Value(name).Span;
        foreach (Range range in rest.Split((byte)' '))
        {
            ReadOnlySpan<byte> word = rest[range];
            if (word.Length > 0) numbers.Add(Number(name, word));
        }
        return numbers.Count == count ? [.. numbers] : throw Wrong(name, $"holds {numbers.Count} numbers, and {count} are expected");
    }

    private double Number(string name, ReadOnlySpan<byte> word) =>
        double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number
        : word.SequenceEqual("inf"u8) ? double.PositiveInfinity
        : word.SequenceEqual("-inf"u8) ? double.NegativeInfinity
        : word.SequenceEqual("nan"u8) || word.SequenceEqual("-nan"u8) ? double.NaN
        : throw Wrong(name, $"holds '{Encoding.UTF8.GetString(word[..Math.Min(word.Length, 40)])}', and a number is expected");

    private ReadOnlyMemory<byte> Value(string name) => values.TryGetValue(name, out ReadOnlyMemory<byte> value) ? value : throw new InvalidModelException($"'{name}' is missing in {title}: this is not a complete LightGBM model.");

    public InvalidModelException Wrong(string name, string what) => new($"'{name}' in {title} {what}.");
}
