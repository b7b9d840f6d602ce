using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// An operator that runs graphs. What a graph takes from around it, which ONNX leaves unsaid, is an input of the node and, after
/// the operator's own, of the graph: so everything that a node depends on can be seen.
/// </summary>
public abstract class ControlFlowOperator : Operator
{
    /// <summary>The graphs, under the names of their attributes. All take the same values from around.</summary>
    public abstract IReadOnlyList<(string Name, Graph Graph)> Bodies { get; }

    /// <summary>How many inputs of the node come before those that are taken from around.</summary>
    public abstract int OwnInputs { get; }

    /// <summary>How many inputs of each graph come before those that are taken from around.</summary>
    public abstract int Formals { get; }

    public override IEnumerable<OperatorAttribute> Attributes => Bodies.Select(b => new OperatorAttribute(b.Name, b.Graph));

    public override bool MakesOutputs => true;

    /// <summary>Types, shapes and, where they are known, contents of a graph's outputs for inputs of which as much is known.</summary>
    private protected static (ElementType Type, Shape? Shape, NdArray? Content)[] Infer(Graph body, IReadOnlyList<(ElementType Type, Shape? Shape, NdArray? Content)> inputs)
    {
        var builder = new GraphBuilder(body.Name);
        Value[] arguments = [.. inputs.Select((x, i) => x.Content is { } content ? builder.Constant(content) : builder.Input($"limn.argument.{i}", x.Type, x.Shape))];
        return [.. builder.Inline(body, arguments).Select(v => (v.Type, v.Shape, builder.ConstantOf(v)))];
    }

    private protected static (ElementType Type, Shape? Shape, NdArray? Content) Known(InferenceContext context, int input) =>
        (context.TypeOf(input), context.ShapeOf(input), context.Constant(input));

    /// <summary>A shape that fits both.</summary>
    private protected static Shape? Common(Shape? a, Shape? b) => a is null || b is null || a.Rank != b.Rank ? null
        : Shape.Of([.. a.Zip(b, (x, y) => x == y ? x : Dim.Unknown)]);

    /// <summary>What of the values around a gradient is wanted for: the positions among the node's inputs.</summary>
    internal int[] WantedAround(Backward backward) =>
        [.. Enumerable.Range(OwnInputs, backward.Node.Inputs.Count - OwnInputs).Where(i => backward.Inputs(i).Type.IsFloating() && backward.Needs(i))];

    private protected static void RefuseReference(Backward backward, string what)
    {
        if (backward.Rulebook.NeedsReference)
            throw new NotDifferentiableException($"Node '{backward.Node.Name}' is {what}, and a method that compares with a reference input cannot go through it. Use integrated-gradients.");
    }
}

/// <summary>A graph that runs again and again, on a session of its own.</summary>
internal sealed class Body(Graph graph)
{
    private readonly Lazy<Session> session = new(() => new Session(graph, threads: 1));

    public NdArray[] Run(IReadOnlyList<NdArray> inputs, KernelContext context)
    {
        var feeds = new Dictionary<Value, NdArray>(inputs.Count);
        for (int i = 0; i < inputs.Count; i++) feeds[graph.Inputs[i]] = inputs[i];
        return session.Value.Run(feeds, graph.Outputs, context.MemoryLimit, context.Cancellation);
    }
}
