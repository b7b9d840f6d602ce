using System.Numerics.Tensors;

namespace Limn;

/// <summary>What is noteworthy about an explanation. Nothing returns a silent black image.</summary>
[Flags]
public enum AttributionFlags
{
    None = 0,

    /// <summary>Some attributions are NaN or infinite.</summary>
    NonFinite = 1,

    /// <summary>All attributions of a row are zero.</summary>
    AllZero = 2,

    /// <summary>The target is a probability so close to 0 or 1 that its gradient vanishes; explain its logit.</summary>
    Saturated = 4,

    /// <summary>The attributions miss the change of the score by more than 5 % of it (and more than 0.001).</summary>
    DeltaLarge = 8,

    /// <summary>Part of the gradient is missing: a node on a path cannot be differentiated.</summary>
    PathCut = 16,

    /// <summary>Of a ReLU between what is explained and the target more than 99 % of the units are off at a row, or the explained layer is zero everywhere.</summary>
    DeadLayer = 32,

    /// <summary>The baseline or the noise leads out of the range of the data (<see cref="DataRange"/>).</summary>
    OutOfRange = 64,
}

/// <summary>The attributions of one explained tensor.</summary>
/// <param name="Name">The input or layer.</param>
/// <param name="Values">One number for each element: [rows, ...], the shape of what was explained.</param>
/// <param name="StandardError">The Monte-Carlo standard error of each number; null for methods without sampling.</param>
public sealed record AttributedTensor(string Name, Tensor<float> Values, Tensor<float>? StandardError = null)
{
    /// <summary>The input of token ids that is explained here: a number for each token, or, at its embedding, for each element of each token's. Null for anything else.</summary>
    public string? TokensOf { get; init; }

    /// <summary>Whether the last axis holds the elements of an embedding of tokens.</summary>
    public bool IsEmbedding { get; init; }
}

/// <summary>An explanation, with all that is needed to repeat it and to judge it.</summary>
public sealed record Attribution
{
    /// <summary>The attributions: one tensor for each explained input, or one for the layer.</summary>
    public required IReadOnlyList<AttributedTensor> Tensors { get; init; }

    /// <summary>The attributions of the first (usually only) explained tensor.</summary>
    public Tensor<float> Values => Tensors[0].Values;

    /// <summary>
    /// One number for each token: the attributions of an embedding [rows, tokens, elements], summed over its elements to [rows, tokens]. Where a method is complete,
    /// so are the sums. Tensors that are no embedding of token ids are returned as they are.
    /// </summary>
    public IReadOnlyList<AttributedTensor> PerToken() => [.. Tensors.Select(t => !t.IsEmbedding ? t : t with { IsEmbedding = false, Values = SumLast(t.Values), StandardError = null })];

    private static Tensor<float> SumLast(Tensor<float> values)
    {
        var all = new float[values.FlattenedLength];
        values.FlattenTo(all);
        int size = (int)values.Lengths[^1];
        var sums = new float[size == 0 ? 0 : all.Length / size];
        for (int i = 0; i < sums.Length; i++)
        {
            double sum = 0;
            foreach (float v in all.AsSpan(i * size, size)) sum += v;
            sums[i] = (float)sum;
        }
        return Tensor.Create(sums, values.Lengths[..^1]);
    }

    /// <summary>The method's name on the command line.</summary>
    public required string Method { get; init; }

    /// <summary>All options of the method with their values.</summary>
    public required IReadOnlyDictionary<string, object?> Options { get; init; }

    /// <summary>What was explained, in words.</summary>
    public required string Target { get; init; }

    /// <summary>The class of each row, if the target is a class.</summary>
    public IReadOnlyList<int>? TargetClasses { get; init; }

    /// <summary>The layer that was explained; null for the inputs.</summary>
    public string? At { get; init; }

    /// <summary>The score of the target for each row.</summary>
    public required IReadOnlyList<double> Prediction { get; init; }

    /// <summary>The score at the baseline for each row, for methods that have one.</summary>
    public IReadOnlyList<double>? BaselinePrediction { get; init; }

    /// <summary>Shapley values and their like: the score with all features absent, of each row, from which the attributions lead to the score. Null for other methods.</summary>
    public IReadOnlyList<double>? ExpectedValue { get; init; }

    /// <summary>Methods that play a game: the players of each row (elements, columns, superpixels, words) and what each got. Null for other methods.</summary>
    public IReadOnlyList<Games.PlayerValues>? Players { get; init; }

    /// <summary>For each row the sum of the attributions minus the change of the score that they should add up to; null where a method promises no sum.</summary>
    public IReadOnlyList<double>? ConvergenceDelta { get; init; }

    /// <summary>For layer-wise relevance propagation, where it was checked: what each layer received and passed on, for each of the first rows.</summary>
    public IReadOnlyList<Propagation.Conservation>? Conservation { get; init; }

    public AttributionFlags Flags { get; init; }

    /// <summary>The diagnostics in words; empty if all is well.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    public ulong Seed { get; init; }

    /// <summary>How many rows went through the model forwards. Going backwards from a forward pass that is there counts no more; one that is shared with other methods counts for none of them.</summary>
    public long ModelCalls { get; init; }

    /// <summary>The explanation alone, without reading the model.</summary>
    public TimeSpan Elapsed { get; init; }
}

/// <summary>How far a long computation is.</summary>
/// <param name="Done">Units done.</param>
/// <param name="Total">Units in all.</param>
public readonly record struct Progress(long Done, long Total)
{
    public double Fraction => Total == 0 ? 1 : (double)Done / Total;
}

/// <summary>How an explanation is to be made, whatever the method.</summary>
public sealed record ExplainOptions
{
    /// <summary>A layer (a value or node name, or a unique part of its path) to explain instead of the inputs.</summary>
    public string? At { get; init; }

    /// <summary>The seed of sampled methods. The same seed gives the same bits whatever the number of threads.</summary>
    public ulong Seed { get; init; }

    /// <summary>Bytes that intermediate results may take; a quarter of the free memory when null.</summary>
    public long? MemoryBudget { get; init; }

    /// <summary>Between which numbers the data lie, to notice baselines and noise unlike any data; a table of 20 rows or more tells its own when null.</summary>
    public DataRange? Range { get; init; }

    /// <summary>How many threads may call a black box (an <see cref="Models.IPredictor"/> that is no <see cref="Models.OnnxModel"/>) at the same time: more than 1 only if it is safe to. An ONNX network uses its own threads.</summary>
    public int PredictorThreads { get; init; } = 1;

    /// <summary>What the columns of the inputs are to the user: methods that play with features take those of the schema, each with all of its columns, instead of single columns.</summary>
    public Data.FeatureSchema? Schema { get; init; }

    /// <summary>What the columns of a table are called, for rules and remarks, where no schema says it; one name for each.</summary>
    public IReadOnlyList<string>? ColumnNames { get; init; }

    public IProgress<Progress>? Progress { get; init; }

    public CancellationToken Cancellation { get; init; }

    /// <summary>What the model computes from these rows, when several methods explain them.</summary>
    internal SharedValues? Shared { get; init; }

    internal long Budget => MemoryBudget ?? Math.Max(64L << 20, GC.GetGCMemoryInfo() is var info ? (info.TotalAvailableMemoryBytes - info.MemoryLoadBytes) / 4 : 0);
}
