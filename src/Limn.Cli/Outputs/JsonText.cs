using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Limn.Cli.Outputs;

/// <summary>JSON documents, indented, in UTF-8. Numbers that are not finite are null, because JSON has none.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>An object with what <paramref name="write"/> puts into it.</summary>
    public static byte[] Object(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    public static void Print(TextWriter output, byte[] json) => output.Write(Encoding.UTF8.GetString(json));

    public static void Number(this Utf8JsonWriter json, string name, double? value)
    {
        json.WritePropertyName(name);
        json.Number(value);
    }

    public static void Number(this Utf8JsonWriter json, double? value)
    {
        if (value is { } number && double.IsFinite(number)) json.WriteNumberValue(number);
        else json.WriteNullValue();
    }

    /// <summary>A list of numbers, or null.</summary>
    public static void Numbers(this Utf8JsonWriter json, string name, IReadOnlyList<double>? values)
    {
        if (values is null)
        {
            json.WriteNull(name);
            return;
        }
        json.List(name, values, v => json.Number(v));
    }

    public static void Strings(this Utf8JsonWriter json, string name, IEnumerable<string> values) => json.List(name, values, json.WriteStringValue);

    /// <summary>A list, each item written by <paramref name="write"/>.</summary>
    public static void List<T>(this Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items) write(item);
        json.WriteEndArray();
    }

    /// <summary>A list of objects.</summary>
    public static void Objects<T>(this Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> write) => json.List(name, items, item =>
    {
        json.WriteStartObject();
        write(item);
        json.WriteEndObject();
    });

    /// <summary>A property of a plain value: null, text, truth or number.</summary>
    public static void Plain(this Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case null: json.WriteNull(name); break;
            case bool flag: json.WriteBoolean(name, flag); break;
            case int number: json.WriteNumber(name, number); break;
            case long number: json.WriteNumber(name, number); break;
            case ulong number: json.WriteNumber(name, number); break;
            case float number: json.Number(name, number); break;
            case double number: json.Number(name, number); break;
            default: json.WriteString(name, value.ToString()); break;
        }
    }
}
