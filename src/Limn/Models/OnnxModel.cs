using System.Security.Cryptography;
using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;

namespace Limn.Models;

/// <summary>What the numbers of an output are.</summary>
public enum OutputMeaning
{
    /// <summary>Scores of any size: logits, or predicted quantities.</summary>
    Scores,

    /// <summary>The network ends in Softmax or Sigmoid.</summary>
    Probabilities,

    /// <summary>The network ends in LogSoftmax.</summary>
    LogProbabilities,
}

/// <summary>An ONNX network, open to the inside: any value of it can be explained, and explained at.</summary>
public sealed class OnnxModel : IPredictor
{
    private readonly Lock gate = new();
    private readonly Dictionary<(string Where, Rulebook Rules), GradientFunction> gradients = [];
    private readonly Dictionary<string, DirectionalDerivative> derivatives = [];
    private readonly System.Runtime.CompilerServices.ConditionalWeakTable<Graph, Session> grown = [];
    private readonly string? path;
    private string? sha256;

    /// <param name="graph">The network, read from a file or made with <see cref="GraphBuilder"/>.</param>
    /// <param name="threads">How many threads may be used; 0 for all processors.</param>
    public OnnxModel(Graph graph, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Graph = graph;
        Threads = threads;
        Session = new Session(graph, threads);
        Layers = new Layers(graph);
        int[] fixedTo = [.. graph.Inputs.Where(i => i.Shape is { Rank: > 0 } s && s[0].IsKnown).Select(i => i.Shape![0].Value).Distinct()];
        FixedRows = fixedTo.Length == 1 && graph.Inputs.All(i => i.Shape is { Rank: > 0 }) ? Math.Max(1, fixedTo[0]) : null;
    }

    private OnnxModel(Graph graph, string path, int threads) : this(graph, threads) => this.path = path;

    public Graph Graph { get; }

    public Session Session { get; }

    public Layers Layers { get; }

    public int Threads { get; }

    /// <summary>What gradients go to where nothing else is said: each floating input, and for an input of token ids its embedding, the first floating value behind it. Masks are left out.</summary>
    /// <exception cref="NotDifferentiableException">An input of integers leads to no floating value.</exception>
    public IReadOnlyList<Value> ExplainedValues => InputPlaces.Of(this).Explained;

    /// <summary>The number of rows that the file fixes its batch dimension to; null where any number can be run at once. Other numbers are run in portions.</summary>
    public int? FixedRows { get; }

    /// <summary>The file's name without its folder; null for a graph made in memory.</summary>
    public string? FileName => path is null ? null : Path.GetFileName(path);

    /// <summary>The SHA-256 of the file, in lower-case hexadecimal; null for a graph made in memory.</summary>
    public string? Sha256
    {
        get
        {
            if (path is null) return null;
            if (sha256 is not null) return sha256;
            using FileStream stream = File.OpenRead(path);
            return sha256 = Convert.ToHexStringLower(SHA256.HashData(stream));
        }
    }

    /// <summary>The bytes, beside weights and inputs, of the largest run so far, of the network or of what was grown from it.</summary>
    internal long PeakBytes
    {
        get
        {
            lock (gate)
                return gradients.Values.Select(g => g.PeakBytes).Concat(derivatives.Values.Select(d => d.PeakBytes)).Concat(grown.Select(g => g.Value.PeakBytes)).Append(Session.PeakBytes).Max();
        }
    }

    /// <summary>Opens an .onnx file.</summary>
    /// <exception cref="InvalidModelException">The file is missing, damaged or not ONNX.</exception>
    /// <exception cref="UnsupportedOperatorException">The network uses an operator that Limn does not know.</exception>
    public static OnnxModel Load(string path, int threads = 0) => new(OnnxReader.Read(path).Graph, path, threads);

    /// <summary>What the numbers of an output are, as far as the node that ends the network says.</summary>
    public OutputMeaning MeaningOf(Value output) => TargetSource.Squashing(Graph, output)?.Operator.Name switch
    {
        "Softmax" or "Sigmoid" => OutputMeaning.Probabilities,
        "LogSoftmax" => OutputMeaning.LogProbabilities,
        _ => OutputMeaning.Scores,
    };

    public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default) =>
        Fetch(FeedsOf(inputs), Graph.Outputs, cancellation);

    /// <summary>Gives each input the element type that the model declares: token ids and bytes may come as floats.</summary>
    /// <exception cref="ShapeMismatchException">The number or shape of the inputs does not fit.</exception>
    /// <exception cref="InvalidDataException">A number cannot be converted exactly to an integer input, or is not finite.</exception>
    public IReadOnlyDictionary<Value, NdArray> FeedsOf(IReadOnlyList<NdArray> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count != Graph.Inputs.Count)
            throw new ShapeMismatchException($"The model has {Graph.Inputs.Count} inputs ({string.Join(", ", Graph.Inputs)}), and {inputs.Count} were given.");
        var feeds = new Dictionary<Value, NdArray>();
        for (int i = 0; i < inputs.Count; i++) feeds.Add(Graph.Inputs[i], InputConversion.Convert(Graph.Inputs[i], inputs[i]));
        return feeds;
    }

    /// <summary>Any values for any number of rows, run in portions where the file fixes the batch dimension.</summary>
    internal NdArray[] Fetch(IReadOnlyDictionary<Value, NdArray> feeds, IReadOnlyList<Value> fetches, CancellationToken cancellation) =>
        Batches.Run(FixedRows, feeds, f => Session.Run(f, fetches, cancellation));

    /// <summary>The session of this network's graph, or of one that a target has grown from it.</summary>
    internal Session SessionOf(Graph graph) => ReferenceEquals(graph, Graph) ? Session : grown.GetValue(graph, g => new Session(g, Threads));

    /// <summary>The gradient of a value at places, compiled once and kept.</summary>
    internal GradientFunction GradientOf(Graph graph, Value source, IReadOnlyList<Value> at, Rulebook? rulebook)
    {
        lock (gate)
        {
            var key = ($"{System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(graph)}|{source.Name}|{string.Join('|', at.Select(v => v.Name))}", rulebook ?? Rulebook.Calculus);
            if (!gradients.TryGetValue(key, out GradientFunction? function))
                gradients.Add(key, function = new GradientFunction(this, graph, source, at, rulebook));
            return function;
        }
    }

    /// <summary>The derivative of a value along places, compiled once and kept.</summary>
    internal DirectionalDerivative DerivativeOf(Value value, IReadOnlyList<Value> along)
    {
        lock (gate)
        {
            string key = $"{value.Name}|{string.Join('|', along.Select(v => v.Name))}";
            if (!derivatives.TryGetValue(key, out DirectionalDerivative? derivative))
                derivatives.Add(key, derivative = new DirectionalDerivative(this, value, along));
            return derivative;
        }
    }
}
