using System.Globalization;
using System.Numerics.Tensors;
using System.Text;
using CsvHelper;

namespace Limn.Data;

/// <summary>How a table is read.</summary>
public sealed record CsvOptions
{
    /// <summary>What separates cells, an ASCII character; null (the default) finds it out among comma, semicolon, tab and | by the first lines.</summary>
    public char? Delimiter { get; init; }

    /// <summary>Whether the first row has the columns' names; null (the default) finds it out: it has when one of its cells is neither a number nor missing.</summary>
    public bool? HasHeader { get; init; }
}

/// <summary>A table of numbers, read from comma-separated values (RFC 4180).</summary>
/// <param name="ColumnNames">The names in the header row, or null when there is none.</param>
/// <param name="Values">The numbers, [rows, columns]; a missing cell is NaN.</param>
/// <remarks>
/// A number is written as in the invariant culture (<c>-1.5e3</c>, <c>inf</c>). A cell is missing when it is empty, or one of <c>nan</c>,
/// <c>NA</c>, <c>?</c> in any case. Blank lines are skipped, and white space around a cell does not count. Text in a row of numbers is refused,
/// and so is a row with more or fewer cells than the first: encode categories as numbers before.
/// </remarks>
public sealed record CsvTable(IReadOnlyList<string>? ColumnNames, Tensor<float> Values)
{
    private const int MaximumRowBytes = 1 << 26;

    /// <summary>The number of rows, without the header.</summary>
    public int Rows => (int)Values.Lengths[0];

    public int Columns => (int)Values.Lengths[1];

    /// <summary>Reads a table from a file (UTF-8, or what its byte order mark says).</summary>
    /// <exception cref="InvalidDataException">The file is missing, has no rows, ragged rows, or a cell that is no number; the message names row and column.</exception>
    public static CsvTable Read(string path, CsvOptions? options = null) => DataFile.Read(path, (stream, _) =>
    {
        using CsvReader reader = CsvReader.Create(stream, ReaderOptions(options), leaveOpen: true);
        return Read(reader, options?.HasHeader);
    });

    /// <summary>Reads a table from text.</summary>
    /// <exception cref="InvalidDataException">There are no rows, ragged rows, or a cell is no number; the message names row and column.</exception>
    public static CsvTable Parse(string text, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        using CsvReader reader = CsvReader.FromText(text, ReaderOptions(options));
        return Read(reader, options?.HasHeader);
    }

    internal static CsvReaderOptions ReaderOptions(CsvOptions? options)
    {
        if (options?.Delimiter is { } delimiter && (!char.IsAscii(delimiter) || delimiter is '"' or '\r' or '\n' or '\0'))
            throw new InvalidOptionException($"The delimiter U+{(int)delimiter:X4} cannot separate cells; use a comma, a semicolon, a tab, or another ASCII character.");
        return new CsvReaderOptions
        {
            Separator = options?.Delimiter,
            HasHeader = false, // the first row decides in Read
            TrimWhitespace = true,
            TrimInsideQuotes = true,
            MalformedData = CsvMalformedDataHandling.Throw,
            MaxRecordSize = MaximumRowBytes,
            TrackLineNumbers = true,
        };
    }

    private static CsvTable Read(CsvReader reader, bool? hasHeader)
    {
        string[]? names = null;
        List<float> values = [];
        int columns = 0, rows = 0;
        try
        {
            while (reader.Read())
            {
                if (columns == 0)
                {
                    columns = reader.FieldCount;
                    if (hasHeader ?? HasText(reader))
                    {
                        names = new string[columns];
                        for (int column = 0; column < columns; column++) names[column] = reader.GetString(column);
                        continue;
                    }
                }
                AddRow(reader, columns, names, values);
                rows++;
            }
        }
        catch (CsvFormatException e)
        {
            throw new InvalidDataException($"the table is malformed{(e.LineNumber > 0 ? $" in line {e.LineNumber}" : "")}: {e.Message}", e);
        }
        if (rows == 0) DataFile.Throw(names is null ? "the table is empty." : "the table has a header but no rows.");
        return new CsvTable(names, Tensors.Of(values.ToArray(), rows, columns));
    }

    private static void AddRow(CsvReader reader, int columns, string[]? names, List<float> values)
    {
        if (reader.FieldCount != columns)
            DataFile.Throw($"the row in line {reader.LineNumber} has {reader.FieldCount} cells, but the first row has {columns}; every row needs the same number.");
        if (values.Count > Array.MaxLength - columns) DataFile.Throw($"the table has more than {Array.MaxLength} cells.");
        for (int column = 0; column < columns; column++)
        {
            if (!TryParse(reader.GetSpan(column), out float value)) Refuse(reader.GetString(column), reader.LineNumber, column, names);
            values.Add(value);
        }
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    internal static void Refuse(string cell, long line, int column, IReadOnlyList<string>? names)
    {
        string name = names is null ? $"{column + 1}" : $"{column + 1} ('{Shorten(names[column])}')";
        string hint = cell.AsSpan().ContainsAny(';', '|', ' ') ? "set the delimiter if it is another, encode text as numbers, or leave the column out"
            : cell.Contains(',') ? "write decimals with a point"
            : "encode text as numbers, or leave the column out";
        DataFile.Throw($"the cell '{Shorten(cell)}' in line {line}, column {name} is not a number that a float can hold; {hint}.");
    }

    internal static bool HasText(CsvReader reader)
    {
        for (int column = 0; column < reader.FieldCount; column++)
        {
            if (!TryParse(reader.GetSpan(column), out _)) return true;
        }
        return false;
    }

    internal static bool TryParse(ReadOnlySpan<byte> cell, out float value)
    {
        value = float.NaN;
        if (cell.Length == 0 || cell is [(byte)'?'] || Is(cell, "nan"u8) || Is(cell, "na"u8)) return true;
        bool signed = cell[0] is (byte)'-' or (byte)'+';
        if (!Is(signed ? cell[1..] : cell, "inf"u8) && !Is(signed ? cell[1..] : cell, "infinity"u8))
            return float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);
        value = cell[0] == (byte)'-' ? float.NegativeInfinity : float.PositiveInfinity;
        return true;
    }

    private static bool Is(ReadOnlySpan<byte> cell, ReadOnlySpan<byte> word) => Ascii.EqualsIgnoreCase(cell, word);

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
