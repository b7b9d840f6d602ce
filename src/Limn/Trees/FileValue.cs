using System.Globalization;

namespace Limn.Trees;

/// <summary>A value of a JSON or UBJSON file: an object, a list, an array of numbers, a number (true and false are 1 and 0), a text, or null.</summary>
/// <param name="content">What <see cref="JsonFile.Read"/> gives.</param>
/// <param name="path">Where it stands in the file, for messages.</param>
internal readonly struct FileValue(object? content, string path)
{
    public bool IsNull => content is null;

    /// <summary>The member of an object; a null value if it has none of that name.</summary>
    public FileValue Find(string name) => content is Dictionary<string, object?> members
        ? new FileValue(members.GetValueOrDefault(name), path.Length == 0 ? name : $"{path}.{name}")
        : throw Wrong("an object");

    /// <summary>The member of an object, which must be there.</summary>
    public FileValue this[string name] => Find(name) is { IsNull: false } found ? found : throw new InvalidModelException($"'{Path(name)}' is missing: this is not a complete model.");

    /// <summary>The items of a list.</summary>
    public FileValue[] Items()
    {
        string at = path;
        return content switch
        {
            List<object?> items => [.. items.Select((item, i) => new FileValue(item, $"{at}[{i}]"))],
            double[] { Length: 0 } => [],
            _ => throw Wrong("a list"),
        };
    }

    /// <summary>The items of a list, also where all of them are numbers.</summary>
    public FileValue[] ItemsOrNumbers()
    {
        string at = path;
        return content is double[] numbers ? Array.ConvertAll(numbers, n => new FileValue(n, at)) : Items();
    }

    public string Text() => content as string ?? throw Wrong("a text");

    /// <summary>A number, or a text that is one: XGBoost writes its parameters as texts.</summary>
    public double Number() => content switch
    {
        double number => number,
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
        _ => throw Wrong("a number"),
    };

    public int Integer()
    {
        double number = Number();
        return number == (int)number ? (int)number : throw Wrong("a whole number");
    }

    public double[] Numbers() => content switch
    {
        double[] numbers => numbers,
        _ => throw Wrong("an array of numbers"),
    };

    /// <summary>Whole numbers; those that no int can hold become the nearest int.</summary>
    public int[] Integers()
    {
        double[] numbers = Numbers();
        foreach (double n in numbers)
        {
            if (n != Math.Floor(n) || double.IsInfinity(n)) throw Wrong("an array of whole numbers");
        }
        return Array.ConvertAll(numbers, n => (int)Math.Clamp(n, int.MinValue, int.MaxValue));
    }

    /// <summary>
    /// XGBoost's <c>base_score</c>: a number, a text <c>5E-1</c>, since 3.1 a text <c>[5E-1]</c> or <c>[1E0,2E0]</c>, or an array.
    /// </summary>
    public double[] NumberOrNumbers()
    {
        if (content is double[] numbers) return numbers;
        if (content is not string text || !text.TrimStart().StartsWith('[')) return [Number()];
        string at = path;
        return Array.ConvertAll(text.Trim().Trim('[', ']').Split(','), part => new FileValue(part, at).Number());
    }

    private string Path(string name) => path.Length == 0 ? name : $"{path}.{name}";

    private InvalidModelException Wrong(string expected)
    {
        string found = content switch
        {
            null => "nothing",
            Dictionary<string, object?> => "an object",
            double number => $"the number {number}",
            string text => $"'{(text.Length > 40 ? text[..40] + "..." : text)}'",
            double[] => "an array of numbers",
            _ => "a list",
        };
        return new InvalidModelException($"'{(path.Length == 0 ? "the file" : path)}' is {found}, but {expected} is expected: this is no model of that kind.");
    }
}
