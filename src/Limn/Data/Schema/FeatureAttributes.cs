namespace Limn.Data;

/// <summary>What a property of a record is to its user. Properties without it are features too, with the defaults.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class FeatureAttribute : Attribute
{
    /// <summary>The feature's name; the property's in lower case with underscores (<c>YearsEmployed</c> is <c>years_employed</c>) when null.</summary>
    public string? Name { get; init; }

    /// <summary>The unit of its numbers.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The decimals that its numbers are written with; −1 for as many as it takes.</summary>
    public int Decimals { get; init; } = -1;

    /// <summary>The model's column; the feature's name when null.</summary>
    public string? Column { get; init; }

    /// <summary>A remark for whoever reads an explanation.</summary>
    public string Note { get; init; } = "";
}

/// <summary>The model's column is scaled: give <see cref="Mean"/> and <see cref="Deviation"/>, or <see cref="Minimum"/> and <see cref="Maximum"/>, and the logarithm taken before.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class ScaledAttribute : Attribute
{
    public double Mean { get; init; } = double.NaN;

    public double Deviation { get; init; } = double.NaN;

    public double Minimum { get; init; } = double.NaN;

    public double Maximum { get; init; } = double.NaN;

    public Logarithm Logarithm { get; init; }
}

/// <summary>The model has a column for each category.</summary>
/// <param name="categories">The categories; the names of an enumeration when none are given.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class OneHotAttribute(params string[] categories) : Attribute
{
    public IReadOnlyList<string> Categories => categories;

    /// <summary>What the columns' names begin with, before the category; the feature's name and an underscore when null.</summary>
    public string? Prefix { get; init; }

    /// <summary>The category where all columns are 0.</summary>
    public string? Otherwise { get; init; }
}

/// <summary>The model has the number of the interval, or a column for each interval.</summary>
/// <param name="edges">What separates the intervals, ascending.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class BinnedAttribute(params double[] edges) : Attribute
{
    public IReadOnlyList<double> Edges => edges;

    /// <summary>What the intervals are called.</summary>
    public string[]? Labels { get; init; }

    /// <summary>A column for each interval; one column with its number when null.</summary>
    public string[]? Columns { get; init; }
}

/// <summary>The model has a number for each category: 0, 1, 2, ..., in this order.</summary>
/// <param name="categories">The categories; the names of an enumeration, with its own numbers, when none are given.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class OrdinalAttribute(params string[] categories) : Attribute
{
    public IReadOnlyList<string> Categories => categories;
}

/// <summary>A hash function fills the model's columns.</summary>
/// <param name="columns">The columns.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class HashedAttribute(params string[] columns) : Attribute
{
    public IReadOnlyList<string> Columns => columns;
}

/// <summary>Missing values were replaced.</summary>
/// <param name="as">The value, in the feature's own terms, that stands for a missing one.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class ImputedAttribute(object @as) : Attribute
{
    public object As => @as;

    /// <summary>The model's column that is 1 where the feature is missing.</summary>
    public string? Indicator { get; init; }
}
