using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Cli.Commands;

/// <summary>A model made ready to be measured: random inputs of the shapes it declares, and what is to be computed.</summary>
internal sealed class ProfiledWork
{
    private readonly Session session;
    private readonly Dictionary<Value, NdArray> feeds = [];
    private readonly IReadOnlyList<Value> fetches;
    private readonly long weightBytes;

    /// <param name="model">The model.</param>
    /// <param name="batch">The length of the first dimension of the inputs, where the file leaves it open.</param>
    /// <param name="backward">Whether the gradient of the predicted class with respect to the floating inputs is added.</param>
    /// <param name="lengths">The lengths of symbolic dimensions; 1 for others.</param>
    /// <exception cref="CommandException">The file fixes the batch to another number, or a dimension has no such name.</exception>
    public ProfiledWork(OnnxModel model, int batch, bool backward, IReadOnlyDictionary<string, int> lengths)
    {
        IReadOnlyList<Value> inputs = model.Graph.Inputs;
        HashSet<string> symbols = [.. inputs.SelectMany(i => i.Shape ?? Shape.Scalar).Select(d => d.Symbol).OfType<string>()];
        if (lengths.Keys.FirstOrDefault(k => !symbols.Contains(k)) is { } unknown)
            throw new CommandException($"the model's inputs have no dimension '{unknown}'{(symbols.Count > 0 ? $"; they have {string.Join(", ", symbols)}" : "")}.");
        if (model.FixedRows is { } rows && batch != rows && batch != 1)
            throw new CommandException($"the file fixes the batch to {rows}; leave --batch away.");
        for (int i = 0; i < inputs.Count; i++) feeds.Add(inputs[i], RandomInput(inputs[i], (ulong)i, batch, lengths));
        Shapes = [.. feeds.Values.Select(f => NdArray.Describe(f.Dims))];
        weightBytes = model.Graph.Initializers.Values.Sum(w => w.Length * (w.Type.Storage() switch { Storage.Float => 4L, Storage.Integer => 8L, _ => 1L }));
        (session, fetches) = backward ? Backwards(model) : (model.Session, model.Graph.Outputs);
    }

    public IReadOnlyList<string> Shapes { get; }

    public RunProfile Run(CancellationToken cancellation) => session.Profile(feeds, fetches, cancellation);

    public long BytesOf(RunProfile run) => run.Bytes + weightBytes;

    private (Session, IReadOnlyList<Value>) Backwards(OnnxModel model)
    {
        Value output = model.Graph.Outputs[0];
        Value[] places = [.. model.Graph.Inputs.Where(i => i.Type.IsFloating())];
        if (places.Length == 0) throw new NotDifferentiableException("The model has no floating-point input, so there is no gradient with respect to it; leave --backward away.");
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
/// <param name="Nodes">The median of each node, slowest first.</param>
/// <param name="Operators">The same by operator, slowest first.</param>
internal sealed record Profiled(int Runs, double Milliseconds, long PeakBytes, IReadOnlyList<StepTime> Nodes, IReadOnlyList<OperatorTime> Operators)
{
    /// <summary>The sum over all nodes, what shares refer to.</summary>
    public double Total { get; } = Math.Max(double.Epsilon, Nodes.Sum(n => n.Milliseconds));

    public static Profiled Of(ProfiledWork work, int runs, IProgress<Progress> progress, CancellationToken cancellation)
    {
        work.Run(cancellation);
        var measured = new RunProfile[runs];
        for (int i = 0; i < runs; i++)
        {
            measured[i] = work.Run(cancellation);
            progress.Report(new Progress(i + 1, runs));
        }
        StepTime[] nodes = [.. measured[0].Steps.Select((s, i) => s with { Milliseconds = Median(measured.Select(m => m.Steps[i].Milliseconds)) }).OrderByDescending(s => s.Milliseconds)];
        OperatorTime[] operators = [.. nodes.GroupBy(n => n.Operator).Select(g => new OperatorTime(g.Key, g.Count(), g.Sum(n => n.Milliseconds))).OrderByDescending(o => o.Milliseconds)];
        return new Profiled(runs, Median(measured.Select(m => m.Milliseconds)), work.BytesOf(measured[0]), nodes, operators);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>The time of all nodes of an operator.</summary>
internal sealed record OperatorTime(string Operator, int Count, double Milliseconds);
