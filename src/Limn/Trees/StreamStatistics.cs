using Limn.Engine;
using Limn.Games;

namespace Limn.Trees;

/// <summary>What is known of all rows of a stream: for each player the mean of its values and of their sizes, and some rows drawn at random.</summary>
/// <param name="Rows">The number of rows.</param>
/// <param name="Mean">[players] The mean value.</param>
/// <param name="MeanAbsolute">[players] The mean size of the values.</param>
/// <param name="StandardError">[players] The standard error of that mean, were the rows drawn from something larger.</param>
/// <param name="ExpectedValue">[outputs] What the outputs are with all players absent; empty for the log-loss.</param>
/// <param name="LargestDelta">The largest |expected value + Σ values − prediction| as the files hold them, in single precision; NaN where values do not add up, or the expected value depends on the row.</param>
/// <param name="Sample">Rows drawn at random, each as likely as any other, in the order of the file.</param>
public sealed record StreamedValues(long Rows, double[] Mean, double[] MeanAbsolute, double[] StandardError, double[] ExpectedValue, double LargestDelta, IReadOnlyList<SampledRow> Sample);

/// <summary>A row that was drawn.</summary>
/// <param name="Row">Its number.</param>
/// <param name="Features">[features] Its features.</param>
/// <param name="Values">[players] The values of the output that is explained.</param>
/// <param name="Output">Which output that is.</param>
/// <param name="Prediction">That output.</param>
public sealed record SampledRow(long Row, float[] Features, double[] Values, int Output, double Prediction);

/// <summary>Gathers <see cref="StreamedValues"/>, row after row, so that they do not depend on blocks or threads.</summary>
internal sealed class StreamStatistics(Players players, int features, int sampleSize, ulong seed)
{
    private readonly int[] column = [.. Enumerable.Range(0, players.Count).Select(p => Array.IndexOf(players.Of[0], p))];
    private readonly double[] mean = new double[players.Count], size = new double[players.Count], squares = new double[players.Count];
    private readonly List<SampledRow> sample = [];
    private readonly CounterRandom random = new(seed);
    private double delta;
    private long rows;

    /// <param name="values">[rows, features].</param>
    /// <param name="phi">[rows, features, outputs] or [rows, features].</param>
    /// <param name="outputs">How many outputs <paramref name="phi"/> has.</param>
    /// <param name="answers">[rows, all outputs] The predictions.</param>
    /// <param name="all">How many outputs there are.</param>
    /// <param name="given">The output that is explained; null: the largest of the row.</param>
    /// <param name="first">The number of the first row.</param>
    /// <param name="expected">[all outputs], or empty.</param>
    public void Add(float[] values, float[] phi, int outputs, float[] answers, int all, int? given, long first, ReadOnlySpan<double> expected)
    {
        for (int r = 0; r < values.Length / features; r++)
        {
            int output = Math.Min(given ?? Largest(answers.AsSpan(r * all, all)), all - 1), k = outputs == 1 ? 0 : output;
            rows++;
            double sum = 0;
            for (int p = 0; p < column.Length; p++)
            {
                double v = phi[(r * features + column[p]) * outputs + k], a = Math.Abs(v), before = a - size[p];
                sum += v;
                mean[p] += (v - mean[p]) / rows;
                size[p] += before / rows;
                squares[p] += before * (a - size[p]);
            }
            delta = Math.Max(delta, expected.IsEmpty ? double.NaN : Math.Abs(expected[output] + sum - answers[r * all + output]));
            Draw(values, phi, outputs, k, r, first + r, output, answers[r * all + output]);
        }
    }

    public StreamedValues Result(double[] expected) => new(rows, mean, size, [.. squares.Select(s => rows > 1 ? Math.Sqrt(s / (rows - 1) / rows) : double.NaN)], expected, delta, [.. sample.OrderBy(s => s.Row)]);

    /// <summary>Vitter's algorithm R, with random numbers that depend on the row alone.</summary>
    private void Draw(float[] values, float[] phi, int outputs, int k, int r, long row, int output, double prediction)
    {
        long place = row < sampleSize ? row : (long)(random.Bits((ulong)row) % (ulong)(row + 1));
        if (place >= sampleSize) return;
        var drawn = new SampledRow(row, values.AsSpan(r * features, features).ToArray(), [.. column.Select(c => (double)phi[(r * features + c) * outputs + k])], output, prediction);
        if (place == sample.Count) sample.Add(drawn);
        else sample[(int)place] = drawn;
    }

    private static int Largest(ReadOnlySpan<float> scores)
    {
        int best = 0;
        for (int o = 1; o < scores.Length; o++)
            if (scores[o] > scores[best]) best = o;
        return best;
    }
}
