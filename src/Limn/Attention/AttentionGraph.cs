using Limn.ClassActivation;
using Limn.Compilation;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Attention;

/// <summary>The attention of a network's layers as values of a graph: [rows, heads, tokens, tokens] each, with the gradients; the counterpart of <see cref="AttentionLayer"/>.</summary>
internal sealed class AttentionGraph
{
    private readonly ExplanationGraph question;

    /// <param name="question">What is asked.</param>
    /// <param name="found">The attention matrices of the network.</param>
    /// <param name="named">Whether the user named them, so that each must be one.</param>
    public AttentionGraph(ExplanationGraph question, IReadOnlyList<Value> found, bool named)
    {
        this.question = question;
        Value[] maps = [.. found.Where(v => IsSquare(v) || (named ? throw NoAttention(v) : false))];
        if (maps.Length == 0) throw found.Count > 0 ? NoAttention(found[0]) : AttentionMethod.NoneFound();
        Tokens = maps[0].Shape![^1].Value;
        ExplanationGraph at = question.At(maps);
        var (scores, gradients) = at.Gradient();
        Scores = scores;
        IReadOnlyList<Value> values = at.PlaceValues();
        Layers = [.. maps.Select((m, l) => (Matrices(m, values[l]), Matrices(m, gradients[l])))];
    }

    public GraphBuilder Graph => question.Graph;

    public int Tokens { get; }

    public Value Scores { get; }

    /// <summary>Attention and its gradient, from the first layer to the last.</summary>
    public IReadOnlyList<(Value Attention, Value Gradient)> Layers { get; }

    /// <summary>I, [tokens, tokens].</summary>
    public Value Identity() => Graph.Constant(new NdArray([.. SquareMatrix.Identity(Tokens).Select(v => (float)v)], Tokens, Tokens));

    /// <summary>What is shown: the rows of <paramref name="relevance"/>, [rows, tokens, tokens], averaged with weights.</summary>
    /// <param name="relevance">For each token (row) of each token (column).</param>
    /// <param name="row">Whose view.</param>
    /// <param name="alone">The relevance where a single token's view is shown, if it is another.</param>
    public GraphResult Show(Value relevance, AttentionRow row, Value? alone = null)
    {
        var (weights, single) = Weights(row);
        if (alone is not null) relevance = single is null ? row is AttentionRow.Mean ? relevance : alone : Graph.Where(Graph.Unsqueeze(single, 2), alone, relevance);
        Value shown = Graph.Squeeze(Graph.MatMul(Graph.Unsqueeze(weights, 1), relevance), 1); // [rows, tokens]
        IReadOnlyList<NdArray> inputs = question.BlankInputs();
        int picture = Enumerable.Range(0, inputs.Count).FirstOrDefault(i => inputs[i].Rank == 4, -1);
        Graph network = question.Network.Graph;
        if (picture >= 0 && MapLayout.Grid(Tokens, InputChannels.Spatial(network, network.Inputs[picture], inputs[picture].Dims)) is { } grid)
        {
            Value part = grid.Leading > 0 ? Graph.Slice(shown, [grid.Leading], [Tokens], [1]) : shown;
            return new GraphResult([Graph.Reshape(part, -1, 1, grid.Spatial[0], grid.Spatial[1])], Scores) { Names = ["tokens"] };
        }
        return new GraphResult([shown], Scores) { Names = ["tokens"] };
    }

    /// <summary>The weight of each token's view, [rows or 1, tokens], and whether it is that of one token, [rows, 1]; null where that does not depend on the row.</summary>
    private (Value Weights, Value? Single) Weights(AttentionRow row)
    {
        if (row != AttentionRow.Read)
        {
            float[] fixedWeights = [.. Enumerable.Range(0, Tokens).Select(i => row switch { AttentionRow.First => i == 0 ? 1f : 0, AttentionRow.Last => i == Tokens - 1 ? 1f : 0, _ => 1f / Tokens })];
            return (Graph.Constant(new NdArray(fixedWeights, 1, Tokens)), null);
        }
        Value touched = Graph.ReduceMax(Graph.Abs(Layers[^1].Gradient), [1, 3], keepDims: false); // a token is read where its row receives a gradient
        Value read = Graph.Cast(Graph.Greater(touched, Graph.Constant(0f)), ElementType.Float), count = Graph.ReduceSum(read, [1]);
        Value none = Graph.Less(count, Graph.Constant(0.5f));
        Value mean = Graph.Where(none, Graph.Constant(1f / Tokens), Graph.Div(read, Graph.Max(count, Graph.Constant(1f))));
        return (mean, Graph.And(Graph.Not(none), Graph.Less(count, Graph.Constant(1.5f))));
    }

    private Value Matrices(Value map, Value value)
    {
        if (AttentionMaps.IsTransposed(question.Network.Graph, map, value.Rank))
            value = Graph.Transpose(value, [.. Enumerable.Range(0, value.Rank - 2), value.Rank - 1, value.Rank - 2]);
        Value rows = Graph.Slice(Graph.ShapeOf(question.Inputs[0]), [0], [1], [0]);
        return Graph.Assume(Graph.Reshape(value, Graph.Concat(0, rows, Graph.Integers(-1, Tokens, Tokens))), [question.Inputs[0].Shape![0], Dim.Unknown, Tokens, Tokens]);
    }

    private static bool IsSquare(Value map) => map.Shape is { Rank: >= 3 } shape && shape[^1].IsKnown && shape[^1] == shape[^2];

    private static InvalidTargetException NoAttention(Value map) =>
        new($"'{map.Name}' {map.Shape} is no attention of a known number of tokens to each other, [rows, heads, tokens, tokens]. Name others (--set layers=NAME,NAME), or export the model with a fixed length.");
}
