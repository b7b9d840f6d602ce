using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>What is known of an input of a graph inside a node, whenever it runs.</summary>
public readonly record struct Formal(ElementType Type, Shape? Shape)
{
    /// <summary>The elements, where they are known: then it is a constant of the graph, and no input.</summary>
    public NdArray? Content { get; init; }

    /// <summary>For a sequence its elements, each of which is an input of the graph; null for a tensor.</summary>
    public IReadOnlyList<Formal>? Items { get; init; }

    /// <summary>What is known of a value.</summary>
    public static Formal Of(Value value) => value is SequenceValue sequence
        ? new Formal(ElementType.Undefined, null) { Items = [.. sequence.Items.Select(Of)] }
        : new Formal(value.Type, value.Shape);
}

/// <summary>A graph inside a node of a file.</summary>
/// <param name="Graph">The graph; its last inputs take values from around.</param>
/// <param name="Around">The values that these take.</param>
/// <param name="Lengths">For each output that the file declares how many elements it has, which all are outputs of the graph; −1 for a tensor.</param>
public sealed record ImportedBody(Graph Graph, IReadOnlyList<Value> Around, IReadOnlyList<int> Lengths)
{
    /// <summary>Whether an output is a sequence.</summary>
    public bool GivesSequences => Lengths.Any(n => n >= 0);

    /// <summary>The nodes of the graph among those of the node, on these arguments, which may be sequences; and its outputs, which may be, too.</summary>
    internal IReadOnlyList<Value> Inline(OperatorImport import, params IEnumerable<Value> arguments) =>
        SequenceValue.Grouped(import.Graph.Inline(Graph, [.. SequenceValue.Flat(arguments), .. Around]), Lengths, import.Node);

    /// <summary>The same graph with other inputs for what is around: one for each of <paramref name="around"/>, used or not.</summary>
    public Graph Taking(Value[] around)
    {
        var builder = new GraphBuilder(Graph.Name);
        int formals = Graph.Inputs.Count - Around.Count;
        Value[] own = [.. Graph.Inputs.Take(formals).Select(v => builder.Input(v.Name, v.Type, v.Shape))];
        Value[] taken = [.. around.Select((v, i) => builder.Input($"around.{i}", v.Type, v.Shape))];
        Value[] outputs = builder.Inline(Graph, [.. own, .. Around.Select(v => taken[Array.IndexOf(around, v)])]);
        for (int i = 0; i < outputs.Length; i++) builder.Output(outputs[i], $"output.{i}");
        return builder.Build();
    }
}
