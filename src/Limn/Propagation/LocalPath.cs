using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;

namespace Limn.Propagation;

/// <summary>The mean derivative of one node along the straight line from its inputs on the reference to its inputs.</summary>
/// <remarks>Complete up to the quadrature (16 Gauss-Legendre points: exact for polynomials up to degree 32): the fundamental theorem of calculus along the line.</remarks>
internal static class LocalPath
{
    private const int Points = 16;

    public static Value?[] Send(Backward b)
    {
        GraphBuilder g = b.Graph;
        var (nodes, weights) = QuadratureNodes.Of(Quadrature.GaussLegendre, Points);
        var parts = new List<Value>[b.Node.Inputs.Count];
        for (int i = 0; i < parts.Length; i++) parts[i] = [];
        for (int k = 0; k < Points; k++)
        {
            float share = (float)nodes[k], weight = (float)weights[k];
            Value?[] between = [.. b.Node.Inputs.Select((x, i) => x is not null && b.Varies(i) && x.Type.IsFloating()
                ? g.Add(b.Reference(x), g.Scale(g.Sub(x, b.Reference(x)), share)) : x)];
            Value?[] sent = b.At(between).Calculus();
            for (int i = 0; i < parts.Length; i++)
                if (sent[i] is { } part) parts[i].Add(g.Scale(part, weight));
        }
        return [.. parts.Select(p => p.Count == 0 ? null : g.Sum([.. p]))];
    }
}
