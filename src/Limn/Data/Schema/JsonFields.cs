using System.Text.Json;
using Limn.Engine;

namespace Limn.Data;

/// <summary>The fields of a JSON object from outside, read with messages that say where it is wrong.</summary>
internal sealed class JsonFields
{
    private readonly JsonElement element;
    private readonly string what;

    /// <param name="element">The object.</param>
    /// <param name="what">What it is, in words.</param>
    /// <param name="known">The fields that it may have; any where none are named.</param>
    /// <exception cref="InvalidDataException">It is no object, or has other fields, or one twice.</exception>
    public JsonFields(JsonElement element, string what, params string[] known)
    {
        this.element = element;
        this.what = what;
        if (element.ValueKind != JsonValueKind.Object) throw Wrong("must be an object, { ... }");
        if (known.Length == 0) return;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (!seen.Add(property.Name)) throw Wrong($"has \"{property.Name}\" twice");
            if (known.Contains(property.Name)) continue;
            IReadOnlyList<string> near = NearestName.Of(property.Name, known);
            throw Wrong($"has a field \"{SchemaText.Shorten(property.Name)}\", which is not known.{(near.Count > 0 ? $" Did you mean {string.Join(" or ", near.Select(n => $"\"{n}\""))}?" : "")} It may have {string.Join(", ", known.Select(k => $"\"{k}\""))}");
        }
    }

    public JsonField? Find(string name) => element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? new JsonField(value, name, $"\"{name}\" of {what}") : null;

    /// <exception cref="InvalidDataException">The field is not there.</exception>
    public JsonField Required(string name, string kind) => Find(name) ?? throw Wrong($"has no \"{name}\": give {kind}");

    /// <exception cref="InvalidDataException">The field is there, and the feature is encoded in another way.</exception>
    public void OnlyWith(string name, string needed, string encoding)
    {
        if (Find(name) is not null && encoding != needed) throw Wrong($"has \"{name}\", which belongs to \"{needed}\" and not to \"{encoding}\"");
    }

    public InvalidDataException Wrong(string fault) => new($"{what} {fault}.");
}

/// <summary>A value of a JSON document.</summary>
/// <param name="Value">The value.</param>
/// <param name="Name">Its field; empty for an item of a list.</param>
/// <param name="What">What it is, in words.</param>
internal sealed record JsonField(JsonElement Value, string Name, string What)
{
    public string Quoted => $"\"{Name}\"";

    public string Text() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong("text");

    public double Number() => Value.ValueKind == JsonValueKind.Number && Value.TryGetDouble(out double number) && double.IsFinite(number) ? number : throw Wrong("a number");

    public int Count(int most) => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out int count) && count >= 0 && count <= most ? count : throw Wrong($"a whole number from 0 to {most}");

    public T Word<T>() where T : struct, Enum
    {
        string text = Text();
        foreach (T value in Enum.GetValues<T>())
            if (OptionText.Kebab(value.ToString()) == text) return value;
        throw Wrong($"one of {string.Join(", ", Enum.GetNames<T>().Select(n => $"\"{OptionText.Kebab(n)}\""))}");
    }

    public IEnumerable<JsonField> Items() => Value.ValueKind == JsonValueKind.Array ? Value.EnumerateArray().Select((v, i) => new JsonField(v, "", $"item {i} of {What}")) : throw Wrong("a list, [ ... ]");

    public IReadOnlyList<string> Strings() => [.. Items().Select(i => i.Text())];

    public IEnumerable<(string Name, JsonField Value)> Pairs() => Value.ValueKind == JsonValueKind.Object
        ? Value.EnumerateObject().Select(p => (p.Name, new JsonField(p.Value, p.Name, $"\"{p.Name}\" of {What}"))) : throw Wrong("an object, { ... }");

    private InvalidDataException Wrong(string kind) => new($"{What} must be {kind}.");
}
