using System.Runtime.InteropServices;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>An operator that moves elements without looking at them, so that one kernel serves floats, integers and booleans.</summary>
public abstract class MovementOperator : Operator
{
    public override bool KeepsMeaning => true;

    /// <summary>Computes the outputs, whose elements are T in memory.</summary>
    protected abstract void Move<T>(KernelContext context)
        where T : unmanaged;

    public sealed override void Execute(KernelContext context)
    {
        switch (context.Input(0).Type.Storage())
        {
            case Storage.Float: Move<float>(context); break;
            case Storage.Integer: Move<long>(context); break;
            case Storage.Boolean: Move<bool>(context); break;
            default: MoveStrings(context); break;
        }
    }

    /// <summary>Strings move as their numbers in a list of all strings that come in.</summary>
    private void MoveStrings(KernelContext context)
    {
        var slots = new NdArray?[context.InputCount + context.OutputCount];
        var all = new List<string>();
        for (int i = 0; i < context.InputCount; i++)
        {
            if (!context.Has(i)) continue;
            NdArray x = slots[i] = context.Input(i);
            if (x.Type != ElementType.String) continue;
            slots[i] = new NdArray([.. Enumerable.Range(all.Count, x.Length).Select(n => (long)n)], x.Dims.ToArray());
            all.AddRange(x.Strings);
        }
        int[] inputs = [.. Enumerable.Range(0, context.InputCount).Select(i => context.Has(i) ? i : -1)];
        int[] outputs = [.. Enumerable.Range(0, context.OutputCount).Select(i => context.Wants(i) ? context.InputCount + i : -1)];
        for (int i = 0; i < outputs.Length; i++)
            if (outputs[i] >= 0) slots[outputs[i]] = NdArray.Create(ElementType.Int64, context.OutputDims(i).ToArray());
        Move<long>(new KernelContext(context.Workers, slots, inputs, outputs) { Cancellation = context.Cancellation });
        for (int i = 0; i < outputs.Length; i++)
            for (int k = 0; context.Wants(i) && k < context.Output(i).Length; k++) context.Output(i).Strings[k] = all[(int)slots[outputs[i]]!.Integers[k]];
    }
}

/// <summary>An operator whose output is input 0 under another shape: nothing is computed.</summary>
public abstract class ViewOperator : Operator
{
    public override bool KeepsMeaning => true;

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
