using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Graphs.Rewrites;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Compilation;

/// <summary>
/// What a method is asked, once for all rows to come: the counterpart of <see cref="Question"/>, with values of a graph under construction
/// in place of arrays. Scores, gradients and the same question with other inputs or other values at the places are nodes of that graph.
/// </summary>
/// <remarks>
/// The network is a function here: it is copied onto whatever it is asked about (<see cref="GraphCopier"/>), and what it computes twice for the
/// same values stands in the graph once.
/// </remarks>
internal sealed record ExplanationGraph : IAsked
{
    private static readonly Dictionary<Value, Value> Nothing = [];

    private readonly GraphCopier copier;

    private ExplanationGraph(OnnxModel network, TargetSource source, IReadOnlyList<Value> places, GraphBuilder graph, IReadOnlyList<Value> inputs)
    {
        Network = network;
        Source = source;
        Places = places;
        Graph = graph;
        Inputs = inputs;
        copier = new GraphCopier(graph);
        Weights = null!;
    }

    public OnnxModel Network { get; }

    /// <summary>Where the target reads, in the network.</summary>
    public TargetSource Source { get; private init; }

    /// <summary>The explained values, of the network; empty for methods that take the model as a black box.</summary>
    public IReadOnlyList<Value> Places { get; private init; }

    /// <summary>Where nodes are added.</summary>
    public GraphBuilder Graph { get; }

    /// <summary>The model's inputs, rows along the first axis.</summary>
    public IReadOnlyList<Value> Inputs { get; private init; }

    /// <summary>The weights of the source's elements, of its shape: the score of a row is ⟨weights, source⟩.</summary>
    public Value Weights { get; private init; }

    /// <summary>Whether the target is a class for each row.</summary>
    public bool IsOfClasses { get; private init; }

    /// <summary>Values of the network that are set instead of computed.</summary>
    private IReadOnlyDictionary<Value, Value> Overrides { get; init; } = Nothing;

    private IReadOnlyList<Value>? Reference { get; init; }

    public static ExplanationGraph Of(Method method, OnnxModel declared, Target target, ExplainOptions options)
    {
        // Points at which a network of one row is asked go through it as rows where that is possible; the file keeps the declared shapes.
        OnnxModel network = RowFreeing.Of(declared.Graph) is { } free ? new OnnxModel(free, declared.Threads) : declared;
        TargetSource source = TargetSource.Of(network, target);
        IReadOnlyList<Value> places = Asking.PlacesOf(method, network, source, options.At);
        var graph = new GraphBuilder(network.Graph.Name);
        string rows = declared.Graph.Inputs.FirstOrDefault()?.Shape is { Rank: > 0 } first ? first[0].Symbol ?? "batch" : "batch";
        // All inputs have the same rows, so their first dimensions may bear one name.
        Value[] inputs = [.. declared.Graph.Inputs.Select(i =>
            graph.Input(i.Name, i.Type, i.Shape is { Rank: > 0 } shape && !shape[0].IsKnown ? shape.With(0, Dim.Named(rows)) : i.Shape))];
        var question = new ExplanationGraph(network, source, places, graph, inputs);
        HashSet<string> taken = [.. source.Graph.Values.Select(v => v.Name).Where(MethodCompiler.IsTaken)];
        Value value = question.copier.Copy(source.Graph, question.Feeds(), [source.Value, .. places], rename: taken)[0];
        return question with { Weights = Seeds.Of(graph, target, value, r => question.Blank(source.Value, r), network.FixedRows), IsOfClasses = target is PredictedTarget or ClassTarget };
    }

    /// <summary>The same question with other inputs. The target stays what it was, also if it was the predicted class.</summary>
    public ExplanationGraph WithInputs(IReadOnlyList<Value> other) => this with { Inputs = other };

    /// <summary>The same question with the values at the places set, instead of computed from the inputs.</summary>
    public ExplanationGraph WithPlaces(IReadOnlyList<Value> values)
    {
        if (Places.Count == 0) return WithInputs(values);
        var changed = new Dictionary<Value, Value>(Overrides);
        for (int i = 0; i < values.Count; i++) changed[Places[i]] = values[i];
        return this with { Overrides = changed };
    }

    /// <summary>The same question with a reference input, which rulebooks that measure differences propagate beside the input.</summary>
    public ExplanationGraph WithReference(IReadOnlyList<Value> other) => this with { Reference = other };

    /// <summary>The same question with other inputs, and everything else computed from them.</summary>
    public ExplanationGraph OnlyInputs(IReadOnlyList<Value> other) => this with { Inputs = other, Overrides = Nothing, Reference = null };

    /// <summary>The baseline as inputs of the model, one set for each alternative. Masks of tokens keep their values.</summary>
    public IEnumerable<IReadOnlyList<Value>> Resolve(Baseline baseline)
    {
        InputPlaces? places = Places.Count > 0 && Network.Graph.Inputs.Any(i => !i.Type.IsFloating()) ? InputPlaces.Of(Network) : null;
        return places is not { HasMasks: true } ? baseline.InGraph(this)
            : baseline.InGraph(this).Select(b => (IReadOnlyList<Value>)[.. b.Select((value, i) => places.IsMask(i) ? Inputs[i] : value)]);
    }

