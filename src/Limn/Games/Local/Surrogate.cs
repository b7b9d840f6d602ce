namespace Limn.Games.Local;

/// <summary>What a local surrogate is.</summary>
public enum SurrogateKind
{
    /// <summary>A linear function with squared coefficients penalised.</summary>
    Ridge,

    /// <summary>A linear function with absolute coefficients penalised, so that some are zero.</summary>
    Lasso,

    /// <summary>A small decision tree; a feature gets what the splits on it add on the way to the row.</summary>
    Tree,
}

/// <summary>A simple model that was fitted to the scores of changed copies of a row, nearer copies counting more.</summary>
/// <param name="Intercept">The surrogate's score where all of its features are absent (or zero); of a tree, at its root.</param>
/// <param name="R2">The share of the weighted variance of the scores that it explains: 1 is all, 0 none; NaN where the scores do not vary.</param>
/// <param name="LocalPrediction">What it predicts for the row itself.</param>
/// <param name="Score">The model's own score of the row.</param>
/// <param name="Error">How far it is off: the weighted root mean square of what it misses.</param>
public sealed record Surrogate(double Intercept, double R2, double LocalPrediction, double Score, double Error)
{
    /// <summary>How many copies it was fitted to; 0 where every coalition was weighed instead of drawn.</summary>
    public int Samples { get; init; }

    /// <summary>Its strongest features, by their absolute values: those that were kept, or the first five.</summary>
    public IReadOnlyList<TopFeature> Top { get; init; } = [];

    /// <summary>The same for more players.</summary>
    internal Surrogate Among(IReadOnlyList<int> at) => this with { Top = [.. Top.Select(t => t with { Player = at[t.Player] })] };
}

/// <summary>One of the strongest features of a surrogate.</summary>
/// <param name="Player">Its number among the players.</param>
/// <param name="Value">What it got.</param>
/// <param name="Stability">The share of resamples of the copies in which it is among as many strongest features again; 1 where nothing was drawn.</param>
/// <param name="Condition">What it says of the row, where features are conditions: "feature 2 &gt; 4.9".</param>
public sealed record TopFeature(int Player, double Value, double Stability, string? Condition = null);
