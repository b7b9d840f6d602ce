using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>
/// What a method is asked: a model, a target, rows, and the places to explain. Methods see the model through it: scores,
/// gradients, values at the places, and the same question with other rows or other values at the places.
/// </summary>
public sealed record Question : IAsked
{
    private const int MostRows = 128;
    private const long ComfortableBytes = 256L << 20; // larger batches do not get faster, only larger

    private static readonly Dictionary<Value, NdArray> Nothing = [];

    private readonly RunLog log;

    internal Question(IPredictor model, Readout readout, IReadOnlyList<NdArray> inputs, RunLog log)
    {
        Model = model;
        Readout = readout;
        Inputs = inputs;
        this.log = log;
    }

    /// <summary>The number of rows.</summary>
    public int Rows => Readout.Rows;

    /// <summary>The model's inputs, one array each, rows along the first axis.</summary>
    public IReadOnlyList<NdArray> Inputs { get; internal init; }

    /// <summary>The seed of this explanation.</summary>
    public ulong Seed => log.Seed;

    /// <summary>The explained values of the network; empty for a black box, of which the inputs are explained.</summary>
    internal IReadOnlyList<Value> Places { get; init; } = [];

    internal IPredictor Model { get; }

    /// <summary>Where the target reads; null for a black box.</summary>
    internal TargetSource? Source { get; init; }

    internal Readout Readout { get; init; }

    /// <summary>Whether the target is the class that each row was predicted, and not one that was named.</summary>
    internal bool TargetIsPredicted { get; init; }

    /// <summary>How a black box's outputs hold boxes, where one of them is the target.</summary>
    internal BoxOutputs? BoxOutputs { get; init; }

    /// <summary>Values at the places and behind them that follow from these inputs, so that they need not be computed again.</summary>
    internal IReadOnlyDictionary<Value, NdArray> Known { get; init; } = Nothing;

    /// <summary>ReLUs between the places and the target that let hardly anything pass.</summary>
    internal IReadOnlyList<DeadGate> DeadGates { get; init; } = [];

    /// <summary>Values that are set instead of computed.</summary>
    internal IReadOnlyDictionary<Value, NdArray> Overrides { get; init; } = Nothing;

    /// <summary>The reference input that rulebooks which measure differences propagate beside the input; null where there is none.</summary>
    internal IReadOnlyList<NdArray>? Reference { get; init; }

    OnnxModel IAsked.Network => Network;

    TargetSource? IAsked.Source => Source;

    IReadOnlyList<Value> IAsked.Places => Places;

    internal OnnxModel Network => Model as OnnxModel
        ?? throw new LimnException("This method looks inside the model and needs an OnnxModel; a black box can be explained with feature-ablation or occlusion.");

    /// <summary>Whether the place is an input of the model (rather than a layer).</summary>
    internal bool IsInput(int place) => Places.Count == 0 || Network.Graph.Inputs.Contains(Places[place]);

    /// <summary>The same question about some of the rows, in the given order and as often as given.</summary>
    public Question Select(params ReadOnlySpan<int> rows) => this with
    {
        Readout = Readout.Select(rows),
        Inputs = Select(Inputs, rows),
        Known = Select(Known.Where(k => Places.Contains(k.Key)), rows),
        Overrides = Select(Overrides, rows),
        Reference = Reference is null ? null : Select(Reference, rows),
    };

    /// <summary>The same question with other inputs, and all values computed from them. The target stays what it was, also if it was the predicted class.</summary>
    public Question WithInputs(IReadOnlyList<NdArray> other) => this with { Inputs = other, Known = Nothing, Overrides = Nothing };

    /// <summary>The same question with the values at the places set, instead of computed from the inputs.</summary>
    public Question WithPlaces(IReadOnlyList<NdArray> values)
    {
        if (Places.Count == 0) return WithInputs(values);
        var changed = new Dictionary<Value, NdArray>(Overrides);
        for (int i = 0; i < values.Count; i++) changed[Places[i]] = values[i];
        return this with { Known = Nothing, Overrides = changed };
    }

    /// <summary>The same question with a reference input, which rulebooks that measure differences propagate beside the input.</summary>
    public Question WithReference(IReadOnlyList<NdArray> other) => this with { Reference = other };

    /// <summary>The same question at other places of the network.</summary>
    internal Question At(IReadOnlyList<Value> places) => this with { Places = places };

    /// <summary>The same rows and places with another target, given as a value of the network and the weights of its elements.</summary>
    internal Question About(TargetSource source, Readout readout) => this with { Source = source, Readout = readout };

    /// <summary>The value that the target reads from.</summary>
    internal NdArray SourceValue() => InPortions(f => [Fetch(Network, f, Source!.Value)])[0];

    /// <summary>The score of each row.</summary>
    public double[] Scores()
    {
        if (Source is { } source && !Overrides.ContainsKey(source.Value) && Known.TryGetValue(source.Value, out NdArray? known)) return Readout.Scores(known);
        if (MatchesAgain) return [.. Portions(Model is OnnxModel { FixedRows: { } size } ? size : Source?.Detections is { OneRow: true } ? 1 : MostRows).SelectMany(p => p.MatchedScores())];
        if (Model is OnnxModel) return Readout.Scores(SourceValue());
        log.Count(Rows);
        return Readout.Scores(BlackBox.Predict(Model, Inputs, $"{Rows} rows", log.Cancellation)[0]);
    }

