using Limn.Engine.Operators;

namespace Limn.Engine.Graphs;

/// <summary>One use of an operator. Immutable, so that graphs can share nodes.</summary>
public sealed class Node
{
    internal Node(string name, Operator op, Value?[] inputs, Value[] outputs)
    {
        Name = name;
        Operator = op;
        Inputs = inputs;
        Outputs = outputs;
    }

    /// <summary>The name in the ONNX file, or one made up.</summary>
    public string Name { get; }

    public Operator Operator { get; }

    /// <summary>The inputs; null where an optional input is left out.</summary>
    public IReadOnlyList<Value?> Inputs { get; }

    public IReadOnlyList<Value> Outputs { get; }

    public override string ToString() => $"{Operator.Name} '{Name}'";
}
