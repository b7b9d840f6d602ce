using Limn.Engine;

namespace Limn.Data;

/// <summary>A table as a model takes it, and what it says in the user's terms.</summary>
/// <param name="Values">The model's input, [rows, columns]: numbers, or text where some column holds text.</param>
/// <param name="Words">For each row the value of each feature, in words: "52,000 EUR", "clerk".</param>
public sealed record EncodedTable(NdArray Values, IReadOnlyList<IReadOnlyList<string>> Words);

/// <summary>What a feature contributed to a score, in the user's terms.</summary>
/// <param name="Feature">The feature's name.</param>
/// <param name="Value">Its value in the row, in words.</param>
/// <param name="Attribution">What it contributed.</param>
/// <param name="StandardError">
/// The standard error of that; null for methods without sampling, and where it is a sum of several sampled numbers: they are not independent, so that the error of their
/// sum does not follow from theirs. With the schema in <see cref="ExplainOptions.Schema"/> a feature is one player, and has its own.
/// </param>
public sealed record Explained(string Feature, string Value, double Attribution, double? StandardError = null)
{
    /// <summary>In words: "income 52,000 EUR: -0.13 ± 0.02".</summary>
    public override string ToString() => $"{Feature}{(Value.Length == 0 ? "" : " ")}{Value}: {(Attribution > 0 ? "+" : "")}{Short(Attribution)}{(StandardError is { } error ? $" ± {Short(error)}" : "")}";

    private static string Short(double value) => value.ToString(Math.Abs(value) is >= 1e-3 and < 1e6 ? "0.####" : "G2", System.Globalization.CultureInfo.InvariantCulture);
}
