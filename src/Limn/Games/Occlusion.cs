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
    Source = "Zeiler, Fergus 2014, section 4.1")]
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
            int[] window = Checked("window", Window is null ? DefaultWindow(dims) : Of(Window, i, ranks), dims);
            int[] stride = Checked("stride", Stride is null ? Array.ConvertAll(window, w => (w + 1) / 2) : Of(Stride, i, ranks), dims);
            for (int d = 0; d < dims.Length; d++)
            {
                window[d] = Math.Min(window[d], dims[d]);
                if (stride[d] > window[d] && dims[d] > window[d])
                    throw new InvalidOptionException($"In dimension {d} the stride {stride[d]} is larger than the window {window[d]}, which would leave elements uncovered.");
            }
            windows.AddRange(Windows(dims, window, stride).Select(w => w.ConvertAll(e => (i, e))));
        }
        return Ablation.Compute(question, Baseline, [windows], overlapping: true);
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

    /// <summary>The elements of each window, as flat indices in row-major order.</summary>
    private static IEnumerable<List<int>> Windows(int[] dims, int[] window, int[] stride)
    {
        List<List<int>> windows = [[0]];
        for (int d = 0; d < dims.Length; d++)
        {
            var starts = new List<int>();
            int count = (Math.Max(0, dims[d] - window[d]) + stride[d] - 1) / stride[d] + 1;
            for (int k = 0; k < count; k++) starts.Add(k * stride[d]);
            int axis = d;
            windows = [.. windows.SelectMany(prefix => starts.Select(start =>
                prefix.SelectMany(p => Enumerable.Range(start, Math.Min(window[axis], dims[axis] - start)).Select(k => p * dims[axis] + k)).ToList()))];
        }
        return windows;
    }
}
