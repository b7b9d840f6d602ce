using System.Numerics;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>What RISE divides the sum of scores times masks by.</summary>
public enum RiseNormalization
{
    /// <summary>N · p, what the masks add up to on average, as in the paper.</summary>
    Expected,

    /// <summary>What the masks of each pixel add up to. A constant score is then its own map, without noise.</summary>
    Masks,
}

/// <summary>RISE: the mean score of the input seen through random masks, at each pixel over the masks that show it.</summary>
/// <remarks>
/// S(λ) = 1 / (N p) Σ_k F(x ⊙ M_k) M_k(λ), an estimate of E[F(x ⊙ M) | M(λ) = 1]; where a mask is zero the baseline shows, b + (x − b) M. With <see cref="Normalization"/> masks the
/// sum is divided by Σ_k M_k(λ). Needs nothing but scores; a probability as the target is usual, for which the map is one of probabilities (the paper; logits may have any sign).
/// The standard error is that of the mean over masks, of the quotient to first order. Twice as many samples begin with the same masks.
/// Of sequences [N,C,L] the masks are those of a picture of one line, of tables each column comes and goes on its own; of several inputs the first picture is masked, and the others get zero.
/// Petsiuk, Das, Saenko: RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018, eq. 6 and section 3.2. Where the authors' code mirrors the grid beyond its edge,
/// the edge is repeated here.
/// </remarks>
[Method("rise", "RISE", "The mean score of the input seen through random masks, at each pixel over the masks that show it.",
    Source = "Petsiuk, Das, Saenko 2018, eq. 6",
    Formula = "φᵢ = 1 / (N p) Σ_k F(b + (x − b) · M_k) M_k,ᵢ",
    Cost = "(2 + samples) × forward",
    Axioms = Axioms.ImplementationInvariance,
    NotApplicable = Axioms.Completeness | Axioms.Sensitivity | Axioms.Dummy | Axioms.Symmetry,
    NotApplicableBecause = "It is the mean score where a pixel is seen, not a change of the score.")]
public sealed class Rise(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>Random masks (default 4000).</summary>
    [Option("samples", "Random masks.")]
    public int Samples { get; init; } = 4000;

    /// <summary>Cells of the masks' grid along each side (default 7).</summary>
    [Option("grid", "Cells of the masks' grid along each side.")]
    public int Grid { get; init; } = 7;

    /// <summary>The probability that a cell is shown (default 0.5).</summary>
    [Option("probability", "The probability that a cell is shown.")]
    public double Probability { get; init; } = 0.5;

    /// <summary>What the sum is divided by.</summary>
    [Option("normalization", "What the sum of scores times masks is divided by: what the masks add up to on average, or what those of the pixel do.")]
    public RiseNormalization Normalization { get; init; } = RiseNormalization.Expected;

    /// <summary>What shows where a mask is zero (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    internal override string? NotInGraph => "Its masks are drawn at random.";

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (Samples < 1) throw new InvalidOptionException($"The option 'samples' must be at least 1, and {Samples} was given.");
        if (Grid < 1) throw new InvalidOptionException($"The option 'grid' must be at least 1, and {Grid} was given.");
        if (!(Probability > 0 && Probability <= 1)) throw new InvalidOptionException($"The option 'probability' must be above 0 and at most 1, and {Probability} was given.");
        double[] prediction = question.Scores();
        var masked = new MaskedPicture(question, Baseline, Name);
        var masks = new RiseMasks(masked.Place, Grid, Probability, question.Seed);
        var (maps, errors) = (new float[question.Rows][], new float[question.Rows][]);
        int unseen = 0;
        for (int r = 0; r < maps.Length; r++)
        {
            var sums = new Sums(masked.Place.Positions, Normalization);
            masked.Turn(r);
            masked.Score(Samples, masks.Write, (_, mask, score) => sums.Add(mask, score));
            (maps[r], errors[r], int dark) = sums.Result(Samples, Probability);
            unseen = Math.Max(unseen, dark);
        }
        return new MethodResult(masked.Place.Spread(question.Inputs, maps), prediction, StandardError: Samples < 2 ? null : masked.Place.Spread(question.Inputs, errors))
        {
            Remarks = unseen == 0 ? [] : [$"No mask shows {unseen} of {masked.Place.Positions} positions, which get zero. Take more samples (--set samples={4L * Samples}), or a larger probability."],
        };
    }

    /// <summary>Sums over masks, for each position: those that the mean and its error need.</summary>
    private sealed class Sums(int positions, RiseNormalization by)
    {
        private readonly double[] scored = new double[positions], scoredSquare = new double[positions]; // Σ f m, Σ f² m²
        private readonly double[] plain = new double[by == RiseNormalization.Masks ? positions : 0], plainSquare = new double[by == RiseNormalization.Masks ? positions : 0]; // Σ m, Σ m²
        private readonly double[] mixed = new double[by == RiseNormalization.Masks ? positions : 0]; // Σ f m²

        public void Add(ReadOnlySpan<float> mask, double score)
        {
            int at = Vector.IsHardwareAccelerated ? mask.Length - mask.Length % Vector<float>.Count : 0, half = Vector<double>.Count;
            for (int i = 0; i < at; i += Vector<float>.Count)
            {
                Vector.Widen(new Vector<float>(mask[i..]), out Vector<double> low, out Vector<double> high);
                Add(low, score, i);
                Add(high, score, i + half);
            }
            for (; at < mask.Length; at++)
            {
                double m = mask[at], square = m * m;
                scored[at] += score * m;
                scoredSquare[at] += score * score * square;
                if (by != RiseNormalization.Masks) continue;
                plain[at] += m;
                plainSquare[at] += square;
                mixed[at] += score * square;
            }
        }

        private void Add(Vector<double> m, double score, int at)
        {
            Vector<double> square = m * m, seen = score * m;
            (new Vector<double>(scored, at) + seen).CopyTo(scored, at);
            (new Vector<double>(scoredSquare, at) + score * score * square).CopyTo(scoredSquare, at);
            if (by != RiseNormalization.Masks) return;
            (new Vector<double>(plain, at) + m).CopyTo(plain, at);
            (new Vector<double>(plainSquare, at) + square).CopyTo(plainSquare, at);
            (new Vector<double>(mixed, at) + score * square).CopyTo(mixed, at);
        }

        /// <summary>The map, its standard error, and how many positions no mask shows.</summary>
        public (float[] Map, float[] Error, int Unseen) Result(int samples, double probability)
        {
            var (map, error, unseen) = (new float[positions], new float[positions], 0);
            for (int i = 0; i < positions; i++)
            {
                double total = by == RiseNormalization.Masks ? plain[i] : samples * probability;
                if (total == 0)
                {
                    unseen++;
                    continue;
                }
                double mean = scored[i] / total;
                // Of f m, or of (f − S) m, whose mean is zero.
                double squares = by == RiseNormalization.Masks ? scoredSquare[i] - 2 * mean * mixed[i] + mean * mean * plainSquare[i] : scoredSquare[i] - scored[i] * scored[i] / samples;
                map[i] = (float)mean;
                error[i] = samples < 2 ? 0 : (float)(StandardError.OfMean(squares / (samples - 1), samples) * samples / total);
            }
            return (map, error, unseen);
        }
    }
}
