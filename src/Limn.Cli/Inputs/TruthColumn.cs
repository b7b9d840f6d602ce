using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary>Where the right answers are: a column of the tables that are explained, or a file of their own.</summary>
internal sealed class TruthColumn(IReadOnlyList<string> inputs)
{
    /// <summary>Whether a name is a column's, and not a file's.</summary>
    public bool IsColumn(string name) => !File.Exists(name);

    /// <summary>A number for each row.</summary>
    /// <exception cref="InvalidDataException">There is no such column or file, or it holds no single numbers.</exception>
    public IReadOnlyList<float> Read(string name)
    {
        if (IsColumn(name)) return [.. inputs.SelectMany(file => Column(file, name))];
        NdArray values = DataFile.Read(name) switch
        {
            TableFile { Table: { Columns: 1 } table } => NdArray.From(table.Values),
            TableFile { Table: var table } => throw new InvalidDataException($"'{name}' has {table.Columns} columns; the right answers are one number a row."),
            ArrayFile { Array: var array } => NdArray.From(array.ToTensor()),
            _ => throw new InvalidDataException($"'{name}' holds no numbers."),
        };
        return values.Floats.ToArray();
    }

    private static IEnumerable<float> Column(string file, string name)
    {
        if (DataFile.Read(file, TextFiles.Cells) is not CellFile { Table: var table }) throw new InvalidDataException($"'{file}' is no table, so it has no column '{name}'; give a file of right answers: --truth FILE.");
        int at = Enumerable.Range(0, table.Columns.Count).FirstOrDefault(c => table.Columns[c] == name, -1);
        if (at < 0) throw new InvalidDataException($"'{file}' has no column '{name}', and there is no such file; its columns are {string.Join(", ", table.Columns.Take(20))}.");
        return table.Cells.Select((row, r) => float.TryParse(row[at], System.Globalization.CultureInfo.InvariantCulture, out float value) ? value
            : throw new InvalidDataException($"'{file}', row {r}: the right answer '{row[at]}' in the column '{name}' is no number."));
    }
}
