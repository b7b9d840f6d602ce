using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>GradientSHAP, also known as Expected Gradients: Integrated Gradients with the baseline drawn from a background, by sampling.</summary>
/// <remarks>
/// φᵢ(x) = E[(x'ᵢ − bᵢ) · ∂F(b + α(x' − b))/∂xᵢ], b a random row of the background, α ~ U(0, 1), x' = x + N(0, σ²).
/// In expectation Σφ = F(x) − E[F(b)] without noise; the delta that is reported also holds the error of sampling, of which the
/// standard error of each value says how large it is. Draws depend on (seed, row, sample) only, so that neither batches nor threads
/// change them. At a layer, the path runs in the layer's space as in <see cref="IntegratedGradients"/>; Captum takes the layer's gradient
/// on the path of the input instead, which does not add up. Captum draws 5 samples by default.
/// Erion et al.: Improving performance of deep learning models with axiomatic attribution priors and expected gradients, 2021, eq. 3;
/// Lundberg, Lee: A Unified Approach to Interpreting Model Predictions, 2017 (the noise is that of Captum's GradientShap).
/// </remarks>
[Method("gradient-shap", "GradientSHAP", "Integrated Gradients averaged over baselines drawn from a background (Expected Gradients), by sampling.", Source = "Erion et al. 2021, eq. 3",
    Formula = "φᵢ = E[(xᵢ − bᵢ) · ∂F(b + α(x − b))/∂xᵢ], b from the background, α ~ U(0, 1)",
    Cost = "(2 + baselines) × forward + samples × (forward + backward)",
    Axioms = Axioms.All)]
public sealed class GradientShap(OnnxModel model) : GradientMethod(model)
{
    private const ulong AlphaIndex = 0, BaselineIndex = 1, NoiseIndex = 2;

    internal override string? NotInGraph => "it is sampled, and the random numbers of ONNX differ from device to device. Use integrated-gradients with --background.";

    /// <summary>Draws for each row (default 100). The standard error falls with its square root.</summary>
    [Option("samples", "Draws of a baseline and a point of the path, for each row.")]
    public int Samples { get; init; } = 100;

    /// <summary>The standard deviation of noise added to the input, in its own unit (default 0).</summary>
    [Option("stdev", "Standard deviation of noise added to the input, in its own unit.")]
    public double StandardDeviation { get; init; }

    /// <summary>Whether the gradient is multiplied by x' − b (default).</summary>
    [Option("multiply", "Whether the gradient is multiplied by the distance from the baseline.")]
    public bool Multiplied { get; init; } = true;

    /// <summary>The background to draw from, each alternative being as likely (default: zero alone).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    protected internal override MethodResult Compute(Question question)
    {
        if (Samples < 2) throw new InvalidOptionException($"At least 2 samples are needed, and {Samples} were asked for.");
        if (!(StandardDeviation >= 0)) throw new InvalidOptionException($"The standard deviation of the noise cannot be {StandardDeviation}.");
        IReadOnlyList<NdArray> end = question.PlaceValues();
        double[] prediction = question.Scores();
        int total = question.Rows * Samples, portion = question.Portion();
        int[] drawn = [.. Enumerable.Range(0, total).Select(i => Draw(question, i).Below(Baseline.Count, BaselineIndex))];
        // By baseline, so that only one of a large background is held at a time.
        int[] order = [.. Enumerable.Range(0, total).OrderBy(i => drawn[i])];
        using var background = new Background(question, Baseline);
        double[][] sums = [.. end.Select(e => new double[e.Length])], squares = [.. end.Select(e => new double[e.Length])];
        for (int from = 0; from < total; from += portion)
        {
            question.ThrowIfCancelled();
            int[] items = order[from..Math.Min(total, from + portion)], rows = Array.ConvertAll(items, i => i / Samples);
            NdArray[] between = [.. end.Select(e => Batches.Select(e, rows))];
            NdArray[] directions = [.. between.Select(x => NdArray.Create(ElementType.Float, x.Dims.ToArray()))];
            for (int i = 0; i < items.Length; i++)
            {
                IReadOnlyList<NdArray> baseline = background.Advance(drawn[items[i]]);
                for (int p = 0; p < end.Count; p++)
                {
                    int inner = end[p].Length / question.Rows;
                    Place(Draw(question, items[i]), p, baseline[p].Floats.Slice(rows[i] * inner, inner), between[p].Floats.Slice(i * inner, inner), directions[p].Floats.Slice(i * inner, inner));
                }
            }
            NdArray[] gradients = question.Select(rows).WithPlaces(between).Gradient().Gradients;
            for (int p = 0; p < gradients.Length; p++)
            {
                int inner = end[p].Length / question.Rows;
                for (int i = 0; i < items.Length; i++)
                    for (int j = 0; j < inner; j++)
                    {
                        double value = gradients[p].Floats[i * inner + j] * (Multiplied ? (double)directions[p].Floats[i * inner + j] : 1);
                        sums[p][rows[i] * inner + j] += value;
                        squares[p][rows[i] * inner + j] += value * value;
                    }
            }
            question.Report(from + items.Length, total);
        }
        return Summarise(question, end, sums, squares, prediction, background.MeanScores());
    }

