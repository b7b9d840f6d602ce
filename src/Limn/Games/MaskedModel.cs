using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>What the features of one row are worth to a model: the mean score of the rows that a masker makes of a coalition.</summary>
internal sealed class MaskedModel : IValueFunction
{
    private const int AskAgain = 100; // one coalition of so many

    private readonly Scorer scorer;
    private readonly IMasker masker;
    private readonly int row;
    private readonly NdArray[] room;
    private readonly double[] scores;
    private readonly int size;

    /// <param name="scorer">What scores rows.</param>
    /// <param name="row">The row that is explained.</param>
    /// <param name="masker">What makes rows of coalitions.</param>
    /// <param name="room">Arrays to write rows into, if some are left from another row.</param>
    public MaskedModel(Scorer scorer, int row, IMasker masker, NdArray[]? room = null)
    {
        (this.scorer, this.row, this.masker) = (scorer, row, masker);
        size = scorer.Portion;
        this.room = room ?? masker.Room(size);
        scores = new double[size];
    }

    public int Players => masker.Players;

    public int Draws => masker.Draws;

    public NdArray[] Room => room;

    public void Evaluate(Coalitions coalitions, int from, Span<double> values)
    {
        Run(coalitions, from, values);
        if (!scorer.MayVary) return;
        var again = new Coalitions(coalitions.Players);
        for (int i = 0; i < values.Length; i += AskAgain) again.Add(coalitions[from + i]);
        var second = new double[again.Count];
        Run(again, 0, second);
        for (int i = 0; i < second.Length; i++)
            if (Math.Abs(second[i] - values[i * AskAgain]) > 1e-6 + 1e-4 * Math.Abs(second[i]))
                throw new PredictorException($"The model is not deterministic: asked twice for row {row} with {Coalitions.Size(again[i])} of {Players} features present, it scored {values[i * AskAgain]} and {second[i]}. Fix its seed, or switch its sampling off.");
    }

    public void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values)
    {
        for (int from = 0; from < values.Length; from += size)
        {
            scorer.ThrowIfCancelled();
            int count = Math.Min(size, values.Length - from);
            for (int i = 0; i < count; i++) masker.Write(coalitions[from + i], draws[from + i], 1, room, i);
            scorer.Scores(row, First(count), values.Slice(from, count));
        }
    }

    private void Run(Coalitions coalitions, int from, Span<double> values)
    {
        values.Clear();
        int draws = masker.Draws;
        long total = (long)values.Length * draws;
        for (long start = 0; start < total; start += size)
        {
            scorer.ThrowIfCancelled();
            int count = (int)Math.Min(size, total - start);
            // A block may begin and end amid the draws of a coalition.
            for (int at = 0; at < count;)
            {
                int draw = (int)((start + at) % draws), some = Math.Min(draws - draw, count - at);
                masker.Write(coalitions[from + (int)((start + at) / draws)], draw, some, room, at);
                at += some;
            }
            scorer.Scores(row, First(count), scores.AsSpan(0, count));
            for (int at = 0; at < count; at++)
            {
                int draw = (int)((start + at) % draws);
                values[(int)((start + at) / draws)] += scores[at] * (masker.Weights is { } weights ? weights[draw] : 1.0 / draws);
            }
        }
    }

    private NdArray[] First(int count) => count == size ? room : Array.ConvertAll(room, r => r.Rows(0, count));
}
