using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>One operator call of a plan: the slots it reads and writes.</summary>
internal sealed class PlanStep(string name, Operator op, int[] inputs, int[] outputs, bool dynamic)
{
    public string Name { get; } = name;

    public Operator Operator { get; } = op;

    /// <summary>The slot of each input; -1 where one is left out.</summary>
    public int[] Inputs { get; } = inputs;

    /// <summary>The slot of each output; -1 where nobody needs it.</summary>
    public int[] Outputs { get; } = outputs;

    /// <summary>Whether the shapes of the outputs depend on data and are known only when the step runs.</summary>
    public bool Dynamic { get; } = dynamic;

    public override string ToString() => $"{Operator.Name} '{Name}'";
}