    private static CounterRandom Draw(Question question, int item) => new(question.Seed, (ulong)item);

    /// <summary>Moves x + noise to a random point between the baseline and there, and notes the distance.</summary>
    private void Place(CounterRandom random, int place, ReadOnlySpan<float> b, Span<float> x, Span<float> direction)
    {
        if (StandardDeviation > 0)
        {
            random.FillNormal(direction, NoiseIndex + ((ulong)place << 40));
            TensorPrimitives.MultiplyAdd(direction, (float)StandardDeviation, x, x);
        }
        TensorPrimitives.Subtract(x, b, direction);
        double alpha = random.Uniform(AlphaIndex);
        for (int j = 0; j < x.Length; j++) x[j] = (float)(b[j] + alpha * ((double)x[j] - b[j]));
    }

    private MethodResult Summarise(Question question, IReadOnlyList<NdArray> end, double[][] sums, double[][] squares, double[] prediction, double[] baselineScore)
    {
        var values = new NdArray[end.Count];
        var errors = new NdArray[end.Count];
        var delta = new double[question.Rows];
        for (int p = 0; p < values.Length; p++)
        {
            values[p] = NdArray.Create(ElementType.Float, end[p].Dims.ToArray());
            errors[p] = NdArray.Create(ElementType.Float, end[p].Dims.ToArray());
            int inner = end[p].Length / question.Rows;
            for (int i = 0; i < sums[p].Length; i++)
            {
                double mean = sums[p][i] / Samples;
                values[p].Floats[i] = (float)mean;
                errors[p].Floats[i] = (float)Math.Sqrt(Math.Max(0, squares[p][i] / Samples - mean * mean) / (Samples - 1));
                delta[i / inner] += mean;
            }
        }
        for (int r = 0; r < delta.Length; r++) delta[r] -= prediction[r] - baselineScore[r];
        return new MethodResult(values, prediction, baselineScore, Multiplied ? delta : null, errors);
    }

    /// <summary>The alternatives of a baseline one after another, with their scores.</summary>
    private sealed class Background(Question question, Baseline baseline) : IDisposable
    {
        private readonly IEnumerator<IReadOnlyList<NdArray>> alternatives = question.Starts(baseline).GetEnumerator();
        private readonly double[] scores = new double[question.Rows];
        private IReadOnlyList<NdArray> values = [];
        private int current = -1;

        /// <summary>The places' values at an alternative, which must not lie before that of the last call.</summary>
        public IReadOnlyList<NdArray> Advance(int to)
        {
            for (; current < to; current++)
            {
                alternatives.MoveNext();
                values = alternatives.Current;
                TensorPrimitives.Add<double>(scores, question.WithPlaces(values).Scores(), scores);
            }
            return values;
        }

        /// <summary>The mean score of all alternatives, for each row.</summary>
        public double[] MeanScores()
        {
            Advance(baseline.Count - 1);
            return Array.ConvertAll(scores, s => s / baseline.Count);
        }

        public void Dispose() => alternatives.Dispose();
    }
}
