using Limn.Engine.Operators;

namespace Limn.Engine.Graphs.Rewrites;

/// <summary>Batch normalisation taken into the linear node before it: the same function with fewer nodes, as propagation by layers wants it.</summary>
/// <remarks>
/// y = (w·x + b − mean)·f + shift with f = scale/√(variance + ε) becomes w·f·x + (b − mean)·f + shift, computed in double. Folded are Conv, ConvTranspose
/// and Gemm with constant weights whose output nothing else uses. The output of the normalisation stays the value that it was; the output between is gone.
/// </remarks>
public static class BatchNormalizationFolding
{
    /// <param name="graph">The graph; it is not changed.</param>
    /// <param name="keep">Values that must stay, beside the graph's outputs.</param>
    public static Graph Of(Graph graph, IReadOnlyList<Value> keep)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(keep);
        HashSet<Value> kept = [.. keep, .. graph.Outputs];
        Dictionary<Value, int> uses = graph.Nodes.SelectMany(n => n.Inputs).OfType<Value>().GroupBy(v => v).ToDictionary(v => v.Key, v => v.Count());
        var initializers = new Dictionary<Value, NdArray>(graph.Initializers);
        var replaced = new Dictionary<Node, Node>();
        HashSet<Node> gone = [];
        foreach (Node norm in graph.Nodes)
        {
            if (norm.Operator is not BatchNormalization op || norm.Inputs[0] is not { } between || kept.Contains(between) || uses[between] != 1
                || graph.ProducerOf(between) is not { } linear || Folded(graph, linear, norm, op.Epsilon) is not { } parts) continue;
            Value weights = Add(parts.Weights, linear.Inputs[1]!), bias = Add(parts.Bias, null);
            Operator folded = linear.Operator is Gemm g ? new Gemm { Alpha = g.Alpha, TransA = g.TransA, TransB = g.TransB } : linear.Operator;
            replaced.Add(norm, new Node(linear.Name, folded, [linear.Inputs[0], weights, bias], [norm.Outputs[0]]));
            gone.Add(linear);

            Value Add(NdArray array, Value? like)
            {
                string name = $"{linear.Name}.{(like is null ? "bias" : "weights")}.folded";
                while (graph.Find(name) is not null) name += "_";
                var value = new Value(name, array.Type, Shape.Of(array.Dims));
                initializers.Add(value, array);
                return value;
            }
        }
        return gone.Count == 0 ? graph
            : new Graph(graph.Name, graph.Inputs, graph.Outputs, [.. graph.Nodes.Where(n => !gone.Contains(n)).Select(n => replaced.GetValueOrDefault(n, n))], initializers);
    }

    private static (NdArray Weights, NdArray Bias)? Folded(Graph graph, Node linear, Node norm, float epsilon)
    {
        NdArray? Constant(Node node, int i) => i < node.Inputs.Count && node.Inputs[i] is { } v ? graph.Initializers.GetValueOrDefault(v) : null;
        if (linear.Operator is not (Conv or ConvTranspose or Gemm) || Constant(linear, 1) is not { } w) return null;
        bool hasBias = linear.Inputs.Count > 2 && linear.Inputs[2] is not null;
        NdArray? b = Constant(linear, 2);
        if (hasBias && b is null) return null;
        if (Constant(norm, 1) is not { } scale || Constant(norm, 2) is not { } shift || Constant(norm, 3) is not { } mean || Constant(norm, 4) is not { } variance) return null;

        int channels = scale.Length;
        if (b is not null && b.Length != channels && b.Length != 1) return null;
        float beta = linear.Operator is Gemm gemm ? gemm.Beta : 1;
        var factor = new double[channels];
        NdArray bias = NdArray.Create(w.Type, channels);
        for (int c = 0; c < channels; c++)
        {
            factor[c] = scale.Floats[c] / Math.Sqrt((double)variance.Floats[c] + epsilon);
            double before = b is null ? 0 : beta * b.Floats[b.Length == 1 ? 0 : c];
            bias.Floats[c] = (float)((before - mean.Floats[c]) * factor[c] + shift.Floats[c]);
        }
        NdArray weights = w.Copy();
        for (int i = 0; i < weights.Length; i++) weights.Floats[i] = (float)(weights.Floats[i] * factor[ChannelOf(linear.Operator, w.Dims, i)]);
        return (weights, bias);
    }

    /// <summary>The output channel that element <paramref name="i"/> of the weights belongs to.</summary>
    private static int ChannelOf(Operator op, ReadOnlySpan<int> dims, int i)
    {
        int row = i / NdArray.Count(dims[1..]);
        switch (op)
        {
            case Gemm { TransB: false }: return i % dims[1];
            case ConvTranspose t:
                int inner = NdArray.Count(dims[2..]);
                return row / (dims[0] / t.Group) * dims[1] + i / inner % dims[1];
            default: return row;
        }
    }
}
