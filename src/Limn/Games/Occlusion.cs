using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Occlusion: what the score loses when a window is replaced by a baseline, averaged over the windows that cover an element.</summary>
/// <remarks>
/// Windows start at multiples of the stride; the last one in each dimension is cut off at the edge, so that every element is covered:
/// ⌈(D − w)/s⌉ + 1 windows a dimension. φᵢ = mean over the windows W ∋ i of F(x) − F(x with W set to the baseline).
/// Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014, section 4.1.
/// </remarks>
[Method("occlusion", "Occlusion", "What the score loses when a sliding window is replaced by the baseline, averaged over the windows that cover an element.",
    Source = "Zeiler, Fergus 2014, section 4.1",
    Formula = "φᵢ = mean over the windows W ∋ i of F(x) − F(x with W set to b)",
    Cost = "(2 + windows) × forward",
    Axioms = Axioms.Sensitivity | Axioms.ImplementationInvariance)]
public sealed class Occlusion(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>
    /// The window's size in each dimension, without the batch. Null: for pictures [C,H,W] all channels and an eighth of each side,
    /// for sequences [C,L] all channels and an eighth of the length, for tables one column. Of several inputs: the same for all, or the
    /// numbers of each in turn.
    /// </summary>
    [Option("window", "The window's size in each dimension without the batch, such as 3,8,8 (of several inputs: the same for all, or for each in turn); all channels and an eighth of each side when left out.")]
    public int[]? Window { get; init; }

    /// <summary>How far the window moves in each dimension. Null: half the window, rounded up.</summary>
    [Option("stride", "How far the window moves in each dimension; half the window when left out.")]
    public int[]? Stride { get; init; }

    /// <summary>What fills the window (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    protected internal override MethodResult Compute(Question question)
    {
        List<List<(int Input, int Element)>> windows = [];
        int[] ranks = [.. question.Inputs.Select(x => x.Rank - 1)];
        for (int i = 0; i < question.Inputs.Count; i++)
        {
            int[] dims = question.Inputs[i].Dims[1..].ToArray();
            var (window, stride) = WindowOf(dims, i, ranks);
            windows.AddRange(Windows(dims, window, stride).Select(w => w.ConvertAll(e => (i, e))));
        }
        return Ablation.Compute(question, Baseline, [windows], overlapping: true);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        GraphBuilder graph = question.Graph;
        IReadOnlyList<NdArray> blank = question.BlankInputs();
        int[] ranks = [.. blank.Select(x => x.Rank - 1)];
        var values = new Value[blank.Count];
        for (int i = 0; i < values.Length; i++)
        {
            // A window is a product of intervals: for each dimension, which of its places each window covers.
            int[] dims = blank[i].Dims[1..].ToArray();
            var (window, stride) = WindowOf(dims, i, ranks);
            int[] counts = [.. dims.Select((size, d) => Count(size, window[d], stride[d]))];
            int total = NdArray.Count(counts), input = i;
            var intervals = new Value[dims.Length];
            NdArray covered = MeanOver(dims, window, stride, counts);
            for (int d = 0; d < dims.Length; d++)
            {
                NdArray inside = NdArray.Create(ElementType.Bool, [1, total, .. dims.Select((size, axis) => axis == d ? size : 1)]);
                int inner = NdArray.Count(counts.AsSpan(d + 1));
                for (int w = 0; w < total; w++)
                {
                    int start = w / inner % counts[d] * stride[d];
                    inside.Booleans.Slice(w * dims[d] + start, Math.Min(window[d], dims[d] - start)).Fill(true);
                }
                intervals[d] = graph.Constant(inside);
            }
            Value sum = Ablation.InGraph(question, Baseline, total, points =>
                [.. values.Select((_, other) => other == input ? intervals.Select(points.Of).Aggregate(graph.And) : null)])[i]!;
            values[i] = graph.Mul(sum, graph.Constant(covered));
        }
        return new GraphResult(values, question.Scores());
    }

    /// <summary>One over the number of windows that cover each element of a row: [1, ...].</summary>
    private static NdArray MeanOver(int[] dims, int[] window, int[] stride, int[] counts)
    {
        NdArray share = NdArray.Create(ElementType.Float, [1, .. dims]);
        for (int e = 0; e < share.Length; e++)
        {
            int rest = e, covering = 1;
            for (int d = dims.Length - 1; d >= 0; d--)
            {
                int at = rest % dims[d];
                covering *= Enumerable.Range(0, counts[d]).Count(k => k * stride[d] <= at && at < k * stride[d] + window[d]);
                rest /= dims[d];
            }
            share.Floats[e] = 1f / covering;
        }
        return share;
    }

    private (int[] Window, int[] Stride) WindowOf(int[] dims, int input, int[] ranks)
    {
        int[] window = Checked("window", Window is null ? DefaultWindow(dims) : Of(Window, input, ranks), dims);
        int[] stride = Checked("stride", Stride is null ? Array.ConvertAll(window, w => (w + 1) / 2) : Of(Stride, input, ranks), dims);
        for (int d = 0; d < dims.Length; d++)
        {
            window[d] = Math.Min(window[d], dims[d]);
            if (stride[d] > window[d] && dims[d] > window[d])
                throw new InvalidOptionException($"In dimension {d} the stride {stride[d]} is larger than the window {window[d]}, which would leave elements uncovered.");
        }
        return (window, stride);
    }

    private static int[] DefaultWindow(int[] dims) =>
        dims.Length < 2 ? Array.ConvertAll(dims, _ => 1) : [dims[0], .. dims.Skip(1).Select(d => Math.Max(1, d / 8))];

    /// <summary>The part of an option that is for an input: all of it, unless it has the dimensions of all inputs.</summary>
    private static int[] Of(int[] sizes, int input, int[] ranks) =>
        sizes.Length == ranks.Sum() ? sizes[ranks[..input].Sum()..ranks[..(input + 1)].Sum()] : sizes;

    private static int[] Checked(string option, int[] sizes, int[] dims)
    {
        if (sizes.Length == dims.Length && Array.TrueForAll(sizes, s => s > 0)) return [.. sizes];
        throw new InvalidOptionException($"The option '{option}' is {string.Join(',', sizes)}; the input has {dims.Length} dimensions without the batch, {NdArray.Describe(dims)}, and each needs a positive number.");
    }

    private static int Count(int size, int window, int stride) => (Math.Max(0, size - window) + stride - 1) / stride + 1;

    /// <summary>The elements of each window, as flat indices in row-major order.</summary>
    private static IEnumerable<List<int>> Windows(int[] dims, int[] window, int[] stride)
    {
        List<List<int>> windows = [[0]];
        for (int d = 0; d < dims.Length; d++)
        {
            var starts = new List<int>();
            for (int k = 0; k < Count(dims[d], window[d], stride[d]); k++) starts.Add(k * stride[d]);
            int axis = d;
            windows = [.. windows.SelectMany(prefix => starts.Select(start =>
                prefix.SelectMany(p => Enumerable.Range(start, Math.Min(window[axis], dims[axis] - start)).Select(k => p * dims[axis] + k)).ToList()))];
        }
        return windows;
    }
}
