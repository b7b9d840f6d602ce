using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Another method, repeated on copies of the input with Gaussian noise added.</summary>
/// <remarks>
/// The noise is added to the floating inputs of the model; where it has none (token ids), to the explained layer. The target is
/// that of the clean input. Noise is drawn by (seed, row, sample, element), so that neither batches nor threads change it.
/// </remarks>
public abstract class NoiseMethod : Method
{
    internal const string DefaultInner = "saliency";

    private protected NoiseMethod(Method inner) : base(inner.Model) => Inner = inner;

    /// <summary>The method that is repeated.</summary>
    public Method Inner { get; }

    /// <summary>How many noisy copies (default 50).</summary>
    [Option("samples", "How many noisy copies are explained.")]
    public int Samples { get; init; } = 50;

    /// <summary>The standard deviation of the noise as a share of the range (maximum − minimum) of the row (default 0.15).</summary>
    [Option("stdev", "Standard deviation of the noise, as a share of the row's range (or absolute, see relative).")]
    public double StandardDeviation { get; init; } = 0.15;

    /// <summary>Whether <see cref="StandardDeviation"/> is a share of the row's range (default) or in the input's own unit.</summary>
    [Option("relative", "Whether stdev is a share of the row's range (true) or in the input's own unit (false).")]
    public bool Relative { get; init; } = true;

    internal override string? NotInGraph => "it is sampled, and the random numbers of ONNX differ from device to device.";

    internal override bool LooksInside => Inner.LooksInside;

    internal override bool TakesLayers => Inner.TakesLayers;

    internal override bool TakesGradients => Inner.TakesGradients;

    internal override Value? DefaultLayer(TargetSource source) => Inner.DefaultLayer(source);

    internal override bool NeedsLayer => Inner.NeedsLayer;

    internal override Target TargetFor(Target given, ExplainOptions options) => Inner.TargetFor(given, options);

    protected internal override MethodResult Compute(Question question)
    {
        if (Samples < 2) throw new InvalidOptionException($"At least 2 samples are needed, and {Samples} were asked for.");
        if (!(StandardDeviation >= 0)) throw new InvalidOptionException($"The standard deviation of the noise cannot be {StandardDeviation}.");
        bool onInputs = question.Inputs.Any(i => i.Type.IsFloating());
        IReadOnlyList<NdArray> clean = onInputs ? question.Inputs : question.PlaceValues();
        Moments[]? moments = null;
        int[][] shapes = [];
        IReadOnlyList<string>? names = null;
        const int RowsAtOnce = 32;
        int total = question.Rows * Samples;
        for (int from = 0; from < total; from += RowsAtOnce)
        {
            question.ThrowIfCancelled();
            int size = Math.Min(RowsAtOnce, total - from);
            int[] rows = [.. Enumerable.Range(from, size).Select(i => i / Samples)];
            NdArray[] noisy = [.. clean.Select((x, i) => WithNoise(question, x, i, rows, from))];
            Question part = question.Select(rows);
            MethodResult result = Inner.Compute(onInputs ? part.WithInputs(noisy) : part.WithPlaces(noisy));
            moments ??= [.. result.Values.Select(v => new Moments(question.Rows, v.Length / size))];
            shapes = [.. result.Values.Select(v => (int[])[question.Rows, .. v.Dims[1..]])];
            names = result.Names;
            for (int p = 0; p < moments.Length; p++)
                for (int i = 0; i < size; i++) moments[p].Add(rows[i], (from + i) % Samples, result.Values[p].Rows(i, 1).Floats);
            question.Report(from + size, total);
        }
        return new MethodResult([.. moments!.Select((m, p) => new NdArray(Reduce(m), shapes[p]))], question.Scores(),
            StandardError: [.. moments!.Select((m, p) => new NdArray(Error(m), shapes[p]))]) { Names = names };
    }

    private protected abstract float[] Reduce(Moments moments);

    private protected abstract float[] Error(Moments moments);

    private NdArray WithNoise(Question question, NdArray clean, int index, int[] rows, int from)
    {
        NdArray noisy = Batches.Select(clean, rows);
        if (!clean.Type.IsFloating()) return noisy;
        int inner = clean.Length / clean.Dims[0];
        var noise = new float[inner];
        for (int i = 0; i < rows.Length; i++)
        {
            float scale = DeviationOf(clean.Floats.Slice(rows[i] * inner, inner));
            new CounterRandom(question.Seed, (ulong)(from + i)).FillNormal(noise, (ulong)index << 40);
            Span<float> y = noisy.Floats.Slice(i * inner, inner);
            for (int j = 0; j < inner; j++) y[j] += scale * noise[j];
        }
        return noisy;
    }