    /// <summary>Where a box of a detector is explained by changed inputs alone, it is looked for again in each answer.</summary>
    internal bool MatchesAgain { get; init; }

    private double[] MatchedScores()
    {
        if (Model is not OnnxModel network)
        {
            log.Count(Rows);
            return Readout.Match!.Scores(BlackBoxDetector.Read(Model.Predict(Inputs, log.Cancellation), BoxOutputs!));
        }
        IReadOnlyDictionary<Value, NdArray> feeds = Feeds();
        log.Count(Rows);
        NdArray[] found = Batches.Run(network.FixedRows, feeds, f => network.SessionOf(Source!.Graph).Run(f, Source.Evaluated, log.Cancellation));
        return Readout.Match!.Scores(FoundBoxes.Of(found, Source!.Detections!));
    }

    /// <summary>The values at the places, one array each.</summary>
    public IReadOnlyList<NdArray> PlaceValues()
    {
        if (Places.Count == 0) return Inputs;
        IReadOnlyDictionary<Value, NdArray> feeds = Feeds();
        Value[] missing = [.. Places.Where(p => !feeds.ContainsKey(p))];
        NdArray[] computed = missing.Length == 0 ? [] : InPortions(f => { log.Count(RowsOf(f)); return Batches.Run(Network.Session, Network.FixedRows, f, missing, log.Budget, log.Cancellation); });
        return [.. Places.Select(p => feeds.TryGetValue(p, out NdArray? fed) ? fed : computed[Array.IndexOf(missing, p)])];
    }

    /// <summary>The baseline as inputs of the model, one set for each alternative. Masks of tokens keep their values.</summary>
    internal IEnumerable<IReadOnlyList<NdArray>> Resolve(Baseline baseline)
    {
        InputPlaces? places = Model is OnnxModel network && Places.Count > 0 && network.Graph.Inputs.Any(i => !i.Type.IsFloating()) ? InputPlaces.Of(network) : null;
        return places is not { HasMasks: true } ? baseline.Resolve(Inputs)
            : baseline.Resolve(Inputs).Select(b => (IReadOnlyList<NdArray>)[.. b.Select((array, i) => places.IsMask(i) ? Inputs[i] : array)]);
    }

    /// <summary>What the places are at the baseline, for each alternative.</summary>
    internal IEnumerable<IReadOnlyList<NdArray>> Starts(Baseline baseline) => baseline is Baseline.EmptyEmbedding
        ? [[.. PlaceValues().Select(v => NdArray.Create(v.Type, v.Dims.ToArray()))]]
        : Resolve(baseline).Select(b => WithInputs(b).PlaceValues());

    /// <summary>How a value changes as the places move, each in its direction: the Jacobian times the directions.</summary>
    internal NdArray Derivative(Value value, IReadOnlyList<NdArray> directions)
    {
        log.Count(Rows);
        return Network.DerivativeOf(value, Places).Evaluate(Feeds(), directions, log.Cancellation);
    }

    /// <summary>The score of each row, and its gradient at each place.</summary>
    public (double[] Scores, NdArray[] Gradients) Gradient(Rulebook? rulebook = null) => GradientAndReference(rulebook) is var g ? (g.Scores, g.Gradients) : default;

    /// <summary>The same, and the score of each row's reference, for rulebooks that measure differences.</summary>
    internal (double[] Scores, NdArray[] Gradients, double[] AtReference) GradientAndReference(Rulebook? rulebook)
    {
        GradientFunction function = GradientFunction(rulebook);
        int portion = Portion(rulebook);
        List<double> scores = [], references = [];
        var parts = new List<NdArray[]>();
        foreach (Question part in Portions(portion))
        {
            var (value, gradients, reference) = function.Evaluate(part.Feeds(function), part.Readout.Weights, part.ReferenceFeeds(), log.Cancellation);
            // Rows whose forward pass is known go backwards only, which completes the call that was counted then.
            log.Count((function.ForwardValues.Append(Source!.Value).All(part.Known.ContainsKey) ? 0 : part.Rows) + (reference is null ? 0 : part.Rows));
            scores.AddRange(part.Readout.Scores(value));
            if (reference is not null) references.AddRange(part.Readout.Scores(reference));
            parts.Add(gradients);
        }
        return ([.. scores], [.. Enumerable.Range(0, Places.Count).Select(i => Batches.Join([.. parts.Select(p => p[i])]))], [.. references]);
    }

