using Limn.Models;

namespace Limn.Games;

/// <summary>Which index of sensitivity is computed.</summary>
public enum SobolOrder
{
    /// <summary>What share of the variance would be left if all but the cell were known: its own and all its joint effects.</summary>
    Total,

    /// <summary>What share of the variance the cell has on its own.</summary>
    First,
}

/// <summary>Sobol indices: what share of the score's variance, under random fading, is due to each part of a picture or column of a table.</summary>
/// <remarks>
/// Masks m ∈ [0, 1]^d fade the cells of a grid, b + (x − b) m; with A and B the two halves of a design of N points in 2d dimensions, and A_B(j) the points of A with coordinate j of B:
/// total S_T(j) = 1 / (2N) Σ (F(A) − F(A_B(j)))² / V, first order S(j) = 1 − 1 / (2N) Σ (F(B) − F(A_B(j)))² / V, and V the variance of the scores at A and B (Jansen 1999). The design is
/// a randomised Halton sequence (<see cref="ScrambledHalton"/>). A score that does not vary has indices of zero. Fel et al.: Look at the Variance! Efficient Black-box Explanations with
/// Sobol-based Sensitivity Analysis, NeurIPS 2021, eq. 3 to 5. Indices have no sign: a region that speaks against the target counts like one that speaks for it. Estimates of small first-order
/// indices may be negative. The points of an even design are not independent, so that a bootstrap or jackknife of them is no standard error: none is given; another seed gives another estimate.
/// Cells are at most as many as pixels; every pixel has its cell's index; sequences [N,C,L] are divided along their length, of tables each column is a cell. Of several inputs the first picture is faded.
/// </remarks>
[Method("sobol", "Sobol Indices", "What share of the score's variance, under random fading, is due to each part of the input.",
    Source = "Fel et al. 2021, eq. 3 to 5; Jansen 1999",
    Formula = "φ_j = 1 / (2N) Σ (F(A) − F(A with cell j of B))² / V",
    Cost = "(2 + samples × (2 + players)) × forward",
    Axioms = Axioms.Sensitivity | Axioms.ImplementationInvariance,
    NotApplicable = Axioms.Completeness,
    NotApplicableBecause = "Its values are shares of a variance, not of the score.")]
public sealed class SobolIndices(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>Points of the design, N (default 32); each is asked for with every cell exchanged.</summary>
    [Option("samples", "Points of the design, each of which is asked for with every cell exchanged.")]
    public int Samples { get; init; } = 32;

    /// <summary>How many cells each side of a picture is divided into (default 8).</summary>
    [Option("grid", "How many cells each side of a picture is divided into.")]
    public int Grid { get; init; } = 8;

    /// <summary>Total or first-order indices.</summary>
    [Option("order", "Total indices, which hold all joint effects of a cell, or first-order ones, which hold none.")]
    public SobolOrder Order { get; init; } = SobolOrder.Total;

    /// <summary>What a cell fades to (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    internal override string? NotInGraph => "Its masks are a random design.";

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (Samples < 1) throw new InvalidOptionException($"The option 'samples' must be at least 1, and {Samples} was given.");
        double[] prediction = question.Scores();
        var masked = new MaskedPicture(question, Baseline, Name);
        var cells = new CellMasks(masked.Place, Grid);
        int d = cells.Count, masks = d + 2;
        var design = new ScrambledHalton(2 * d, question.Seed);
        var points = new float[Samples][];
        for (int n = 0; n < Samples; n++) points[n] = [.. Enumerable.Range(0, 2 * d).Select(j => (float)design[n, j])];
        float[] mask = new float[d];
        double[] scores = new double[Samples * masks];
        float[][] maps = new float[question.Rows][];
        for (int r = 0; r < maps.Length; r++)
        {
            masked.Turn(r);
            masked.Score(scores.Length, (k, positions) =>
            {
                // Of each point first A, then B, then A with one coordinate of B after the other.
                (float[] point, int which) = (points[k / masks], k % masks);
                point.AsSpan(which == 1 ? d : 0, d).CopyTo(mask);
                if (which > 1) mask[which - 2] = point[d + which - 2];
                cells.Spread(mask, positions);
            }, (k, _, score) => scores[k] = score);
            maps[r] = cells.Spread(Indices(scores, d));
        }
        return new MethodResult(masked.Place.Spread(question.Inputs, maps), prediction);
    }

    private double[] Indices(double[] scores, int d)
    {
        int masks = d + 2;
        double Score(int point, int which) => scores[point * masks + which];
        double mean = 0, variance = 0;
        for (int n = 0; n < Samples; n++) mean += (Score(n, 0) + Score(n, 1)) / (2.0 * Samples);
        for (int n = 0; n < Samples; n++) variance += (Math.Pow(Score(n, 0) - mean, 2) + Math.Pow(Score(n, 1) - mean, 2)) / (2.0 * Samples);
        var indices = new double[d];
        if (!(Math.Sqrt(variance) > 1e-7 * Math.Abs(mean))) return indices; // no more than rounding
        for (int j = 0; j < d; j++)
        {
            double squares = 0;
            for (int n = 0; n < Samples; n++) squares += Math.Pow(Score(n, Order == SobolOrder.Total ? 0 : 1) - Score(n, 2 + j), 2);
            double share = squares / (2 * Samples * variance);
            indices[j] = Order == SobolOrder.Total ? share : 1 - share;
        }
        return indices;
    }
}
