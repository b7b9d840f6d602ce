using System.Globalization;
using Limn.Data;
using Limn.Engine;
using Limn.Gradients;

namespace Limn;

/// <summary>
/// Between which numbers the data lie that a model knows, element by element, so that baselines and noise that lead out of them are noticed: there the model
/// answers, but nobody has ever checked what.
/// </summary>
/// <remarks>
/// Given in <see cref="ExplainOptions.Range"/>. Where it is not, a table of at least <see cref="RowsThatTell"/> rows is its own range; of anything else the range
/// is unknown and nothing is said. A baseline is outside where it passes the range by more than 1 % of its width. Noise is strong where its standard deviation
/// exceeds a quarter of the width, so that one point in forty of an element at the edge lies half a width outside; that is said when it holds for a tenth of the elements of a row.
/// </remarks>
public sealed class DataRange
{
    /// <summary>How many rows of a table tell its range.</summary>
    public const int RowsThatTell = 20;

    private const double Slack = 0.01;
    private const double StrongNoise = 0.25;
    private const double ManyElements = 0.1;

    private readonly float[][] low;
    private readonly float[][] high;

    private DataRange(float[][] low, float[][] high)
    {
        this.low = low;
        this.high = high;
    }

    /// <summary>The smallest and largest number of each element over rows of data, for example those that the model was trained on.</summary>
    /// <param name="rows">One array for each input of the model; of those that hold no floating-point numbers the range stays unknown.</param>
    /// <exception cref="InvalidDataException">An input has no rows.</exception>
    public static DataRange Of(IReadOnlyList<NdArray> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.FirstOrDefault(r => r.Rank == 0 || r.Dims[0] == 0) is { } empty) throw new InvalidDataException($"A range is that of at least one row; {empty} was given.");
        return new DataRange([.. rows.Select(r => Extreme(r, Math.Min, float.NegativeInfinity))], [.. rows.Select(r => Extreme(r, Math.Max, float.PositiveInfinity))]);
    }

    /// <summary>The range of pictures: what a preprocessing makes of black and of white, channel by channel.</summary>
    /// <param name="inputs">The model's inputs.</param>
    /// <param name="pictures">For each input how pictures become numbers; null for one that holds no pictures, of which the range stays unknown.</param>
    public static DataRange Of(IReadOnlyList<NdArray> inputs, IReadOnlyList<ImagePreprocessing?> pictures)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(pictures);
        if (inputs.Count != pictures.Count) throw new ShapeMismatchException($"There are {inputs.Count} inputs, and the preprocessing of {pictures.Count} was given; give one for each, or null.");
        float[][] Edge(float pixel, float unknown) => [.. inputs.Select((x, i) => Channels(x, pictures[i], pixel, unknown))];
        float[][] black = Edge(0, float.NegativeInfinity), white = Edge(255, float.PositiveInfinity);
        // A negative scale turns black and white around.
        return new DataRange([.. black.Zip(white, (b, w) => b.Zip(w, Math.Min).ToArray())], [.. black.Zip(white, (b, w) => b.Zip(w, Math.Max).ToArray())]);
    }

    /// <summary>The range that the options give, or that a table's own rows tell; null where it is not known.</summary>
    internal static DataRange? For(Question question, ExplainOptions options)
    {
        if (options.Range is { } given)
        {
            for (int i = 0; i < given.low.Length || i < question.Inputs.Count; i++)
                if (i >= given.low.Length || i >= question.Inputs.Count || given.low[i].Length != question.Inputs[i].Length / question.Rows)
                    throw new ShapeMismatchException($"The range of the data is that of other inputs: it has {string.Join(", ", given.low.Select(l => l.Length))} elements a row, and the inputs have {string.Join(", ", question.Inputs.Select(x => x.Length / question.Rows))}.");
            return given;
        }
        return question.Rows >= RowsThatTell && question.Inputs.All(x => x.Rank == 2) ? Of(question.Inputs) : null;
    }

    /// <summary>The smallest and largest number of each element of an input; infinite where they are not known.</summary>
    internal (float[] Low, float[] High)? Of(int input) => input < low.Length ? (low[input], high[input]) : null;

    /// <summary>What is to be said of a baseline outside of the range; null if it is inside.</summary>
    internal string? OfBaseline(Baseline baseline, Question question)
    {
        if (baseline.Count != 1 || baseline is Baseline.Inpainted) return null; // rows of a background are data themselves, and so is what is around a hole
        NdArray[] start = [.. baseline.Resolve(question.Inputs).First()];
        long outside = 0, all = 0;
        string example = "";
        for (int i = 0; i < start.Length; i++)
        {
            if (start[i].Type.Storage() != Storage.Float) continue;
            for (int e = 0; e < start[i].Length; e++)
            {
                int element = e % low[i].Length;
                double value = start[i].Floats[e], from = low[i][element], to = high[i][element];
                double slack = double.IsFinite(to - from) ? Slack * (to - from) + 1e-6 * Math.Max(Math.Abs(from), Math.Abs(to)) : 0;
                all++;
                if (value >= from - slack && value <= to + slack) continue;
                if (outside++ == 0) example = $"{Text(value)} where the data lie between {Text(from)} and {Text(to)}";
            }
        }
        return outside == 0 ? null
            : $"The baseline lies outside of the range of the data in {Share(outside, all)} of the elements ({example}), where the model may never have been looked at. Choose one like the data: --baseline mean, a typical row, or --background.";
    }

    /// <summary>What is to be said of noise that is strong beside the range; null if it is not.</summary>
    internal string? OfNoise(NoiseMethod method, Question question)
    {
        long strong = 0, all = 0;
        string example = "";
        for (int i = 0; i < question.Inputs.Count; i++)
        {
            NdArray input = question.Inputs[i];
            if (input.Type.Storage() != Storage.Float) continue;
            int inner = low[i].Length;
            for (int r = 0; r < question.Rows && inner > 0; r++)
            {
                double deviation = method.DeviationOf(input.Floats.Slice(r * inner, inner));
                for (int e = 0; e < inner; e++)
                {
                    double width = (double)high[i][e] - low[i][e];
                    all++;
                    if (!(width > 0) || deviation <= StrongNoise * width) continue;
                    if (strong++ == 0) example = $"a standard deviation of {Text(deviation)} where the data lie between {Text(low[i][e])} and {Text(high[i][e])}";
                }
            }
        }
        return strong <= ManyElements * all ? null
            : $"The noise leads out of the range of the data in {Share(strong, all)} of the elements ({example}), where the model may never have been looked at. Use less (--set stdev=...){(method.Relative ? ", or noise in the input's own unit (--set relative=false)" : "")}.";
    }

    private static string Share(long part, long all) => part == all ? "all" : $"{(100.0 * part / all).ToString(part * 100 < all ? "0.##" : "F0", CultureInfo.InvariantCulture)} %";

    private static string Text(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    private static float[] Extreme(NdArray rows, Func<float, float, float> better, float unknown)
    {
        int inner = rows.Length / rows.Dims[0];
        var extreme = new float[inner];
        if (rows.Type.Storage() != Storage.Float)
        {
            Array.Fill(extreme, unknown);
            return extreme;
        }
        rows.Floats[..inner].CopyTo(extreme);
        for (int j = inner; j < rows.Length; j++) extreme[j % inner] = better(extreme[j % inner], rows.Floats[j]);
        return extreme;
    }

    private static float[] Channels(NdArray input, ImagePreprocessing? pictures, float pixel, float unknown)
    {
        var edge = new float[input.Length / Math.Max(1, input.Dims[0])];
        if (pictures is null || input.Rank != 4)
        {
            Array.Fill(edge, unknown);
            return edge;
        }
        bool planar = pictures.Layout == TensorLayout.Nchw;
        int channels = planar ? input.Dims[1] : input.Dims[3], area = edge.Length / channels;
        float Of(IReadOnlyList<float> numbers, int c, float none) => numbers.Count == 0 ? none : numbers[Math.Min(c, numbers.Count - 1)];
        for (int e = 0; e < edge.Length; e++)
        {
            int c = planar ? e / area : e % channels;
            edge[e] = (pixel * pictures.Scale - Of(pictures.Mean, c, 0)) / Of(pictures.Std, c, 1);
        }
        return edge;
    }
}
