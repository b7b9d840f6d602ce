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

    // Of a large network a batch takes seconds.
    public int AtOnce => bench.Scorer.IsSlow ? Math.Max(1, size / masker.Draws) : 1024;

    public void Evaluate(Coalitions coalitions, int from, Span<double> values)
    {
        int each = Math.Max(1, size / masker.Draws);
        var found = new double[values.Length];
        bench.Run(row, (found.Length + each - 1) / each, masker.Room, (u, place) => Unit(coalitions, from + u * each, found.AsSpan(u * each, Math.Min(each, found.Length - u * each)), place));
        found.CopyTo(values);
    }

    public void EvaluateDraws(Coalitions coalitions, ReadOnlySpan<int> draws, Span<double> values)
    {
        int[] at = draws.ToArray();
        var found = new double[values.Length];
        bench.Run(row, (found.Length + size - 1) / size, masker.Room, (u, place) =>
        {
            int count = Math.Min(size, found.Length - u * size);
            masker.Write(coalitions, u * size, at.AsSpan(u * size, count), place.Room);
            bench.Scorer.Scores(row, place.Rows(count), found.AsSpan(u * size, count), place.Session);
        });
        found.CopyTo(values);
    }

    /// <summary>Values coalitions whose rows fit one batch, or a single one of more draws.</summary>
    private void Unit(Coalitions coalitions, int from, Span<double> values, Workplace place)
    {
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
        for (int i = 0; i < values.Length; i++) masker.Write(coalitions[from + i], 0, draws, place.Room, i * draws);
        ReadOnlySpan<double> scores = Scored(place, values.Length * draws);
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

    /// <summary>Does the units of a work, several at a time where there are several workers, and looks for cancellation before each.</summary>
    /// <param name="row">The row that the work is for.</param>
    /// <param name="units">How many there are.</param>
    /// <param name="room">Makes room for so many rows.</param>
    /// <param name="unit">Does one.</param>
    public void Run(int row, int units, Func<int, NdArray[]> room, Action<int, Workplace> unit)
    {
        scorer.Turn(row);
        if (units < 2 || scorer.Workers < 2)
        {
            Workplace place = Take();
            for (int u = 0; u < units; u++) Do(u, place);
            free.Add(place);
            return;
        }
        try
        {
            Parallel.For(0, units, new ParallelOptions { MaxDegreeOfParallelism = scorer.Workers }, Take, (u, _, place) =>
            {
                Do(u, place);
                return place;
            }, free.Add);
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is LimnException or OperationCanceledException)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        void Do(int u, Workplace place)
        {
            scorer.ThrowIfCancelled();
            unit(u, place);
        }

        Workplace Take() => free.TryTake(out Workplace? place) ? place : new Workplace(room(scorer.Portion), new double[scorer.Portion], scorer.OwnSession());
    }
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
