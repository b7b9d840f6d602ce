using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Shapes that are known for other reasons than a node's own rule.</summary>
public static class AssumeOperator
{
    /// <summary>The value itself, of a shape that is known to whoever builds the graph: which of its unknown dimensions are equal to which others.</summary>
    public static Value Assume(this GraphBuilder graph, Value x, Shape shape) => shape.Equals(x.Shape) ? x : graph.Op(new Assume(shape), x);
}

/// <summary>y = x, of a declared shape. Where the symbols of a shape are lost (a Reshape), rules that compare shapes need them back.</summary>
public sealed class Assume(Shape shape) : Operator
{
    public Shape Declared { get; } = shape;

    public override string Name => "Assume";

    public override string Domain => "limn";

    public override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => true;

    /// <summary>Once the sizes are known, these count; a declaration that contradicts them is an error.</summary>
    public override void Infer(InferenceContext context)
    {
        Shape? given = context.ShapeOf(0);
        if (given is not null && (given.Rank != Declared.Rank || given.Where((d, i) => d.IsKnown && Declared[i].IsKnown && d != Declared[i]).Any()))
            throw context.Error($"its input of shape {given} was declared as {Declared}.");
        context.Output(0, context.TypeOf(0), given is null ? Declared : Shape.Of([.. given.Select((d, i) => d.IsKnown ? d : Declared[i])]));
    }

    public override void Execute(KernelContext context) => context.Output(0).CopyFrom(context.Input(0));

    public override Value?[] Gradient(Backward backward) => [backward.Upstream];

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node) => [node.Inputs[0]!];
}
