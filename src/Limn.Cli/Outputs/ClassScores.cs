using Limn.Cli.Inputs;
using Limn.Engine;
using Limn.Models;
using Limn.Trees;

namespace Limn.Cli.Outputs;

/// <summary>A class with its score in a row.</summary>
internal readonly record struct RankedClass(int Index, double Score);

/// <summary>An output that holds a score for each class, [rows, classes], and what the scores mean.</summary>
internal sealed class ClassScores
{
    private readonly NdArray values;
    private readonly int classes;
    private readonly bool logarithms;

    private ClassScores(NdArray values, int classes, OutputMeaning meaning)
    {
        this.values = values;
        this.classes = classes;
        logarithms = meaning == OutputMeaning.LogProbabilities;
        AreProbabilities = meaning != OutputMeaning.Scores;
    }

    public int Classes => classes;

    /// <summary>Whether the scores lie between 0 and 1, because the model ends in Softmax, LogSoftmax or Sigmoid.</summary>
    public bool AreProbabilities { get; }

    public string Word => AreProbabilities ? "probability" : "score";

    /// <summary>The classes of the first output; null where it is not one number for each of some classes.</summary>
    public static ClassScores? Of(IPredictor model, IReadOnlyList<NdArray> outputs)
    {
        NdArray first = outputs[0];
        if (first.Type.Storage() != Storage.Float || first.Rank < 1 || first.Dims[0] == 0) return null;
        int count = first.Rank == 1 ? 1 : first.Dims[1];
        if (count < 1 || first.Length != first.Dims[0] * count) return null;
        return new ClassScores(first, count, model switch
        {
            OnnxModel network => network.MeaningOf(network.Graph.Outputs[0]),
            TreeEnsemble { Transform: OutputTransform.Logistic or OutputTransform.Softmax } => OutputMeaning.Probabilities,
            _ => OutputMeaning.Scores,
        });
    }

    /// <summary>The best classes of a row, best first; equal ones by their number.</summary>
    public IReadOnlyList<RankedClass> Top(int row, int count) =>
        [.. Enumerable.Range(0, classes).Select(k => new RankedClass(k, Score(row, k))).OrderByDescending(c => c.Score).Take(count)];

    public double Score(int row, int k)
    {
        double score = values.Floats[row * classes + k];
        return logarithms ? Math.Exp(score) : score;
    }

    /// <summary>The best classes of a row on one line.</summary>
    public string Line(int row, int count, ClassLabels labels) =>
        string.Join(", ", Top(row, count).Select(c => $"{(classes == 1 ? Word : labels.Find(c.Index) is { } name ? $"{c.Index} {name}" : $"class {c.Index}")} {Numbers.Text(c.Score)}"));
}