    /// <summary>The standard deviation of the noise that a row gets.</summary>
    internal float DeviationOf(ReadOnlySpan<float> row) => !Relative || row.IsEmpty ? (float)StandardDeviation
        : (float)StandardDeviation * (System.Numerics.Tensors.TensorPrimitives.Max(row) - System.Numerics.Tensors.TensorPrimitives.Min(row));

    /// <summary>Means of the first four powers of each element, over the samples of each row.</summary>
    private protected sealed class Moments(int rows, int inner)
    {
        private readonly double[][] powers = [new double[rows * inner], new double[rows * inner], new double[rows * inner]];

        public int Count { get; private set; }

        public int Length => rows * inner;

        /// <summary>Mean of aᵏ, k = 1, 2 or 4.</summary>
        public double Mean(int power, int element) => powers[power / 2][element] / Count;

        public void Add(int row, int sample, ReadOnlySpan<float> values)
        {
            Count = Math.Max(Count, sample + 1);
            for (int j = 0; j < values.Length; j++)
            {
                double a = values[j];
                int at = row * inner + j;
                powers[0][at] += a;
                powers[1][at] += a * a;
                powers[2][at] += a * a * a * a;
            }
        }

        public float[] Map(Func<int, double> f)
        {
            var mapped = new float[Length];
            for (int i = 0; i < mapped.Length; i++) mapped[i] = (float)f(i);
            return mapped;
        }

        /// <summary>The standard error of the mean of aᵏ (k = 1 or 2): √((E[a²ᵏ] − E[aᵏ]²) / (n − 1)).</summary>
        public double Error(int power, int element) =>
            Math.Sqrt(Math.Max(0, Mean(2 * power, element) - Mean(power, element) * Mean(power, element)) / (Count - 1));
    }
}

/// <summary>SmoothGrad: the mean of another method's attributions over noisy copies of the input.</summary>
/// <remarks>φ(x) = 1/n Σ φ'(x + εₖ), εₖ ~ N(0, σ²). Smilkov et al.: SmoothGrad, removing noise by adding noise, 2017, section 3. The noise level is the paper's: a share of the row's range.</remarks>
[Method("smooth-grad", "SmoothGrad", "The mean of another method's attributions over noisy copies of the input (--set of=METHOD; saliency with its sign by default).",
    Source = "Smilkov et al. 2017, section 3",
    Formula = "φ(x) = 1/n Σₖ φ'(x + εₖ), εₖ ~ N(0, σ²)",
    Cost = "2 × forward + samples × (forward + backward)",
    Axioms = Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class SmoothGrad(Method inner) : NoiseMethod(inner)
{
    private protected override float[] Reduce(Moments moments) => moments.Map(i => moments.Mean(1, i));

    private protected override float[] Error(Moments moments) => moments.Map(i => moments.Error(1, i));
}

/// <summary>SmoothGrad-Squared: the mean of the squares.</summary>
/// <remarks>φ(x) = 1/n Σ φ'(x + εₖ)². Hooker et al.: A Benchmark for Interpretability Methods in Deep Neural Networks, 2019, section 4.</remarks>
[Method("smooth-grad-squared", "SmoothGrad Squared", "The mean of the squares of another method's attributions over noisy copies of the input.",
    Source = "Hooker et al. 2019, section 4",
    Formula = "φ(x) = 1/n Σₖ φ'(x + εₖ)², εₖ ~ N(0, σ²)",
    Cost = "2 × forward + samples × (forward + backward)",
    Axioms = Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class SmoothGradSquared(Method inner) : NoiseMethod(inner)
{
    private protected override float[] Reduce(Moments moments) => moments.Map(i => moments.Mean(2, i));

    private protected override float[] Error(Moments moments) => moments.Map(i => moments.Error(2, i));
}

/// <summary>VarGrad: the variance over noisy copies of the input.</summary>
/// <remarks>
/// φ(x) = 1/n Σ φ'(x + εₖ)² − (1/n Σ φ'(x + εₖ))². Adebayo et al.: Local Explanation Methods for Deep Neural Networks Lack Sensitivity
/// to Parameter Values, 2018. The standard error is that of a sample variance without its bias term, √((E[a⁴] − E[a²]²)/(n − 1)).
/// </remarks>
[Method("var-grad", "VarGrad", "The variance of another method's attributions over noisy copies of the input.", Source = "Adebayo et al. 2018",
    Formula = "φ(x) = 1/n Σₖ φ'(x + εₖ)² − (1/n Σₖ φ'(x + εₖ))², εₖ ~ N(0, σ²)",
    Cost = "2 × forward + samples × (forward + backward)",
    Axioms = Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class VarGrad(Method inner) : NoiseMethod(inner)
{
    private protected override float[] Reduce(Moments moments) => moments.Map(i => Math.Max(0, moments.Mean(2, i) - moments.Mean(1, i) * moments.Mean(1, i)));

    private protected override float[] Error(Moments moments) => moments.Map(i => moments.Error(2, i));
}
