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
/// A group may reach over several inputs of a model when they share an id. At a layer of a network the groups are of its elements, and the
/// baseline is what the layer holds at the baseline input.
/// </remarks>
[Method("feature-ablation", "Feature Ablation", "What the score loses when a feature, or a group of features, is replaced by the baseline.",
    Source = "Zeiler, Fergus 2014, section 4.1",
    Formula = "φ_g = F(x) − F(x with the elements of group g set to b)",
    Cost = "(2 + elements) × forward",
    Axioms = Axioms.Sensitivity | Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class FeatureAblation(IPredictor model) : PerturbationMethod(model)
{
    /// <summary>
    /// The group of each element, for each input (or for the layer), of one row or of all rows: whole numbers, equal for elements that are ablated
    /// together. Null: each element on its own.
    /// </summary>
    public IReadOnlyList<NdArray>? Mask { get; init; }

    /// <summary>What replaces a feature (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    /// <summary>What the features of a picture are, where no mask says it (default each element).</summary>
    [Option("features", "What the features of a picture are: superpixels, rectangles or its elements.")]
    public PlayerKind Features { get; init; } = PlayerKind.Elements;

    /// <summary>About how many segments a picture is divided into, where it is (default 50).</summary>
    [Option("segments", "About how many segments a picture is divided into, where it is.")]
    public int Segments { get; init; } = 50;

    internal override bool TakesLayers => true;

    internal override string? NotInGraph => Mask is not null || Features == PlayerKind.Elements ? null : "Superpixels are those of a picture, and a graph is for all pictures to come.";

    protected internal override MethodResult Compute(Question question)
    {
        IReadOnlyList<NdArray> values = question.PlaceValues();
        if (question.Schema(Mask) is not { } schema)
            return Ablation.Compute(question, Baseline, Mask is not null ? Groupings(values, Mask) : Features == PlayerKind.Elements ? [Elements(values)] : Segmented(question, values), overlapping: false);
        Players players = schema.PlayersOf([.. values.Select(v => v.Rows(0, 1))]);
        List<List<(int Place, int Element)>> groups = Groups(players);
        MethodResult result = Ablation.Compute(question, Baseline, [groups], overlapping: false);
        return result with
        {
            Players = [.. Enumerable.Range(0, question.Rows).Select(r => new PlayerValues(players, new Solution([.. groups.Select(g => (double)result.Values[g[0].Place].Floats[r * players.Of[g[0].Place].Length + g[0].Element])])))],
        };
    }

    /// <summary>The segments of each row.</summary>
    private List<List<(int, int)>>[] Segmented(Question question, IReadOnlyList<NdArray> values) =>
        [.. Enumerable.Range(0, question.Rows).Select(r => Groups(PicturePlayers.Of(question, [.. values.Select(v => v.Rows(r, 1))], Features, Segments, _ => false)))];

    /// <summary>The elements of each player.</summary>
    private static List<List<(int, int)>> Groups(Players players)
    {
        var groups = Enumerable.Range(0, players.Count).Select(_ => new List<(int, int)>()).ToList();
        for (int i = 0; i < players.Of.Count; i++)
            for (int e = 0; e < players.Of[i].Length; e++)
                if (players.Of[i][e] >= 0) groups[players.Of[i][e]].Add((i, e));
        return groups;
    }

    private static List<List<(int, int)>> Elements(IReadOnlyList<NdArray> values) =>
        [.. values.SelectMany((x, i) => Enumerable.Range(0, x.Length / x.Dims[0]).Select(e => new List<(int, int)> { (i, e) }))];

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        GraphBuilder graph = question.Graph;
        IReadOnlyList<NdArray> blank = question.Places.Count == 0 ? question.BlankInputs() : [.. question.Places.Select(p => question.Blank(p))];
        List<List<(int, int)>>[] groupings = Mask is null ? [Elements(blank)] : Groupings(blank, Mask);
        if (groupings.Length > 1) throw new InvalidOptionException("A mask with groups for each row belongs to these rows, and an explanation as a graph is for all rows to come. Give a mask of one row.");
        List<List<(int Place, int Element)>> groups = groupings[0];
        var numbers = blank.Select(b => new NdArray(new long[b.Length / b.Dims[0]], [1, 1, .. b.Dims[1..]])).ToArray();
        for (int g = 0; g < groups.Count; g++)
            foreach (var (place, element) in groups[g]) numbers[place].Integers[element] = g;
        Value[] ids = Array.ConvertAll(numbers, n => graph.Constant(n));
        Value?[] values = Ablation.InGraph(question, Baseline, groups.Count, points => [.. ids.Select(id => graph.Equal(id, graph.Constant(new NdArray(
            [.. Enumerable.Range(points.From, points.Count).Select(g => (long)g)], [1, points.Count, .. Enumerable.Repeat(1, id.Rank - 2)]))))]);
        return new GraphResult(values!, question.Scores());
    }

    private static List<List<(int, int)>>[] Groupings(IReadOnlyList<NdArray> values, IReadOnlyList<NdArray> masks)
    {
        if (masks.Count != values.Count) throw new ShapeMismatchException($"{masks.Count} masks were given for {values.Count} inputs.");
        int groupings = 1;
        for (int i = 0; i < values.Count; i++)
        {
            NdArray mask = masks[i], value = values[i];
            bool ofRows = mask.Rank == value.Rank && (mask.Dims[0] == 1 || mask.Dims[0] == value.Dims[0]) && mask.Dims[1..].SequenceEqual(value.Dims[1..]);
            if (!ofRows && !mask.Dims.SequenceEqual(value.Dims[1..]))
                throw new ShapeMismatchException($"The mask has the shape {NdArray.Describe(mask.Dims)}; it must be that of one row of what is explained, {NdArray.Describe(value.Dims[1..])}, or of all rows, {NdArray.Describe(value.Dims)}.");
            if (ofRows) groupings = Math.Max(groupings, mask.Dims[0]);
        }
        return [.. Enumerable.Range(0, groupings).Select(r => Groups(values, masks, r))];
    }

    /// <summary>The groups of a row, in the order of their ids.</summary>
    private static List<List<(int, int)>> Groups(IReadOnlyList<NdArray> values, IReadOnlyList<NdArray> masks, int row)
    {
        var groups = new SortedDictionary<long, List<(int, int)>>();
        for (int i = 0; i < values.Count; i++)
        {
            NdArray mask = masks[i];
            int inner = values[i].Length / values[i].Dims[0], start = mask.Length == inner ? 0 : row * inner;
            for (int e = 0; e < inner; e++)
            {
                long id = mask.Type.IsInteger() ? mask.Integers[start + e] : float.IsInteger(mask.Floats[start + e]) ? (long)mask.Floats[start + e]
                    : throw new InvalidDataException($"The mask holds {mask.Floats[start + e]}; group ids are whole numbers.");
                if (!groups.TryGetValue(id, out List<(int, int)>? group)) groups.Add(id, group = []);
                group.Add((i, e));
            }
        }
        return [.. groups.Values];
    }
}
