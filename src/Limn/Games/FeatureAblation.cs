using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Feature Ablation: what the score loses when a feature is replaced by a baseline.</summary>
/// <remarks>
/// φ_g(x) = F(x) − F(x with the elements of group g set to the baseline); every element gets its group's value.
/// Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014, section 4.1, without the sliding window.
/// A group may reach over several inputs of a model when they share an id.
/// </remarks>
[Method("feature-ablation", "Feature Ablation", "What the score loses when a feature, or a group of features, is replaced by the baseline.",
    Source = "Zeiler, Fergus 2014, section 4.1")]
public sealed class FeatureAblation(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>The group of each element of one row, for each input: whole numbers, equal for elements that are ablated together. Null: each element on its own.</summary>
    public IReadOnlyList<NdArray>? Mask { get; init; }

    /// <summary>What replaces a feature (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    protected internal override MethodResult Compute(Question question)
    {
        List<List<(int Input, int Element)>> groups = Mask is null ? Elements(question.Inputs) : Groups(question.Inputs, Mask);
        return Ablation.Compute(question, Baseline, groups, overlapping: false);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        GraphBuilder graph = question.Graph;
        IReadOnlyList<NdArray> blank = question.BlankInputs();
        List<List<(int Input, int Element)>> groups = Mask is null ? Elements(blank) : Groups(blank, Mask);
        var numbers = blank.Select(b => new NdArray(new long[b.Length / b.Dims[0]], [1, 1, .. b.Dims[1..]])).ToArray();
        for (int g = 0; g < groups.Count; g++)
            foreach (var (input, element) in groups[g]) numbers[input].Integers[element] = g;
        Value[] ids = Array.ConvertAll(numbers, n => graph.Constant(n));
        Value?[] values = Ablation.InGraph(question, Baseline, groups.Count, points => [.. ids.Select(id => graph.Equal(id, graph.Constant(new NdArray(
            [.. Enumerable.Range(points.From, points.Count).Select(g => (long)g)], [1, points.Count, .. Enumerable.Repeat(1, id.Rank - 2)]))))]);
        return new GraphResult(values!, question.Scores());
    }

    private static List<List<(int, int)>> Elements(IReadOnlyList<NdArray> inputs) =>
        [.. inputs.SelectMany((x, i) => Enumerable.Range(0, x.Length / x.Dims[0]).Select(e => new List<(int, int)> { (i, e) }))];

    private static List<List<(int, int)>> Groups(IReadOnlyList<NdArray> inputs, IReadOnlyList<NdArray> masks)
    {
        if (masks.Count != inputs.Count) throw new ShapeMismatchException($"{masks.Count} masks were given for {inputs.Count} inputs.");
        var groups = new SortedDictionary<long, List<(int, int)>>();
        for (int i = 0; i < inputs.Count; i++)
        {
            NdArray mask = masks[i];
            ReadOnlySpan<int> row = inputs[i].Dims[1..];
            if (!mask.Dims.SequenceEqual(row) && !(mask.Rank == inputs[i].Rank && mask.Dims[0] == 1 && mask.Dims[1..].SequenceEqual(row)))
                throw new ShapeMismatchException($"The mask has the shape {NdArray.Describe(mask.Dims)}; it must be that of one row of the input, {NdArray.Describe(row)}.");
            for (int e = 0; e < mask.Length; e++)
            {
                long id = mask.Type.IsInteger() ? mask.Integers[e] : float.IsInteger(mask.Floats[e]) ? (long)mask.Floats[e]
                    : throw new InvalidDataException($"The mask holds {mask.Floats[e]}; group ids are whole numbers.");
                if (!groups.TryGetValue(id, out List<(int, int)>? group)) groups.Add(id, group = []);
                group.Add((i, e));
            }
        }
        return [.. groups.Values];
    }
}
