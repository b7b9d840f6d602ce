using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>A constant that a node adds to a value, as FullGrad counts it.</summary>
/// <param name="At">The sum.</param>
/// <param name="Bias">The constant, of a shape that broadcasts to the sum's.</param>
internal sealed record BiasTerm(Value At, NdArray Bias)
{
    /// <summary>
    /// The constants between a place and the target: biases of convolutions, constants that are added or subtracted, and the offset that a batch
    /// norm has in all, β − γ μ / √(σ² + ε). Layer norms count with their β.
    /// </summary>
    public static IReadOnlyList<BiasTerm> Between(OnnxModel model, TargetSource source, Value place)
    {
        Graph graph = source.Graph;
        var axes = new ChannelAxes(graph);
        List<(Node Node, Value[] Constants)> found = [];
        foreach (Node node in graph.NodesBehind([source.Value], new HashSet<Value> { place }))
            if (node.Outputs[0].Type.IsFloating() && axes.IsComputed(node.Outputs[0]) && Constants(node, axes) is { Length: > 0 } constants) found.Add((node, constants));
        if (found.Count == 0) return [];
        NdArray[] values = model.SessionOf(graph).Run(new Dictionary<Value, NdArray>(), [.. found.SelectMany(f => f.Constants)]);
        List<BiasTerm> terms = [];
        int next = 0;
        foreach (var (node, constants) in found)
        {
            ReadOnlySpan<NdArray> given = values.AsSpan(next, constants.Length);
            next += constants.Length;
            int rank = node.Outputs[0].Rank;
            terms.Add(new BiasTerm(node.Outputs[0], node.Operator switch
            {
                BatchNormalization norm => PerChannel(Offset(given, norm.Epsilon), rank),
                Sub => Negated(given[0]),
                Add or LayerNormalization => given[0],
                _ => PerChannel(given[0], rank),
            }));
        }
        return terms;
    }

    /// <summary>bias · gradient, in the shape of the gradient.</summary>
    public NdArray Times(NdArray gradient)
    {
        NdArray product = gradient.Copy();
        ReadOnlySpan<int> dims = gradient.Dims, own = Bias.Dims;
        for (int i = 0; i < product.Length; i++)
        {
            int rest = i, at = 0, stride = 1;
            for (int d = dims.Length - 1, b = own.Length - 1; b >= 0; d--, b--)
            {
                if (own[b] != 1) at += rest % dims[d] * stride;
                rest /= dims[d];
                stride *= own[b];
            }
            product.Floats[i] *= Bias.Floats[at];
        }
        return product;
    }

    private static Value[] Constants(Node node, ChannelAxes axes)
    {
        bool Constant(int i) => i < node.Inputs.Count && node.Inputs[i] is { } v && !axes.IsComputed(v) && v.Type.IsFloating();
        return node.Operator.Name switch
        {
            "Conv" or "LayerNormalization" when Constant(2) => [node.Inputs[2]!],
            "Add" when Constant(0) != Constant(1) => [node.Inputs[Constant(0) ? 0 : 1]!],
            "Sub" when Constant(1) && !Constant(0) => [node.Inputs[1]!],
            "BatchNormalization" when Enumerable.Range(1, 4).All(Constant) => [.. node.Inputs.Skip(1).Take(4)!],
            _ => [],
        };
    }

    private static NdArray Offset(ReadOnlySpan<NdArray> norm, float epsilon)
    {
        NdArray offset = norm[1].Copy();
        for (int c = 0; c < offset.Length; c++)
            offset.Floats[c] = (float)(norm[1].Floats[c] - (double)norm[0].Floats[c] * norm[2].Floats[c] / Math.Sqrt((double)norm[3].Floats[c] + epsilon));
        return offset;
    }

    private static NdArray Negated(NdArray bias)
    {
        NdArray negated = bias.Copy();
        System.Numerics.Tensors.TensorPrimitives.Negate(bias.Floats, negated.Floats);
        return negated;
    }

    private static NdArray PerChannel(NdArray bias, int rank) => bias.Reshape([bias.Length, .. Enumerable.Repeat(1, rank - 2)]);
}
