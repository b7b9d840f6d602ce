using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Scores a row seen through masks: b + (x − b) · m, with m a number for each position, the same for all channels. What is no part of the picture stays.</summary>
internal sealed class MaskedPicture
{
    private readonly Question question;
    private readonly Scorer scorer;
    private readonly NdArray baseline;
    private readonly NdArray[] room;
    private readonly float[] masks, difference;
    private int row = -1;

    /// <param name="question">What is asked.</param>
    /// <param name="baseline">What a mask of zero shows.</param>
    /// <param name="method">The method's name, for messages.</param>
    /// <exception cref="InvalidOptionException">There are several baselines.</exception>
    public MaskedPicture(Question question, Baseline baseline, string method)
    {
        this.question = question;
        Place = PicturePlace.Of(question.Model, question.Inputs, method);
        IReadOnlyList<NdArray>[] baselines = [.. question.Resolve(baseline).Take(2)];
        if (baselines.Length != 1) throw new InvalidOptionException($"The method '{method}' takes a single baseline, and {baseline.Count} were given. Leave --background away, or give one of its rows as --baseline.");
        this.baseline = baselines[0][Place.Index];
        scorer = new Scorer(question, question.PredictorThreads);
        room = [.. question.Inputs.Select(x => NdArray.Create(x.Type, [scorer.Portion, .. x.Dims[1..]]))];
        difference = new float[question.Inputs[Place.Index].Length / question.Rows];
        masks = new float[scorer.Portion * Place.Positions];
    }

    public PicturePlace Place { get; }

    /// <summary>How many masks are scored at once.</summary>
    public int Portion => scorer.Portion;

    /// <summary>Turns to a row.</summary>
    public void Turn(int to)
    {
        row = to;
        NdArray[] chosen = [.. question.Inputs.Select((x, i) => i == Place.Index ? x.Rows(row, 1) : Batches.Select(x, [.. Enumerable.Repeat(row, scorer.Portion)]))];
        for (int i = 0; i < chosen.Length; i++)
            if (i != Place.Index) room[i] = chosen[i];
        System.Numerics.Tensors.TensorPrimitives.Subtract(chosen[Place.Index].Floats, baseline.Rows(row, 1).Floats, difference);
    }

    /// <summary>Scores masks numbered from 0 on, a portion at a time.</summary>
    /// <param name="count">How many there are.</param>
    /// <param name="write">Writes the mask of a number.</param>
    /// <param name="take">Is given the number of each mask, the mask and its score, in order.</param>
    public void Score(int count, Write write, Take take)
    {
        int size = Place.Positions;
        var scores = new double[Portion];
        for (int from = 0; from < count; from += Portion)
        {
            question.ThrowIfCancelled();
            int first = from, now = Math.Min(Portion, count - from);
            ReadOnlySpan<float> absent = baseline.Rows(row, 1).Floats;
            Span<float> rows = room[Place.Index].Floats;
            for (int k = 0; k < now; k++)
            {
                Span<float> mask = masks.AsSpan(k * size, size);
                write(first + k, mask);
                Place.Mix(difference, absent, mask, rows.Slice(k * difference.Length, difference.Length));
            }
            scorer.Scores(row, now == Portion ? room : Array.ConvertAll(room, r => r.Rows(0, now)), scores.AsSpan(0, now));
            for (int k = 0; k < now; k++) take(first + k, masks.AsSpan(k * size, size), scores[k]);
            question.Report((long)row * count + first + now, (long)question.Rows * count);
        }
    }

    /// <summary>Writes a mask.</summary>
    public delegate void Write(int index, Span<float> mask);

    /// <summary>Takes a mask and its score.</summary>
    public delegate void Take(int index, ReadOnlySpan<float> mask, double score);
}
