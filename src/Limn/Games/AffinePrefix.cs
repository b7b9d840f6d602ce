using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Games;

/// <summary>
/// The beginning of a network that is affine in its input, row by row, up to a value through which all of the input passes: the first layer of a network for tables, with
/// whatever scales its columns.
/// </summary>
/// <remarks>
/// Where features are replaced one by one, that value is a sum of what each present feature changes: A(x_S, b) = A(b) + Σ_{i∈S} (A(xᵢ, b) − A(b)). So a coalition's
/// rows need not be made, nor multiplied by the first layer's weights: <see cref="PrefixModel"/> adds up the layer's values.
/// </remarks>
internal sealed class AffinePrefix
{
    private readonly Workbench bench;
    private readonly OnnxModel network;
    private readonly Graph graph;
    private float[] table = [];

    private AffinePrefix(Question question, OnnxModel network, Value entry, int width)
    {
        (this.network, graph, Entry, Width) = (network, question.Source!.Graph, entry, width);
        bench = new Workbench(new Scorer(question, 1, entry));
    }

    /// <summary>The value that the rest of the network begins from: [rows, <see cref="Width"/>].</summary>
    public Value Entry { get; }

    public int Width { get; }

    /// <summary>The prefix of the network that a question is about; null if it has none.</summary>
    public static AffinePrefix? Of(Question question)
    {
        if (question.Model is not OnnxModel { FixedRows: null } network || question.MatchesAgain || question.Inputs is not [{ Rank: 2 } only] || !only.Type.IsFloating()) return null;
        if (network.Graph.Inputs is not [{ Type: ElementType.Float } input] || !Enumerable.Range(0, question.Places.Count).All(question.IsInput) || question.Source is not { } source) return null;
        return EntryOf(source.Graph, input, source.Value) is { Type: ElementType.Float, Shape: { Rank: 2 } shape } entry && shape[1].IsKnown ? new AffinePrefix(question, network, entry, shape[1].Value) : null;
    }

    /// <summary>What a row's coalitions are worth, by sums of the layer's values; null where they would take too much memory.</summary>
    /// <param name="masker">What makes rows of the coalitions.</param>
    /// <param name="row">The row's index.</param>
    public IValueFunction? Of(IMasker masker, int row) => masker is ReplacingMasker replacing && PrefixModel.Fits(replacing, Width) ? new PrefixModel(this, bench, row, replacing) : null;

    /// <summary>Room for the sums of one row's players. It is the same for every row: rows are explained one after the other.</summary>
    public float[] Table(int length) => table.Length >= length ? table : table = new float[length];

    /// <summary>The layer's values for rows of the input.</summary>
    public NdArray Evaluate(NdArray rows, CancellationToken cancellation) =>
        network.SessionOf(graph).Run(new Dictionary<Value, NdArray> { [network.Graph.Inputs[0]] = rows }, [Entry], cancellation)[0];

    /// <summary>The last value that is affine in the input and that everything else needs instead of the input; null if there is none but the input.</summary>
    internal static Value? EntryOf(Graph graph, Value input, Value target)
    {
        HashSet<Value> needed = [target], moving = [input], affine = [input], frontier = [];
        foreach (Node node in graph.Nodes.Reverse())
            if (node.Outputs.Any(needed.Contains)) needed.UnionWith(node.Inputs.OfType<Value>());
        foreach (Node node in graph.Nodes)
        {
            if (!node.Outputs.Any(needed.Contains) || !node.Inputs.Any(i => i is not null && moving.Contains(i))) continue;
            moving.UnionWith(node.Outputs);
            if (IsAffine(node, v => affine.Contains(v), graph.Initializers.ContainsKey)) affine.Add(node.Outputs[0]);
            else frontier.UnionWith(node.Inputs.OfType<Value>().Where(affine.Contains));
        }
        if (affine.Contains(target)) frontier.Add(target);
        return frontier.Count == 1 && frontier.First() is var entry && entry != input && moving.Contains(entry) ? entry : null;
    }

    /// <summary>Whether a node is affine in its first operand, row by row, and the others are known.</summary>
    private static bool IsAffine(Node node, Func<Value, bool> affine, Func<Value, bool> constant)
    {
        if (node.Inputs.Count == 0 || node.Inputs[0] is not { } first) return false;
        bool rest = node.Inputs.Skip(1).All(i => i is null || constant(i));
        return node.Operator switch
        {
            Identity => affine(first),
            MatMul => affine(first) && rest && first.Rank == 2 && node.Inputs[1]!.Rank == 2,
            Gemm { TransA: false } => affine(first) && rest && (node.Inputs.Count < 3 || node.Inputs[2] is not { } bias || IsRow(bias)),
            Sub or Div => affine(first) && rest && IsRow(node.Inputs[1]!),
            Add or Mul => (affine(first) && rest && IsRow(node.Inputs[1]!)) || (constant(first) && affine(node.Inputs[1]!) && IsRow(first)),
            _ => false,
        };
    }

    /// <summary>Whether a constant is the same for every row.</summary>
    private static bool IsRow(Value value) => value.Shape is { } shape && (shape.Rank < 2 || (shape.Rank == 2 && shape[0].IsKnown && shape[0].Value == 1));
}
