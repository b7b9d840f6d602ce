using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Feature Permutation: what the score loses, row by row, when a feature is taken from another of the given rows.</summary>
/// <remarks>
/// φ_g(x_r) = mean over random permutations π of the rows of F(x_r) − F(x_r with the elements of group g of x_π(r)). The features of a batch are exchanged among its own rows,
/// so that each value is one that occurs; it takes two rows or more. The standard error is that of the mean over permutations. Captum takes one permutation;
/// Breiman: Random Forests, 2001, section 10, has the same for a loss. The model's mean loss under permutation over a whole data set is a global importance.
/// </remarks>
[Method("feature-permutation", "Feature Permutation", "What the score loses when a feature is taken from another of the given rows.",
    Source = "Breiman 2001, section 10; Captum",
    Formula = "φ_g = mean over π of F(x) − F(x with group g of row π)",
    Cost = "(2 + samples × elements) × forward",
    NotApplicable = Axioms.All,
    NotApplicableBecause = "It measures from the other rows of a batch, not from a baseline.")]
public sealed class FeaturePermutation(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>The group of each element, for each input, of one row: elements with the same number go together. Null: each element on its own.</summary>
    public IReadOnlyList<NdArray>? Mask { get; init; }

    /// <summary>Random permutations of the rows (default 5).</summary>
    [Option("samples", "Random permutations of the rows.")]
    public int Samples { get; init; } = 5;

    internal override string? NotInGraph => "It exchanges features between the rows of a batch at random.";

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (question.Rows < 2) throw new InvalidOptionException($"Feature permutation exchanges features between rows, and {question.Rows} was given. Give more rows, or use feature-ablation with a baseline.");
        if (Samples < 1) throw new InvalidOptionException($"The option 'samples' must be at least 1, and {Samples} was given.");
        IReadOnlyList<NdArray> values = question.Inputs;
        NdArray[] first = [.. values.Select(v => v.Rows(0, 1))];
        Players players = question.Schema(Mask) is { } schema ? schema.PlayersOf(first) : Mask is { } mask ? Players.Groups(first, mask) : Players.Elements(first);
        double[] prediction = question.Scores();
        var moments = Enumerable.Range(0, players.Count).Select(_ => new RunningMoments(question.Rows)).ToArray();
        for (int g = 0; g < players.Count; g++)
            for (int s = 0; s < Samples; s++)
            {
                question.ThrowIfCancelled();
                int[] order = new CounterRandom(question.Seed, (ulong)g << 32 | (uint)s).Permutation(question.Rows);
                double[] scores = question.WithInputs([.. values.Select((v, i) => Exchanged(v, players.Of[i], g, order))]).Scores();
                moments[g].Add([.. scores.Select((score, r) => prediction[r] - score)]);
                question.Report((long)g * Samples + s + 1, (long)players.Count * Samples);
            }
        double[][] means = Array.ConvertAll(moments, m => m.Mean.ToArray()), errors = Array.ConvertAll(moments, m => m.Errors());
        return new MethodResult(Spread(m => m.Mean.ToArray()), prediction, StandardError: Samples < 2 ? null : Spread(m => m.Errors()))
        {
            Players = [.. Enumerable.Range(0, question.Rows).Select(r => new PlayerValues(players, new Solution(Array.ConvertAll(means, m => m[r])) { StandardErrors = Samples < 2 ? null : Array.ConvertAll(errors, e => e[r]) }))],
        };

        NdArray[] Spread(Func<RunningMoments, double[]> of)
        {
            double[][] all = Array.ConvertAll(moments, m => of(m));
            return [.. values.Select((v, i) =>
            {
                NdArray spread = NdArray.Create(ElementType.Float, v.Dims.ToArray());
                for (int e = 0; e < v.Length; e++) spread.Floats[e] = (float)all[players.Of[i][e % players.Of[i].Length]][e / players.Of[i].Length];
                return spread;
            })];
        }
    }

    private static NdArray Exchanged(NdArray rows, int[] players, int player, int[] order)
    {
        NdArray other = Batches.Select(rows, order), mixed = NdArray.Create(rows.Type, rows.Dims.ToArray());
        mixed.CopyFrom(rows);
        for (int e = 0; e < rows.Length; e++)
        {
            if (players[e % players.Length] != player) continue;
            switch (rows.Type.Storage())
            {
                case Storage.Float: mixed.Floats[e] = other.Floats[e]; break;
                case Storage.Integer: mixed.Integers[e] = other.Integers[e]; break;
                case Storage.Boolean: mixed.Booleans[e] = other.Booleans[e]; break;
                default: mixed.Strings[e] = other.Strings[e]; break;
            }
        }
        return mixed;
    }
}