    /// <summary>What the places are at the baseline, for each alternative.</summary>
    public IEnumerable<IReadOnlyList<Value>> Starts(Baseline baseline) => baseline is Baseline.EmptyEmbedding
        ? [[.. PlaceValues().Select(v => Graph.Filled(v, 0))]]
        : Resolve(baseline).Select(b => WithInputs(b).PlaceValues());

    /// <summary>The same question at other places of the network.</summary>
    public ExplanationGraph At(IReadOnlyList<Value> places) => this with { Places = places };

    /// <summary>The same rows and places with another target.</summary>
    public ExplanationGraph About(TargetSource source, Value weights) => this with { Source = source, Weights = weights };

    /// <summary>The same question with everything it holds changed, to more or fewer rows.</summary>
    public ExplanationGraph ForRows(Func<Value, Value> change) => this with
    {
        Inputs = [.. Inputs.Select(change)],
        Weights = change(Weights),
        Overrides = Overrides.ToDictionary(o => o.Key, o => change(o.Value)),
        Reference = Reference is null ? null : [.. Reference.Select(change)],
    };

    /// <summary>The value that the target reads from.</summary>
    public Value SourceValue() => copier.Copy(Source.Graph, Feeds(), [Source.Value])[0];

    /// <summary>The score of each row.</summary>
    public Value Scores() => ScoresOf(SourceValue());

    /// <summary>The values at the places.</summary>
    public IReadOnlyList<Value> PlaceValues() => Places.Count == 0 ? Inputs : copier.Copy(Source.Graph, Feeds(), Places);

    /// <summary>The score of each row, and its gradient at each place: zeros where the score does not depend on it.</summary>
    public (Value Scores, Value[] Gradients) Gradient(Rulebook? rulebook = null)
    {
        var (value, gradients) = Network.GradientOf(Source.Graph, Source.Value, Places, rulebook).Copy(copier, Feeds(), Weights, Reference is null ? null : FeedsOf(Reference));
        return (ScoresOf(value), [.. gradients.Zip(PlaceValues(), (g, place) => g is null ? Graph.Filled(place, 0) : Like(g, place))]);
    }

    /// <summary>How a value of the network changes as the places move, each in its direction.</summary>
    public Value Derivative(Value value, IReadOnlyList<Value> directions) => Like(Network.DerivativeOf(value, Places).Copy(copier, Feeds(), directions), At([value]).PlaceValues()[0]);

    /// <summary>The gradient at the first place, and the product of the second derivatives with <paramref name="along"/>; null where they are zero everywhere.</summary>
    public (Value Gradient, Value? Product) HessianTimes(Value along)
    {
        var (gradient, product) = new HessianProduct(Network, Source, Places[0]).Copy(copier, Feeds(), Weights, along);
        return (Like(gradient, along), product is null ? null : Like(product, along));
    }

    /// <summary>Σ attributions − (F(x) − F(baseline)) for each row.</summary>
    public Value Delta(IReadOnlyList<Value> values, Value prediction, Value? baseline = null)
    {
        Value total = values.Count == 1 ? Graph.RowSum(values[0]) : Graph.Sum([.. values.Select(Graph.RowSum)]);
        return Graph.Sub(total, baseline is null ? prediction : Graph.Sub(prediction, baseline));
    }

    /// <summary>Zeros of the shape that a value of the network has for a number of rows (as many as the model fixes, or one).</summary>
    /// <exception cref="LimnException">Its size is not known before the model runs.</exception>
    public NdArray Blank(Value value, int? rows = null)
    {
        if (value.Shape is not { } shape || shape.Skip(1).Any(d => !d.IsKnown))
            throw new LimnException($"The size of '{value.Name}' ({value.Shape?.ToString() ?? "of unknown rank"}) is not known before the model runs, and this explanation is made for one size. "
                + "Export the model with fixed sizes; only the number of rows may vary.");
        return NdArray.Create(value.Type, [.. shape.Select((d, i) => i == 0 ? rows ?? Network.FixedRows ?? 1 : d.Value)]);
    }

    /// <summary>Zeros of the shape of each input of the model.</summary>
    public IReadOnlyList<NdArray> BlankInputs() => [.. Network.Graph.Inputs.Select(i => Blank(i))];

    /// <summary>The name of an explained tensor.</summary>
    public string ExplainedName(int index) => Places.Count == 0 ? Network.Graph.Inputs[index].Name : this.NameOf(index);

    /// <summary>A gradient has the shape of what it is taken of, also where inference has lost it.</summary>
    private Value Like(Value gradient, Value place) => place.Shape is { } shape ? Graph.Assume(gradient, shape) : gradient;

    private Value ScoresOf(Value source)
    {
        Value zero = Graph.ScalarLike(Weights, 0);
        Value counted = Graph.Where(Graph.Equal(Weights, zero), zero, Graph.Mul(Weights, source)); // an infinite element that does not count must not make NaN
        return counted.Rank == 0 ? Graph.Reshape(counted, 1) : Graph.RowSum(counted);
    }

    private Dictionary<Value, Value> Feeds()
    {
        Dictionary<Value, Value> feeds = FeedsOf(Inputs);
        foreach (var (value, stands) in Overrides) feeds[value] = stands;
        return feeds;
    }

    private Dictionary<Value, Value> FeedsOf(IReadOnlyList<Value> inputs) => Network.Graph.Inputs.Zip(inputs).ToDictionary(p => p.First, p => p.Second);
}
