using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Propagation;

/// <summary>Products of a signal with what is computed from that signal: x·Φ(x) (GELU, SiLU written out), x·1/√mean(x²) (RMS norm), x·σ(W·pool(x)).</summary>
internal static class SignalPath
{
    /// <summary>Which factor of a product is the signal, if the other is computed from it (or from what it is made of, element by element) and from nothing else; null otherwise.</summary>
    public static int? Of(Graph graph, Node product)
    {
        HashSet<Value> varying = Varying(graph);
        int? best = null;
        int shortest = int.MaxValue;
        for (int i = 0; i < 2; i++)
        {
            List<Value> chain = Chain(graph, varying, product.Inputs[i]!);
            if (Nearest(graph, varying, product.Inputs[1 - i]!, chain) is { } distance && distance < shortest) (best, shortest) = (i, distance);
        }
        return best;
    }

    /// <summary>A value and what it is made of by functions of one variable, nearest first.</summary>
    private static List<Value> Chain(Graph graph, HashSet<Value> varying, Value value)
    {
        List<Value> chain = [value];
        while (graph.ProducerOf(chain[^1]) is { } node
            && node.Operator is UnaryOperator or Mul or Div or Add or Sub or Clip or Pow or Cast or Identity
            && node.Inputs.Where(v => v is not null && varying.Contains(v)).Distinct().Take(2).ToArray() is [{ } only]) chain.Add(only);
        return chain;
    }

    /// <summary>How far up the chain the value's makings all begin; null if some do not begin in it.</summary>
    private static int? Nearest(Graph graph, HashSet<Value> varying, Value value, List<Value> chain)
    {
        int nearest = int.MaxValue;
        var open = new Stack<Value>([value]);
        HashSet<Value> seen = [];
        while (open.TryPop(out Value? v))
        {
            if (!varying.Contains(v) || !seen.Add(v)) continue;
            int at = chain.IndexOf(v);
            if (at >= 0)
            {
                nearest = Math.Min(nearest, at);
                continue;
            }
            if (graph.ProducerOf(v) is not { } node) return null; // an input of the network
            for (int i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] is { } part && !node.Operator.UsesShapeOnly(i)) open.Push(part);
        }
        return nearest == int.MaxValue ? null : nearest;
    }

    private static HashSet<Value> Varying(Graph graph)
    {
        HashSet<Value> varying = [.. graph.Inputs];
        foreach (Node node in graph.Nodes)
            if (Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && varying.Contains(v) && !node.Operator.UsesShapeOnly(i))) varying.UnionWith(node.Outputs);
        return varying;
    }
}
