using System.Diagnostics;
using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Cli.Commands;

/// <summary>A model made ready to be measured: its inputs, given or random, and what is to be computed.</summary>
internal sealed class ProfiledWork
{
    private readonly Session session;
    private readonly Dictionary<Value, NdArray> feeds;
    private readonly IReadOnlyList<Value> fetches;
    private readonly long weightBytes;

    /// <param name="model">The model.</param>
    /// <param name="inputs">What it is fed.</param>
    /// <param name="backward">Whether the gradient of the predicted class with respect to the inputs, or the embeddings of token ids, is added.</param>
    public ProfiledWork(OnnxModel model, IReadOnlyList<NdArray> inputs, bool backward)
    {
        feeds = new(model.FeedsOf(inputs));
        Shapes = [.. inputs.Select(f => NdArray.Describe(f.Dims))];
        Rows = inputs is [{ Rank: > 0 } first, ..] ? first.Dims[0] : 1;
        weightBytes = model.Graph.Initializers.Values.Sum(w => w.Length * (w.Type.Storage() switch { Storage.Float => 4L, Storage.Integer => 8L, _ => 1L }));
        (session, fetches) = backward ? Backwards(model) : (model.Session, model.Graph.Outputs);
    }

    /// <summary>Random inputs of the shapes that the model declares.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The length of the first dimension of the inputs, where the file leaves it open.</param>
    /// <param name="lengths">The lengths of symbolic dimensions; 1 for others.</param>
    /// <exception cref="CommandException">The file fixes the batch to another number, or a dimension has no such name.</exception>
    public static IReadOnlyList<NdArray> RandomInputs(OnnxModel model, int batch, IReadOnlyDictionary<string, int> lengths)
    {
        IReadOnlyList<Value> inputs = model.Graph.Inputs;
        HashSet<string> symbols = [.. inputs.SelectMany(i => i.Shape ?? Shape.Scalar).Select(d => d.Symbol).OfType<string>()];
        if (lengths.Keys.FirstOrDefault(k => !symbols.Contains(k)) is { } unknown)
            throw new CommandException($"the model's inputs have no dimension '{unknown}'{(symbols.Count > 0 ? $"; they have {string.Join(", ", symbols)}" : "")}.");
        if (model.FixedRows is { } rows && batch != rows && batch != 1)
            throw new CommandException($"the file fixes the batch to {rows}; leave --batch away.");
        return [.. inputs.Select((input, i) => RandomInput(input, (ulong)i, batch, lengths))];
    }

    public IReadOnlyList<string> Shapes { get; }

    public int Rows { get; }

    public RunProfile Run(CancellationToken cancellation) => session.Profile(feeds, fetches, cancellation);

    public long BytesOf(RunProfile run) => run.Bytes + weightBytes;

    private (Session, IReadOnlyList<Value>) Backwards(OnnxModel model)
    {
        Value output = model.Graph.Outputs[0];
        IReadOnlyList<Value> places = model.ExplainedValues;
        NdArray answer = model.Session.Run(feeds, [output])[0];
        var builder = new GraphBuilder(model.Graph);
        Value seed = builder.Input("limn.seed", ElementType.Float, output.Shape);
        GradientGraph gradient = Gradient.Of(builder, model.Graph, output, places, rulebook: null, seed);
        Value[] gradients = [.. gradient.Gradients.OfType<Value>()];
        if (gradients.Length == 0) gradient.Required();
        feeds.Add(seed, OneOfPredicted(answer));
        return (new Session(gradient.Graph, model.Threads), [output, .. gradients]);
    }

    /// <summary>One at the largest score of each row (along axis 1, all positions), zero elsewhere.</summary>
    private static NdArray OneOfPredicted(NdArray answer)
    {
        NdArray ones = NdArray.Create(ElementType.Float, answer.Dims.ToArray());
        int classes = answer.Rank < 2 ? 1 : answer.Dims[1], rows = answer.Rank < 1 ? 1 : answer.Dims[0];
        int inner = answer.Length / Math.Max(1, rows * classes);
        for (int r = 0; r < rows; r++)
            for (int p = 0; p < inner; p++)
            {
                int best = 0;
                for (int k = 1; k < classes; k++)
                    if (answer.Floats[(r * classes + k) * inner + p] > answer.Floats[(r * classes + best) * inner + p]) best = k;
                ones.Floats[(r * classes + best) * inner + p] = 1;
            }
        return ones;
    }

    /// <summary>Uniform numbers between 0 and 1; zeros and ones for integers, because larger ones may be no valid index.</summary>
    private static NdArray RandomInput(Value input, ulong stream, int batch, IReadOnlyDictionary<string, int> lengths)
    {
        if (input.Shape is not { } shape) throw new ShapeMismatchException($"The model does not declare the shape of its input '{input.Name}', so it cannot be profiled on random input.");
        int[] dims = [.. shape.Select((d, axis) => d.IsKnown ? d.Value : d.Symbol is { } symbol && lengths.TryGetValue(symbol, out int length) ? length : axis == 0 ? batch : 1)];
        NdArray array = NdArray.Create(input.Type, dims);
        var random = new CounterRandom(0, stream);
        switch (input.Type.Storage())
        {
            case Storage.Float: random.FillUniform(array.Floats); break;
            case Storage.Integer:
                for (int i = 0; i < array.Length; i++) array.Integers[i] = random.Below(2, (ulong)i);
                break;
            case Storage.Boolean: array.Booleans.Fill(true); break;
            default: break;
        }
        return array;
    }
}

