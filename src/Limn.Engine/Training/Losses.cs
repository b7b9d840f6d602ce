using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Training;

/// <summary>Losses as expressions of a graph: the mean over the rows of a batch.</summary>
public static class Losses
{
    /// <summary>A loss: from predictions and targets of the same shape [rows, ...] to a scalar.</summary>
    public delegate Value Loss(GraphBuilder graph, Value prediction, Value target);

    /// <summary>Cross-entropy of logits [rows, classes] against class probabilities (one-hot for plain classes): −1/n Σᵣ Σₖ tᵣₖ log softmax(z)ᵣₖ.</summary>
    public static Value CrossEntropy(GraphBuilder graph, Value logits, Value target)
    {
        Value perRow = graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits, 1), target), [1], keepDims: false);
        return graph.Neg(graph.ReduceMean(perRow, [0], keepDims: false));
    }

    /// <summary>Mean squared error over all elements.</summary>
    public static Value MeanSquaredError(GraphBuilder graph, Value prediction, Value target)
    {
        Value difference = graph.Sub(prediction, target);
        Value squares = graph.Mul(difference, difference);
        return graph.ReduceMean(squares, [.. Enumerable.Range(0, prediction.Rank).Select(a => (long)a)], keepDims: false);
    }

    /// <summary>Classes as one-hot rows [rows, count].</summary>
    public static NdArray OneHot(IReadOnlyList<int> classes, int count)
    {
        var rows = new float[classes.Count * count];
        for (int r = 0; r < classes.Count; r++) rows[r * count + classes[r]] = 1;
        return new NdArray(rows, classes.Count, count);
    }
}
