using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>What is asked of a network, be it of given rows (<see cref="Question"/>) or once for all rows to come (<see cref="Compilation.ExplanationGraph"/>).</summary>
internal interface IAsked
{
    OnnxModel Network { get; }

    /// <summary>Where the target reads.</summary>
    TargetSource? Source { get; }

    /// <summary>What is explained.</summary>
    IReadOnlyList<Value> Places { get; }
}

/// <summary>Which ways lead from the inputs to the target.</summary>
internal static class Ways
{
    /// <summary>Whether the target depends on the given places only by way of <paramref name="layer"/>.</summary>
    public static bool PassThrough(this IAsked asked, Value layer, IReadOnlyList<Value> from)
    {
        HashSet<Value> around = [.. from.Where(v => v != layer)];
        foreach (Node node in asked.Source!.Graph.Nodes)
            if (Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && around.Contains(v) && !node.Operator.UsesShapeOnly(i)))
                around.UnionWith(node.Outputs.Where(o => o != layer));
        return !around.Contains(asked.Source.Value);
    }

    /// <summary>Whether every path from the model's inputs to the target leads through the places, so that what they contribute is all there is.</summary>
    public static bool PlacesSeparate(this IAsked asked)
    {
        HashSet<Value> needed = [asked.Source!.Value];
        foreach (Node node in asked.Source.Graph.Nodes.Reverse())
            if (node.Outputs.Any(o => needed.Contains(o) && !asked.Places.Contains(o)))
                for (int i = 0; i < node.Inputs.Count; i++)
                    if (node.Inputs[i] is { } v && !node.Operator.UsesShapeOnly(i)) needed.Add(v);
        IReadOnlyList<Value> inputs = asked.Network.Graph.Inputs;
        return !Enumerable.Range(0, inputs.Count).Any(i => needed.Contains(inputs[i]) && !asked.Places.Contains(inputs[i])
            && !(!inputs[i].Type.IsFloating() && InputPlaces.Of(asked.Network).IsMask(i)));
    }

    /// <summary>The name under which a place is explained: an input of integers is explained at its embedding, and keeps its own name among several inputs.</summary>
    public static string NameOf(this IAsked asked, int place)
    {
        IReadOnlyList<Value> inputs = asked.Network.Graph.Inputs;
        return inputs.Count > 1 && asked.InputOf(place) is >= 0 and int index ? inputs[index].Name : asked.Places[place].Name;
    }

    /// <summary>The input of integers that is explained at a place; -1 if none is.</summary>
    public static int InputOf(this IAsked asked, int place) =>
        asked.Places.Count == 0 || asked.Network.Graph.Inputs.Contains(asked.Places[place]) || asked.Network.Graph.Inputs.All(i => i.Type.IsFloating()) ? -1
        : InputPlaces.Of(asked.Network).InputOf(asked.Places[place]);
}
