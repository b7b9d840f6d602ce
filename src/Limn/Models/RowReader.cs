using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Limn.Engine;

namespace Limn.Models;

/// <summary>Reads what a program answers.</summary>
internal static class RowReader
{
    /// <summary>Where an answer is cut off.</summary>
    public const int MostCharacters = 1 << 28;

    private const int MostNamed = 8;

    /// <summary>Everything that the program writes; at most <see cref="MostCharacters"/> are kept, and the rest is read so that the program can end.</summary>
    public static string ReadAll(TextReader reader)
    {
        char[] buffer = ArrayPool<char>.Shared.Rent(1 << 14);
        var text = new StringBuilder();
        for (int count; (count = reader.Read(buffer, 0, buffer.Length)) > 0;)
            if (text.Length < MostCharacters) text.Append(buffer, 0, Math.Min(count, MostCharacters - text.Length));
        ArrayPool<char>.Shared.Return(buffer);
        return text.ToString();
    }

    /// <summary>A line of scores for each row, as [rows, scores].</summary>
    /// <param name="answer">What the program wrote.</param>
    /// <param name="rows">How many rows it was given.</param>
    /// <param name="fault">Makes an exception of what is wrong.</param>
    public static NdArray Scores(string answer, int rows, Func<string, PredictorException> fault)
    {
        List<string> lines = [.. answer.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0)];
        if (lines.Count != rows)
        {
            string header = lines.Count == rows + 1 && Parse(lines[0]) is null ? " The first is no row of scores: leave the header away." : lines.Count == 0 ? "" : $" The first is '{Short(lines[0])}'.";
            throw fault($"was given {rows} rows and answered with {lines.Count} lines; it must write one for each row.{header} Nothing but scores belongs on its standard output".TrimEnd('.'));
        }
        float[][] scores = new float[rows][];
        List<int> nan = [];
        for (int r = 0; r < rows; r++)
        {
            scores[r] = Parse(lines[r]) ?? throw fault($"answered '{Short(lines[r])}' for row {r} of the {rows} that it was given; a line must hold numbers with commas between, or a JSON list of numbers");
            if (scores[r].Length != scores[0].Length) throw fault($"answered {scores[r].Length} scores for row {r} and {scores[0].Length} for row 0; each row needs as many");
            if (Array.Exists(scores[r], float.IsNaN)) nan.Add(r);
        }
        if (nan.Count > 0) throw fault($"answered NaN for {(nan.Count == 1 ? "row" : "rows")} {string.Join(", ", nan.Take(MostNamed))}{(nan.Count > MostNamed ? $" and {nan.Count - MostNamed} more" : "")} of the {rows} that it was given; a score must be a number");
        int width = rows == 0 ? 0 : scores[0].Length;
        NdArray all = NdArray.Create(ElementType.Float, rows, width);
        for (int r = 0; r < rows; r++) scores[r].CopyTo(all.Floats.Slice(r * width, width));
        return all;
    }

    private static float[]? Parse(string line)
    {
        if (line.StartsWith('[')) return ParseJson(line);
        string[] cells = line.Split(',');
        var numbers = new float[cells.Length];
        for (int i = 0; i < cells.Length; i++)
            if (!float.TryParse(cells[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]))
            {
                if (!cells[i].Trim().ToLowerInvariant().TrimStart('+', '-').StartsWith("inf", StringComparison.Ordinal)) return null;
                numbers[i] = cells[i].Trim().StartsWith('-') ? float.NegativeInfinity : float.PositiveInfinity;
            }
        return numbers;
    }

    private static float[]? ParseJson(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.GetArrayLength() > 0 ? [.. document.RootElement.EnumerateArray().Select(n => n.ValueKind == JsonValueKind.Null ? float.NaN : n.GetSingle())] : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static string Short(string line) => line.Length <= 60 ? line : line[..60] + "...";
}

/// <summary>Reads a stream to its end and keeps the last of it.</summary>
internal sealed class TailReader(TextReader reader)
{
    private const int Kept = 4000;
    private const int MostLines = 3;

    private readonly Lock gate = new();
    private string tail = "";

    /// <summary>The last lines, on one; and the last that speaks of an error, which some languages write above where it came from.</summary>
    public string Text
    {
        get
        {
            string text;
            lock (gate) text = tail;
            string[] lines = [.. text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0).Select(l => l.Length <= Kept / 10 ? l : l[..(Kept / 10)] + "...")];
            string? error = Array.FindLast(lines, l => l.Contains("error", StringComparison.OrdinalIgnoreCase) || l.Contains("exception", StringComparison.OrdinalIgnoreCase));
            string[] last = lines[Math.Max(0, lines.Length - MostLines)..];
            return string.Join(" / ", error is null || last.Contains(error) ? last : [error, "...", last[^1]]);
        }
    }

    public string Read()
    {
        var buffer = new char[4096];
        for (int count; (count = reader.Read(buffer, 0, buffer.Length)) > 0;)
            lock (gate)
            {
                tail += new string(buffer, 0, count);
                if (tail.Length > Kept) tail = tail[^Kept..];
            }
        return Text;
    }
}
