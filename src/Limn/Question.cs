using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>
/// What a method is asked: a model, a target, rows, and the places to explain. Methods see the model through it: scores,
/// gradients, values at the places, and the same question with other rows or other values at the places.
/// </summary>
public sealed class Question
{
    private static readonly Dictionary<Value, NdArray> Nothing = [];

    private const int MostRows = 128;
    private const long ComfortableBytes = 256L << 20; // larger batches do not get faster, only larger

    private readonly IPredictor model;
    private readonly TargetSource? source;
    private readonly Readout readout;
    private readonly IReadOnlyList<NdArray> inputs;
    private readonly IReadOnlyDictionary<Value, NdArray> known;
    private readonly IReadOnlyDictionary<Value, NdArray> overrides;
    private readonly RunLog log;

    internal Question(IPredictor model, TargetSource? source, Readout readout, IReadOnlyList<NdArray> inputs, IReadOnlyList<Value> places,
        IReadOnlyDictionary<Value, NdArray> known, IReadOnlyDictionary<Value, NdArray> overrides, RunLog log)
    {
        this.model = model;
        this.source = source;
        this.readout = readout;
        this.inputs = inputs;
        this.known = known; // values at layers that follow from these inputs, so that they need not be computed again
        this.overrides = overrides;
        this.log = log;
        Places = places;
    }

    /// <summary>The number of rows.</summary>
    public int Rows => readout.Rows;

    /// <summary>The model's inputs, one array each, rows along the first axis.</summary>
    public IReadOnlyList<NdArray> Inputs => inputs;

    /// <summary>The seed of this explanation.</summary>
    public ulong Seed => log.Seed;

    /// <summary>The explained values of the network; empty for a black box, of which the inputs are explained.</summary>
    internal IReadOnlyList<Value> Places { get; }

    internal IPredictor Model => model;

    internal OnnxModel Network => model as OnnxModel
        ?? throw new LimnException("This method looks inside the model and needs an OnnxModel; a black box can be explained with feature-ablation or occlusion.");

    /// <summary>Whether the place is an input of the model (rather than a layer).</summary>
    internal bool IsInput(int place) => Places.Count == 0 || Network.Graph.Inputs.Contains(Places[place]);

    /// <summary>Where the target reads.</summary>
    internal TargetSource? Source => source;

    internal Readout Readout => readout;

    /// <summary>The same question about some of the rows, in the given order and as often as given.</summary>
    public Question Select(params ReadOnlySpan<int> rows)
    {
        var chosen = new NdArray[inputs.Count];
        for (int i = 0; i < chosen.Length; i++) chosen[i] = Batches.Select(inputs[i], rows);
        return new Question(model, source, readout.Select(rows), chosen, Places, Select(known, rows), Select(overrides, rows), log);
    }

    /// <summary>The same question with other inputs. The target stays what it was, also if it was the predicted class.</summary>
    public Question WithInputs(IReadOnlyList<NdArray> other) => new(model, source, readout, other, Places, Nothing, overrides, log);

    /// <summary>The same question with the values at the places set, instead of computed from the inputs.</summary>
    public Question WithPlaces(IReadOnlyList<NdArray> values)
    {
        if (Places.Count == 0) return WithInputs(values);
        var changed = new Dictionary<Value, NdArray>(overrides);
        for (int i = 0; i < values.Count; i++) changed[Places[i]] = values[i];
        return new Question(model, source, readout, inputs, Places, Nothing, changed, log);
    }

    /// <summary>The same question at other places of the network.</summary>
    internal Question At(IReadOnlyList<Value> places) => new(model, source, readout, inputs, places, known, overrides, log);

    /// <summary>The same rows and places with another target, given as a value of the network and the weights of its elements.</summary>
    internal Question About(TargetSource otherSource, Readout otherReadout) => new(model, otherSource, otherReadout, inputs, Places, known, overrides, log);

    /// <summary>The value that the target reads from.</summary>
    internal NdArray SourceValue() => InPortions(f => [Fetch(Network, f, source!.Value)])[0];

    /// <summary>The score of each row.</summary>
    public double[] Scores()
    {
        if (model is OnnxModel) return readout.Scores(SourceValue());
        log.Count(Rows);
        return readout.Scores(model.Predict(inputs, log.Cancellation)[0]);
    }

    /// <summary>The values at the places, one array each.</summary>
    public IReadOnlyList<NdArray> PlaceValues()
    {
        if (Places.Count == 0) return inputs;
        IReadOnlyDictionary<Value, NdArray> feeds = Feeds();
        Value[] missing = [.. Places.Where(p => !feeds.ContainsKey(p))];
        NdArray[] computed = missing.Length == 0 ? [] : InPortions(f => { log.Count(RowsOf(f)); return Network.Fetch(f, missing, log.Cancellation); });
        return [.. Places.Select(p => feeds.TryGetValue(p, out NdArray? fed) ? fed : computed[Array.IndexOf(missing, p)])];
    }

    /// <summary>How a value changes as the places move, each in its direction: the Jacobian times the directions.</summary>
    internal NdArray Derivative(Value value, IReadOnlyList<NdArray> directions)
    {
        log.Count(Rows);
        return Network.DerivativeOf(value, Places).Evaluate(Feeds(), directions, log.Cancellation);
    }

