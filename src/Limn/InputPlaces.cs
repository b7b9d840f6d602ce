using System.Runtime.CompilerServices;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn;

/// <summary>Where a model's inputs are explained: floating inputs themselves, inputs of integers at the first floating value behind them, their embedding.</summary>
/// <remarks>
/// An input of integers or truth values that no table is looked up with, and that has the shape of one that a table is looked up with, is a mask
/// (attention_mask beside input_ids): it says which tokens count, and is no feature of which a share could be asked. It is not explained, and keeps its values in
/// every baseline. Its floating copy is still a layer like any other (--at).
/// </remarks>
internal sealed class InputPlaces
{
    private static readonly ConditionalWeakTable<Graph, InputPlaces> Known = [];

    private readonly IReadOnlyList<Value> inputs;
    private readonly Value?[] places;
    private readonly bool[] masks;

    private InputPlaces(Graph graph)
    {
        var found = graph.Inputs.Select(i => i.Type.IsFloating() ? (Place: i, IsLookup: false) : Behind(graph, i)).ToArray();
        var lookedUp = graph.Inputs.Where((i, k) => found[k].IsLookup && i.Shape is { Rank: > 1 }).ToArray();
        inputs = graph.Inputs;
        masks = [.. found.Select((f, k) => !inputs[k].Type.IsFloating() && !f.IsLookup && lookedUp.Any(l => SameShape(l, inputs[k])))];
        places = [.. found.Select(f => f.Place)];
    }

    public static InputPlaces Of(OnnxModel network) => Known.GetValue(network.Graph, g => new InputPlaces(g));

    /// <summary>The places that are explained.</summary>
    /// <exception cref="NotDifferentiableException">An input of integers leads to no floating value.</exception>
    public IReadOnlyList<Value> Explained => [.. Enumerable.Range(0, inputs.Count).Where(i => !masks[i]).Select(i => places[i] ?? throw new NotDifferentiableException(
        $"The input '{inputs[i].Name}' holds {inputs[i].Type} elements and no floating-point value is computed from it, so it has no gradient. Use a perturbation method (--method feature-ablation)."))];

    /// <summary>Whether input <paramref name="index"/> is a mask.</summary>
    public bool IsMask(int index) => masks[index];

    public bool HasMasks => Array.Exists(masks, m => m);

    /// <summary>The index of the input that is explained at a value; -1 if none is.</summary>
    public int InputOf(Value place) => Array.FindIndex(places, p => p == place) is var i && i >= 0 && !masks[i] ? i : -1;

    private static bool SameShape(Value a, Value b) => a.Shape is { } x && b.Shape is { } y && x.Rank == y.Rank
        && Enumerable.Range(0, x.Rank).All(i => x[i] == y[i] || !(x[i].IsKnown && y[i].IsKnown));

    private static (Value? Place, bool IsLookup) Behind(Graph graph, Value input)
    {
        HashSet<Value> reached = [input];
        foreach (Node node in graph.Nodes)
        {
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && reached.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
            if (node.Outputs.FirstOrDefault(o => o.Type.IsFloating()) is { } floating)
                return (floating, node.Operator is Gather && node.Inputs[1] is { } indices && reached.Contains(indices));
            reached.UnionWith(node.Outputs);
        }
        return (null, false);
    }
}
