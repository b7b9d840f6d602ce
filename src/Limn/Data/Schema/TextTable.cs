using CsvHelper;

namespace Limn.Data;

/// <summary>A table of text with named columns, read from comma-separated values (RFC 4180): a table as users have it, before it is made numbers.</summary>
/// <param name="Columns">The names in the header row.</param>
/// <param name="Cells">The rows, each with a cell for each column, without the white space around.</param>
/// <remarks>A cell is missing (<see cref="IsMissing"/>) when it is empty, or one of <c>nan</c>, <c>NA</c>, <c>?</c> in any case. Blank lines are skipped.</remarks>
public sealed record TextTable(IReadOnlyList<string> Columns, IReadOnlyList<string[]> Cells)
{
    public int Rows => Cells.Count;

    /// <summary>Reads a table from a file (UTF-8, or what its byte order mark says).</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How; a first row of nothing but numbers is no header, and then the columns are called x0, x1, and so on.</param>
    /// <exception cref="InvalidDataException">The file is missing, has no rows, ragged rows, or a column twice.</exception>
    public static TextTable Read(string path, CsvOptions? options = null) => DataFile.Read(path, (stream, _) =>
    {
        using CsvReader reader = CsvReader.Create(stream, CsvTable.ReaderOptions(options), leaveOpen: true);
        return Read(reader, options?.HasHeader);
    });

    /// <summary>Reads a table from text.</summary>
    /// <exception cref="InvalidDataException">There are no rows, ragged rows, or a column occurs twice.</exception>
    public static TextTable Parse(string text, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        using CsvReader reader = CsvReader.FromText(text, CsvTable.ReaderOptions(options));
        return Read(reader, options?.HasHeader);
    }

    /// <summary>The table of some records: a column for each public property, named as <see cref="FeatureSchema.Of{T}"/> names its feature.</summary>
    /// <exception cref="InvalidDataException">There are none.</exception>
    public static TextTable Of<T>(IEnumerable<T> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        return RecordSchema.Table(records);
    }

    /// <summary>Whether a cell holds nothing.</summary>
    public static bool IsMissing(string cell)
    {
        ArgumentNullException.ThrowIfNull(cell);
        return cell.Trim() is "" or "?" or "NA" or "na" or "Na" or "nA" || cell.Trim().Equals("nan", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The table without some columns.</summary>
    /// <param name="columns">The columns' names; those that do not exist are left alone.</param>
    public TextTable Without(IReadOnlyCollection<string> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        int[] kept = [.. Enumerable.Range(0, Columns.Count).Where(c => !columns.Contains(Columns[c]))];
        return kept.Length == Columns.Count ? this : new TextTable([.. kept.Select(c => Columns[c])], [.. Cells.Select(row => Array.ConvertAll(kept, c => row[c]))]);
    }

    private static TextTable Read(CsvReader reader, bool? hasHeader)
    {
        string[]? names = null;
        List<string[]> rows = [];
        try
        {
            while (reader.Read())
            {
                var row = new string[reader.FieldCount];
                for (int column = 0; column < row.Length; column++) row[column] = reader.GetString(column);
                if (names is null)
                {
                    bool header = hasHeader ?? Array.Exists(row, cell => !IsMissing(cell) && double.IsNaN(SchemaText.Number(cell)));
                    names = header ? row : [.. row.Select((_, i) => $"x{i}")];
                    if (names.GroupBy(n => n, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice) DataFile.Throw($"the column '{SchemaText.Shorten(twice.Key)}' occurs twice in the header; give each its own name.");
                    if (header) continue;
                }
                if (row.Length != names.Length) DataFile.Throw($"the row in line {reader.LineNumber} has {row.Length} cells, but the first row has {names.Length}; every row needs the same number.");
                rows.Add(row);
            }
        }
        catch (CsvFormatException e)
        {
            throw new InvalidDataException($"the table is malformed{(e.LineNumber > 0 ? $" in line {e.LineNumber}" : "")}: {e.Message}", e);
        }
        if (rows.Count == 0) DataFile.Throw(names is null ? "the table is empty." : "the table has a header but no rows.");
        return new TextTable(names!, rows);
    }
}
