using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using Limn.Models;
using OnnxOperator = Limn.Engine.Operators.TreeEnsemble;

namespace Limn.Trees;

/// <summary>
/// The trees of an ONNX model: the one node TreeEnsembleClassifier, TreeEnsembleRegressor (ai.onnx.ml 1 to 3) or TreeEnsemble (5), alone or inside a pipeline.
/// </summary>
/// <remarks>
/// What stands between the model's inputs and the trees (scalers, imputers, encoders) is the <see cref="HasPrefix">prefix</see>; the features that are explained
/// are then those of the trees, and <see cref="Features"/> computes them. Constants that the graph adds to the scores or multiplies them with, and the function
/// of them that is the model's output, belong to the ensemble: base values, LOGISTIC and SOFTMAX, the two columns of a classifier with one score. A classifier's
/// outputs are its columns of scores or probabilities. ONNX has no covers: <see cref="TreeEnsemble.HasCover"/> is false, unless the hit rates of the file add
/// up at every split, as in files that Limn writes. Comparisons for equality are categories; a chain of them with one true side is a set.
/// </remarks>
public sealed class OnnxTrees
{
    private readonly Lazy<OnnxModel> model;

    private OnnxTrees(Graph graph, Node node)
    {
        TreeEnsembleData data = ((OnnxOperator)node.Operator).Data;
        Graph = graph;
        NodeName = node.Name;
        model = new Lazy<OnnxModel>(() => new OnnxModel(graph));
        Input = Source(graph, node.Inputs[0]!);
        OnnxScores scores = new(graph, node.Outputs[0], data.Targets);
        OnnxTreeConversion conversion = new(data, scores.Columns);
        Output = scores.Output;
        Ensemble = new TreeEnsemble(new EnsembleDescription
        {
            Trees = conversion.Run(),
            Features = Math.Max(1, Input.Shape is { Rank: 2 } shape && shape[1].IsKnown ? shape[1].Value : data.FeatureCount),
            Outputs = scores.Columns.Length,
            BaseScore = [.. scores.Columns.Select(c => c.Base)],
            Rule = conversion.Rule,
            Precision = ThresholdPrecision.Single,
            Categories = CategoryRule.Whole,
            Transform = scores.Transform,
        });
    }

    public TreeEnsemble Ensemble { get; }

    /// <summary>The whole model.</summary>
    public Graph Graph { get; }

    /// <summary>The node that the trees came from.</summary>
    public string NodeName { get; }

    /// <summary>What the trees look at: [rows, features].</summary>
    public Value Input { get; }

    /// <summary>The value of the graph that the ensemble's predictions are.</summary>
    public Value Output { get; }

    /// <summary>Whether the trees look at something that is computed from the model's inputs, and not at an input itself.</summary>
    public bool HasPrefix => !Graph.Inputs.Contains(Input);

    /// <summary>Whether <see cref="Output"/> is no output of the model, which goes on computing.</summary>
    public bool HasSuffix => !Graph.Outputs.Contains(Output);

    /// <summary>Opens an .onnx file with one ensemble of trees.</summary>
    /// <exception cref="InvalidModelException">The file is no ONNX model, has no trees or several ensembles of them, or trees that are not sums of leaves.</exception>
    /// <exception cref="UnsupportedOperatorException">The model uses an operator that Limn does not know.</exception>
    public static OnnxTrees Read(string path, OnnxReadOptions? options = null)
    {
        try
        {
            return Of(OnnxReader.Read(path, options).Graph);
        }
        catch (InvalidModelException e) when (!e.Message.Contains(Path.GetFileName(path), StringComparison.Ordinal))
        {
            throw new InvalidModelException($"'{path}': {e.Message}", e);
        }
    }

    /// <summary>The trees of a graph.</summary>
    /// <exception cref="InvalidModelException">There are none, or several ensembles of them, or they are not sums of leaves.</exception>
    public static OnnxTrees Of(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Node[] nodes = [.. graph.Nodes.Where(n => n.Operator is OnnxOperator)];
        return nodes.Length switch
        {
            1 => new OnnxTrees(graph, nodes[0]),
            0 => throw new InvalidModelException("The ONNX model has no trees (no TreeEnsembleClassifier, TreeEnsembleRegressor or TreeEnsemble)."),
            _ => throw new InvalidModelException($"The ONNX model has {nodes.Length} ensembles of trees ({string.Join(", ", nodes.Take(5).Select(n => $"'{n.Name}'"))}), and one is expected: explain it as a black box."),
        };
    }

    /// <summary>What the trees look at, [rows, features], for inputs of the whole model.</summary>
    /// <exception cref="ShapeMismatchException">The inputs do not fit the model.</exception>
    public NdArray Features(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default) =>
        model.Value.Fetch(model.Value.FeedsOf(inputs), [Input], cancellation)[0];

    // A copy of an input, or that in another floating type, is the same number to the trees.
    private static Value Source(Graph graph, Value value)
    {
        Value at = value;
        while (graph.ProducerOf(at) is { Operator: Identity or Cast } node && node.Inputs[0] is { } from && from.Type.IsFloating()) at = from;
        return graph.Inputs.Contains(at) ? at : value;
    }
}
