using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>What is known of an input of a graph inside a node, whenever it runs.</summary>
public readonly record struct Formal(ElementType Type, Shape? Shape);

/// <summary>A graph inside a node of a file.</summary>
/// <param name="Graph">The graph; its last inputs take values from around.</param>
/// <param name="Around">The values that these take.</param>
public sealed record ImportedBody(Graph Graph, IReadOnlyList<Value> Around)
{
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
