namespace Limn.Data;

/// <summary>How columns of a model's input are made of one feature.</summary>
public abstract record FeatureEncoding
{
    /// <summary>The columns of the model's input.</summary>
    public abstract IReadOnlyList<string> Columns { get; }

    /// <summary>What a feature that is encoded so usually is.</summary>
    public virtual FeatureKind UsualKind => FeatureKind.Category;

    /// <summary>Whether its column holds text rather than numbers.</summary>
    internal virtual bool HoldsText(FeatureKind kind) => false;

    /// <summary>What the columns hold for a cell of the user's table that is not missing.</summary>
    /// <exception cref="InvalidDataException">The cell is no value of the feature.</exception>
    internal abstract string[] Encode(Feature feature, string cell);

    /// <summary>The feature's value, in words, of what its columns hold.</summary>
    internal abstract string Describe(Feature feature, ReadOnlySpan<string> columns);

    /// <summary>Why the encoding cannot be, in a sentence; null where it can.</summary>
    internal virtual string? Fault => Columns.Count == 0 ? "it has no column" : null;
}

/// <summary>The logarithm that a number was taken of before it was scaled.</summary>
public enum Logarithm
{
    None,

    /// <summary>ln x.</summary>
    Natural,

    /// <summary>ln(1 + x).</summary>
    OnePlus,

    /// <summary>log₁₀ x.</summary>
    Ten,
}

/// <summary>A number less an offset, divided by a divisor.</summary>
/// <param name="Offset">What is subtracted.</param>
/// <param name="Divisor">What is divided by afterwards.</param>
public sealed record Scaling(double Offset, double Divisor)
{
    /// <summary>To a mean of zero and a standard deviation of one.</summary>
    public static Scaling Standard(double mean, double deviation) => new(mean, deviation);

    /// <summary>To the range from zero to one.</summary>
    public static Scaling Range(double minimum, double maximum) => new(minimum, maximum - minimum);
}

/// <summary>One column, which holds the value itself, or its logarithm, scaled; yes is 1 and no is 0. A category or a text stands in it as it is.</summary>
/// <param name="Column">The column.</param>
/// <param name="Scale">How it was scaled; null where it was not.</param>
/// <param name="Logarithm">The logarithm that was taken before.</param>
public sealed record SingleColumn(string Column, Scaling? Scale = null, Logarithm Logarithm = Logarithm.None) : FeatureEncoding
{
    public override IReadOnlyList<string> Columns => [Column];

    public override FeatureKind UsualKind => FeatureKind.Numeric;

    internal override bool HoldsText(FeatureKind kind) => kind is FeatureKind.Category or FeatureKind.Text;

    internal override string? Fault => Scale is { } s && (!double.IsFinite(s.Offset) || !double.IsFinite(s.Divisor) || s.Divisor == 0)
        ? $"it is scaled by {s.Offset} and {s.Divisor}, which must be finite, and the second not zero" : null;

    internal override string[] Encode(Feature feature, string cell)
    {
        if (HoldsText(feature.Kind)) return [cell];
        double value = feature.Kind == FeatureKind.Boolean ? SchemaText.Truth(feature.Name, cell) : SchemaText.Finite(feature.Name, cell);
        double taken = Logarithm switch
        {
            Logarithm.Natural => Math.Log(value),
            Logarithm.OnePlus => double.LogP1(value),
            Logarithm.Ten => Math.Log10(value),
            _ => value,
        };
        if (!double.IsFinite(taken)) throw new InvalidDataException($"'{feature.Name}' is {cell}, which has no logarithm.");
        return [SchemaText.Exact(Scale is null ? taken : (taken - Scale.Offset) / Scale.Divisor)];
    }

    internal override string Describe(Feature feature, ReadOnlySpan<string> columns)
    {
        if (HoldsText(feature.Kind)) return columns[0];
        double value = SchemaText.Number(columns[0]);
        if (Scale is not null) value = value * Scale.Divisor + Scale.Offset;
        value = Logarithm switch
        {
            Logarithm.Natural => Math.Exp(value),
            Logarithm.OnePlus => double.ExpM1(value),
            Logarithm.Ten => Math.Pow(10, value),
            _ => value,
        };
        return feature.Kind == FeatureKind.Boolean && value is 0 or 1 ? value == 1 ? "yes" : "no" : SchemaText.Quantity(value, feature);
    }
}

/// <summary>A column for each category, 1 where it is the value and 0 elsewhere.</summary>
/// <param name="Columns">The columns.</param>
/// <param name="Categories">The category of each column.</param>
/// <param name="Otherwise">The category where all columns are 0, for encodings that leave one out; null where that is no category.</param>
public sealed record OneHot(IReadOnlyList<string> Columns, IReadOnlyList<string> Categories, string? Otherwise = null) : FeatureEncoding
{
    public override IReadOnlyList<string> Columns { get; } = Columns;

    internal override string? Fault => base.Fault ?? (Columns.Count != Categories.Count ? $"it has {Columns.Count} columns for {Categories.Count} categories"
        : Categories.Distinct(StringComparer.Ordinal).Count() < Categories.Count ? "a category occurs twice" : null);

    internal override string[] Encode(Feature feature, string cell)
    {
        int at = SchemaText.IndexOf(Categories, cell);
        if (at < 0 && (Otherwise is null || !(Otherwise == cell)))
            throw SchemaText.Unknown(feature.Name, cell, Otherwise is null ? Categories : [.. Categories, Otherwise]);
        return [.. Columns.Select((_, i) => i == at ? "1" : "0")];
    }

