namespace Limn.Trees;

/// <summary>Which features of an ensemble may be missing: those that no split uses, and those of which some split has a branch for what is missing.</summary>
/// <remarks>LightGBM itself takes NaN for zero at features that had no missing value in training (<see cref="MissingRule.None"/>): an answer, but seldom what is meant, so it is refused here.</remarks>
internal sealed class MissingCheck
{
    private readonly IReadOnlyList<string> own;
    private readonly bool[] refused;
    private readonly bool any;

    private MissingCheck(TreeEnsemble model)
    {
        own = model.FeatureNames;
        refused = new bool[model.Features];
        var taken = new bool[model.Features];
        foreach (Tree tree in model.Trees)
        {
            for (int n = 0; n < tree.Left.Length; n++)
            {
                if (tree.Left[n] < 0) continue;
                (tree.Missing?[n] == MissingRule.None ? refused : taken)[tree.Feature[n]] = true;
            }
        }
        for (int f = 0; f < refused.Length; f++) any |= refused[f] &= !taken[f];
    }

    public static MissingCheck Of(TreeEnsemble model) => new(model);

    /// <exception cref="InvalidDataException">A value is missing; the message names row and column.</exception>
    public void Check(ReadOnlySpan<float> rows, long firstRow, IReadOnlyList<string>? names)
    {
        if (!any) return;
        for (int i = 0; i < rows.Length; i++)
        {
            int f = i % refused.Length;
            if (!float.IsNaN(rows[i]) || !refused[f]) continue;
            string? name = names is { Count: > 0 } ? names[f] : own.Count > 0 ? own[f] : null;
            throw new InvalidDataException($"Row {firstRow + i / refused.Length} has no value in column {f}{(name is null ? "" : $" ('{name}')")}, and the model has no branch for a missing one there: it was trained without. Replace it, for example by the column's median.");
        }
    }
}
