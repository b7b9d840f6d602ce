using System.Globalization;

namespace Limn.Games.Local;

/// <summary>What must hold of one feature.</summary>
/// <param name="Player">Its number among the players.</param>
/// <param name="Name">What it is called.</param>
public sealed record Condition(int Player, string Name)
{
    /// <summary>Its value is above this; null where the feature has only to be as it is (a superpixel, a word).</summary>
    public float? Above { get; init; }

    /// <summary>Its value is at most this; where it equals <see cref="Above"/>, it is this.</summary>
    public float? UpTo { get; init; }

    /// <summary>The condition in words: "feature 2 &gt; 4.9"; just the name where the feature has only to be as it is.</summary>
    public override string ToString() => (Above, UpTo) switch
    {
        (null, _) or (_, null) => Name,
        ({ } a, { } b) when a == b => $"{Name} = {Text(a)}",
        (float.NegativeInfinity, float.PositiveInfinity) => $"{Name} is any",
        (float.NegativeInfinity, { } b) => $"{Name} <= {Text(b)}",
        ({ } a, float.PositiveInfinity) => $"{Name} > {Text(a)}",
        ({ } a, { } b) => $"{Text(a)} < {Name} <= {Text(b)}",
    };

    private static string Text(float value) => value.ToString("G6", CultureInfo.InvariantCulture);
}

/// <summary>An anchor: conditions under which the model decides as it does for the row, whatever the other features are.</summary>
/// <param name="Conditions">What must hold, in the order in which it was found; nothing where the decision holds anyway.</param>
/// <param name="Precision">The share of the copies that fulfil the conditions for which the model decides the same.</param>
/// <param name="PrecisionLow">The precision is at least this, with the confidence asked for.</param>
/// <param name="PrecisionHigh">And at most this.</param>
/// <param name="Coverage">The share of copies (drawn without conditions) that fulfil them.</param>
/// <param name="IsAnchor">Whether the precision is known to reach the threshold; otherwise this is the best that was found.</param>
public sealed record Rule(IReadOnlyList<Condition> Conditions, double Precision, double PrecisionLow, double PrecisionHigh, double Coverage, bool IsAnchor)
{
    /// <summary>What the model decides, in words.</summary>
    public string Decision { get; init; } = "the same decision";

    /// <summary>The copies that were scored for it.</summary>
    public long Samples { get; init; }

    /// <summary>The rule in words: "feature 2 &gt; 4.9 AND feature 3 &lt;= 1.7".</summary>
    public string Words => Conditions.Count == 0 ? "anything" : string.Join(" AND ", Conditions);

    /// <summary>The same for more players.</summary>
    internal Rule Among(IReadOnlyList<int> at) => this with { Conditions = [.. Conditions.Select(c => c with { Player = at[c.Player] })] };
}
