using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Trees;

/// <summary>A column of a value that follows from the raw scores of trees: <c>Factor · score[From] + Base</c>.</summary>
internal readonly record struct ScoreColumn(int From, double Factor, double Base)
{
    public static ScoreColumn[] Identity(int scores) => [.. Enumerable.Range(0, scores).Select(s => new ScoreColumn(s, 1, 0))];
}

/// <summary>What a graph does with the raw scores of trees: constants added and multiplied, columns chosen and joined, and at the end a function of the margins.</summary>
internal sealed class OnnxScores
{
    private readonly Graph graph;
    private readonly Dictionary<Value, ScoreColumn[]> margins = [];
    private readonly Dictionary<Value, (ScoreColumn[] Margins, OutputTransform Transform)> predictions = [];

    public OnnxScores(Graph graph, Value scores, int count)
    {
        this.graph = graph;
        margins[scores] = ScoreColumn.Identity(count);
        foreach (Node node in graph.Nodes) Follow(node);

        // What the model gives; else the last function of the margins; else the scores as they are.
        Value[] outputs = [.. graph.Outputs.Where(predictions.ContainsKey), .. graph.Outputs.Where(margins.ContainsKey), .. graph.Nodes.Reverse().SelectMany(n => n.Outputs).Where(predictions.ContainsKey), scores];
        Output = outputs[0];
        (Columns, Transform) = predictions.TryGetValue(Output, out var prediction) ? prediction : (margins[Output], OutputTransform.Identity);
    }

    /// <summary>The value of the graph that is <see cref="Transform"/> of <see cref="Columns"/>.</summary>
    public Value Output { get; }

    public ScoreColumn[] Columns { get; }

    public OutputTransform Transform { get; }

    private void Follow(Node node)
    {
        if (node.Outputs.Count != 1) return;
        if (Margins(node) is { } columns) margins[node.Outputs[0]] = columns;
        else if (Prediction(node) is { } prediction) predictions[node.Outputs[0]] = prediction;
    }

    private ScoreColumn[]? Margins(Node node) => node.Operator switch
    {
        Identity or ZipMap => Of(node, 0),
        Cast { To: var to } when to.IsFloating() => Of(node, 0),
        Neg => Change(Of(node, 0), -1, 0),
        Add => Combine(Of(node, 0), Constant(node, 1), (c, k) => c with { Base = c.Base + k }) ?? Combine(Of(node, 1), Constant(node, 0), (c, k) => c with { Base = c.Base + k }),
        Sub => Combine(Of(node, 0), Constant(node, 1), (c, k) => c with { Base = c.Base - k }) ?? Combine(Change(Of(node, 1), -1, 0), Constant(node, 0), (c, k) => c with { Base = c.Base + k }),
        Mul => Combine(Of(node, 0), Constant(node, 1), Scaled) ?? Combine(Of(node, 1), Constant(node, 0), Scaled),
        Div => Combine(Of(node, 0), Constant(node, 1), (c, k) => Scaled(c, 1 / k)),
        Concat { Axis: 1 or -1 } => Join(node),
        Slice => Part(node),
        _ => null,
    };

    private (ScoreColumn[], OutputTransform)? Prediction(Node node)
    {
        if (node.Operator is Identity or ZipMap or Cast { To: ElementType.Float or ElementType.Double } && node.Inputs[0] is { } same && predictions.TryGetValue(same, out var prediction)) return prediction;
        OutputTransform? transform = node.Operator switch
        {
            Sigmoid => OutputTransform.Logistic,
            Softmax { Axis: 1 or -1 } => OutputTransform.Softmax,
            Exp => OutputTransform.Exponential,
            Softplus => OutputTransform.Softplus,
            Cast { To: ElementType.Float } when IsPositive(node.Inputs[0]) => OutputTransform.Step,
            Mul when IsMagnitude(node.Inputs[1], of: node.Inputs[0]) => OutputTransform.SignedSquare,
            _ => null,
        };
        Value? from = transform == OutputTransform.Step ? graph.ProducerOf(node.Inputs[0]!)!.Inputs[0] : node.Inputs.Count > 0 ? node.Inputs[0] : null;
        return transform is { } t && from is not null && margins.TryGetValue(from, out ScoreColumn[]? columns) ? (columns, t) : null;
    }

    private bool IsPositive(Value? value) => value is not null && graph.ProducerOf(value) is { Operator: Greater } greater && Constant(greater, 1) is [0];

    private bool IsMagnitude(Value? value, Value? of) => value is not null && graph.ProducerOf(value) is { Operator: Abs } abs && ReferenceEquals(abs.Inputs[0], of);

    private static ScoreColumn Scaled(ScoreColumn column, double factor) => column with { Factor = column.Factor * factor, Base = column.Base * factor };

    private static ScoreColumn[]? Change(ScoreColumn[]? columns, double factor, double add) =>
        columns is null ? null : Array.ConvertAll(columns, c => Scaled(c, factor) with { Base = factor * c.Base + add });

    private static ScoreColumn[]? Combine(ScoreColumn[]? columns, float[]? constant, Func<ScoreColumn, double, ScoreColumn> by) =>
        columns is null || constant is null || (constant.Length != 1 && constant.Length != columns.Length) ? null
        : [.. columns.Select((c, i) => by(c, constant[constant.Length == 1 ? 0 : i]))];

    private ScoreColumn[]? Join(Node node)
    {
        List<ScoreColumn> all = [];
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            if (Of(node, i) is not { } columns) return null;
            all.AddRange(columns);
        }
        return [.. all];
    }

    private ScoreColumn[]? Part(Node node)
    {
        if (Of(node, 0) is not { } columns || Integers(node, 1) is not [var from] || Integers(node, 2) is not [var to] || Integers(node, 3) is not [1 or -1]) return null;
        if (node.Inputs.Count > 4 && node.Inputs[4] is not null && Integers(node, 4) is not [1]) return null;
        int start = (int)Math.Clamp(from < 0 ? from + columns.Length : from, 0, columns.Length), end = (int)Math.Clamp(to < 0 ? to + columns.Length : to, start, columns.Length);
        return columns[start..end];
    }

    private ScoreColumn[]? Of(Node node, int input) => input < node.Inputs.Count && node.Inputs[input] is { } value ? margins.GetValueOrDefault(value) : null;

    // A vector, or one row: it adds to each row alike.
    private float[]? Constant(Node node, int input) =>
        node.Inputs[input] is { } value && graph.Initializers.TryGetValue(value, out NdArray? array) && array.Type.IsFloating() && (array.Rank < 2 || (array.Rank == 2 && array.Dims[0] == 1))
            ? array.Floats.ToArray() : null;

    private long[]? Integers(Node node, int input) =>
        input < node.Inputs.Count && node.Inputs[input] is { } value && graph.Initializers.TryGetValue(value, out NdArray? array) && array.Type.IsInteger() ? array.Integers.ToArray() : null;
}
