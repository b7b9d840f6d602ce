namespace Limn.Games;

/// <summary>What the players of one row got.</summary>
/// <param name="Players">Who they are.</param>
/// <param name="Solution">What each got.</param>
public sealed record PlayerValues(Players Players, Solution Solution);