    /// <summary>The gradient at the first place, and the product of the second derivatives with <paramref name="along"/>; null where they are zero everywhere.</summary>
    internal (NdArray Gradient, NdArray? Product) HessianTimes(NdArray along)
    {
        var function = new HessianProduct(Network, Source!, Places[0]);
        var parts = new List<(NdArray Gradient, NdArray? Product)>();
        int from = 0;
        foreach (Question part in Portions(FitToMemory(q => function.BytesFor(q.Feeds(), q.Readout.Weights, along.Rows(0, q.Rows)))))
        {
            parts.Add(function.Evaluate(part.Feeds(), part.Readout.Weights, along.Rows(from, part.Rows), log.Cancellation));
            log.Count(part.Rows);
            from += part.Rows;
        }
        return (Batches.Join([.. parts.Select(p => p.Gradient)]), parts[0].Product is null ? null : Batches.Join([.. parts.Select(p => p.Product!)]));
    }

    /// <summary>How many rows go through a gradient at once within the memory budget.</summary>
    public int Portion(Rulebook? rulebook = null)
    {
        GradientFunction function = GradientFunction(rulebook);
        return FitToMemory(q => function.BytesFor(q.Feeds(function), q.Readout.Weights, q.ReferenceFeeds()));
    }

    /// <summary>How many rows are predicted at once within the memory budget.</summary>
    public int PredictionPortion()
    {
        if (Model is OnnxModel network) return FitToMemory(q => network.SessionOf(Source!.Graph).BytesFor(q.Feeds(), [Source.Value]));
        long row = Math.Max(1, Inputs.Sum(i => 4L * i.Length) / Math.Max(1, Rows));
        return (int)Math.Clamp(Math.Min(log.Budget, ComfortableBytes) / row, 1, MostRows);
    }

    /// <summary>How many threads may ask a black box at once.</summary>
    internal int PredictorThreads => log.PredictorThreads;

    /// <summary>What the columns of a table are called; null where nobody said.</summary>
    internal IReadOnlyList<string>? ColumnNames => log.ColumnNames;

    /// <summary>What the columns of the inputs are to the user; null where nothing is known, or where a mask says what goes together.</summary>
    /// <param name="mask">The groups that the method was given.</param>
    /// <exception cref="InvalidOptionException">Both say what goes together.</exception>
    internal Data.FeatureSchema? Schema(IReadOnlyList<NdArray>? mask) => log.Schema is { } schema && mask is not null
        ? throw new InvalidOptionException($"A schema and a mask are both given, and each says which columns go together ({string.Join(", ", schema.Features.Take(8).Select(f => f.Name))}). Give one.") : log.Schema;

    internal long Budget => log.Budget;

    /// <summary>Between which numbers the data lie, where the user says so.</summary>
    internal DataRange? Range => log.Range;

    internal CancellationToken Cancellation => log.Cancellation;

    /// <summary>Notes that rows went through the model.</summary>
    internal void CountCalls(int rows) => log.Count(rows);

    /// <summary>Says how far the work is.</summary>
    public void Report(long done, long total) => log.Report(done, total);

    public void ThrowIfCancelled() => log.Cancellation.ThrowIfCancellationRequested();

    /// <summary>The inputs, and everything that is known or set. A gradient through a graph rewritten by its rulebook takes, beside inputs, only the places.</summary>
    internal IReadOnlyDictionary<Value, NdArray> Feeds(GradientFunction? function = null)
    {
        var feeds = new Dictionary<Value, NdArray>(Network.FeedsOf(Inputs));
        foreach (var (value, array) in Known)
            if (function is not { IsRewritten: true } || Places.Contains(value)) feeds[value] = array;
        foreach (var (value, array) in Overrides) feeds[value] = array;
        return feeds;
    }

    private IReadOnlyDictionary<Value, NdArray>? ReferenceFeeds() => Reference is null ? null : Network.FeedsOf(Reference);

    internal GradientFunction GradientFunction(Rulebook? rulebook) => Network.GradientOf(Source!.Graph, Source.Value, Places, rulebook);

    private NdArray Fetch(OnnxModel network, IReadOnlyDictionary<Value, NdArray> feeds, Value value)
    {
        log.Count(RowsOf(feeds));
        return Batches.Run(network.SessionOf(Source!.Graph), network.FixedRows, feeds, [value], log.Budget, log.Cancellation)[0];
    }

    private static int RowsOf(IReadOnlyDictionary<Value, NdArray> feeds) => feeds.Values.First() is { Rank: > 0 } first ? first.Dims[0] : 1;

    private NdArray[] InPortions(Func<IReadOnlyDictionary<Value, NdArray>, NdArray[]> run)
    {
        NdArray[][] parts = [.. Portions(MostRows).Select(p => run(p.Feeds()))];
        return [.. Enumerable.Range(0, parts[0].Length).Select(i => Batches.Join([.. parts.Select(p => p[i])]))];
    }

    private static NdArray[] Select(IReadOnlyList<NdArray> arrays, ReadOnlySpan<int> rows)
    {
        var selected = new NdArray[arrays.Count];
        for (int i = 0; i < selected.Length; i++) selected[i] = Batches.Select(arrays[i], rows);
        return selected;
    }

    private static Dictionary<Value, NdArray> Select(IEnumerable<KeyValuePair<Value, NdArray>> values, ReadOnlySpan<int> rows)
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
