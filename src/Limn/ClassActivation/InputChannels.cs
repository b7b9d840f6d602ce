using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.ClassActivation;

/// <summary>Which axis of a picture that a network reads counts channels.</summary>
internal static class InputChannels
{
    /// <summary>The axis that the first convolution behind the input uses as channels; 1 where none is found.</summary>
    public static int Axis(Graph graph, Value input)
    {
        var axes = new Dictionary<Value, int[]> { [input] = [.. Enumerable.Range(0, input.Shape?.Rank ?? 4)] }; // of each axis, which of the input's it is
        foreach (Node node in graph.Nodes)
        {
            if (node.Inputs.Count == 0 || node.Inputs.OfType<Value>().FirstOrDefault(axes.ContainsKey) is not { } from) continue;
            if (node.Operator.Name is "Conv" or "BatchNormalization" or "MaxPool" or "AveragePool") return axes[from][1];
            if (node.Operator is Transpose { Permutation: { } permutation }) axes[node.Outputs[0]] = Array.ConvertAll(permutation, p => axes[from][p]);
            else if (node.Outputs[0].Shape?.Rank == axes[from].Length && node.Operator is not Reshape) axes[node.Outputs[0]] = axes[from];
        }
        return 1;
    }

    /// <summary>The sizes of a picture's other axes, without the rows.</summary>
    public static int[] Spatial(Graph graph, Value input, ReadOnlySpan<int> dims)
    {
        int axis = Axis(graph, input);
        var sizes = new List<int>();
        for (int d = 1; d < dims.Length; d++)
            if (d != axis) sizes.Add(dims[d]);
        return [.. sizes];
    }
}