    /// <remarks>Columns that hold neither one 1 nor none, as mixtures of rows may, are told as they are.</remarks>
    internal override string Describe(Feature feature, ReadOnlySpan<string> columns)
    {
        List<string> set = [];
        bool clean = true;
        for (int i = 0; i < columns.Length; i++)
        {
            double value = SchemaText.Number(columns[i]);
            clean &= value is 0 or 1;
            if (value != 0) set.Add(value == 1 ? Categories[i] : $"{SchemaText.Short(value)} {Categories[i]}");
        }
        return set.Count == 0 ? Otherwise ?? "none of its categories" : clean && set.Count == 1 ? set[0] : string.Join(" + ", set);
    }
}

/// <summary>A number by the interval that it lies in: one column with the interval's number, or a column for each, 1 for the one that it lies in.</summary>
/// <param name="Columns">One column, or one for each interval.</param>
/// <param name="Edges">What separates the intervals, ascending: the first lies below the first edge, the last from the last edge on.</param>
/// <param name="Labels">What the intervals are called, one more than there are edges; made of the edges when null.</param>
public sealed record Binned(IReadOnlyList<string> Columns, IReadOnlyList<double> Edges, IReadOnlyList<string>? Labels = null) : FeatureEncoding
{
    public override IReadOnlyList<string> Columns { get; } = Columns;

    public override FeatureKind UsualKind => FeatureKind.Numeric;

    internal override string? Fault => base.Fault
        ?? (Edges.Count == 0 || Edges.Any(e => !double.IsFinite(e)) || Edges.Zip(Edges.Skip(1)).Any(e => !(e.First < e.Second)) ? "its edges are not one or more ascending numbers"
        : Columns.Count != 1 && Columns.Count != Edges.Count + 1 ? $"its {Edges.Count} edges make {Edges.Count + 1} intervals, and it has {Columns.Count} columns; give one, or one for each interval"
        : Labels is { } l && l.Count != Edges.Count + 1 ? $"its {Edges.Count} edges make {Edges.Count + 1} intervals, and it has {l.Count} labels" : null);

    internal override string[] Encode(Feature feature, string cell)
    {
        double value = SchemaText.Finite(feature.Name, cell);
        int bin = Edges.Count(e => e <= value);
        return Columns.Count == 1 ? [SchemaText.Exact(bin)] : [.. Columns.Select((_, i) => i == bin ? "1" : "0")];
    }

    internal override string Describe(Feature feature, ReadOnlySpan<string> columns)
    {
        int bin = -1;
        if (columns.Length == 1)
        {
            double number = SchemaText.Number(columns[0]);
            if (number >= 0 && number <= Edges.Count && number == Math.Floor(number)) bin = (int)number;
            if (bin < 0) return $"interval {columns[0]}";
        }
        else
        {
            for (int i = 0; i < columns.Length; i++)
                if (SchemaText.Number(columns[i]) != 0) bin = bin == -1 ? i : -2;
            if (bin < 0) return bin == -1 ? "none of its intervals" : "several of its intervals";
        }
        if (Labels is not null) return Labels[bin];
        string Edge(int i) => SchemaText.Quantity(Edges[i], feature);
        return bin == 0 ? $"below {Edge(0)}" : bin == Edges.Count ? $"{Edge(bin - 1)} and more" : $"{SchemaText.Quantity(Edges[bin - 1], feature with { Unit = "" })} to {Edge(bin)}";
    }
}

/// <summary>One column with a number for each category.</summary>
/// <param name="Column">The column.</param>
/// <param name="Categories">The categories.</param>
/// <param name="Codes">The number of each; 0, 1, 2, ... when null.</param>
public sealed record Ordinal(string Column, IReadOnlyList<string> Categories, IReadOnlyList<double>? Codes = null) : FeatureEncoding
{
    public override IReadOnlyList<string> Columns => [Column];

    internal override string? Fault => Categories.Count == 0 ? "it has no category"
        : Categories.Distinct(StringComparer.Ordinal).Count() < Categories.Count ? "a category occurs twice"
        : Codes is { } c && c.Count != Categories.Count ? $"it has {c.Count} codes for {Categories.Count} categories"
        : Codes is not null && Codes.Distinct().Count() < Codes.Count ? "a code occurs twice" : null;

    internal override string[] Encode(Feature feature, string cell) => SchemaText.IndexOf(Categories, cell) is >= 0 and int at ? [SchemaText.Exact(CodeOf(at))]
        : throw SchemaText.Unknown(feature.Name, cell, Categories);

    internal override string Describe(Feature feature, ReadOnlySpan<string> columns)
    {
        float code = (float)SchemaText.Number(columns[0]);
        for (int i = 0; i < Categories.Count; i++)
            if ((float)CodeOf(i) == code) return Categories[i];
        return $"code {columns[0]}";
    }

    private double CodeOf(int category) => Codes is null ? category : Codes[category];
}

/// <summary>Columns that a hash function fills from the value: what it was cannot be told from them, but what all of them together contribute can.</summary>
/// <param name="Columns">The columns.</param>
public sealed record Hashed(IReadOnlyList<string> Columns) : FeatureEncoding
{
    public override IReadOnlyList<string> Columns { get; } = Columns;

    internal override string[] Encode(Feature feature, string cell) =>
        throw new InvalidDataException($"'{feature.Name}' is hashed, and the schema does not know how; give the model's own columns {SchemaText.List(Columns)} instead.");

    internal override string Describe(Feature feature, ReadOnlySpan<string> columns) => "hashed";
}
