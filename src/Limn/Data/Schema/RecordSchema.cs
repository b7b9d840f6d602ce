using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Limn.Data;

/// <summary>Schemas and tables of C# records.</summary>
internal static class RecordSchema
{
    public static FeatureSchema Of(Type type)
    {
        Property[] properties = PropertiesOf(type);
        return properties.Length > 0 ? new FeatureSchema([.. properties.Select(FeatureOf)]) : throw new InvalidDataException($"The type {type.Name} has no public properties, which would be its features.");
    }

    /// <summary>The table of some records, in the user's terms.</summary>
    public static TextTable Table<T>(IEnumerable<T> records)
    {
        Property[] properties = PropertiesOf(typeof(T));
        string[][] rows = [.. records.Select(r => Array.ConvertAll(properties, p => Text(p.Info.GetValue(r))))];
        return rows.Length > 0 ? new TextTable([.. properties.Select(p => p.Name)], rows) : throw new InvalidDataException("There are no records, so there is nothing to explain.");
    }

    private static Feature FeatureOf(Property property)
    {
        FeatureAttribute about = property.Find<FeatureAttribute>() ?? new FeatureAttribute();
        ScaledAttribute? scaled = property.Find<ScaledAttribute>();
        Type type = Nullable.GetUnderlyingType(property.Info.PropertyType) ?? property.Info.PropertyType;
        string column = about.Column ?? property.Name;
        string[] names = type.IsEnum ? Enum.GetNames(type) : [];
        FeatureEncoding[] encodings =
        [
            .. property.Find<OneHotAttribute>() is { } hot ? [OneHotOf(property, hot, hot.Categories.Count > 0 ? hot.Categories : names)] : Array.Empty<FeatureEncoding>(),
            .. property.Find<BinnedAttribute>() is { } bins ? [new Binned(bins.Columns ?? [column], bins.Edges, bins.Labels)] : Array.Empty<FeatureEncoding>(),
            .. property.Find<OrdinalAttribute>() is { } order ? [order.Categories.Count > 0 ? new Ordinal(column, order.Categories)
                : new Ordinal(column, names, [.. names.Select(n => Convert.ToDouble(Enum.Parse(type, n), CultureInfo.InvariantCulture))])] : Array.Empty<FeatureEncoding>(),
            .. property.Find<HashedAttribute>() is { } hashed ? [new Hashed(hashed.Columns)] : Array.Empty<FeatureEncoding>(),
            .. scaled is not null ? [new SingleColumn(column, ScalingOf(property, scaled), scaled.Logarithm)] : Array.Empty<FeatureEncoding>(),
        ];
        if (encodings.Length > 1) throw new InvalidDataException($"The property {property.Info.Name} has several encodings; give one of [Scaled], [OneHot], [Binned], [Ordinal], [Hashed].");
        var feature = new Feature(property.Name, encodings.Length > 0 ? encodings[0] : new SingleColumn(column))
        {
            Unit = about.Unit,
            Decimals = about.Decimals < 0 ? null : about.Decimals,
            Note = about.Note,
            Missing = property.Find<ImputedAttribute>() is { } imputed ? new Imputation(Text(imputed.As), imputed.Indicator) : null,
        };
        return encodings.Length > 0 || (type != typeof(bool) && type != typeof(string) && !type.IsEnum) ? feature
            : feature with { Kind = type == typeof(bool) ? FeatureKind.Boolean : type.IsEnum ? FeatureKind.Category : FeatureKind.Text };
    }

    private static OneHot OneHotOf(Property property, OneHotAttribute hot, IReadOnlyList<string> categories)
    {
        string prefix = hot.Prefix ?? property.Name + "_";
        string[] columned = [.. categories.Where(c => c != hot.Otherwise)];
        return new OneHot([.. columned.Select(c => prefix + c)], columned, hot.Otherwise);
    }

    private static Scaling? ScalingOf(Property property, ScaledAttribute scaled) =>
        (double.IsNaN(scaled.Mean), double.IsNaN(scaled.Deviation), double.IsNaN(scaled.Minimum), double.IsNaN(scaled.Maximum)) switch
        {
            (false, false, true, true) => Scaling.Standard(scaled.Mean, scaled.Deviation),
            (true, true, false, false) => Scaling.Range(scaled.Minimum, scaled.Maximum),
            (true, true, true, true) when scaled.Logarithm != Logarithm.None => null,
            _ => throw new InvalidDataException($"[Scaled] of the property {property.Info.Name} takes Mean and Deviation, or Minimum and Maximum."),
        };

    private static string Text(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        float number => number.ToString("R", CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>The public properties, in the order of their declaration, with the attributes of the constructor's parameters of the same name.</summary>
    private static Property[] PropertiesOf(Type type)
    {
        ParameterInfo[] parameters = type.GetConstructors().OrderByDescending(c => c.GetParameters().Length).FirstOrDefault()?.GetParameters() ?? [];
        return [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0 && p.CanRead)
            .Select(p => new Property(p, Array.Find(parameters, a => a.Name == p.Name && a.ParameterType == p.PropertyType)))];
    }

    private sealed record Property(PropertyInfo Info, ParameterInfo? Parameter)
    {
        public string Name => Find<FeatureAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(Info.Name);

        public T? Find<T>() where T : Attribute => Info.GetCustomAttribute<T>() ?? Parameter?.GetCustomAttribute<T>();
    }
}
