using Limn.Engine.Graphs;

namespace Limn.Engine.Operators.Compiled;

/// <summary>A step that the compiler puts in place of others. It is never part of a graph; its shapes are those of the plan's slots.</summary>
internal abstract class CompiledOperator(string name) : Operator
{
    public sealed override string Name => name;

    public sealed override string Domain => "limn";

    public sealed override void Infer(InferenceContext context) =>
        throw new InvalidOperationException($"{Name} is made by the compiler, which knows its shapes.");
}