/// <summary>What several measured runs came to.</summary>
/// <param name="Runs">How many runs.</param>
/// <param name="Milliseconds">The median of a whole run.</param>
/// <param name="PeakBytes">Weights and what the plan of a run needs.</param>
/// <param name="PeakWorkingSet">The most memory that the process has held after them.</param>
/// <param name="Machine">What this machine can do at most, with as many threads.</param>
/// <param name="Nodes">Each node by its median, slowest first.</param>
/// <param name="Operators">The same by operator, slowest first.</param>
internal sealed record Profiled(int Runs, double Milliseconds, long PeakBytes, long PeakWorkingSet, MachineSpeed Machine, IReadOnlyList<ProfiledRow> Nodes, IReadOnlyList<ProfiledRow> Operators)
{
    /// <summary>All nodes together; shares refer to its time.</summary>
    public ProfiledRow Total { get; } = ProfiledRow.Sum("", Nodes);

    /// <param name="work">What is measured.</param>
    /// <param name="runs">How many times.</param>
    /// <param name="warmUp">Milliseconds of runs before; one at least. The runtime compiles what runs often once more, and better.</param>
    /// <param name="threads">The threads that work.</param>
    /// <param name="progress">Told each run.</param>
    /// <param name="cancellation">Stops it.</param>
    public static Profiled Of(ProfiledWork work, int runs, int warmUp, int threads, IProgress<Progress> progress, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        do work.Run(cancellation);
        while (Stopwatch.GetElapsedTime(began).TotalMilliseconds < warmUp);
        var measured = new RunProfile[runs];
        for (int i = 0; i < runs; i++)
        {
            measured[i] = work.Run(cancellation);
            progress.Report(new Progress(i + 1, runs));
        }
        using Process process = Process.GetCurrentProcess();
        long peak = process.PeakWorkingSet64; // before the machine is measured, which takes memory too
        MachineSpeed machine = MachineSpeed.Measure(threads);
        ProfiledRow[] nodes = [.. measured[0].Steps.Select((s, i) => ProfiledRow.Of(s with { Milliseconds = Median(measured.Select(m => m.Steps[i].Milliseconds)) }, machine)).OrderByDescending(s => s.Milliseconds)];
        ProfiledRow[] operators = [.. nodes.GroupBy(n => n.Operator).Select(g => ProfiledRow.Sum(g.Key, [.. g])).OrderByDescending(o => o.Milliseconds)];
        return new Profiled(runs, Median(measured.Select(m => m.Milliseconds)), work.BytesOf(measured[0]), peak, machine, nodes, operators);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>The time of a node or of all nodes of an operator, and the time that the machine would need for the same work at its best.</summary>
/// <param name="Name">The node's name; empty for an operator.</param>
/// <param name="Operator">The operator.</param>
/// <param name="Dims">The shape of the node's first output; null for an operator, and where it depends on data.</param>
/// <param name="Count">How many nodes.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Flops">Operations; null where they cannot be told from the shapes.</param>
/// <param name="Bytes">Bytes that are read and written; null as well.</param>
/// <param name="LeastMilliseconds">What the roofline leaves; null where operations or bytes are unknown.</param>
internal sealed record ProfiledRow(string Name, string Operator, IReadOnlyList<int>? Dims, int Count, double Milliseconds, long? Flops, long? Bytes, double? LeastMilliseconds)
{
    public double? GigaflopsPerSecond => PerSecond(Flops);

    public double? GigabytesPerSecond => PerSecond(Bytes);

    /// <summary>How much of the roofline is reached: 1 for all. More where the data came from a cache, or an algorithm saves operations.</summary>
    public double? OfRoof => Milliseconds > 0 && LeastMilliseconds > 0 ? LeastMilliseconds / Milliseconds : null;

    public static ProfiledRow Of(StepTime step, MachineSpeed machine) => new(step.Name, step.Operator, step.Dims, 1, step.Milliseconds, step.Cost.Flops, step.Cost.Bytes,
        step.Cost is { Flops: { } flops, Bytes: { } bytes } ? 1e3 * machine.SecondsFor(flops, bytes) : null);

    /// <summary>Rows together; a sum of which a part is unknown is unknown.</summary>
    public static ProfiledRow Sum(string op, IReadOnlyList<ProfiledRow> rows) => new("", op, null, rows.Count, rows.Sum(r => r.Milliseconds),
        rows.Aggregate((long?)0, (sum, r) => sum + r.Flops), rows.Aggregate((long?)0, (sum, r) => sum + r.Bytes), rows.Aggregate((double?)0, (sum, r) => sum + r.LeastMilliseconds));

    private double? PerSecond(long? amount) => Milliseconds > 0 && amount > 0 ? amount / Milliseconds / 1e6 : null;
}
