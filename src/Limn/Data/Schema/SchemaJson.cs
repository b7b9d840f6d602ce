using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Limn.Data;

/// <summary>Schemas as JSON.</summary>
internal static class SchemaJson
{
    private static readonly string[] Encodings = ["oneHot", "bins", "codes", "hashed"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="InvalidDataException">It is no JSON, or no schema.</exception>
    public static FeatureSchema Read(byte[] utf8)
    {
        try
        {
            ReadOnlyMemory<byte> text = utf8.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? utf8.AsMemory(3) : utf8;
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 16 });
            var root = new JsonFields(document.RootElement, "the schema", "features", "columns");
            return new FeatureSchema([.. root.Required("features", "a list of features").Items().Select(ReadFeature)], root.Find("columns")?.Strings());
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"it is no JSON: {e.Message}", e);
        }
    }

    public static string Write(FeatureSchema schema)
    {
        var root = new JsonObject { ["features"] = new JsonArray([.. schema.Features.Select(f => (JsonNode)WriteFeature(f))]) };
        if (!schema.Columns.SequenceEqual(schema.Features.SelectMany(f => f.Columns))) root["columns"] = Texts(schema.Columns);
        return root.ToJsonString(Indented) + "\n";
    }

    private static Feature ReadFeature(JsonField item)
    {
        string name = new JsonFields(item.Value, item.What).Required("name", "text").Text();
        var fields = new JsonFields(item.Value, $"the feature '{name}'", "name", "unit", "kind", "decimals", "note", "missing", "column", "columns", "scale", "log", "oneHot", "otherwise", "bins", "codes", "hashed");
        JsonField[] encodings = [.. Encodings.Select(fields.Find).OfType<JsonField>()];
        if (encodings.Length > 1) throw fields.Wrong($"has both {encodings[0].Quoted} and {encodings[1].Quoted}; give one");
        string encoding = encodings.Length == 1 ? encodings[0].Name : "column";
        fields.OnlyWith("otherwise", "oneHot", encoding);
        fields.OnlyWith("scale", "column", encoding);
        fields.OnlyWith("log", "column", encoding);
        string column = fields.Find("column")?.Text() ?? name;
        var feature = new Feature(name, encoding switch
        {
            "oneHot" => OneHotOf(fields, encodings[0]),
            "bins" => BinsOf(fields, encodings[0], column),
            "codes" => CodesOf(encodings[0], column),
            "hashed" => new Hashed(encodings[0].Strings()),
            _ => new SingleColumn(column, fields.Find("scale") is { } scale ? ScaleOf(scale) : null, fields.Find("log")?.Word<Logarithm>() ?? Logarithm.None),
        })
        {
            Unit = fields.Find("unit")?.Text() ?? "",
            Decimals = fields.Find("decimals")?.Count(15),
            Note = fields.Find("note")?.Text() ?? "",
            Missing = fields.Find("missing") is { } missing ? MissingOf(missing) : null,
        };
        return fields.Find("kind") is { } kind ? feature with { Kind = kind.Word<FeatureKind>() } : feature;
    }

    private static OneHot OneHotOf(JsonFields fields, JsonField hot)
    {
        (string Column, JsonField Category)[] pairs = [.. hot.Pairs()];
        return new OneHot([.. pairs.Select(p => p.Column)], [.. pairs.Select(p => p.Category.Text())], fields.Find("otherwise")?.Text());
    }

    private static Binned BinsOf(JsonFields fields, JsonField bins, string column)
    {
        var inside = new JsonFields(bins.Value, bins.What, "edges", "labels");
        return new Binned(fields.Find("columns")?.Strings() ?? [column], [.. inside.Required("edges", "a list of numbers").Items().Select(e => e.Number())], inside.Find("labels")?.Strings());
    }

    private static Ordinal CodesOf(JsonField codes, string column)
    {
        if (codes.Value.ValueKind == JsonValueKind.Array) return new Ordinal(column, codes.Strings());
        (string Category, JsonField Code)[] pairs = [.. codes.Pairs()];
        return new Ordinal(column, [.. pairs.Select(p => p.Category)], [.. pairs.Select(p => p.Code.Number())]);
    }

    private static Scaling ScaleOf(JsonField scale)
    {
        var fields = new JsonFields(scale.Value, scale.What, "mean", "deviation", "minimum", "maximum", "offset", "divisor");
        string[] given = [.. scale.Value.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal)];
        double Number(string name) => fields.Required(name, "a number").Number();
        return string.Join(' ', given) switch
        {
            "deviation mean" => Scaling.Standard(Number("mean"), Number("deviation")),
            "maximum minimum" => Scaling.Range(Number("minimum"), Number("maximum")),
            "divisor offset" => new Scaling(Number("offset"), Number("divisor")),
            _ => throw fields.Wrong("takes \"mean\" and \"deviation\", or \"minimum\" and \"maximum\", or \"offset\" and \"divisor\""),
        };
    }

    private static Imputation MissingOf(JsonField missing)
    {
        var fields = new JsonFields(missing.Value, missing.What, "as", "indicator");
        JsonField value = fields.Required("as", "the value that stands for a missing one");
        return new Imputation(value.Value.ValueKind switch { JsonValueKind.Number => value.Value.GetRawText(), JsonValueKind.True => "true", JsonValueKind.False => "false", _ => value.Text() }, fields.Find("indicator")?.Text());
    }

    private static JsonObject WriteFeature(Feature feature)
    {
        var json = new JsonObject { ["name"] = feature.Name };
        if (feature.Unit.Length > 0) json["unit"] = feature.Unit;
        if (feature.Kind != feature.Encoding.UsualKind) json["kind"] = Word(feature.Kind);
        if (feature.Decimals is { } decimals) json["decimals"] = decimals;
        if (feature.Note.Length > 0) json["note"] = feature.Note;
        void Column(string column)
        {
            if (column != feature.Name) json["column"] = column;
        }
        switch (feature.Encoding)
        {
            case SingleColumn single:
                Column(single.Column);
                if (single.Logarithm != Logarithm.None) json["log"] = Word(single.Logarithm);
                if (single.Scale is { } scale) json["scale"] = new JsonObject { ["offset"] = scale.Offset, ["divisor"] = scale.Divisor };
                break;
            case OneHot hot:
                json["oneHot"] = new JsonObject(hot.Columns.Zip(hot.Categories, (c, k) => KeyValuePair.Create(c, (JsonNode?)k)));
                if (hot.Otherwise is { } otherwise) json["otherwise"] = otherwise;
                break;
            case Binned bins:
                if (bins.Columns.Count == 1) Column(bins.Columns[0]);
                else json["columns"] = Texts(bins.Columns);
                var inside = new JsonObject { ["edges"] = new JsonArray([.. bins.Edges.Select(e => (JsonNode)e)]) };
                if (bins.Labels is { } labels) inside["labels"] = Texts(labels);
                json["bins"] = inside;
                break;
            case Ordinal ordinal:
                Column(ordinal.Column);
                json["codes"] = ordinal.Codes is null ? Texts(ordinal.Categories) : new JsonObject(ordinal.Categories.Zip(ordinal.Codes, (c, k) => KeyValuePair.Create(c, (JsonNode?)k)));
                break;
            case Hashed hashed:
                json["hashed"] = Texts(hashed.Columns);
                break;
            default:
                throw new InvalidDataException($"The feature '{feature.Name}' has an encoding of type {feature.Encoding.GetType().Name}, which has no JSON.");
        }
        if (feature.Missing is { } missing)
        {
            json["missing"] = new JsonObject { ["as"] = double.TryParse(missing.As, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? number : missing.As };
            if (missing.Indicator is { } indicator) json["missing"]!["indicator"] = indicator;
        }
        return json;
    }

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode)t)]);

    private static string Word<T>(T value) where T : struct, Enum => OptionText.Kebab(value.ToString());
}
