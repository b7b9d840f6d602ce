using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// A sequence while a file is read: the values in it, whose number is known. It never becomes part of a graph, where only its elements are, so that
/// everything that is known of tensors, gradients first, holds for what goes through sequences.
/// </summary>
internal sealed class SequenceValue(string name, IReadOnlyList<Value> items) : Value(name, ElementType.Undefined, shape: null)
{
    public IReadOnlyList<Value> Items { get; } = items;

    /// <summary>The values themselves, with the elements of sequences in their place.</summary>
    public static IEnumerable<Value> Flat(IEnumerable<Value> values) => values.SelectMany(v => v is SequenceValue s ? s.Items : [v]);

    /// <summary>How many elements each has; −1 for a tensor.</summary>
    public static int[] Lengths(IEnumerable<Value> values) => [.. values.Select(v => v is SequenceValue s ? s.Items.Count : -1)];

    /// <summary>The inverse of <see cref="Flat"/>.</summary>
    public static IReadOnlyList<Value> Grouped(IReadOnlyList<Value> flat, IReadOnlyList<int> lengths, string node)
    {
        int at = 0;
        return [.. lengths.Select(n => n < 0 ? flat[at++] : new SequenceValue(node, [.. Enumerable.Range(0, n).Select(_ => flat[at++])]))];
    }
}

/// <summary>An optional without a value while a file is read: an input that is given it counts as left out.</summary>
internal sealed class AbsentValue(string name) : Value(name, ElementType.Undefined, shape: null);
