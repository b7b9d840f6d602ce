using System.Globalization;

namespace Limn.Reports;

/// <summary>Numbers as people read them: few digits, no padding, the same text on every machine.</summary>
internal static class NumberText
{
    /// <summary>
    /// A number with at most <paramref name="digits"/> significant digits: <c>0.0123</c>, <c>1250</c>, <c>-1.2e-5</c>. The exponent form is used below 0.001
    /// and from 10^(digits+2); zero of either sign is <c>0</c>.
    /// </summary>
    public static string Short(double value, int digits = 3)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "NaN" : value > 0 ? "+infinity" : "-infinity";
        }

        if (value == 0)
        {
            return "0";
        }

        string[] parts = value.ToString("E" + (digits - 1).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture).Split('E');
        int exponent = int.Parse(parts[1], CultureInfo.InvariantCulture);
        if (exponent < -3 || exponent >= digits + 2)
        {
            string mantissa = parts[0].Contains('.', StringComparison.Ordinal) ? parts[0].TrimEnd('0').TrimEnd('.') : parts[0];
            return $"{mantissa}e{exponent.ToString(CultureInfo.InvariantCulture)}";
        }

        decimal rounded = decimal.Parse($"{parts[0]}E{parts[1]}", NumberStyles.Float, CultureInfo.InvariantCulture);
        return rounded.ToString("0.##########", CultureInfo.InvariantCulture);
    }

    /// <summary><see cref="Short"/> with a plus before positive numbers and a true minus sign (U+2212) before negative ones.</summary>
    public static string Signed(double value, int digits = 3)
    {
        string text = Printed(value, digits);
        return value > 0 && double.IsFinite(value) ? "+" + text : text;
    }

    /// <summary><see cref="Short"/> with true minus signs (U+2212), for print.</summary>
    public static string Printed(double value, int digits = 3) => Short(value, digits).Replace('-', '\u2212');

    /// <summary>A share of one as a percentage: <c>98.7 %</c>; below 0.1 % it is <c>&lt; 0.1 %</c>, and it never rounds up to 100 %.</summary>
    public static string Percent(double share)
    {
        double percent = 100 * share;
        return percent switch
        {
            > 0 and < 0.1 => "< 0.1 %",
            > 99.95 and < 100 => "> 99.9 %",
            _ => Printed(Math.Round(percent, 1), 6) + " %",
        };
    }
}
