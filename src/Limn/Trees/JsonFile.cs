using System.Text.Json;

namespace Limn.Trees;

/// <summary>Reads JSON as XGBoost and CatBoost write it: with the bare words NaN, Infinity and -Infinity, which JSON does not have.</summary>
internal static class JsonFile
{
    /// <summary>Twice what the deepest tree of CatBoost asks for.</summary>
    private const int Deepest = 256;

    /// <summary>
    /// The file's value: <c>Dictionary</c>, <c>List</c>, <c>double[]</c>, <c>double</c>, <c>string</c> or null. Changes the bytes: a bare word becomes, in its own
    /// place, a text of DEL characters that no model contains.
    /// </summary>
    /// <exception cref="InvalidModelException">It is not JSON, or nests deeper than 256.</exception>
    public static object? Read(byte[] bytes)
    {
        ReplaceWords(bytes);
        try
        {
            ReadOnlySpan<byte> text = bytes;
            if (text.StartsWith("\uFEFF"u8)) text = text[3..];
            var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = Deepest });
            reader.Read();
            object? value = Value(ref reader);
            return reader.Read() ? throw new InvalidModelException("Something follows the end of the JSON.") : value;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidModelException($"The file is no valid JSON, or is cut off: {e.Message}", e);
        }
    }

    private static void ReplaceWords(Span<byte> bytes)
    {
        bool quoted = false;
        for (int i = 0; i < bytes.Length; i++)
        {
            byte c = bytes[i];
            if (quoted)
            {
                if (c == '\\') i++;
                else if (c == '"') quoted = false;
                continue;
            }
            if (c == '"') quoted = true;
            else if (c is (byte)'N' or (byte)'I' or (byte)'-')
            {
                int length = Word(bytes[i..]);
                if (length == 0) continue;
                bytes.Slice(i, length).Fill(0x7F);
                bytes[i] = bytes[i + length - 1] = (byte)'"';
                i += length - 1;
            }
        }
    }

    private static int Word(ReadOnlySpan<byte> at) => at.StartsWith("NaN"u8) ? 3 : at.StartsWith("Infinity"u8) ? 8 : at.StartsWith("-Infinity"u8) ? 9 : 0;

    private static object? Value(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                Dictionary<string, object?> members = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    string name = reader.GetString()!;
                    reader.Read();
                    members[name] = Value(ref reader);
                }
                return members;
            case JsonTokenType.StartArray:
                return Array(ref reader);
            case JsonTokenType.String:
                return Text(reader.GetString()!);
            case JsonTokenType.Number:
                return reader.GetDouble();
            case JsonTokenType.True:
                return 1.0;
            case JsonTokenType.False:
                return 0.0;
            default:
                return null;
        }
    }

    private static object Array(ref Utf8JsonReader reader)
    {
        List<double> numbers = [];
        List<object?>? items = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (items is null && reader.TokenType == JsonTokenType.Number)
            {
                numbers.Add(reader.GetDouble());
                continue;
            }
            object? item = Value(ref reader);
            if (items is null && item is double number) numbers.Add(number);
            else (items ??= [.. numbers.Select(n => (object?)n)]).Add(item);
        }
        return items ?? (object)numbers.ToArray();
    }

    private static object Text(string text) => text switch
    {
        "\u007F" => double.NaN,
        "\u007F\u007F\u007F\u007F\u007F\u007F" => double.PositiveInfinity,
        "\u007F\u007F\u007F\u007F\u007F\u007F\u007F" => double.NegativeInfinity,
        _ => text,
    };
}
