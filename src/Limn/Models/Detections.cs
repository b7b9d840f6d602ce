using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Models;

/// <summary>What a detector found, as values of a graph: scores [rows, boxes] or [rows, boxes, classes], boxes [rows, boxes, 4], labels [rows, boxes].</summary>
internal sealed record Detections(Value Scores, Value Boxes, Value? Labels, BoxFormat Format)
{
    /// <summary>Whether the format was said, or follows from the layout; otherwise it is a convention that the boxes can contradict.</summary>
    public bool FormatIsSure { get; init; }

    /// <summary>Whether the outputs have no axis of rows, so that one picture is detected at a time.</summary>
    public bool OneRow { get; init; }

    /// <summary>Finds the outputs and adds what brings them to one form.</summary>
    /// <exception cref="InvalidTargetException">It is not clear which outputs are meant, or they have other shapes.</exception>
    /// <exception cref="UnknownNameException">An output does not exist.</exception>
    public static Detections Of(GraphBuilder g, IReadOnlyList<Value> outputs, BoxOutputs given, OutputScale scale = OutputScale.AsIs, Func<Value, Value>? logit = null)
    {
        Value? boxes = Named(outputs, given.Boxes), scores = Named(outputs, given.Scores), labels = Named(outputs, given.Labels);
        if (outputs.Count == 1 || (boxes is not null && boxes == scores) || (given.Layout is not null && scores is null))
        {
            if (scale != OutputScale.AsIs) throw new InvalidTargetException("A score in a tensor beside its box is explained as it is; leave the scale away.");
            return OfOne(g, boxes ?? (outputs.Count == 1 ? outputs[0] : throw Unclear(outputs, "the tensor of boxes", "--boxes")), given);
        }

        boxes ??= Only(outputs, v => v.Name.Contains("box", StringComparison.OrdinalIgnoreCase)) ?? Only(outputs, IsOfBoxes) ?? throw Unclear(outputs, "the boxes", "--boxes");
        Value[] rest = [.. outputs.Where(v => v != boxes && v != labels)];
        labels ??= Only(rest, v => v != scores && (v.Type.IsInteger() || Says(v, "label"))) ?? Only(rest, v => v != scores && !Says(v, "score") && Says(v, "class") && v.Shape?.Rank is 1 or 2);
        scores ??= Only(rest, v => v != labels && Says(v, "score")) ?? Only(rest, v => v != labels && v.Type.IsFloating() && v.Shape?.Rank is 1 or 2 or 3) ?? throw Unclear(outputs, "the scores", "--scores");
        if (scale == OutputScale.Probability) throw new InvalidTargetException("The score of a box is explained as the model gives it, or as its logit.");
        Value read = scale == OutputScale.Logit ? logit!(scores) : scores;
        bool oneRow = boxes.Shape?.Rank == 2;
        return new Detections(Batched(read), Batched(boxes), labels is null ? null : Batched(labels), given.Format ?? BoxFormat.Xyxy) { FormatIsSure = given.Format is not null, OneRow = oneRow };

        Value Batched(Value v) => oneRow ? g.Unsqueeze(v, 0) : v;
    }

    private static Detections OfOne(GraphBuilder g, Value tensor, BoxOutputs given)
    {
        if (tensor.Shape is not { Rank: 2 or 3 } shape)
            throw new InvalidTargetException($"The output '{tensor.Name}' is {tensor.Shape?.ToString() ?? "of unknown shape"}; boxes with their scores are [rows, boxes, 5 + classes] or [rows, 4 + classes, boxes]. Name the outputs (--boxes NAME --scores NAME).");
        bool oneRow = shape.Rank == 2;
        Value all = oneRow ? g.Unsqueeze(tensor, 0) : tensor;
        Dim first = shape[shape.Rank - 2], second = shape[shape.Rank - 1];
        BoxLayout layout = given.Layout ?? (first.IsKnown && second.IsKnown && first != second
            ? first.Value > second.Value ? BoxLayout.Rows : BoxLayout.Columns
            : throw new InvalidTargetException($"The output '{tensor.Name}' is {shape}, so it is not clear which axis counts boxes. Say the layout (--box-layout rows or columns)."));
        if (layout is BoxLayout.Columns or BoxLayout.ColumnsWithObjectness) all = g.Transpose(all, 0, 2, 1);
        bool objectness = layout is BoxLayout.Rows or BoxLayout.ColumnsWithObjectness;
        Dim features = layout is BoxLayout.Rows or BoxLayout.RowsWithoutObjectness ? second : first;
        int classes = objectness ? 5 : 4;
        if (features.IsKnown && features.Value < 5)
            throw new InvalidTargetException($"The output '{tensor.Name}' is {shape}: too few numbers for a box and a score. Name the outputs (--boxes NAME --scores NAME), or the layout.");
        Value scores = features.IsKnown && features.Value == classes ? Part(4, 5) : Part(classes, int.MaxValue);
        if (objectness && !(features.IsKnown && features.Value == 5)) scores = g.Mul(Part(4, 5), scores);
        return new Detections(scores, Part(0, 4), null, given.Format ?? BoxFormat.Cxcywh) { FormatIsSure = true, OneRow = oneRow };

        Value Part(long from, long to) => g.Slice(all, [from], [to], [2]);
    }

    private static Value? Named(IReadOnlyList<Value> outputs, string? name) => name is null ? null : outputs.FirstOrDefault(o => o.Name == name)
        ?? throw new UnknownNameException($"The model has no output '{name}'. Its outputs: {string.Join(", ", outputs.Select(o => o.Name))}.");

    private static Value? Only(IEnumerable<Value> values, Func<Value, bool> fits) => values.Where(fits).Take(2).ToArray() is [var only] ? only : null;

    private static bool Says(Value v, string word) => v.Name.Contains(word, StringComparison.OrdinalIgnoreCase);

    private static bool IsOfBoxes(Value v) => v.Type.IsFloating() && v.Shape is { Rank: 2 or 3 } s && s[s.Rank - 1] == 4;

    private static InvalidTargetException Unclear(IReadOnlyList<Value> outputs, string what, string option) =>
        new($"It is not clear which output holds {what}: the model has {string.Join(", ", outputs)}. Name it ({option} NAME).");
}
