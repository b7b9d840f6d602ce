using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Models;

/// <summary>A value of a network together with its gradient at places, as one compiled graph: the value comes free with the gradient.</summary>
internal sealed class GradientFunction
{
    private readonly OnnxModel model;
    private readonly Session session;
    private readonly Graph graph;
    private readonly Value source;
    private readonly Value seed;
    private readonly Value?[] gradients;
    private readonly IReadOnlyList<Value> at;
    private readonly Value[] fetches;
    private readonly IReadOnlyDictionary<Value, Value> references;
    private readonly bool hasReference;

    public GradientFunction(OnnxModel model, Graph graph, Value source, IReadOnlyList<Value> at, Rulebook? rulebook)
    {
        this.model = model;
        this.source = source;
        this.at = at;
        Graph rewritten = rulebook?.Prepare(graph, [source, .. at]) ?? graph;
        IsRewritten = !ReferenceEquals(rewritten, graph);
        graph = rewritten;
        var builder = new GraphBuilder(graph);
        seed = builder.Input("limn.seed", ElementType.Float, source.Shape);
        GradientGraph result = Gradient.Of(builder, graph, source, at, rulebook, seed);
        gradients = [.. result.Gradients];
        if (Array.TrueForAll(gradients, g => g is null)) result.Required();
        Cuts = [.. result.Cuts.Select(c => (c, c)), .. result.CutsInside];
        Notes = [.. result.Notes.Values.Distinct()];
        ForwardValues = [.. UsedBackwards(graph, result)];
        references = result.ReferenceInputs;
        this.graph = result.Graph;
        session = new Session(result.Graph, model.Threads);
        hasReference = result.ReferenceTarget is not null;
        fetches = [source, .. gradients.OfType<Value>(), .. hasReference ? [result.ReferenceTarget!] : Array.Empty<Value>()];
    }

    /// <summary>Whether the rulebook put an equivalent graph in the place of the network's, of which only the source, the places and the inputs are sure to be the same.</summary>
    public bool IsRewritten { get; }

    /// <summary>The bytes of the largest evaluation so far.</summary>
    public long PeakBytes => session.PeakBytes;

    /// <summary>Nodes that let no gradient through, each with the node of the network that it is in, or is.</summary>
    public IReadOnlyList<(Node Cut, Node In)> Cuts { get; }

    /// <summary>What there is to know of gradients that are not derivatives.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Values of the network that the backward pass reads. Who has them from a forward pass can feed them, and nothing is computed twice.</summary>
    public IReadOnlyList<Value> ForwardValues { get; }

    /// <summary>The value of the source and, for each place, the gradient of ⟨seed, source⟩: zeros where the source does not depend on the place.</summary>
    /// <param name="feeds">The model's inputs, and any values that are set instead of computed.</param>
    /// <param name="seeds">The weights of the source's elements, of its shape.</param>
    /// <param name="reference">The reference of each input, for rulebooks that need one.</param>
    /// <param name="cancellation">Stops between operators.</param>
    /// <returns>Also the source on the reference, for rulebooks that need one.</returns>
    public (NdArray Source, NdArray[] Gradients, NdArray? AtReference) Evaluate(IReadOnlyDictionary<Value, NdArray> feeds, NdArray seeds,
        IReadOnlyDictionary<Value, NdArray>? reference, CancellationToken cancellation)
    {
        Dictionary<Value, NdArray> all = Join(feeds, seeds, reference);
        NdArray[] results = Batches.Run(model.FixedRows, all, f => session.Run(f, fetches, cancellation));
        var values = new NdArray[at.Count];
        int next = 1;
        for (int i = 0; i < values.Length; i++)
        {
            if (gradients[i] is not null) values[i] = results[next++];
            else values[i] = feeds.TryGetValue(at[i], out NdArray? fed) ? NdArray.Create(fed.Type, fed.Dims.ToArray())
                : throw new NotDifferentiableException($"The target does not depend on '{at[i].Name}'.");
        }
        return (results[0], values, hasReference ? results[^1] : null);
    }

    /// <summary>The same as nodes of a larger graph; null where the source does not depend on a place.</summary>
    public (Value Source, Value?[] Gradients) Copy(GraphCopier copier, IReadOnlyDictionary<Value, Value> feeds, Value seeds, IReadOnlyDictionary<Value, Value>? reference)
    {
        var all = new Dictionary<Value, Value>(feeds) { [seed] = seeds };
        foreach (var (input, twin) in references)
            all.Add(twin, reference?[input] ?? throw new InvalidOperationException("The rulebook needs a reference input, and the question has none."));
        Value[] results = copier.Copy(graph, all, fetches);
        int next = 1;
        return (results[0], [.. gradients.Select(g => g is null ? null : results[next++])]);
    }

    /// <summary>The bytes of one evaluation.</summary>
    public long BytesFor(IReadOnlyDictionary<Value, NdArray> feeds, NdArray seeds, IReadOnlyDictionary<Value, NdArray>? reference) =>
        session.BytesFor(Join(feeds, seeds, reference), fetches);

    private Dictionary<Value, NdArray> Join(IReadOnlyDictionary<Value, NdArray> feeds, NdArray seeds, IReadOnlyDictionary<Value, NdArray>? reference)
    {
        var all = new Dictionary<Value, NdArray>(feeds) { [seed] = seeds };
        foreach (var (input, twin) in references)
            all.Add(twin, reference?[input] ?? throw new InvalidOperationException("The rulebook needs a reference input, and the question has none."));
        return all;
    }

    private static IEnumerable<Value> UsedBackwards(Graph graph, GradientGraph result)
    {
        HashSet<Value> computed = [.. graph.Inputs];
        foreach (Node node in graph.Nodes)
            if (node.Inputs.Any(i => i is not null && computed.Contains(i))) computed.UnionWith(node.Outputs);
        HashSet<Node> forward = [.. graph.Nodes];
        return result.Graph.NodesBehind(result.Gradients.OfType<Value>()).Where(n => !forward.Contains(n))
            .SelectMany(n => n.Inputs.Where((v, i) => v is not null && v.Type.IsFloating() && computed.Contains(v) && !n.Operator.UsesShapeOnly(i)))
            .Select(v => v!).Where(v => !graph.Inputs.Contains(v)).Distinct();
    }
}
