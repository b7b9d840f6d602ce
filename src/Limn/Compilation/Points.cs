using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Compilation;

/// <summary>Some of several points at which a question is asked of each row: nodes of a path, coalitions, baselines.</summary>
/// <remarks>
/// Values for several points of each row are stacked as [rows, points, ...]. Where the model takes any number of rows, points go through it as
/// rows, [rows · points, ...], so many at once that the memory stays small; where the file fixes the batch, there is a copy of the network
/// for each point, with the same weights.
/// </remarks>
internal sealed class Points
{
    private const int MostAtOnce = 64;

    private readonly ExplanationGraph asked;
    private readonly bool asRows;
    private readonly GraphBuilder graph;

    private Points(ExplanationGraph asked, int from, int count)
    {
        this.asked = asked;
        From = from;
        Count = count;
        graph = asked.Graph;
        asRows = asked.Network.FixedRows is null;
        Question = asked.ForRows(Repeat);
    }

    /// <summary>The question, asked of each row as often as there are points.</summary>
    public ExplanationGraph Question { get; }

    /// <summary>The first of these points.</summary>
    public int From { get; }

    public int Count { get; }

    /// <summary>Evaluates something at all points of each row: [rows, points, ...].</summary>
    public static Value[] Each(ExplanationGraph question, int count, Func<Points, IReadOnlyList<Value>> of)
    {
        Value[][] parts = [.. All(question, count).Select(p => of(p).Select(p.Stack).ToArray())];
        return [.. parts[0].Select((first, i) => parts.Length == 1 ? first : question.Graph.Concat(1, [.. parts.Select(p => p[i])]))];
    }

    /// <summary>The weighted sum of something over all points of each row: [rows, ...].</summary>
    public static Value[] Sum(ExplanationGraph question, IReadOnlyList<double> weights, Func<Points, IReadOnlyList<Value>> of) =>
        SumStacked(question, weights.Count, points => [.. of(points).Select(v =>
            question.Graph.Mul(points.Stack(v), points.Numbers(Enumerable.Range(points.From, points.Count).Select(i => weights[i]), v.Rank + 1)))]);

    /// <summary>The sum of something over all points of each row, given as [rows, points, ...].</summary>
    public static Value[] SumStacked(ExplanationGraph question, int count, Func<Points, IReadOnlyList<Value>> of)
    {
        Value[][] parts = [.. All(question, count).Select(p => of(p).Select(v => question.Graph.ReduceSum(v, [1], keepDims: false)).ToArray())];
        return [.. parts[0].Select((first, i) => parts.Length == 1 ? first : question.Graph.Sum([.. parts.Select(p => p[i])]))];
    }

    /// <summary>A value of each row, for each of these points.</summary>
    public Value Repeat(Value value) => asRows ? Rows(graph.Unsqueeze(value, 1)) : value;

    /// <summary>Values for these points, [rows, points, ...] or [rows, 1, ...] where they are the same for all, as the network takes them.</summary>
    public Value Rows(Value stacked)
    {
        if (!asRows) return graph.Squeeze(stacked, 1);
        if (Count > 1 && stacked.Shape?[1] == 1) stacked = graph.Expand(stacked, graph.Integers([.. Enumerable.Range(0, stacked.Rank).Select(d => d == 1 ? (long)Count : 1)]));
        return Reshaped(stacked, 2, [-1], [Dim.Named($"{stacked.Shape![0]}*{Count}")]);
    }

    /// <summary>What the network gives for these points, as [rows, points, ...].</summary>
    public Value Stack(Value rows) => asRows ? Reshaped(rows, 1, [-1, Count], [asked.Inputs[0].Shape![0], Count]) : graph.Unsqueeze(rows, 1);

    /// <summary>Those of the values for all points, [rows, all points, ...], that are for these.</summary>
    public Value Of(Value all) => graph.Slice(all, [From], [From + Count], [1]);

    /// <summary>A number for each of these points, of a shape that broadcasts with stacked values of <paramref name="rank"/> axes.</summary>
    public Value Numbers(IEnumerable<double> numbers, int rank) =>
        graph.Constant(new NdArray([.. numbers.Select(n => (float)n)], [1, Count, .. Enumerable.Repeat(1, rank - 2)]));

    private static IEnumerable<Points> All(ExplanationGraph question, int count)
    {
        int size = question.Network.FixedRows is null ? MostAtOnce : 1;
        for (int from = 0; from < count; from += size) yield return new Points(question, from, Math.Min(size, count - from));
    }

    /// <summary>The value with its first axes replaced.</summary>
    private Value Reshaped(Value value, int dropped, long[] leading, Dim[] symbols)
    {
        Dim[] rest = [.. value.Shape!.Skip(dropped)];
        Value shape = Array.TrueForAll(rest, d => d.IsKnown) ? graph.Integers([.. leading, .. rest.Select(d => (long)d.Value)])
            : graph.Concat(0, graph.Integers(leading), graph.Op(new ShapeOf { Start = dropped }, value));
        return graph.Assume(graph.Reshape(value, shape), Shape.Of([.. symbols, .. rest]));
    }
}
