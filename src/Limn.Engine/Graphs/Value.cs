namespace Limn.Engine.Graphs;

/// <summary>
/// A tensor that flows through a graph: a graph input, an initializer, or a node's output. Values are compared by
/// reference; a graph made from another graph shares its values.
/// </summary>
public class Value
{
    internal Value(string name, ElementType type, Shape? shape)
    {
        Name = name;
        Type = type;
        Shape = shape;
    }

    /// <summary>The name in the ONNX file, or one that the builder made up; unique in its graph.</summary>
    public string Name { get; }

    public ElementType Type { get; }

    /// <summary>The shape as far as it is known before the graph is compiled; null when not even the rank is known.</summary>
    public Shape? Shape { get; }

    /// <summary>The number of axes.</summary>
    /// <exception cref="ShapeMismatchException">It is not known.</exception>
    public int Rank => Shape?.Rank ?? throw new ShapeMismatchException(
        $"The number of dimensions of '{Name}' is not known before the model runs, and it is needed here. Export the model with shape inference.");

    public override string ToString() => $"{Name}: {Type}{Shape?.ToString() ?? "[...]"}";
}
