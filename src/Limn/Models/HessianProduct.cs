using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Models;

/// <summary>The gradient of a target at one place together with the product of its second derivatives and a vector, as one graph.</summary>
/// <remarks>H v = ∂⟨∂y/∂A, v⟩/∂A: the gradient, built as a graph, is differentiated once more (Pearlmutter 1994).</remarks>
internal sealed class HessianProduct
{
    private readonly OnnxModel model;
    private readonly Graph graph;
    private readonly Session session;
    private readonly Value seed;
    private readonly Value vector;
    private readonly Value gradient;
    private readonly Value? product;

    public HessianProduct(OnnxModel model, TargetSource source, Value at)
    {
        this.model = model;
        var builder = new GraphBuilder(source.Graph);
        seed = builder.Input("limn.seed", ElementType.Float, source.Value.Shape);
        vector = builder.Input("limn.vector", ElementType.Float, at.Shape);
        GradientGraph first = Gradient.Of(builder, source.Graph, source.Value, [at], seed: seed);
        gradient = first.Required();
        Value slope = builder.Mul(gradient, vector);
        Graph grown = builder.Build();
        GradientGraph second = Gradient.Of(builder, grown, slope, [at]);
        product = second.Gradients[0];
        graph = second.Graph;
        session = new Session(graph, model.Threads);
    }

    /// <summary>The same as nodes of a larger graph.</summary>
    public (Value Gradient, Value? Product) Copy(GraphCopier copier, IReadOnlyDictionary<Value, Value> feeds, Value seeds, Value along)
    {
        var all = new Dictionary<Value, Value>(feeds) { [seed] = seeds, [vector] = along };
        Value[] results = copier.Copy(graph, all, product is null ? [gradient] : [gradient, product]);
        return (results[0], product is null ? null : results[1]);
    }

    /// <summary>g, and H v; H v is null where the gradient does not depend on the place, because the target is piecewise linear in it.</summary>
    public (NdArray Gradient, NdArray? Product) Evaluate(IReadOnlyDictionary<Value, NdArray> feeds, NdArray seeds, NdArray along, CancellationToken cancellation)
    {
        NdArray[] results = Batches.Run(model.FixedRows, All(feeds, seeds, along), f => session.Run(f, Fetches, cancellation));
        return (results[0], product is null ? null : results[1]);
    }

    /// <summary>The bytes of one evaluation.</summary>
    public long BytesFor(IReadOnlyDictionary<Value, NdArray> feeds, NdArray seeds, NdArray along) => session.BytesFor(All(feeds, seeds, along), Fetches);

    private Value[] Fetches => product is null ? [gradient] : [gradient, product];

    private Dictionary<Value, NdArray> All(IReadOnlyDictionary<Value, NdArray> feeds, NdArray seeds, NdArray along) => new(feeds) { [seed] = seeds, [vector] = along };
}
