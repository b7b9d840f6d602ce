using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>An operator that computes each element of its output from the element of its input at the same place, in the same type.</summary>
/// <remarks>NaN gives NaN and an empty tensor an empty one, unless an operator says otherwise.</remarks>
public abstract class UnaryOperator(string name) : Operator
{
    public sealed override string Name => name;

    /// <summary>Whether integers are taken beside floats.</summary>
    protected virtual bool TakesIntegers => false;

    public sealed override bool IsElementwise => true;

    public sealed override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        ElementType type = context.TypeOf(0);
        if (!type.IsFloating() && !(TakesIntegers && type.IsInteger()))
            throw context.Error($"it takes {(TakesIntegers ? "numbers" : "floating-point numbers")}, and its input is {type}.");
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        if (context.Input(0).Type.IsFloating()) Compute(context.Floats(0), context.OutputFloats(), context.Workers);
        else
        {
            Compute(context.Integers(0), context.OutputIntegers(), context.Workers);
            IntegerTypes.Wrap(context.OutputIntegers(), context.Output(0).Type);
        }
    }

    public sealed override Value?[] Gradient(Backward backward) => [Derive(backward)];

    protected abstract void Compute(ReadOnlySpan<float> x, Span<float> y, Workers workers);

    protected virtual void Compute(ReadOnlySpan<long> x, Span<long> y, Workers workers) =>
        throw new UnsupportedOperatorException($"{Name} is not defined for integers.");

    /// <summary>What is sent to the input; null where the derivative is zero wherever it exists.</summary>
    protected abstract Value? Derive(Backward backward);
}
