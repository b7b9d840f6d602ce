using Limn.Engine;
using Limn.Models;

namespace Limn.Trees;

/// <summary>
/// A sum (or mean) of decision trees: what gradient boosting and random forests make, in whatever format it was saved. Immutable.
/// </summary>
/// <remarks>
/// margin[o] = base[o] + Σₜ wₜ · valueₜ[leafₜ(x), o], summed in double precision in the order of the trees; predictions are the
/// <see cref="OutputTransform"/> of the margins. XGBoost sums in single precision and so differs by its rounding. Inputs are of single precision.
/// Missing values are NaN. Infinities are compared as the numbers they are.
/// </remarks>
public sealed class TreeEnsemble : ITreeModel, ITakesMissing
{
    /// <summary>The most outputs: a file that asks for more is damaged.</summary>
    private const int MostOutputs = 1 << 20;

    private readonly EnsembleDescription description;
    private readonly double[] baseScore;
    private readonly TreeKernel kernel;

    /// <exception cref="InvalidModelException">The description contradicts itself: an index out of range, a cycle, a threshold of NaN, arrays of different lengths.</exception>
    public TreeEnsemble(EnsembleDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);
        if (description.Features < 1) throw new InvalidModelException($"A tree ensemble has at least one feature, and {description.Features} were given.");
        if (description.Outputs is < 1 or > MostOutputs) throw new InvalidModelException($"A tree ensemble has 1 to {MostOutputs} outputs, and {description.Outputs} were given.");
        CheckCount("names", description.FeatureNames.Count);
        CheckCount("types", description.FeatureTypes.Count);
        if (description.BaseScore.Count > 1 && description.BaseScore.Count != description.Outputs)
            throw new InvalidModelException($"There are {description.BaseScore.Count} base scores for {description.Outputs} outputs; give one for each, or one for all.");
        foreach (double b in description.BaseScore)
        {
            if (!double.IsFinite(b)) throw new InvalidModelException($"The base score, as a margin, is {b}; it must be a finite number.");
        }
        if (!double.IsFinite(description.TransformScale)) throw new InvalidModelException($"The scale of the output transform is {description.TransformScale}; it must be a finite number.");
        this.description = description;
        baseScore = new double[description.Outputs];
        for (int o = 0; o < baseScore.Length; o++) baseScore[o] = description.BaseScore.Count == 0 ? 0 : description.BaseScore[description.BaseScore.Count == 1 ? 0 : o];
        Flat = new TreeFlattening(description).Run();
        kernel = new TreeKernel(Flat, Features, baseScore);

        void CheckCount(string what, int count)
        {
            if (count != 0 && count != description.Features)
                throw new InvalidModelException($"There are {count} feature {what} for {description.Features} features; give one for each, or none.");
        }
    }

    private TreeEnsemble(TreeEnsemble other, int threads)
    {
        (description, baseScore, kernel, Flat, Threads) = (other.description, other.baseScore, other.kernel, other.Flat, threads);
    }

    /// <summary>The same trees, of which a prediction may use so many threads; 0 for all processors.</summary>
    public TreeEnsemble WithThreads(int threads) => new(this, threads);

    /// <summary>The trees as they were given.</summary>
    public IReadOnlyList<Tree> Trees => description.Trees;

    /// <summary>The number of features: the second dimension of what <see cref="Predict"/> takes.</summary>
    public int Features => description.Features;

    /// <summary>The number of outputs: the second dimension of what <see cref="Predict"/> gives.</summary>
    public int Outputs => description.Outputs;

    /// <summary>[outputs] What the margins start from.</summary>
    public ReadOnlySpan<double> BaseScore => baseScore;

    public OutputTransform Transform => description.Transform;

    /// <summary>What margins are multiplied by before <see cref="Transform"/>.</summary>
    internal double TransformScale => description.TransformScale;

    public IReadOnlyList<string> FeatureNames => description.FeatureNames;

    public IReadOnlyList<string> FeatureTypes => description.FeatureTypes;

    /// <summary>The loss that the model was trained with, as its file calls it; null if it does not say.</summary>
    public string? Objective => description.Objective;

    /// <summary>Whether every tree says how much of the training data passed each node.</summary>
    public bool HasCover => Flat.Cover is not null;

    /// <summary>How many threads a prediction may use; 0 for all processors. The result does not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>The same trees with margins as predictions.</summary>
    public IPredictor Margins => new MarginPredictor(this);

    TreeEnsemble ITreeModel.Ensemble => this;

    IReadOnlyList<string> ITreeModel.Remarks => [];

    NdArray ITreeModel.FeaturesOf(IReadOnlyList<NdArray> inputs, CancellationToken cancellation) => inputs[0];

    internal EnsembleDescription Description => description;

    internal FlatTrees Flat { get; }

    /// <summary>The predictions: margins, passed through <see cref="Transform"/>.</summary>
    /// <param name="inputs">One array [rows, features] of floats.</param>
    /// <param name="cancellation">Stops a long prediction.</param>
    /// <returns>One array [rows, outputs].</returns>
    /// <exception cref="ShapeMismatchException">The input is not one array of floats of that shape.</exception>
    public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
    {
        double[] margins = Run(inputs, cancellation);
        for (int at = 0; at < margins.Length; at += Outputs) Transform.Apply(margins.AsSpan(at, Outputs), description.TransformScale);
        return [Rounded(margins)];
    }

    /// <summary>The margins of rows: [rows, features] row-major to [rows, outputs] in double precision.</summary>
    /// <exception cref="ShapeMismatchException">The length is no multiple of the number of features.</exception>
    public double[] Margin(ReadOnlyMemory<float> rows, CancellationToken cancellation = default)
    {
        if (rows.Length % Features != 0)
            throw new ShapeMismatchException($"{rows.Length} numbers are not a whole number of rows of {Features} features.");
        var margins = new double[checked(rows.Length / Features * Outputs)];
        kernel.Run(rows, margins, Threads, cancellation);
        return margins;
    }

    void ITakesMissing.CheckMissing(ReadOnlySpan<float> rows, long firstRow, IReadOnlyList<string>? names) => MissingCheck.Of(this).Check(rows, firstRow, names);

    private double[] Run(IReadOnlyList<NdArray> inputs, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count != 1) throw new ShapeMismatchException($"A tree ensemble takes one input, and {inputs.Count} were given.");
        NdArray x = inputs[0];
        if (x.Rank != 2 || x.Dims[1] != Features || !x.Type.IsFloating())
            throw new ShapeMismatchException($"The tree ensemble takes floats of shape [rows, {Features}], and was given {x.Type} of shape {NdArray.Describe(x.Dims)}.");
        return Margin(x.FloatMemory, cancellation);
    }

    private NdArray Rounded(double[] values) => new(Array.ConvertAll(values, v => (float)v), values.Length / Outputs, Outputs);

    private sealed class MarginPredictor(TreeEnsemble trees) : IPredictor, ITakesMissing
    {
        void ITakesMissing.CheckMissing(ReadOnlySpan<float> rows, long firstRow, IReadOnlyList<string>? names) => MissingCheck.Of(trees).Check(rows, firstRow, names);

        public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default) =>
            [trees.Rounded(trees.Run(inputs, cancellation))];
    }
}
