using System.Globalization;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games.Local;

/// <summary>What a model decides: whether the target's class is the predicted one or, where there are no classes to compare, whether the score reaches a threshold.</summary>
internal sealed class Decision
{
    private readonly Question question;
    private readonly Scorer scorer;
    private readonly double threshold;
    private int row = -1;
    private bool own;

    /// <param name="question">The question.</param>
    /// <param name="scorer">What asks the model.</param>
    /// <param name="threshold">The threshold; when null 0.5 for a target that ends in a sigmoid and for boxes, 0 for others.</param>
    public Decision(Question question, Scorer scorer, double? threshold)
    {
        (this.question, this.scorer) = (question, scorer);
        ByClass = question.Readout.Classes is not null && question.Readout.Weights is { Rank: 2 } w && w.Dims[1] > 1;
        this.threshold = threshold ?? (question.MatchesAgain || question.Source is { } source && TargetSource.Squashing(source.Graph, source.Value) is not null ? 0.5 : 0);
    }

    /// <summary>Whether classes are compared.</summary>
    public bool ByClass { get; }

    /// <summary>The decision for a row, in words.</summary>
    public string Describe(int of)
    {
        Turn(of);
        return ByClass ? $"{(own ? "class" : "another class than")} {question.Readout.Classes![of]}" : $"a score {(own ? "of at least" : "below")} {threshold.ToString("G6", CultureInfo.InvariantCulture)}";
    }

    /// <summary>Tells for changed copies of a row whether the decision is the row's own: 1 where it is, 0 where it is not.</summary>
    public void Same(int of, IReadOnlyList<NdArray> inputs, Span<double> same)
    {
        Turn(of);
        Decide(of, inputs, same);
        for (int i = 0; i < same.Length; i++) same[i] = same[i] > 0 == own ? 1 : 0;
    }

    /// <summary>What is decided for some rows of data: classes, or 0 and 1.</summary>
    public static int[] Labels(Question question, NdArray data)
    {
        var asked = new Scorer(question, question.PredictorThreads);
        var decision = new Decision(question, asked, null);
        int count = data.Dims[0];
        var labels = new int[count];
        for (int from = 0; from < count; from += asked.Portion)
        {
            question.ThrowIfCancelled();
            int some = Math.Min(asked.Portion, count - from);
            NdArray[] part = [data.Rows(from, some)];
            var sides = new double[some];
            if (!decision.ByClass) decision.Decide(0, part, sides);
            (decision.ByClass ? Readout.Predicted(asked.Answers(0, part, some)) : Array.ConvertAll(sides, s => (int)s)).CopyTo(labels, from);
        }
        return labels;
    }

    private void Turn(int of)
    {
        if (of == row) return;
        Span<double> one = [0];
        Decide(of, [.. question.Inputs.Select(x => x.Rows(of, 1))], one);
        (row, own) = (of, one[0] > 0);
    }

    private void Decide(int of, IReadOnlyList<NdArray> inputs, Span<double> positive)
    {
        if (!ByClass)
        {
            scorer.Scores(of, inputs, positive);
            for (int i = 0; i < positive.Length; i++) positive[i] = positive[i] >= threshold ? 1 : 0;
            return;
        }
        NdArray answers = scorer.Answers(of, inputs, positive.Length);
        if (answers.Length != positive.Length * question.Readout.Weights.Dims[1] || answers.Floats.ContainsAny([float.NaN]))
            throw new PredictorException($"The model's answer to {positive.Length} changed copies of row {of} is {answers}{(answers.Length == positive.Length * question.Readout.Weights.Dims[1] ? " and holds NaN" : "")}; a number for each of the {question.Readout.Weights.Dims[1]} classes was expected.");
        int[] predicted = Readout.Predicted(answers);
        for (int i = 0; i < positive.Length; i++) positive[i] = predicted[i] == question.Readout.Classes![of] ? 1 : 0;
    }
}
