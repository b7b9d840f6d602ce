using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn;

/// <summary>Finds ReLUs between what is explained and the target of which nearly all units are off at a row, so that hardly anything passes them.</summary>
internal static class DeadUnits
{
    private const double NearlyAll = 0.99;

    /// <summary>The outputs of the ReLUs on the way from the places to the target.</summary>
    public static IReadOnlyList<Value> Gates(TargetSource source, IReadOnlyList<Value> places)
    {
        HashSet<Value> reached = [.. places];
        List<Node> between = [];
        foreach (Node node in source.Graph.Nodes)
        {
            if (!Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && reached.Contains(v) && !node.Operator.UsesShapeOnly(i))) continue;
            reached.UnionWith(node.Outputs);
            between.Add(node);
        }
        HashSet<Node> behind = [.. source.Graph.NodesBehind([source.Value])];
        return [.. between.Where(n => n.Operator is Relu && behind.Contains(n) && !places.Contains(n.Outputs[0])).Select(n => n.Outputs[0])];
    }

    /// <summary>What is to be said of ReLUs that are off: of each row the first.</summary>
    public static IReadOnlyList<DeadGate> Of(Graph graph, IReadOnlyList<Value> gates, IReadOnlyList<NdArray> values, int rows)
    {
        List<DeadGate> dead = [];
        for (int g = 0; g < gates.Count; g++)
        {
            if (values[g].Rank == 0 || values[g].Dims[0] != rows || values[g].Length == 0) continue;
            int inner = values[g].Length / rows;
            for (int r = 0; r < rows; r++)
            {
                double off = (double)CountOff(values[g].Floats.Slice(r * inner, inner)) / inner;
                if (off > NearlyAll) dead.Add(new DeadGate(graph.ProducerOf(gates[g])!.Name, r, off));
            }
        }
        return dead;
    }

    /// <summary>How many elements are not above zero; NaN counts as on.</summary>
    private static long CountOff(ReadOnlySpan<float> values)
    {
        const int Block = 1 << 16; // a lane counts no further than this, far from overflow
        long off = 0;
        while (values.Length >= Vector<float>.Count)
        {
            ReadOnlySpan<Vector<float>> lanes = MemoryMarshal.Cast<float, Vector<float>>(values[..Math.Min(values.Length, Block)]);
            Vector<int> count = Vector<int>.Zero;
            foreach (Vector<float> lane in lanes) count -= Vector.LessThanOrEqual(lane, Vector<float>.Zero);
            off += Vector.Sum(count);
            values = values[(lanes.Length * Vector<float>.Count)..];
        }
        foreach (float v in values)
            if (v <= 0) off++;
        return off;
    }

    /// <summary>The findings as sentences, one for each ReLU.</summary>
    public static IEnumerable<string> Sentences(IReadOnlyList<DeadGate> dead) => dead.GroupBy(d => d.Node).Select(g =>
    {
        double least = g.Min(d => d.Off);
        string share = least == 1 ? "all" : $"{(Math.Floor(least * 1000) / 10).ToString("F1", CultureInfo.InvariantCulture)} %"; // never rounded up to all
        return $"In {Diagnosis.Rows([.. g.Select(d => d.Row)])}, {share} of the units of the ReLU '{g.Key}' are off, so {(least == 1 ? "nothing" : "hardly anything")} behind it passes to the target. "
            + "Look at the input (is its preprocessing the model's?), explain another class, or explain after it (--at).";
    });
}

/// <summary>A ReLU that lets hardly anything pass at a row.</summary>
/// <param name="Node">Its node's name.</param>
/// <param name="Row">The row.</param>
/// <param name="Off">The share of its units that are off.</param>
internal readonly record struct DeadGate(string Node, int Row, double Off);
