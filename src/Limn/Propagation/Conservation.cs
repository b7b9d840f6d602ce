namespace Limn.Propagation;

/// <summary>Where the relevance of a row went on its way from the target to the places: what each layer received and passed on.</summary>
/// <param name="Row">The row.</param>
/// <param name="Score">The relevance that it started with: the score.</param>
/// <param name="LayerSums">The layers that relevance passed, in the order it did: from the target backwards.</param>
public sealed record Conservation(int Row, double Score, IReadOnlyList<LayerRelevance> LayerSums)
{
    /// <summary>What reached the places.</summary>
    public double Delivered => LayerSums.Count == 0 ? Score : LayerSums[^1].Remaining;

    /// <summary>The layers that lost (or added) most, at least a share of the score, the largest first.</summary>
    public IEnumerable<LayerRelevance> Leaks(double share = 1e-3) =>
        LayerSums.Where(l => !(Math.Abs(l.Lost) <= share * Math.Abs(Score))).OrderByDescending(l => double.IsNaN(l.Lost) ? double.PositiveInfinity : Math.Abs(l.Lost));
}

/// <summary>The relevance of one layer.</summary>
/// <param name="Layer">The node.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Arrived">Σ of what arrived at its outputs.</param>
/// <param name="Sent">Σ of what it sent to its inputs.</param>
/// <param name="Remaining">Σ over the cut just behind the layer: everything that is under way once the layer has sent on, whichever path it takes.</param>
public sealed record LayerRelevance(string Layer, string Operator, double Arrived, double Sent, double Remaining)
{
    /// <summary>What the layer's biases and stabilisers absorbed; negative where they added.</summary>
    public double Lost => Arrived - Sent;
}
