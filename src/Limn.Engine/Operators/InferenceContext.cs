using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>What an operator's shape rule sees: the types, shapes and, where they are known, the contents of its inputs.</summary>
public sealed class InferenceContext
{
    private readonly Operator op;
    private readonly string node;
    private readonly Func<int, (ElementType Type, Shape? Shape)?> inputs;
    private readonly Func<int, NdArray?> constants;
    private readonly (ElementType Type, Shape? Shape)[] outputs;
    private readonly NdArray?[] contents;

    internal InferenceContext(Operator op, string node, int inputCount, int outputCount, Func<int, (ElementType, Shape?)?> inputs, Func<int, NdArray?> constants)
    {
        this.op = op;
        this.node = node;
        this.inputs = inputs;
        this.constants = constants;
        InputCount = inputCount;
        outputs = new (ElementType, Shape?)[outputCount];
        contents = new NdArray?[outputCount];
    }

    public int InputCount { get; }

    public int OutputCount => outputs.Length;

    internal IReadOnlyList<(ElementType Type, Shape? Shape)> Outputs => outputs;

    /// <summary>The elements of outputs that the rule knows without running the operator (<c>Shape</c> of a known shape).</summary>
    internal IReadOnlyList<NdArray?> Contents => contents;

    public bool Has(int input) => input < InputCount && inputs(input) is not null;

    public ElementType TypeOf(int input) => Required(input).Type;

    /// <summary>The shape, or null when not even the rank is known.</summary>
    public Shape? ShapeOf(int input) => Required(input).Shape;

    /// <summary>The elements of an input, if they are known: initializers, and at compile time all that only computes shapes.</summary>
    public NdArray? Constant(int input) => Has(input) ? constants(input) : null;

    /// <summary>The integers of an input, if they are known.</summary>
    public long[]? Integers(int input) => Constant(input)?.Integers.ToArray();

    public void Output(int index, ElementType type, Shape? shape)
    {
        if (index < outputs.Length) outputs[index] = (type, shape);
    }

    /// <summary>Declares an output of which the elements are known already.</summary>
    public void Output(int index, NdArray content)
    {
        Output(index, content.Type, Shape.Of(content.Dims));
        if (index < contents.Length) contents[index] = content;
    }

    /// <summary>Output 0 has the type and shape of an input.</summary>
    public void SameAs(int input) => Output(0, TypeOf(input), ShapeOf(input));

    /// <summary>An error that names the node.</summary>
    public ShapeMismatchException Error(string message) => new($"Node '{node}' ({op.Name}): {message}");

    internal void Run()
    {
        try
        {
            op.Infer(this);
        }
        catch (ShapeMismatchException e) when (!e.Message.StartsWith("Node '", StringComparison.Ordinal))
        {
            throw Error(e.Message);
        }
        catch (Exception e) when (e is not (LimnException or OutOfMemoryException))
        {
            throw new ShapeMismatchException($"Node '{node}' ({op.Name}) cannot work on such inputs: {e.Message}", e); // attributes and shapes that contradict each other
        }
        for (int i = 0; i < outputs.Length; i++)
            if (outputs[i].Type == ElementType.Undefined)
                throw Error($"output {i} is used, but this operator has fewer outputs.");
    }

    private (ElementType Type, Shape? Shape) Required(int input) =>
        (input < InputCount ? inputs(input) : null) ?? throw Error($"input {input} is missing.");
}
