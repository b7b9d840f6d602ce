using Limn.Engine;

namespace Limn.Games.Local;

/// <summary>LIME on a table whose background is data.</summary>
internal static class TableLime
{
    public static MethodResult Compute(Question question, Lime lime, LocalTable table, Func<int, Players> playersOf)
    {
        NdArray inputs = question.Inputs[0];
        int count = lime.CopiesOfTable, columns = inputs.Dims[1];
        LocalRegression regression = lime.RegressionOfTable;
        LocalDistance measured = lime.Distance ?? LocalDistance.Euclidean;
        var scorer = new Scorer(question, question.PredictorThreads);
        double[] prediction = question.Scores();
        var rows = new List<PlayerValues>();
        TableCopies? copies = null;
        Dictionary<int, double[]> scored = [];
        for (int r = 0; r < question.Rows; r++)
        {
            Players players = playersOf(r);
            float[] row = inputs.Floats.Slice(r * columns, columns).ToArray();
            if (copies?.Serves(players.Of[0]) != true)
            {
                copies = new TableCopies(table, players, inputs.Type, row, count, question.Seed, lime.Around);
                scored = [];
            }
            int key = question.Readout.Classes is { } classes ? classes[r] : -1 - r; // rows of one class ask for the same scores
            if (!scored.TryGetValue(key, out double[]? scores)) scored[key] = scores = Scores(question, scorer, r, copies.Values, count - 1);
            var samples = new LocalSamples(players.Count, count);
            samples.Scores[0] = prediction[r];
            scores.CopyTo(samples.Scores[1..]);
            double[] own = copies.Features(samples, row);
            Weigh(samples, own, lime, measured, copies.AreBinary);
            Solution solution = regression.Of(samples, own, prediction[r], question.Seed);
            int[][] owned = LocalTable.Owned(players);
            rows.Add(new PlayerValues(players, solution with
            {
                Surrogate = solution.Surrogate! with
                {
                    Top = [.. solution.Surrogate.Top.Select(t => t with { Condition = copies.IsBinary(t.Player) ? string.Join(" and ", table.Conditions(t.Player, players.NameOf(t.Player), owned[t.Player], row).Select(c => c.ToString())) : null })],
                },
            }));
            question.Report(r + 1, question.Rows);
        }
        NdArray Joined(Func<Solution, double[]> of) => Models.Batches.Join([.. rows.Select((v, r) => v.Players.Spread(of(v.Solution), [inputs.Rows(r, 1)])[0])]);
        return new MethodResult([Joined(s => s.Values)], prediction, StandardError: [Joined(s => s.StandardErrors!)]) { Players = rows };
    }

    private static double[] Scores(Question question, Scorer scorer, int row, NdArray values, int count)
    {
        var scores = new double[count];
        for (int from = 0; from < count; from += scorer.Portion)
        {
            question.ThrowIfCancelled();
            int some = Math.Min(scorer.Portion, count - from);
            scorer.Scores(row, [values.Rows(from, some)], scores.AsSpan(from, some));
        }
        return scores;
    }

    private static void Weigh(LocalSamples samples, double[] own, Lime lime, LocalDistance measured, bool binary)
    {
        int n = samples.Features;
        Span<double> weights = samples.Weights;
        if (binary)
        {
            for (int p = 0; p < n; p++) System.Numerics.Tensors.TensorPrimitives.Add(weights, samples.Column(p), weights);
            double[] near = [.. Enumerable.Range(0, n + 1).Select(same => lime.Nearness(Lime.Binary(same, n, measured), n, measured))];
            for (int k = 0; k < weights.Length; k++) weights[k] = near[(int)weights[k]];
            return;
        }
        double size = Math.Sqrt(own.Sum(v => v * v));
        for (int k = 0; k < weights.Length; k++)
        {
            double square = 0, dot = 0, length = 0;
            for (int p = 0; p < n; p++)
            {
                double v = samples.Column(p)[k];
                (square, dot, length) = (square + (v - own[p]) * (v - own[p]), dot + v * own[p], length + v * v);
            }
            double cosine = size > 0 && length > 0 ? dot / (size * Math.Sqrt(length)) : 0;
            weights[k] = lime.Nearness(measured == LocalDistance.Euclidean ? Math.Sqrt(square) : k == 0 ? 0 : 1 - cosine, n, measured);
        }
    }
}
