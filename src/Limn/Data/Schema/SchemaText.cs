using System.Globalization;
using Limn.Engine;

namespace Limn.Data;

/// <summary>Numbers and names as schemas read and write them.</summary>
internal static class SchemaText
{
    private const int MostListed = 12;

    /// <summary>A number as it is; NaN for text.</summary>
    public static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;

    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    public static string Short(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    /// <exception cref="InvalidDataException">The cell is no finite number.</exception>
    public static double Finite(string feature, string cell) => Number(cell) is var value && double.IsFinite(value) ? value
        : throw new InvalidDataException($"'{feature}' is a number, and '{Shorten(cell)}' is not one.");

    /// <summary>1 for yes, 0 for no.</summary>
    /// <exception cref="InvalidDataException">The cell is neither.</exception>
    public static double Truth(string feature, string cell) => cell.ToLowerInvariant() switch
    {
        "yes" or "true" or "1" or "y" or "t" => 1,
        "no" or "false" or "0" or "n" or "f" => 0,
        _ => throw new InvalidDataException($"'{feature}' is yes or no, and '{Shorten(cell)}' is neither."),
    };

    /// <summary>A number with its thousands apart, and its unit: "52,000 EUR". Six digits, so that what scaling to single precision lost does not show.</summary>
    public static string Quantity(double value, Feature feature)
    {
        if (!double.IsFinite(value)) return value.ToString(CultureInfo.InvariantCulture);
        string number;
        if (feature.Decimals is { } decimals) number = value.ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        else
        {
            double rounded = double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
            number = Math.Abs(rounded) is >= 1e15 or (> 0 and < 1e-4) ? rounded.ToString("G6", CultureInfo.InvariantCulture) : rounded.ToString("#,##0.##########", CultureInfo.InvariantCulture);
        }
        if (number.StartsWith('-') && !number.AsSpan().ContainsAnyInRange('1', '9')) number = number[1..]; // no negative zero
        return feature.Unit.Length == 0 ? number : feature.Unit is "%" or "°" ? number + feature.Unit : $"{number} {feature.Unit}";
    }

    public static int IndexOf(IReadOnlyList<string> names, string name)
    {
        for (int i = 0; i < names.Count; i++)
            if (names[i] == name) return i;
        return -1;
    }

    public static InvalidDataException Unknown(string feature, string cell, IReadOnlyList<string> categories)
    {
        IReadOnlyList<string> near = NearestName.Of(cell, categories);
        return new InvalidDataException($"'{feature}' has no category '{Shorten(cell)}'. {(near.Count > 0 ? $"Did you mean {string.Join(" or ", near)}? " : "")}Its categories: {List(categories)}.");
    }

    public static string List(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(MostListed)) + (all.Length > MostListed ? $", ... ({all.Length})" : "");
    }

    public static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
