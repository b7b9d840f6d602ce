using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// An operator with its attributes: what shape comes out, how it is computed, and what it sends backwards.
/// An instance has one meaning; older ONNX versions of it are rewritten to that meaning when a file is read.
/// </summary>
public abstract class Operator
{
    /// <summary>The name in ONNX.</summary>
    public abstract string Name { get; }

    /// <summary>The domain in ONNX: empty for the standard operators, "limn" for internal ones, which are written by <see cref="Decompose"/>.</summary>
    public virtual string Domain => "";

    /// <summary>The lowest operator-set version in which the written form has this meaning.</summary>
    public virtual int OpsetVersion => 13;

    /// <summary>The attributes, for writing and for telling whether two nodes compute the same; defaults may be left out.</summary>
    public virtual IEnumerable<OperatorAttribute> Attributes => [];

    /// <summary>Whether, for these shapes, output 0 is input 0's elements in the same order, so that nothing needs to be computed.</summary>
    public virtual bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => false;

    /// <summary>Whether output 0 may be written over input <paramref name="input"/> when that has the same size and is not needed any more.</summary>
    public virtual bool MayOverwrite(int input) => false;

    /// <summary>Whether each element of output 0 is a function of the inputs' elements at its place, where inputs broadcast: the order of the axes then makes no difference.</summary>
    public virtual bool IsElementwise => false;

    /// <summary>Whether the outputs depend on input <paramref name="input"/>'s shape only, not on its elements.</summary>
    public virtual bool UsesShapeOnly(int input) => false;

    /// <summary>Whether the kernel makes its outputs itself where their shapes depend on data (<see cref="KernelContext.Store"/>).</summary>
    public virtual bool MakesOutputs => false;

    /// <summary>
    /// Whether integer outputs stand for real numbers, as those of quantisation do: the gradient then goes straight through them, and what
    /// arrives at them is of floats.
    /// </summary>
    public virtual bool Quantizes => false;

    /// <summary>Whether integer outputs stand for what the integers of input 0 stand for: they are the same numbers, moved or in another type.</summary>
    public virtual bool KeepsMeaning => false;

    /// <summary>What a user should know of a gradient that passed through here, if it is not the derivative; null if it is.</summary>
    public virtual string? GradientNote => null;

    /// <summary>Types and shapes of the outputs, from those of the inputs as far as they are known.</summary>
    /// <exception cref="ShapeMismatchException">The inputs do not fit.</exception>
    public abstract void Infer(InferenceContext context);

    /// <summary>Computes the outputs.</summary>
    public abstract void Execute(KernelContext context);

    /// <summary>
    /// The calculus rule: what the node sends to each of its inputs, given what arrives at its outputs (a vector-Jacobian product).
    /// An entry may be null where <see cref="Backward.Needs"/> is false or where the derivative is zero everywhere it exists.
    /// Null for an operator that cannot be differentiated.
    /// </summary>
    public virtual Value?[]? Gradient(Backward backward) => null;

    /// <summary>The same computation in standard ONNX operators, for writing an operator that ONNX lacks; null for a standard one.</summary>
    public virtual IReadOnlyList<Value>? Decompose(GraphBuilder graph, Node node) => null;

    public override string ToString() => Name;
}

/// <summary>An attribute of an operator: float, long, string, a list of those, an <see cref="NdArray"/> or a <see cref="Graph"/>.</summary>
public readonly record struct OperatorAttribute(string Name, object Value);
