using System.Numerics;
using System.Runtime.InteropServices;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>A copy of x (input 0) into which updates (input 2) are written at indices (input 1), joined by <see cref="Reduction"/>.</summary>
public abstract class ScatterOperator : Operator
{
    public ScatterMode Reduction { get; init; }

    public sealed override void Infer(InferenceContext context)
    {
        Check(context);
        if (context.TypeOf(0).Storage() is Storage.Boolean or Storage.String && Reduction != ScatterMode.None) throw context.Error($"elements of type {context.TypeOf(0)} cannot be joined by {GatherOperators.NameOf(Reduction)}.");
        context.SameAs(0);
    }

    public sealed override void Execute(KernelContext context)
    {
        NdArray y = context.Output(0), updates = context.Input(2);
        y.CopyFrom(context.Input(0));
        switch (y.Type.Storage())
        {
            case Storage.Float: Scatter<float>(context, y.Floats, updates.Floats); break;
            case Storage.Integer: Scatter<long>(context, y.Integers, updates.Integers); break;
            case Storage.Boolean: Scatter<byte>(context, MemoryMarshal.AsBytes(y.Booleans), MemoryMarshal.AsBytes(updates.Booleans)); break;
            default: throw new UnsupportedOperatorException($"{Name} of strings is not supported; numbers and booleans are.");
        }
    }

    public sealed override Value?[]? Gradient(Backward backward)
    {
        if (Reduction is not (ScatterMode.None or ScatterMode.Add)) return null;
        GraphBuilder graph = backward.Graph;
        Value indices = backward.Inputs(1);
        var sent = new Value?[3];
        if (backward.Needs(0))
            sent[0] = Reduction == ScatterMode.Add ? backward.Upstream : Overwrite(graph, backward.Upstream, indices, graph.Filled(backward.Inputs(2), 0));
        if (backward.Needs(2)) sent[2] = Collect(graph, backward.Upstream, indices);
        return sent;
    }

    /// <summary>Throws where the shapes of indices and updates do not fit, as far as they are known.</summary>
    private protected abstract void Check(InferenceContext context);

    /// <summary>Writes the updates into y.</summary>
    private protected abstract void Scatter<T>(KernelContext context, Span<T> y, ReadOnlySpan<T> updates)
        where T : unmanaged, INumber<T>;

    /// <summary>x with other values at the indices.</summary>
    private protected abstract Value Overwrite(GraphBuilder graph, Value x, Value indices, Value values);

    /// <summary>What x holds at the indices.</summary>
    private protected abstract Value Collect(GraphBuilder graph, Value x, Value indices);
}
