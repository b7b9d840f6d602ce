namespace Limn.Trees.Shap;

/// <summary>The values of some rows.</summary>
/// <param name="Rows">The number of rows.</param>
/// <param name="Players">The number of players.</param>
/// <param name="Outputs">The number of outputs that were explained.</param>
/// <param name="Values">[rows, players, outputs].</param>
/// <param name="Predictions">[rows, outputs] What was explained: margins, probabilities or losses.</param>
/// <param name="ExpectedValues">[rows, outputs] What it is with all players absent.</param>
/// <param name="AdditivityError">
/// The largest |expected value + Σ values − prediction|, relative to the sum of the values' sizes in the row where that is largest. NaN for Banzhaf values, which do not add up.
/// </param>
public sealed record TreeShapValues(int Rows, int Players, int Outputs, double[] Values, double[] Predictions, double[] ExpectedValues, double AdditivityError)
{
    /// <summary>The value of a player in a row for an output.</summary>
    public double this[int row, int player, int output = 0] => Values[(row * Players + player) * Outputs + output];
}

/// <summary>The interactions of some rows.</summary>
/// <param name="Rows">The number of rows.</param>
/// <param name="Players">The number of players.</param>
/// <param name="Outputs">The number of outputs that were explained.</param>
/// <param name="Values">
/// [rows, players, players, outputs] Beside the diagonal half of the interaction of two players, on it what is left of a player's value, so that each row of the matrix
/// sums to the player's value.
/// </param>
/// <param name="Single">The values.</param>
public sealed record TreeShapInteractions(int Rows, int Players, int Outputs, double[] Values, TreeShapValues Single)
{
    /// <summary>Half of the interaction of two players, or a player's main effect, in a row for an output.</summary>
    public double this[int row, int one, int other, int output = 0] => Values[((row * Players + one) * Players + other) * Outputs + output];
}
