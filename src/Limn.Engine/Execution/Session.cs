using Limn.Engine.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Execution;

/// <summary>
/// Runs a graph. Any value may be fetched, and any value may be fed in place of being computed. A plan is compiled once for
/// each set of input shapes and kept.
/// </summary>
/// <remarks>Safe to call from several threads; runs of one session follow each other.</remarks>
public sealed class Session
{
    private const int PlansKept = 4;

    private readonly Lock gate = new();
    private readonly LinkedList<(string Key, Plan Plan)> plans = [];
    private readonly Dictionary<Value, int> ids = [];
    private readonly Workers workers;

    /// <param name="graph">The graph to run.</param>
    /// <param name="threads">How many threads may be used; 0 for all processors. The results do not depend on it.</param>
    public Session(Graph graph, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Graph = graph;
        workers = new Workers(threads);
        foreach (Value value in graph.Values) ids.Add(value, ids.Count);
    }

    public Graph Graph { get; }

    /// <summary>The bytes, beside weights and inputs, of the largest run so far.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>The most bytes that a run may take beside weights and inputs; all of the machine's memory unless set. A run that needs more says so before it begins.</summary>
    public long MemoryLimit { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    internal CompileOptions Options { get; init; } = new();

    /// <summary>Runs the graph's outputs on its inputs, given in order.</summary>
    public NdArray[] Run(params ReadOnlySpan<NdArray> inputs)
    {
        if (inputs.Length != Graph.Inputs.Count)
            throw new ShapeMismatchException($"The model has {Graph.Inputs.Count} inputs, and {inputs.Length} were given.");
        var feeds = new Dictionary<Value, NdArray>();
        for (int i = 0; i < inputs.Length; i++) feeds.Add(Graph.Inputs[i], inputs[i]);
        return Run(feeds, Graph.Outputs);
    }

    /// <summary>Computes <paramref name="fetches"/> from <paramref name="feeds"/>.</summary>
    /// <returns>One array for each fetch, which the caller may keep and change.</returns>
    /// <exception cref="UnknownNameException">A value is not in the graph, or an input that is needed is not fed.</exception>
    /// <exception cref="ShapeMismatchException">A fed array does not fit.</exception>
    public NdArray[] Run(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches, CancellationToken cancellation = default)
    {
        return Run(feeds, fetches, MemoryLimit, cancellation);
    }

    internal NdArray[] Run(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches, long memoryLimit, CancellationToken cancellation)
    {
        lock (gate)
        {
            Plan plan = PlanFor(feeds, fetches, out NdArray[] inputs);
            PeakBytes = Math.Max(PeakBytes, plan.Bytes);
            return plan.Run(inputs, workers, memoryLimit, observer: null, cancellation);
        }
    }

    /// <summary>Runs as <see cref="Run(IReadOnlyDictionary{Value, NdArray}, IReadOnlyList{Value}, CancellationToken)"/> and times each step.</summary>
    public RunProfile Profile(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches, CancellationToken cancellation = default)
    {
        lock (gate)
        {
            Plan plan = PlanFor(feeds, fetches, out NdArray[] inputs);
            var steps = new List<StepTime>(plan.Steps.Count);
            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            plan.Run(inputs, workers, MemoryLimit, (s, ticks) => steps.Add(new StepTime(plan.Steps[s].Name, plan.Steps[s].Operator.Name,
                plan.Steps[s].Outputs[0] < 0 ? null : plan.DimsOf(plan.Steps[s].Outputs[0]), 1e3 * ticks / System.Diagnostics.Stopwatch.Frequency, StepCost.Of(plan, plan.Steps[s]))), cancellation);
            return new RunProfile(System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalMilliseconds, plan.Bytes, steps);
        }
    }

    /// <summary>The bytes that a run with these shapes needs beside weights and inputs.</summary>
    public long BytesFor(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches)
    {
        lock (gate) return PlanFor(feeds, fetches, out _).Bytes;
    }

    private Plan PlanFor(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches, out NdArray[] inputs)
    {
        ArgumentNullException.ThrowIfNull(feeds);
        ArgumentNullException.ThrowIfNull(fetches);
        var ordered = feeds.OrderBy(f => IdOf(f.Key)).ToArray();
        inputs = Array.ConvertAll(ordered, f => f.Value);
        string key = string.Join(';', ordered.Select(f => $"{IdOf(f.Key)}{NdArray.Describe(f.Value.Dims)}")) + ">" + string.Join(',', fetches.Select(IdOf));
        for (var entry = plans.First; entry is not null; entry = entry.Next)
        {
            if (entry.Value.Key != key) continue;
            plans.Remove(entry);
            plans.AddFirst(entry);
            return entry.Value.Plan;
        }
        foreach (var (value, array) in ordered) Check(value, array);
        Plan plan = Compiler.Compile(Graph, [.. ordered.Select(f => (f.Key, f.Key.Type, f.Value.Dims.ToArray()))], fetches, Options);
        plans.AddFirst((key, plan));
        if (plans.Count > PlansKept) plans.RemoveLast();
        return plan;
    }

    private int IdOf(Value value) => ids.TryGetValue(value, out int id) ? id
        : throw new UnknownNameException($"The value '{value.Name}' is not part of the graph '{Graph.Name}'.");

    /// <summary>A fed array must have the storage and, as far as the graph declares them, the dimensions of its value.</summary>
    private static void Check(Value value, NdArray array)
    {
        if (array.Type.Storage() != value.Type.Storage())
            throw new ShapeMismatchException($"'{value.Name}' takes {value.Type} elements, and {array.Type} was given.");
        if (value.Shape is not { } shape) return;
        bool fits = shape.Rank == array.Rank;
        for (int i = 0; fits && i < shape.Rank; i++) fits = !shape[i].IsKnown || shape[i].Value == array.Dims[i];
        if (!fits)
            throw new ShapeMismatchException($"'{value.Name}' has the shape {shape}, and an array of shape {NdArray.Describe(array.Dims)} was given.");
    }
}

/// <summary>Where a run spent its time.</summary>
/// <param name="Milliseconds">The whole run.</param>
/// <param name="Bytes">The memory of the run beside weights and inputs.</param>
/// <param name="Steps">The steps in the order they ran.</param>
public sealed record RunProfile(double Milliseconds, long Bytes, IReadOnlyList<StepTime> Steps);

/// <param name="Name">The node.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Dims">The shape of its first output; null where it depends on data.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Cost">What it had to do.</param>
public sealed record StepTime(string Name, string Operator, IReadOnlyList<int>? Dims, double Milliseconds, StepCost Cost);
