using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>HSIC: how much the score depends on whether a part of the input is there, measured by the Hilbert-Schmidt independence criterion.</summary>
/// <remarks>
/// n random masks show each cell of a grid with probability ½. φ_j = 1 / (n − 1)² tr(K_j H L H), K_j(a, b) = 1 where masks a and b agree on cell j, and 0 where not,
/// L(a, b) = exp(−(F_a − F_b)² / 2σ²) with σ the median of |F_a − F_b| over all pairs (their mean where the median is zero), H = I − 11ᵀ / n. Because HLH adds up to zero along each side, the
/// trace is 2 m_jᵀ HLH m_j, with m_j the cell's column of masks. Novello, Fel, Vigouroux: Making Sense of Dependence: Efficient Black-box Explanations Using Dependence Measure, NeurIPS 2022, eq. 3 and section 3.2.
/// It has no sign, and is never negative: a cell without any effect has about 1 / n, from which it cannot be told apart (the estimate is biased by as much, and its distribution there is no normal one,
/// so that no standard error is given). A score that does not vary gives zeros. Memory n² numbers. Twice as many samples begin with the same masks.
/// Cells are at most as many as pixels; every pixel has its cell's value; of tables each column is a cell. Of several inputs the first picture is masked.
/// </remarks>
[Method("hsic", "HSIC", "How much the score depends on whether a part of the input is there.",
    Source = "Novello, Fel, Vigouroux 2022, eq. 3",
    Formula = "φ_j = 1 / (n − 1)² tr(K_j H L H)",
    Cost = "(2 + samples) × forward",
    Axioms = Axioms.Sensitivity | Axioms.ImplementationInvariance,
    NotApplicable = Axioms.Completeness,
    NotApplicableBecause = "Its values measure dependence, and are no shares of the score.")]
public sealed class HsicAttribution(IPredictor model) : PerturbationMethod(model)
{
    private const int MostSamples = 16384;

    /// <summary>Random masks (default 500).</summary>
    [Option("samples", "Random masks.")]
    public int Samples { get; init; } = 500;

    /// <summary>How many cells each side of a picture is divided into (default 8).</summary>
    [Option("grid", "How many cells each side of a picture is divided into.")]
    public int Grid { get; init; } = 8;

    /// <summary>What shows where a cell is gone (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    internal override string? NotInGraph => "Its masks are drawn at random.";

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (Samples is < 2 or > MostSamples) throw new InvalidOptionException($"The option 'samples' must be from 2 to {MostSamples}, and {Samples} was given.");
        double[] prediction = question.Scores();
        var masked = new MaskedPicture(question, Baseline, Name);
        var cells = new CellMasks(masked.Place, Grid);
        float[] mask = new float[cells.Count];
        double[] scores = new double[Samples];
        float[][] maps = new float[question.Rows][];
        for (int r = 0; r < maps.Length; r++)
        {
            masked.Turn(r);
            masked.Score(Samples, (k, positions) =>
            {
                for (int j = 0; j < mask.Length; j++) mask[j] = Shows(question.Seed, k, j) ? 1 : 0;
                cells.Spread(mask, positions);
            }, (k, _, score) => scores[k] = score);
            maps[r] = cells.Spread(Dependence(scores, cells.Count, question.Seed, question.Cancellation));
        }
        return new MethodResult(masked.Place.Spread(question.Inputs, maps), prediction);
    }

    private static bool Shows(ulong seed, int mask, int cell) => (new CounterRandom(seed, (ulong)mask).Bits((ulong)cell >> 6) >> (cell & 63) & 1) != 0;

    private static double[] Dependence(double[] scores, int cells, ulong seed, CancellationToken cancellation)
    {
        int n = scores.Length;
        var dependence = new double[cells];
        double width = Width(scores);
        if (!(width > 1e-9 * scores.Max(Math.Abs))) return dependence; // no more than rounding
        double[] kernel = new double[n * n], means = new double[n];
        for (int a = 0; a < n; a++)
        {
            for (int b = 0; b < n; b++) kernel[a * n + b] = Math.Exp(-Math.Pow((scores[a] - scores[b]) / width, 2) / 2);
            means[a] = TensorPrimitives.Sum<double>(kernel.AsSpan(a * n, n)) / n;
        }
        double mean = means.Sum() / n, scale = 2 / Math.Pow(n - 1.0, 2);
        var shown = new double[n];
        for (int j = 0; j < cells; j++)
        {
            cancellation.ThrowIfCancellationRequested();
            double total = 0, sum = 0, weighted = 0;
            for (int a = 0; a < n; a++) shown[a] = Shows(seed, a, j) ? 1 : 0;
            for (int a = 0; a < n; a++)
            {
                if (shown[a] == 0) continue;
                total += TensorPrimitives.Dot<double>(kernel.AsSpan(a * n, n), shown);
                weighted += means[a];
                sum++;
            }
            dependence[j] = Math.Max(0, scale * (total - 2 * sum * weighted + sum * sum * mean)); // mᵀ H L H m
        }
        return dependence;
    }

    /// <summary>The median distance of two scores; the mean where it is zero.</summary>
    private static double Width(double[] scores)
    {
        int n = scores.Length;
        var distances = new double[n * (n - 1) / 2];
        for (int a = 0, k = 0; a < n; a++)
            for (int b = 0; b < a; b++) distances[k++] = Math.Abs(scores[a] - scores[b]);
        Array.Sort(distances);
        double median = (distances[(distances.Length - 1) / 2] + distances[distances.Length / 2]) / 2;
        return median > 0 ? median : distances.Sum() / distances.Length;
    }
}
