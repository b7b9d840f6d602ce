using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Sequences of tensors: <c>SequenceConstruct</c>, <c>SequenceEmpty</c>, <c>SequenceAt</c>, <c>SequenceInsert</c>, <c>SequenceErase</c>, <c>SequenceLength</c>,
/// <c>SplitToSequence</c>, <c>ConcatFromSequence</c> (ONNX 11) and <c>SequenceMap</c> (17).
/// </summary>
/// <remarks>
/// How long a sequence is must be known when the file is read; then only its elements are left, and gradients pass. Positions may arrive while the
/// model runs: the element is chosen then, by <see cref="If"/>. Graph inputs that are sequences need <see cref="Onnx.OnnxReadOptions.SequenceLengths"/>.
/// </remarks>
public static class TensorSequenceOperators
{
    private const int MostElements = 1 << 16;
    private const string Notes = "The length must be known when the file is read.";

    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        Of("SequenceConstruct", 11, import => Sequence(import, [.. Enumerable.Range(0, import.Inputs.Count).Select(import.Input)])),
        Of("SequenceEmpty", 11, Empty),
        Of("SequenceAt", 11, At),
        Of("SequenceInsert", 11, Insert),
        Of("SequenceErase", 11, Erase),
        Of("SequenceLength", 11, import => [import.Graph.Constant(NdArray.Scalar((long)Items(import).Count))]),
        Of("SplitToSequence", 11, Split),
        Of("ConcatFromSequence", 11, Concat),
        Of("SequenceMap", 17, Map),
    ];

    private static OperatorDefinition Of(string name, int since, Func<OperatorImport, IReadOnlyList<Value>> import) =>
        OperatorDefinition.Of(name, import, since, Notes) with { TakesSequences = true };

    private static IReadOnlyList<Value> Empty(OperatorImport import)
    {
        import.Attributes.Ignore("dtype");
        return Sequence(import, []);
    }

    private static IReadOnlyList<Value> At(OperatorImport import)
    {
        IReadOnlyList<Value> items = Items(import);
        Value position = import.Graph.Position(Tensor(import, 1), items.Count, items.Count);
        return import.EmitAs(import.Graph.ConstantOf(position) is { } known ? items[(int)known.Integers[0]]
            : import.Graph.Choose(position, items));
    }

    /// <summary>Before the position, or at the end. Element i is what was there before a later position, the new tensor at the position, and else what was one before.</summary>
    private static IReadOnlyList<Value> Insert(OperatorImport import)
    {
        (GraphBuilder graph, IReadOnlyList<Value> items, Value added) = (import.Graph, Items(import), Tensor(import, 1));
        int count = items.Count;
        Value position = import.Has(2) ? graph.Position(Tensor(import, 2), count, count + 1) : graph.Constant(NdArray.Scalar((long)count));
        if (graph.ConstantOf(position) is { } known) return Sequence(import, [.. items.Take((int)known.Integers[0]), added, .. items.Skip((int)known.Integers[0])]);
        Value one = graph.Constant(NdArray.Scalar(1L)), two = graph.Constant(NdArray.Scalar(2L)), zero = graph.Constant(NdArray.Scalar(0L));
        return Sequence(import, [.. Enumerable.Range(0, count + 1).Select(i =>
        {
            Value later = graph.Max(graph.Min(graph.Sub(position, graph.Constant(NdArray.Scalar(i - 1L))), two), zero); // 0 before i, 1 at i, 2 after it
            return count == 0 ? added : graph.Choose(later, items[Math.Max(i - 1, 0)], added, items[Math.Min(i, count - 1)]);
        })]);
    }

    private static IReadOnlyList<Value> Erase(OperatorImport import)
    {
        (GraphBuilder graph, IReadOnlyList<Value> items) = (import.Graph, Items(import));
        if (items.Count == 0) throw new InvalidModelException("there is nothing to erase in a sequence of no elements.");
        Value position = import.Has(1) ? graph.Position(Tensor(import, 1), items.Count, items.Count) : graph.Constant(NdArray.Scalar(items.Count - 1L));
        if (graph.ConstantOf(position) is { } known) return Sequence(import, [.. items.Where((_, i) => i != known.Integers[0])]);
        return Sequence(import, [.. Enumerable.Range(0, items.Count - 1).Select(i =>
            graph.Choose(graph.Cast(graph.LessOrEqual(position, graph.Constant(NdArray.Scalar((long)i))), ElementType.Int64), items[i], items[i + 1]))]);
    }

    /// <summary>Parts along an axis: of one length, the last perhaps smaller; of the lengths that are listed; or, without either, single slices.</summary>
    private static IReadOnlyList<Value> Split(OperatorImport import)
    {
        (GraphBuilder graph, Value x) = (import.Graph, Tensor(import, 0));
        int axis = Shape.Axis(import.Attributes.Int("axis", 0), x.Rank);
        bool keep = import.Attributes.Flag("keepdims", true) || import.Has(1);
        Value? split = import.Has(1) ? Tensor(import, 1) : null;
        if (split is { Shape: { Rank: 1 } lengths } && lengths[0].IsKnown)
        {
            Check(lengths[0].Value);
            return Sequence(import, lengths[0] == 0 ? [] : graph.Node(new Split { Axis = axis }, [x, graph.Cast(split, ElementType.Int64)], lengths[0].Value));
        }
        if (!x.Shape![axis].IsKnown) throw import.Unsupported($"how many parts there are along axis {axis} of a tensor of shape {x.Shape} is not known before the model runs.");
        if (split is not null && graph.ConstantOf(split) is not { Length: 1 }) throw import.Unsupported("the length of the parts is not known before the model runs.");
        long part = split is null ? 1 : graph.ConstantOf(split)!.Integers[0], total = x.Shape[axis].Value;
        if (part < 1) throw new InvalidModelException($"parts of length {part} were asked for.");
        if (total == 0) return Sequence(import, []);
        Check((total - 1) / part + 1);
        IReadOnlyList<Value> parts = graph.Split(x, axis, [.. Enumerable.Range(0, (int)((total - 1) / part + 1)).Select(i => Math.Min(part, total - i * part))]);
        return Sequence(import, keep ? parts : [.. parts.Select(p => graph.Squeeze(p, axis))]);

        void Check(long count)
        {
            if (count > MostElements) throw import.Unsupported($"a sequence of {count} elements is not supported; {MostElements} are possible.");
        }
    }

    /// <summary>The elements joined along an axis, or along a new one.</summary>
    private static IReadOnlyList<Value> Concat(OperatorImport import)
    {
        IReadOnlyList<Value> items = Items(import);
        if (items.Count == 0) throw new InvalidModelException("a sequence of no elements cannot be joined.");
        bool between = import.Attributes.Flag("new_axis", false);
        int axis = Shape.Axis(import.Attributes.Int("axis", 0), items[0].Rank + (between ? 1 : 0));
        return import.Emit(new Concat { Axis = axis }, between ? [.. items.Select(i => import.Graph.Unsqueeze(i, axis))] : items);
    }

    /// <summary>The graph on the elements of the first sequence, with those of other sequences beside them and tensors as they are.</summary>
    private static IReadOnlyList<Value> Map(OperatorImport import)
    {
        int count = Items(import).Count;
        if (count == 0)
        {
            import.Attributes.Ignore("body");
            return [.. import.OutputNames.Select(name => new SequenceValue(name, []))];
        }
        foreach (SequenceValue other in import.Inputs.OfType<SequenceValue>())
            if (other.Items.Count != count) throw new InvalidModelException($"the sequence '{other.Name}' has {other.Items.Count} elements, and the first one {count}.");
        var results = new IReadOnlyList<Value>[count];
        for (int i = 0; i < count; i++)
        {
            Value[] arguments = [.. Enumerable.Range(0, import.Inputs.Count).Select(k => import.Input(k) is SequenceValue s ? s.Items[i] : import.Input(k))];
            results[i] = import.Body("body", [.. arguments.Select(Formal.Of)]).Inline(import, arguments);
        }
        return [.. import.OutputNames.Select((name, k) => new SequenceValue(name, [.. results.Select(r => r[k])]))];
    }

    private static IReadOnlyList<Value> Sequence(OperatorImport import, IReadOnlyList<Value> items) =>
        items.OfType<SequenceValue>().FirstOrDefault() is { } inner ? throw import.Unsupported($"'{inner.Name}' is a sequence, and sequences of sequences are not supported.")
            : [new SequenceValue(import.OutputNames.Count > 0 ? import.OutputNames[0] : import.Node, items)];

    private static IReadOnlyList<Value> Items(OperatorImport import) => import.Input(0) is SequenceValue sequence ? sequence.Items
        : throw new InvalidModelException($"its input '{import.Input(0).Name}' is a tensor, and it takes a sequence.");

    private static Value Tensor(OperatorImport import, int input) => import.Input(input) is not SequenceValue sequence ? import.Input(input)
        : throw new InvalidModelException($"its input '{sequence.Name}' is a sequence, and a tensor is expected.");
}
