using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Models;

/// <summary>How a value of a network changes as earlier values move in given directions: the Jacobian times a vector, as one compiled graph.</summary>
/// <remarks>
/// Reverse mode twice: g(u) = Jᵀu is linear in u, so that the gradient of ⟨g(u), v⟩ with respect to u is Jv, whatever u is.
/// What computed g(u) itself is not part of the result and never runs.
/// </remarks>
internal sealed class DirectionalDerivative
{
    private readonly OnnxModel model;
    private readonly Graph graph;
    private readonly Session session;
    private readonly Value[] directions;
    private readonly Value derivative;

    /// <exception cref="NotDifferentiableException">The value does not depend on any of the places, or no derivative leads there.</exception>
    public DirectionalDerivative(OnnxModel model, Value value, IReadOnlyList<Value> along)
    {
        this.model = model;
        var builder = new GraphBuilder(model.Graph);
        Value u = builder.Cast(builder.Filled(value, 0), value.Type);
        directions = [.. along.Select((v, i) => builder.Input($"limn.direction.{i}", v.Type, v.Shape))];
        GradientGraph backward = Gradient.Of(builder, model.Graph, value, along, seed: u);
        if (backward.Gradients.All(g => g is null)) backward.Required();

        List<Value> parts = [];
        builder = new GraphBuilder(backward.Graph);
        for (int i = 0; i < along.Count; i++)
            if (backward.Gradients[i] is { } g && Gradient.Of(builder, backward.Graph, g, [u], seed: directions[i]).Gradients[0] is { } part) parts.Add(part);
        if (parts.Count == 0)
            throw new NotDifferentiableException($"The derivative of '{value.Name}' along the inputs cannot be built: its gradient has none. Use the finite differences of the method.");
        derivative = parts.Count == 1 ? parts[0] : builder.Sum([.. parts]);
        graph = builder.Build();
        session = new Session(graph, model.Threads);
    }

    /// <summary>The bytes of the largest evaluation so far.</summary>
    public long PeakBytes => session.PeakBytes;

    /// <param name="feeds">The model's inputs, and any values that are set instead of computed.</param>
    /// <param name="vectors">The direction of each place, of its shape.</param>
    /// <param name="cancellation">Stops between operators.</param>
    /// <returns>Jv, of the value's shape.</returns>
    public NdArray Evaluate(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<NdArray> vectors, CancellationToken cancellation) =>
        Batches.Run(model.FixedRows, All(feeds, vectors), f => session.Run(f, [derivative], cancellation))[0];

    /// <summary>The same as nodes of a larger graph.</summary>
    public Value Copy(GraphCopier copier, IReadOnlyDictionary<Value, Value> feeds, IReadOnlyList<Value> vectors)
    {
        var all = new Dictionary<Value, Value>(feeds);
        for (int i = 0; i < directions.Length; i++) all[directions[i]] = vectors[i];
        return copier.Copy(graph, all, [derivative])[0];
    }

    /// <summary>The bytes of one evaluation.</summary>
    public long BytesFor(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<NdArray> vectors) => session.BytesFor(All(feeds, vectors), [derivative]);

    private Dictionary<Value, NdArray> All(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<NdArray> vectors)
    {
        var all = new Dictionary<Value, NdArray>(feeds);
        for (int i = 0; i < directions.Length; i++) all[directions[i]] = vectors[i];
        return all;
    }
}
