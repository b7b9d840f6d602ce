using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>What absent features are, row by row: the alternatives of a baseline, stacked as the rows of arrays.</summary>
internal sealed class Backgrounds
{
    private readonly Question question;
    private readonly IReadOnlyList<NdArray>? common;
    private readonly IReadOnlyList<NdArray>[] alternatives = [];
    private readonly IReadOnlyList<double>? weights;

    public Backgrounds(Question question, Baseline baseline)
    {
        this.question = question;
        weights = baseline.Weights;
        bool inputs = Enumerable.Range(0, question.Places.Count).All(question.IsInput);
        bool masks = question.Model is OnnxModel network && network.Graph.Inputs.Any(i => !i.Type.IsFloating()) && InputPlaces.Of(network).HasMasks;
        if (inputs && !masks) common = baseline.RowsFor(question.Inputs);
        if (common is null) alternatives = [.. question.Resolve(baseline).Select(b => question.WithInputs(b).PlaceValues())];
    }

    /// <summary>The alternatives for a row, and what each weighs.</summary>
    public (IReadOnlyList<NdArray> Rows, IReadOnlyList<double>? Weights) Of(int row) => (common ??
        [.. Enumerable.Range(0, alternatives[0].Count).Select(i => Batches.Join([.. alternatives.Select(a => a[i].Rows(row, 1))]))], weights);
}
