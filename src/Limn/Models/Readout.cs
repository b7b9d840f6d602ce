using Limn.Engine;

namespace Limn.Models;

/// <summary>
/// A target for given rows: the score of row r is ⟨wᵣ, vᵣ⟩, with v a value of the model (an output, a layer) and w fixed weights.
/// Every target has this form, because a non-linear one is first added to the graph as a value of its own.
/// </summary>
/// <param name="Weights">The weights w, of the shape of the value, rows along the first axis.</param>
/// <param name="Classes">The class of each row, where the target is a class; null otherwise.</param>
internal sealed record Readout(NdArray Weights, int[]? Classes = null)
{
    /// <summary>Which box of a detector is read, so that it can be matched again; null for other targets.</summary>
    public BoxMatch? Match { get; init; }

    /// <summary>What was chosen where the target leaves a choice; one sentence a row.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    public int Rows => Weights.Rank == 0 ? 1 : Weights.Dims[0];

    public Readout Select(ReadOnlySpan<int> rows)
    {
        int[]? classes = null;
        if (Classes is not null)
        {
            classes = new int[rows.Length];
            for (int i = 0; i < classes.Length; i++) classes[i] = Classes[rows[i]];
        }
        return new Readout(Batches.Select(Weights, rows), classes) { Match = Match?.Select(rows.ToArray()), Remarks = Remarks };
    }

    /// <summary>The scores of all rows, summed in double precision.</summary>
    public double[] Scores(NdArray value)
    {
        if (!value.Dims.SequenceEqual(Weights.Dims))
            throw new ShapeMismatchException($"The explained output changed its shape from {NdArray.Describe(Weights.Dims)} to {NdArray.Describe(value.Dims)}."
                + (Match is null ? "" : " The detector finds another number of boxes on changed inputs, so the score of one box cannot be followed; explain an output before the selection of boxes (non-maximum suppression), or use a perturbation method."));
        var scores = new double[Rows];
        int inner = Rows == 0 ? 0 : value.Length / Rows;
        for (int r = 0; r < scores.Length; r++)
        {
            ReadOnlySpan<float> w = Weights.Floats.Slice(r * inner, inner), v = value.Floats.Slice(r * inner, inner);
            double sum = 0;
            for (int i = 0; i < inner; i++)
                if (w[i] != 0) sum += (double)w[i] * v[i]; // an infinite element that does not count must not make NaN
            scores[r] = sum;
        }
        return scores;
    }

    /// <summary>Makes the weights of an output's readout from its first evaluation.</summary>
    /// <exception cref="InvalidTargetException">The target does not exist in an output of this shape.</exception>
    public static Readout Of(Target target, NdArray value)
    {
        if (value.Type.Storage() != Storage.Float)
            throw new InvalidTargetException($"The target is a value of type {value.Type}; only floating-point values can be explained.");
        int rows = value.Rank == 0 ? 1 : value.Dims[0];
        return target switch
        {
            PredictedTarget => OfClasses(value, Predicted(value)),
            ClassTarget { Classes: [var k] } => OfClasses(value, [.. Enumerable.Repeat(k, rows)]),
            ClassTarget c when c.Classes.Length == rows => OfClasses(value, c.Classes),
            ClassTarget c => throw new InvalidTargetException($"{c.Classes.Length} target classes were given for {rows} rows; give one for all rows or one for each."),
            MarginTarget m => Margin(value, m),
            SumTarget { Mask: null } or ExpressionTarget or LayerTarget { Reduction: Reduction.Sum } => Filled(value, 1),
            LayerTarget => Filled(value, rows == 0 ? 1 : (float)rows / Math.Max(1, value.Length)),
            SumTarget { OfClass: { } k } s => MaskedClass(value, s.Mask!, k),
            SumTarget s => Masked(value, s.Mask!),
            NeuronTarget n => Neuron(value, n),
            _ => throw new InvalidTargetException($"The target '{target.Describe()}' is not known."),
        };
    }

