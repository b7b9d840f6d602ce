using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>
/// What a model computes from the same rows, kept for several explanations of them: one forward pass that holds all they need, instead of one each.
/// </summary>
/// <remarks>
/// The first pass computes the targets, the explained layers, and, as far as the memory budget allows, every value that the backward passes will read.
/// What a method needs beyond that is computed when it asks, from what is there.
/// </remarks>
internal sealed class SharedValues
{
    private readonly IPredictor model;
    private readonly IReadOnlyList<NdArray> inputs;
    private readonly Dictionary<Target, TargetSource> sources = [];
    private readonly Dictionary<Value, NdArray> values = [];
    private IReadOnlyList<NdArray>? outputs;

    public SharedValues(IPredictor model, IReadOnlyList<NdArray> inputs)
    {
        this.model = model;
        this.inputs = inputs;
    }

    /// <summary>Runs the model once for all of the methods. What a method lacks, because it cannot be asked so, is left for it to say.</summary>
    public void Prepare(IReadOnlyList<Method> methods, Target target, ExplainOptions options, RunLog log)
    {
        if (model is not OnnxModel network)
        {
            Outputs(log);
            return;
        }
        var needed = new List<Value>();
        var useful = new List<Value>();
        foreach (Method method in methods)
        {
            var (must, may) = NeedsOf(method, network, target, options);
            needed.AddRange(must);
            useful.AddRange(may);
        }
        Value[] first = [.. needed.Distinct().Where(v => IsOf(network, v))], all = [.. first.Union(useful.Where(v => IsOf(network, v)))];
        IReadOnlyDictionary<Value, NdArray> feeds = network.FeedsOf(inputs);
        bool fits = (network.FixedRows ?? inputs[0].Dims[0]) == inputs[0].Dims[0] && network.Session.BytesFor(feeds, all) <= Math.Min(log.Budget, Asking.MostKept);
        Fetch(network, network.Graph, fits ? all : first, log);
    }

    /// <summary>What a method needs of the first pass, and what would spare it work; nothing for one that cannot be asked so, which it says itself when it is.</summary>
    private (IReadOnlyList<Value> Needed, IReadOnlyList<Value> Useful) NeedsOf(Method method, OnnxModel network, Target target, ExplainOptions options)
    {
        try
        {
            TargetSource source = SourceOf(network, method.TargetFor(target, options));
            IReadOnlyList<Value> places = Asking.PlacesOf(method, network, source, options.At);
            return ([source.Value, .. places], method.TakesGradients ? [.. network.GradientOf(source.Graph, source.Value, places, rulebook: null).ForwardValues, .. DeadUnits.Gates(source, places)] : []);
        }
        catch (LimnException)
        {
            return ([], []);
        }
    }

    /// <summary>The source of a target, grown once for all.</summary>
    public TargetSource SourceOf(OnnxModel network, Target target)
    {
        if (!sources.TryGetValue(target, out TargetSource? source)) sources.Add(target, source = TargetSource.Of(network, target));
        return source;
    }

    /// <summary>Values of a graph at these rows.</summary>
    public NdArray[] Fetch(OnnxModel network, Graph graph, IReadOnlyList<Value> wanted, RunLog log)
    {
        IReadOnlyDictionary<Value, NdArray> feeds = network.FeedsOf(inputs);
        Value[] missing = [.. wanted.Where(v => !values.ContainsKey(v) && !feeds.ContainsKey(v))];
        if (missing.Length > 0)
        {
            log.Count(inputs[0].Dims[0]);
            var known = new Dictionary<Value, NdArray>(feeds);
            foreach (var (value, array) in Of(network, inputs[0].Dims[0])) known[value] = array;
            NdArray[] computed = Batches.Run(network.FixedRows, known, f => network.SessionOf(graph).Run(f, missing, log.Cancellation));
            for (int i = 0; i < missing.Length; i++) values[missing[i]] = computed[i];
        }
        return [.. wanted.Select(v => values.TryGetValue(v, out NdArray? array) ? array : feeds[v])];
    }

    /// <summary>What is known of the network's own values that have the rows along the first axis.</summary>
    public Dictionary<Value, NdArray> Of(OnnxModel network, int rows) =>
        values.Where(v => IsOf(network, v.Key) && v.Value.Rank > 0 && v.Value.Dims[0] == rows).ToDictionary();

    /// <summary>The outputs of a model that is a black box.</summary>
    public IReadOnlyList<NdArray> Outputs(RunLog log)
    {
        if (outputs is not null) return outputs;
        log.Count(inputs[0].Dims[0]);
        return outputs = model.Predict(inputs, log.Cancellation);
    }

    private static bool IsOf(OnnxModel network, Value value) => ReferenceEquals(network.Graph.Find(value.Name), value);
}