    /// <summary>Whether the target depends on the given places only by way of <paramref name="layer"/>.</summary>
    internal bool PassThrough(Value layer, IReadOnlyList<Value> from)
    {
        HashSet<Value> around = [.. from.Where(v => v != layer)];
        foreach (Node node in source!.Graph.Nodes)
            if (Enumerable.Range(0, node.Inputs.Count).Any(i => node.Inputs[i] is { } v && around.Contains(v) && !node.Operator.UsesShapeOnly(i)))
                around.UnionWith(node.Outputs.Where(o => o != layer));
        return !around.Contains(source.Value);
    }

    /// <summary>The score of each row, and its gradient at each place.</summary>
    public (double[] Scores, NdArray[] Gradients) Gradient(Rulebook? rulebook = null)
    {
        GradientFunction function = GradientFunction(rulebook);
        int portion = Portion(rulebook);
        var scores = new List<double>();
        var parts = new List<NdArray[]>();
        foreach (Question part in Portions(portion))
        {
            var (value, gradients) = function.Evaluate(part.Feeds(), part.readout.Weights, log.Cancellation);
            log.Count(part.Rows);
            scores.AddRange(part.readout.Scores(value));
            parts.Add(gradients);
        }
        return ([.. scores], [.. Enumerable.Range(0, Places.Count).Select(i => Batches.Join([.. parts.Select(p => p[i])]))]);
    }

    /// <summary>The gradient at the first place, and the product of the second derivatives with <paramref name="along"/>; null where they are zero everywhere.</summary>
    internal (NdArray Gradient, NdArray? Product) HessianTimes(NdArray along)
    {
        var function = new HessianProduct(Network, source!, Places[0]);
        var parts = new List<(NdArray Gradient, NdArray? Product)>();
        int from = 0;
        foreach (Question part in Portions(Portion()))
        {
            parts.Add(function.Evaluate(part.Feeds(), part.readout.Weights, along.Rows(from, part.Rows), log.Cancellation));
            log.Count(part.Rows);
            from += part.Rows;
        }
        return (Batches.Join([.. parts.Select(p => p.Gradient)]), parts[0].Product is null ? null : Batches.Join([.. parts.Select(p => p.Product!)]));
    }

    /// <summary>How many rows go through a gradient at once within the memory budget.</summary>
    public int Portion(Rulebook? rulebook = null)
    {
        GradientFunction function = GradientFunction(rulebook);
        return FitToMemory(q => function.BytesFor(q.Feeds(), q.readout.Weights));
    }

    /// <summary>How many rows are predicted at once within the memory budget.</summary>
    public int PredictionPortion()
    {
        if (model is OnnxModel network) return FitToMemory(q => network.Session.BytesFor(q.Feeds(), [source!.Value]));
        long row = Math.Max(1, inputs.Sum(i => 4L * i.Length) / Math.Max(1, Rows));
        return (int)Math.Clamp(Math.Min(log.Budget, ComfortableBytes) / row, 1, MostRows);
    }

    /// <summary>Says how far the work is.</summary>
    public void Report(long done, long total) => log.Report(done, total);

    public void ThrowIfCancelled() => log.Cancellation.ThrowIfCancellationRequested();

    internal IReadOnlyDictionary<Value, NdArray> Feeds()
    {
        var feeds = new Dictionary<Value, NdArray>(Network.FeedsOf(inputs));
        foreach (var (value, array) in known) feeds[value] = array;
        foreach (var (value, array) in overrides) feeds[value] = array;
        return feeds;
    }

    internal GradientFunction GradientFunction(Rulebook? rulebook) => Network.GradientOf(source!.Graph, source.Value, Places, rulebook);

    private NdArray Fetch(OnnxModel network, IReadOnlyDictionary<Value, NdArray> feeds, Value value)
    {
        log.Count(RowsOf(feeds));
        return Batches.Run(network.FixedRows, feeds, f => network.SessionOf(source!.Graph).Run(f, [value], log.Cancellation))[0];
    }

    private static int RowsOf(IReadOnlyDictionary<Value, NdArray> feeds) => feeds.Values.First() is { Rank: > 0 } first ? first.Dims[0] : 1;

    private NdArray[] InPortions(Func<IReadOnlyDictionary<Value, NdArray>, NdArray[]> run)
    {
        NdArray[][] parts = [.. Portions(MostRows).Select(p => run(p.Feeds()))];
        return [.. Enumerable.Range(0, parts[0].Length).Select(i => Batches.Join([.. parts.Select(p => p[i])]))];
    }

    private static Dictionary<Value, NdArray> Select(IReadOnlyDictionary<Value, NdArray> values, ReadOnlySpan<int> rows)
    {
        var selected = new Dictionary<Value, NdArray>();
        foreach (var (value, array) in values) selected.Add(value, Batches.Select(array, rows));
        return selected;
    }

    private IEnumerable<Question> Portions(int size)
    {
        if (Rows <= size)
        {
            yield return this;
            yield break;
        }
        for (int from = 0; from < Rows; from += size) yield return Select([.. Enumerable.Range(from, Math.Min(size, Rows - from))]);
    }

    /// <summary>How many rows fit into the memory budget, if all take as much as one.</summary>
    internal int FitToMemory(Func<Question, long> bytes)
    {
        if (Network.FixedRows is { } fixedRows) return fixedRows;
        if (Rows == 0) return 1;
        Question one = Rows == 1 ? this : Select(0);
        long row = Math.Max(1, bytes(one));
        return (int)Math.Clamp(Math.Min(log.Budget, ComfortableBytes) / row, 1, MostRows);
    }
}
