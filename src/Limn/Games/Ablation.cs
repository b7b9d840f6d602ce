using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>What ablation and occlusion share: set groups of elements to a baseline, one group at a time, and note what the score loses.</summary>
internal static class Ablation
{
    /// <param name="question">What is asked.</param>
    /// <param name="baseline">What replaces a group.</param>
    /// <param name="groups">The elements of each group: the input and the flat index in its row.</param>
    /// <param name="overlapping">Whether elements may be in several groups; they get the mean.</param>
    public static MethodResult Compute(Question question, Baseline baseline, List<List<(int Input, int Element)>> groups, bool overlapping)
    {
        int rows = question.Rows, total = rows * groups.Count;
        IReadOnlyList<IReadOnlyList<NdArray>> baselines = [.. baseline.Resolve(question.Inputs)];
        if (baselines.Count != 1) throw Several(baselines.Count);
        IReadOnlyList<NdArray> absent = baselines[0];
        double[] prediction = question.Scores();
        var sums = question.Inputs.Select(x => new double[x.Length]).ToArray();
        int portion = question.PredictionPortion();

        for (int from = 0; from < total; from += portion)
        {
            question.ThrowIfCancelled();
            int size = Math.Min(portion, total - from);
            int[] chosen = [.. Enumerable.Range(from, size).Select(i => i / groups.Count)];
            Question part = question.Select(chosen);
            for (int i = 0; i < size; i++)
                foreach (var (input, element) in groups[(from + i) % groups.Count])
                    Replace(part.Inputs[input], i, absent[input], chosen[i], element);
            double[] scores = part.Scores();
            for (int i = 0; i < size; i++)
            {
                double loss = prediction[chosen[i]] - scores[i];
                foreach (var (input, element) in groups[(from + i) % groups.Count])
                    sums[input][chosen[i] * (sums[input].Length / rows) + element] += loss;
            }
            question.Report(from + size, total);
        }

        if (overlapping) Average(sums, groups, rows);
        return new MethodResult([.. sums.Select((s, i) => new NdArray(Array.ConvertAll(s, v => (float)v), question.Inputs[i].Dims.ToArray()))], prediction);
    }

    /// <summary>The same in a graph.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="baseline">What replaces a group.</param>
    /// <param name="groups">How many groups there are.</param>
    /// <param name="masks">For each input, of some groups, which elements of a row are in them: booleans that broadcast to [1, groups, ...]; null where none are.</param>
    /// <returns>For each input, for each element, the sum over its groups of what the score loses; null where there are none.</returns>
    public static Value?[] InGraph(ExplanationGraph question, Baseline baseline, int groups, Func<Points, Value?[]> masks)
    {
        GraphBuilder graph = question.Graph;
        IReadOnlyList<Value>[] baselines = [.. baseline.InGraph(question)];
        if (baselines.Length != 1) throw Several(baselines.Length);
        Value prediction = question.Scores();
        bool[] concerned = [];
        Value[] sums = Points.SumStacked(question, groups, points =>
        {
            Value?[] gone = masks(points);
            concerned = Array.ConvertAll(gone, g => g is not null);
            Value[] changed = [.. gone.Select((g, i) => g is null ? points.Repeat(question.Inputs[i])
                : points.Rows(graph.Where(g, graph.Unsqueeze(baselines[0][i], 1), graph.Unsqueeze(question.Inputs[i], 1))))];
            Value loss = graph.Sub(graph.Unsqueeze(prediction, 1), points.Stack(points.Question.WithInputs(changed).Scores()));
            return [.. gone.OfType<Value>().Select(g => graph.WhereOrZero(g, graph.Spread(loss, 2, g.Rank)))];
        });
        int next = 0;
        return Array.ConvertAll(concerned, c => c ? sums[next++] : (Value?)null);
    }

    private static InvalidOptionException Several(int count) =>
        new($"This method takes a single baseline, and {count} were given. Leave --background away, or give one of its rows as --baseline.");

    private static void Average(double[][] sums, List<List<(int Input, int Element)>> groups, int rows)
    {
        int[][] covered = [.. sums.Select(s => new int[s.Length / rows])];
        foreach (var (input, element) in groups.SelectMany(g => g)) covered[input][element]++;
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
