namespace Limn.Data;

/// <summary>What a feature is to its user.</summary>
public enum FeatureKind
{
    /// <summary>A number, with a unit or without.</summary>
    Numeric,

    /// <summary>One of some words.</summary>
    Category,

    /// <summary>Yes or no.</summary>
    Boolean,

    /// <summary>Any text.</summary>
    Text,
}

/// <summary>A column of the user's own table, and how columns of the model's input are made of it.</summary>
/// <param name="Name">What the user calls it; the name of its column in the user's table.</param>
/// <param name="Encoding">The columns of the model's input that stand for it.</param>
public sealed record Feature(string Name, FeatureEncoding Encoding)
{
    /// <summary>The unit of its numbers (<c>EUR</c>, <c>years</c>), written behind them; empty for none.</summary>
    public string Unit { get; init; } = "";

    /// <summary>What it is; what its encoding suggests when left out.</summary>
    public FeatureKind Kind { get; init; } = Encoding?.UsualKind ?? FeatureKind.Numeric;

    /// <summary>How many decimals its numbers are written with; as many as six digits need when null.</summary>
    public int? Decimals { get; init; }

    /// <summary>What was done where it is missing; null where it may not be.</summary>
    public Imputation? Missing { get; init; }

    /// <summary>A remark for whoever reads an explanation; empty for none.</summary>
    public string Note { get; init; } = "";

    /// <summary>All columns of the model's input that stand for it, the one that says that it is missing included.</summary>
    public IReadOnlyList<string> Columns => Missing?.Indicator is { } indicator ? [.. Encoding.Columns, indicator] : Encoding.Columns;

    /// <summary>Makes the model's columns of a cell of the user's table.</summary>
    /// <exception cref="InvalidDataException">The cell is missing and may not be, or is no value of this feature.</exception>
    internal string[] Encode(string cell)
    {
        bool missing = TextTable.IsMissing(cell);
        if (missing && Missing is null)
            throw new InvalidDataException($"'{Name}' is missing, and the schema does not say what stands for that: give the feature \"missing\": {{ \"as\": VALUE }}, or fill the cell.");
        string[] encoded = Encoding.Encode(this, missing ? Missing!.As : cell.Trim());
        return Missing?.Indicator is null ? encoded : [.. encoded, missing ? "1" : "0"];
    }

    /// <summary>The value that the model's columns hold, in words: "52,000 EUR", "clerk", "missing (taken as 40 years)".</summary>
    /// <param name="columns">What the model's columns of this feature hold, in the order of <see cref="Columns"/>: numbers, or text.</param>
    internal string Describe(ReadOnlySpan<string> columns)
    {
        string value = Encoding.Describe(this, columns[..Encoding.Columns.Count]);
        return Missing?.Indicator is not null && SchemaText.Number(columns[^1]) > 0.5 ? Absent(value) : value;
    }

    /// <summary>A value that stands for a missing one, in words.</summary>
    internal static string Absent(string value) => $"missing (taken as {value})";
}

/// <summary>What was done with missing values before the model was trained.</summary>
/// <param name="As">The value, in the feature's own terms, that stands for a missing one.</param>
/// <param name="Indicator">The column of the model's input that is 1 where the feature is missing and 0 elsewhere; null where there is none.</param>
public sealed record Imputation(string As, string? Indicator = null);
