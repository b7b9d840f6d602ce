using Limn.ClassActivation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Compilation;

/// <summary>What a class-activation method sees of the explained layer, as values of a graph: maps [rows, channels, positions]; the counterpart of <see cref="FeatureLayer"/>.</summary>
internal sealed class FeatureGraph
{
    private (Value Scores, Value Gradients)? backward;

    public FeatureGraph(ExplanationGraph question)
    {
        Question = question;
        Raw = question.PlaceValues()[0];
        Layout = MapLayout.Of(question.Source.Graph, question.Places[0], question.Blank(question.Places[0]), question.BlankInputs());
        Activations = Layout.ToMaps(Graph, Raw);
    }

    public ExplanationGraph Question { get; }

    public GraphBuilder Graph => Question.Graph;

    public MapLayout Layout { get; }

    /// <summary>The layer's values as the layer keeps them.</summary>
    public Value Raw { get; }

    /// <summary>A.</summary>
    public Value Activations { get; }

    public int Channels => Activations.Shape![1].Value;

    public int Positions => Activations.Shape![2].Value;

    /// <summary>g = ∂score/∂A.</summary>
    public Value Gradients => Backward().Gradients;

    /// <summary>The score of each row.</summary>
    public Value Scores => backward?.Scores ?? Question.Scores();

    /// <summary>Σ over positions: [rows, channels, 1].</summary>
    public Value Sum(Value maps) => Graph.ReduceSum(maps, [2]);

    /// <summary>The mean over positions: [rows, channels, 1].</summary>
    public Value Mean(Value maps) => Graph.ReduceMean(maps, [2]);

    /// <summary>Σ_c weight_c · A_c: [rows, positions]; the weights are [rows, channels, 1], or of each position.</summary>
    public Value Weighted(Value weights) => Graph.ReduceSum(Graph.Mul(weights, Activations), [1], keepDims: false);

    /// <summary>The map of each row with the layer's own size, [rows, 1, ...]; [rows, channels, ...] for one of each channel.</summary>
    public Value Shaped(Value map)
    {
        int maps = map.Rank == 3 ? Channels : 1;
        return Graph.Assume(Graph.Reshape(map, [-1, maps, .. Layout.Spatial.Select(d => (long)d)]), [Raw.Shape![0], maps, .. Layout.Spatial.Select(d => (Dim)d)]);
    }

    private (Value Scores, Value Gradients) Backward()
    {
        if (backward is { } known) return known;
        var (scores, gradients) = Question.Gradient();
        return (backward = (scores, Layout.ToMaps(Graph, gradients[0]))).Value;
    }
}
