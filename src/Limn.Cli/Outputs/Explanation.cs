using System.Globalization;
using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Models;

namespace Limn.Cli.Outputs;

/// <summary>An explanation together with what was explained: all that files, pages and the terminal show of it.</summary>
/// <param name="Model">The model.</param>
/// <param name="Attribution">The explanation.</param>
/// <param name="Inputs">What was fed.</param>
/// <param name="Scores">The model's answer, where its first output holds a score for each class.</param>
/// <param name="Labels">The names of the classes.</param>
internal sealed record Explanation(IPredictor Model, Attribution Attribution, IReadOnlyList<FilledInput> Inputs, ClassScores? Scores, ClassLabels Labels)
{
    public string ModelName { get; init; } = Model switch
    {
        OnnxModel network => network.FileName ?? network.Graph.Name,
        CommandPredictor program => string.Join(' ', program.Arguments),
        _ => "model",
    };

    /// <summary>The hash of the model's file; null for a program.</summary>
    public string? Sha256 { get; init; } = (Model as OnnxModel)?.Sha256;

    /// <summary>What each feature of each row contributed, in the user's terms; null where what was explained has no features with names or values of their own.</summary>
    public IReadOnlyList<IReadOnlyList<Explained>>? Features { get; init; }

    /// <summary>What the command line said beside the method's options: the baseline, the mask.</summary>
    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];

    /// <summary>What the columns are to the user; null where nothing is said.</summary>
    public FeatureSchema? Schema { get; init; }

    /// <summary>The feature by which rows are put into cohorts, where the user names one.</summary>
    public string? Cohorts { get; init; }

    /// <summary>The texts of token ids.</summary>
    public Vocabulary Vocabulary { get; init; } = Vocabulary.None;

    public int Rows => Attribution.Prediction.Count;

    /// <summary>What a row is called: its picture's file, or its number.</summary>
    public string RowTitle(int row) => Inputs.Count == 1 && Inputs[0].RowName(row) is { } file ? file : $"Row {row.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>What was explained in a row, in words that follow "of the" on a page.</summary>
    public string TargetOf(int row)
    {
        if (Attribution.TargetClasses is not { } classes) return Attribution.Target == "sum" ? "sum of all outputs" : Attribution.Target.Contains(':') ? $"neuron {Attribution.Target}" : Attribution.Target;
        string scale = Attribution.Target.EndsWith("(logit)", StringComparison.Ordinal) ? "logit"
            : Attribution.Target.EndsWith("(probability)", StringComparison.Ordinal) ? "probability"
            : Scores?.AreProbabilities == true && Model is OnnxModel network && network.MeaningOf(network.Graph.Outputs[0]) == OutputMeaning.Probabilities ? "probability" : "score";
        return Attribution.Target.Contains(':') ? $"output {Attribution.Target}" : $"{scale} of {Labels.Describe(classes[row])}";
    }

    /// <summary>The input whose picture lies behind what was explained: the only one, if it is a picture.</summary>
    public FilledInput? PictureInput => Inputs.Count == 1 && PictureShape.Of(Inputs[0].Array.Dims) is not null ? Inputs[0] : null;
}
