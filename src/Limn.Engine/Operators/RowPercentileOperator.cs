using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>A percentile of each row.</summary>
public static class RowPercentileOperator
{
    /// <summary>The percentile of each row of x [N, ...], with all axes but the first of length one.</summary>
    public static Value RowPercentile(this GraphBuilder graph, Value x, double percentile) => graph.Op(new RowPercentile(percentile), x);
}

/// <summary>The smallest element of each row (along the first axis) with at least p % of the row's elements at or below it; the least for p = 0.</summary>
/// <remarks>NaN sorts below all numbers. An empty row gives NaN. Not differentiated: a rule of propagation uses it.</remarks>
public sealed class RowPercentile(double percentile) : Operator
{
    public double Percentile { get; } = percentile;

    public override string Name => "RowPercentile";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => [new("percentile", (float)Percentile)];

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        if (shape is { Rank: 0 }) throw context.Error("its input has no rows.");
        context.Output(0, context.TypeOf(0), shape is null ? null : Shape.Of([.. shape.Select((d, i) => i == 0 ? d : 1)]));
    }

    public override void Execute(KernelContext context)
    {
        int rows = context.Dims(0)[0], length = rows == 0 ? 0 : context.Input(0).Length / rows;
        Span<float> y = context.OutputFloats();
        if (length == 0)
        {
            y.Fill(float.NaN);
            return;
        }
        int place = Place(length);
        var sorted = new float[length];
        for (int r = 0; r < rows; r++)
        {
            context.Floats(0).Slice(r * length, length).CopyTo(sorted);
            Array.Sort(sorted);
            y[r] = sorted[place];
        }
    }

    public override Value?[] Gradient(Backward backward) => [null];

    /// <summary>The last of the largest elements, as many as lie at or above the percentile; or of the smallest, where these are fewer.</summary>
    /// <remarks>Where the length of a row is not known before the model runs there is no such form. What runs the file decides where NaN sorts.</remarks>
    public override IReadOnlyList<Value>? Decompose(GraphBuilder graph, Node node)
    {
        Value x = node.Inputs[0]!;
        if (x.Shape is not { Rank: > 0 } shape || !shape.Product(1, shape.Rank).IsKnown) return null;
        int length = shape.Product(1, shape.Rank).Value, place = Place(length);
        if (length == 0) return [graph.Filled(node.Outputs[0], float.NaN)];
        bool largest = length - place <= place + 1;
        int count = largest ? length - place : place + 1;
        Value sorted = graph.TopK(graph.Flatten(x), count, 1, largest).Values;
        Value last = graph.Slice(sorted, [count - 1], [count], [1]);
        return [shape.Rank > 2 ? graph.Unsqueeze(last, [.. Enumerable.Range(2, shape.Rank - 2).Select(d => (long)d)]) : shape.Rank == 1 ? graph.Squeeze(last, 1) : last];
    }

    private int Place(int length) => Math.Max(0, (int)Math.Ceiling(Percentile / 100 * length) - 1);
}
