using System.Globalization;

namespace Limn.Tests.AxiomTable;

/// <summary>Works out how many rows go through the model from the text of a cost, such as <c>3 × forward + steps × (forward + backward)</c>.</summary>
/// <remarks>A row that goes forwards and then backwards is counted once, so that <c>backward</c> alone is free.</remarks>
internal sealed class CostText
{
    private readonly string[] tokens;
    private readonly Func<string, double> known;
    private int at;

    private CostText(string text, Func<string, double> known)
    {
        tokens = text.Replace("(", " ( ", StringComparison.Ordinal).Replace(")", " ) ", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        this.known = known;
    }

    /// <param name="text">Sums and products of numbers, names and brackets.</param>
    /// <param name="known">What a name stands for; <c>forward</c> and <c>backward</c> are known already.</param>
    public static double Calls(string text, Func<string, double> known)
    {
        var cost = new CostText(text, known);
        double calls = cost.Sum();
        return cost.at == cost.tokens.Length ? calls : throw new FormatException($"'{text}' does not end after '{string.Join(' ', cost.tokens[..cost.at])}'.");
    }

    private double Sum()
    {
        double sum = Product();
        while (Next("+")) sum += Product();
        return sum;
    }

    private double Product()
    {
        double product = Factor();
        while (Next("×")) product *= Factor();
        return product;
    }

    private double Factor()
    {
        if (!Next("("))
        {
            string token = tokens[at++];
            return token switch { "forward" => 1, "backward" => 0, _ when int.TryParse(token, CultureInfo.InvariantCulture, out int number) => number, _ => known(token) };
        }
        double inner = Sum();
        return Next(")") ? inner : throw new FormatException($"A bracket is not closed in '{string.Join(' ', tokens)}'.");
    }

    private bool Next(string token)
    {
        if (at == tokens.Length || tokens[at] != token) return false;
        at++;
        return true;
    }
}
