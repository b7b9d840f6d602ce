using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>What ablation and occlusion share: set groups of elements to a baseline, one group at a time, and note what the score loses.</summary>
/// <remarks>The elements are those of the inputs, or of the explained layer; the layer's baseline is what it holds at the baseline input.</remarks>
internal static class Ablation
{
    /// <param name="question">What is asked.</param>
    /// <param name="baseline">What replaces a group.</param>
    /// <param name="groupings">The elements of each group, as the place and the flat index in its row: one grouping for all rows, or one for each.</param>
    /// <param name="overlapping">Whether elements may be in several groups; they get the mean.</param>
    public static MethodResult Compute(Question question, Baseline baseline, IReadOnlyList<List<List<(int Place, int Element)>>> groupings, bool overlapping)
    {
        int rows = question.Rows;
        (int Row, List<(int Place, int Element)> Group)[] removals = [.. Enumerable.Range(0, rows).SelectMany(r => groupings[r % groupings.Count].Select(g => (r, g)))];
        IReadOnlyList<IReadOnlyList<NdArray>> baselines = [.. question.Resolve(baseline)];
        if (baselines.Count != 1) throw Several(baselines.Count);
        IReadOnlyList<NdArray> absent = question.WithInputs(baselines[0]).PlaceValues(), present = question.PlaceValues();
        double[] prediction = question.Scores();
        var sums = present.Select(x => new double[x.Length]).ToArray();
        int portion = question.PredictionPortion();

        for (int from = 0; from < removals.Length; from += portion)
        {
            question.ThrowIfCancelled();
            var now = removals.AsSpan(from, Math.Min(portion, removals.Length - from));
            var chosen = new int[now.Length];
            for (int i = 0; i < chosen.Length; i++) chosen[i] = now[i].Row;
            Question part = question.Select(chosen);
            IReadOnlyList<NdArray> values = part.PlaceValues();
            for (int i = 0; i < chosen.Length; i++)
                foreach (var (place, element) in now[i].Group)
                    Replace(values[place], i, absent[place], chosen[i], element);
            double[] scores = part.WithPlaces(values).Scores();
            for (int i = 0; i < chosen.Length; i++)
            {
                double loss = prediction[chosen[i]] - scores[i];
                foreach (var (place, element) in now[i].Group)
                    sums[place][chosen[i] * (sums[place].Length / rows) + element] += loss;
            }
            question.Report(from + chosen.Length, removals.Length);
        }

        if (overlapping) Average(sums, groupings[0], rows);
        return new MethodResult([.. sums.Select((s, i) => new NdArray(Array.ConvertAll(s, v => (float)v), present[i].Dims.ToArray()))], prediction);
    }

    /// <summary>The same in a graph.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="baseline">What replaces a group.</param>
    /// <param name="groups">How many groups there are.</param>
    /// <param name="masks">For each place, of some groups, which elements of a row are in them: booleans that broadcast to [1, groups, ...]; null where none are.</param>
    /// <returns>For each place, for each element, the sum over its groups of what the score loses; null where there are none.</returns>
    public static Value?[] InGraph(ExplanationGraph question, Baseline baseline, int groups, Func<Points, Value?[]> masks)
    {
        GraphBuilder graph = question.Graph;
        IReadOnlyList<Value>[] baselines = [.. question.Resolve(baseline)];
        if (baselines.Length != 1) throw Several(baselines.Length);
        IReadOnlyList<Value> absent = question.WithInputs(baselines[0]).PlaceValues(), present = question.PlaceValues();
        Value prediction = question.Scores();
        bool[] concerned = [];
        Value[] sums = Points.SumStacked(question, groups, points =>
        {
            Value?[] gone = masks(points);
            concerned = Array.ConvertAll(gone, g => g is not null);
            Value[] changed = [.. gone.Select((g, i) => g is null ? points.Repeat(present[i])
                : points.Rows(graph.Where(g, graph.Unsqueeze(absent[i], 1), graph.Unsqueeze(present[i], 1))))];
            Value loss = graph.Sub(graph.Unsqueeze(prediction, 1), points.Stack(points.Question.WithPlaces(changed).Scores()));
            return [.. gone.OfType<Value>().Select(g => graph.WhereOrZero(g, graph.Spread(loss, 2, g.Rank)))];
        });
        int next = 0;
        return Array.ConvertAll(concerned, c => c ? sums[next++] : (Value?)null);
    }

    private static InvalidOptionException Several(int count) =>
        new($"This method takes a single baseline, and {count} were given. Leave --background away, or give one of its rows as --baseline.");

    private static void Average(double[][] sums, List<List<(int Place, int Element)>> groups, int rows)
    {
        int[][] covered = [.. sums.Select(s => new int[s.Length / rows])];
        foreach (var (place, element) in groups.SelectMany(g => g)) covered[place][element]++;
        for (int i = 0; i < sums.Length; i++)
            for (int j = 0; j < sums[i].Length; j++) sums[i][j] /= Math.Max(1, covered[i][j % covered[i].Length]);
    }

    private static void Replace(NdArray to, int toRow, NdArray from, int fromRow, int element)
    {
        int inner = to.Length / to.Dims[0], target = toRow * inner + element, source = fromRow * inner + element;
        switch (to.Type.Storage())
        {
            case Storage.Float: to.Floats[target] = from.Type.Storage() == Storage.Float ? from.Floats[source] : from.Integers[source]; break;
            case Storage.Integer: to.Integers[target] = from.Type.Storage() == Storage.Integer ? from.Integers[source] : (long)from.Floats[source]; break;
            case Storage.Boolean: to.Booleans[target] = from.Booleans[source]; break;
            default: to.Strings[target] = from.Strings[source]; break;
        }
    }
}
