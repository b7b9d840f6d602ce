using System.Globalization;
using System.Text;

namespace Limn;

/// <summary>Options as text: for the command line and for files.</summary>
internal static class OptionText
{
    /// <exception cref="InvalidOptionException">The text is not a value of this type.</exception>
    public static object Parse(string option, string text, Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return text;
        if (type == typeof(bool) && bool.TryParse(text, out bool flag)) return flag;
        if (type == typeof(int) && int.TryParse(text, CultureInfo.InvariantCulture, out int integer)) return integer;
        if (type == typeof(double) && double.TryParse(text, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)) return number;
        if (type == typeof(int[]) && Integers(text) is { } list) return list;
        if (type.IsEnum)
            foreach (object value in Enum.GetValues(type))
                if (Kebab(value.ToString()!) == text) return value;
        throw new InvalidOptionException($"The option '{option}' takes {TypeName(type)}, and '{text}' is not that.");
    }

    public static string TypeName(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(bool) ? "true or false"
            : type == typeof(int) ? "a whole number"
            : type == typeof(double) ? "a number"
            : type == typeof(int[]) ? "whole numbers with commas between"
            : type.IsEnum ? string.Join(" | ", Enum.GetNames(type).Select(Kebab))
            : "text";
    }

    /// <summary>A value as it is written in files and on the command line: numbers stay numbers, lists become text.</summary>
    public static object? Format(object? value) => value switch
    {
        null => null,
        int[] list => string.Join(',', list),
        Enum e => Kebab(e.ToString()),
        _ => value,
    };

    public static string Kebab(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('-');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }

    private static int[]? Integers(string text)
    {
        string[] parts = text.Split(',');
        var list = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i], CultureInfo.InvariantCulture, out list[i])) return null;
        return list;
    }
}