    /// <summary>The class of the largest score in each row; the first of equal ones.</summary>
    public static int[] Predicted(NdArray value)
    {
        int classes = ClassCount(value), inner = Inner(value, classes);
        if (inner != 1)
            throw new InvalidTargetException($"The model's output has the shape {NdArray.Describe(value.Dims)}: a score for each position, so there is no single predicted class. Choose a class (--target K) or the sum of all outputs (--target sum).");
        int rows = value.Length / Math.Max(1, classes);
        var predicted = new int[rows];
        for (int r = 0; r < rows; r++)
        {
            ReadOnlySpan<float> row = value.Floats.Slice(r * classes, classes);
            for (int k = 1; k < classes; k++)
                if (row[k] > row[predicted[r]]) predicted[r] = k;
        }
        return predicted;
    }

    private static int ClassCount(NdArray value) => value.Rank < 2 ? 1 : value.Dims[1];

    private static int Inner(NdArray value, int classes) => value.Rank < 2 ? 1 : value.Length / Math.Max(1, value.Dims[0] * classes);

    private static Readout OfClasses(NdArray value, int[] classes)
    {
        int count = ClassCount(value), inner = Inner(value, count);
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        for (int r = 0; r < classes.Length; r++) Fill(weights, r, Checked(classes[r], count), count, inner, 1);
        return new Readout(weights, classes);
    }

    private static Readout Margin(NdArray value, MarginTarget target)
    {
        int count = ClassCount(value), inner = Inner(value, count);
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        for (int r = 0; r < (value.Rank == 0 ? 1 : value.Dims[0]); r++)
        {
            Fill(weights, r, Checked(target.A, count), count, inner, 1);
            Fill(weights, r, Checked(target.B, count), count, inner, -1);
        }
        return new Readout(weights);
    }

    private static void Fill(NdArray weights, int row, int k, int count, int inner, float by)
    {
        foreach (ref float w in weights.Floats.Slice((row * count + k) * inner, inner)) w += by;
    }

    private static int Checked(int k, int count) => k >= 0 && k < count ? k
        : throw new InvalidTargetException($"There is no class {k}: the model's output has {(count == 1 ? "one class, 0" : $"{count} classes, 0 to {count - 1}")}.");

    private static Readout Filled(NdArray value, float weight)
    {
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        weights.Floats.Fill(weight);
        return new Readout(weights);
    }

    private static Readout Masked(NdArray value, NdArray mask)
    {
        int rows = value.Dims[0], inner = value.Length / Math.Max(1, rows);
        if (mask.Length != inner && mask.Length != value.Length)
            throw new InvalidTargetException($"The mask has the shape {NdArray.Describe(mask.Dims)}, and the output {NdArray.Describe(value.Dims)}; it must be that of one row or of all. For a mask of one class's positions say which class.");
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        for (int r = 0; r < rows; r++)
            mask.Floats.Slice(mask.Length == inner ? 0 : r * inner, inner).CopyTo(weights.Floats[(r * inner)..]);
        return new Readout(weights);
    }

    private static Readout MaskedClass(NdArray value, NdArray mask, int k)
    {
        int count = ClassCount(value), inner = Inner(value, count), rows = value.Rank == 0 ? 1 : value.Dims[0];
        if (mask.Length != inner && mask.Length != inner * rows)
            throw new InvalidTargetException($"The mask has the shape {NdArray.Describe(mask.Dims)}, and a class of the output {NdArray.Describe(value.Dims)} has {inner} positions; it must be that of one row's positions or of all.");
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        for (int r = 0; r < rows; r++)
            mask.Floats.Slice(mask.Length == inner ? 0 : r * inner, inner).CopyTo(weights.Floats[((r * count + Checked(k, count)) * inner)..]);
        return new Readout(weights);
    }

    private static Readout Neuron(NdArray value, NeuronTarget target)
    {
        int[] shape = value.Dims[1..].ToArray();
        bool inside = target.Index.Length == shape.Length;
        int offset = 0;
        for (int i = 0; inside && i < shape.Length; i++)
        {
            inside = target.Index[i] >= 0 && target.Index[i] < shape[i];
            offset = offset * shape[i] + target.Index[i];
        }
        if (!inside)
            throw new InvalidTargetException($"The layer '{target.In}' has no neuron {string.Join(',', target.Index)}: without the batch its shape is {NdArray.Describe(shape)}.");
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        int inner = value.Length / Math.Max(1, value.Dims[0]);
        for (int r = 0; r < value.Dims[0]; r++) weights.Floats[r * inner + offset] = 1;
        return new Readout(weights);
    }
}
