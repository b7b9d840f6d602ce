using System.Runtime.InteropServices;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>An operator that moves elements without looking at them, so that one kernel serves floats, integers and booleans.</summary>
public abstract class MovementOperator : Operator
{
    /// <summary>Computes the outputs, whose elements are T in memory.</summary>
    protected abstract void Move<T>(KernelContext context)
        where T : unmanaged;

    /// <exception cref="UnsupportedOperatorException">The elements are strings.</exception>
    public sealed override void Execute(KernelContext context)
    {
        switch (context.Input(0).Type.Storage())
        {
            case Storage.Float: Move<float>(context); break;
            case Storage.Integer: Move<long>(context); break;
            case Storage.Boolean: Move<bool>(context); break;
            default: throw new UnsupportedOperatorException($"{Name} of strings is not supported; numbers and booleans are.");
        }
    }
}

/// <summary>An operator whose output is input 0 under another shape: nothing is computed.</summary>
public abstract class ViewOperator : Operator
{
    public sealed override bool IsView(ReadOnlySpan<int> input, ReadOnlySpan<int> output) => true;

    public sealed override bool MayOverwrite(int input) => input == 0;

    public sealed override void Execute(KernelContext context) => context.Output(0).CopyFrom(context.Input(0));

    public sealed override Graphs.Value?[] Gradient(Differentiation.Backward backward)
    {
        var sent = new Graphs.Value?[backward.Node.Inputs.Count];
        if (backward.Needs(0)) sent[0] = backward.Graph.ReshapeLike(backward.Upstream, backward.Input);
        return sent;
    }
}

internal static class ArrayElements
{
    /// <summary>The elements as what they are in memory.</summary>
    public static Span<T> Elements<T>(this NdArray array)
        where T : unmanaged => array.Type.Storage() switch
        {
            Storage.Float => MemoryMarshal.Cast<float, T>(array.Floats),
            Storage.Integer => MemoryMarshal.Cast<long, T>(array.Integers),
            _ => MemoryMarshal.Cast<bool, T>(array.Booleans),
        };
}
