using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Limn.Engine;

namespace Limn.Models;

/// <summary>Writes rows of arrays as text for a program.</summary>
internal sealed class RowWriter
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly IReadOnlyList<NdArray> inputs;
    private readonly string[] names;
    private readonly RowFormat format;
    private readonly int rows;

    /// <exception cref="ShapeMismatchException">There are other numbers of rows, or of names than columns.</exception>
    public RowWriter(IReadOnlyList<NdArray> inputs, IReadOnlyList<string>? columns, RowFormat format)
    {
        (this.inputs, this.format, rows) = (inputs, format, inputs[0].Dims[0]);
        if (inputs.FirstOrDefault(i => i.Rank == 0 || i.Dims[0] != rows) is { } other) throw new ShapeMismatchException($"The inputs of a program need the same number of rows; one has {rows}, and another is {other}.");
        int count = rows == 0 ? 0 : inputs.Sum(i => i.Length / rows);
        if (columns is not null && columns.Count != count && rows > 0) throw new ShapeMismatchException($"The program's rows have {count} values, and {columns.Count} columns are named.");
        names = columns is not null ? [.. columns] : count == 1 && inputs[0].Type.Storage() == Storage.String ? ["text"] : [.. Enumerable.Range(0, count).Select(i => $"x{i.ToString(CultureInfo.InvariantCulture)}")];
    }

    public void Write(TextWriter to)
    {
        string[] keys = format == RowFormat.JsonLines ? Array.ConvertAll(names, n => JsonSerializer.Serialize(n, Json) + ":") : [];
        if (format == RowFormat.Csv) to.Write(string.Join(',', names.Select(Quoted)) + "\n");
        for (int r = 0; r < rows; r++)
        {
            if (format == RowFormat.JsonLines) to.Write('{');
            int at = 0;
            foreach (NdArray input in inputs)
            {
                int inner = input.Length / rows;
                for (int e = r * inner; e < (r + 1) * inner; e++, at++)
                {
                    if (at > 0) to.Write(',');
                    if (format == RowFormat.JsonLines) to.Write(keys[at]);
                    to.Write(Cell(input, e));
                }
            }
            to.Write(format == RowFormat.JsonLines ? "}\n" : "\n");
        }
    }

    private string Cell(NdArray array, int i) => array.Type.Storage() switch
    {
        Storage.Float when format == RowFormat.JsonLines && !float.IsFinite(array.Floats[i]) => "null",
        Storage.Float => array.Floats[i].ToString("R", CultureInfo.InvariantCulture),
        Storage.Integer => array.Integers[i].ToString(CultureInfo.InvariantCulture),
        Storage.Boolean => array.Booleans[i] ? "true" : "false",
        _ => format == RowFormat.JsonLines ? JsonSerializer.Serialize(array.Strings[i], Json) : Quoted(array.Strings[i]),
    };

    private static string Quoted(string cell) => cell.AsSpan().ContainsAny(",\"\r\n") || cell.Length == 0 || char.IsWhiteSpace(cell[0]) || char.IsWhiteSpace(cell[^1])
        ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
}
