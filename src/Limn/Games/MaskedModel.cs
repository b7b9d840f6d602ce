using System.Collections.Concurrent;
using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Models;

namespace Limn.Games;

/// <summary>What the features of one row are worth to a model: the mean score of the rows that a masker makes of a coalition.</summary>
/// <remarks>
/// Coalitions are valued in units of as many as fit a batch with all of their draws, so that a value is summed in one place. Of a small network several units are valued at a time, each by
/// a session of its own; a large one keeps all threads busy with a single batch.
/// </remarks>
/// <param name="bench">Where the rows are made and scored.</param>
/// <param name="row">The row that is explained.</param>
/// <param name="masker">What makes rows of coalitions.</param>
internal sealed class MaskedModel(Workbench bench, int row, IMasker masker) : IValueFunction
{
    private readonly int size = bench.Scorer.Portion;

    public int Players => masker.Players;

    public int Draws => masker.Draws;

    public IReadOnlyList<double>? Weights => masker.Weights;

    public void Evaluate(Coalitions coalitions, int from, Span<double> values) =>
        InUnits(values, Math.Max(1, size / masker.Draws), (at, part, place) => Unit(coalitions, from + at, part, place));

    public void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values)
    {
        int[] at = draws.ToArray();
        InUnits(values, size, (from, part, place) =>
        {
            masker.Write(coalitions, from, at.AsSpan(from, part.Length), place.Room);
            bench.Scorer.Scores(row, place.Rows(part.Length), part, place.Session);
        });
    }

    private delegate void Answer(int from, Span<double> values, Workplace place);

    /// <summary>Fills values in units, several at a time where there are several workers.</summary>
    private void InUnits(Span<double> values, int each, Answer answer)
    {
        int units = (values.Length + each - 1) / each;
        bench.Scorer.Turn(row);
        if (units < 2 || bench.Scorer.Workers < 2)
        {
            Workplace place = bench.Take(masker);
            for (int u = 0; u < units; u++) answer(u * each, values.Slice(u * each, Math.Min(each, values.Length - u * each)), place);
            bench.GiveBack(place);
            return;
        }
        var found = new double[values.Length];
        try
        {
            Parallel.For(0, units, new ParallelOptions { MaxDegreeOfParallelism = bench.Scorer.Workers }, () => bench.Take(masker), (u, _, place) =>
            {
                answer(u * each, found.AsSpan(u * each, Math.Min(each, found.Length - u * each)), place);
                return place;
            }, bench.GiveBack);
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is LimnException or OperationCanceledException)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
        found.CopyTo(values);
    }

    /// <summary>Values coalitions whose rows fit one batch, or a single one of more draws.</summary>
    private void Unit(Coalitions coalitions, int from, Span<double> values, Workplace place)
    {
        bench.Scorer.ThrowIfCancelled();
        int draws = masker.Draws;
        if (draws > size)
        {
            values[0] = 0;
            for (int draw = 0; draw < draws; draw += size)
            {
                int some = Math.Min(size, draws - draw);
                masker.Write(coalitions[from], draw, some, place.Room, 0);
                values[0] += Weighted(Scored(place, some), draw);
            }
            return;
        }
        masker.Write(coalitions, from, values.Length, place.Room);
        ReadOnlySpan<double> scores = Scored(place, values.Length * draws);
        if (masker.DrawsFirst)
        {
            values.Clear();
            for (int d = 0; d < draws; d++) TensorPrimitives.MultiplyAdd(scores.Slice(d * values.Length, values.Length), masker.Weights?[d] ?? 1.0 / draws, values, values);
            return;
        }
        for (int i = 0; i < values.Length; i++) values[i] = Weighted(scores.Slice(i * draws, draws), 0);
    }

    private ReadOnlySpan<double> Scored(Workplace place, int count)
    {
        bench.Scorer.Scores(row, place.Rows(count), place.Scores.AsSpan(0, count), place.Session);
        return place.Scores.AsSpan(0, count);
    }

    private double Weighted(ReadOnlySpan<double> scores, int draw)
    {
        if (masker.Weights is not { } weights) return TensorPrimitives.Sum(scores) / masker.Draws;
        double sum = 0;
        for (int d = 0; d < scores.Length; d++) sum += scores[d] * weights[draw + d];
        return sum;
    }
}

/// <summary>Where the rows of one explanation are made and scored: room that is used again and again.</summary>
internal sealed class Workbench(Scorer scorer)
{
    private readonly ConcurrentBag<Workplace> free = [];

    public Scorer Scorer => scorer;

    public Workplace Take(IMasker masker) => free.TryTake(out Workplace? place) ? place : new Workplace(masker.Room(scorer.Portion), new double[scorer.Portion], scorer.OwnSession());

    public void GiveBack(Workplace place) => free.Add(place);
}

/// <summary>Room for a batch.</summary>
/// <param name="Room">The rows.</param>
/// <param name="Scores">Their scores.</param>
/// <param name="Session">What runs the network here; null for the model's own session.</param>
internal sealed record Workplace(NdArray[] Room, double[] Scores, Session? Session)
{
    /// <summary>The first rows of the room.</summary>
    public NdArray[] Rows(int count) => Room.Length > 0 && Room[0].Dims[0] == count ? Room : Array.ConvertAll(Room, r => r.Rows(0, count));
}
