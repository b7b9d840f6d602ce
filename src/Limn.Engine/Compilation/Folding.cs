using Limn.Engine.Kernels;
using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>Evaluates single operators on known arrays.</summary>
internal static class Folding
{
    /// <param name="op">The operator.</param>
    /// <param name="inputs">Its inputs; null where one is left out.</param>
    /// <param name="outputs">Types and shapes of its outputs, from its shape rule.</param>
    public static NdArray[] Evaluate(Operator op, IReadOnlyList<NdArray?> inputs, IReadOnlyList<(ElementType Type, int[] Dims)> outputs)
    {
        var slots = new NdArray?[inputs.Count + outputs.Count];
        var read = new int[inputs.Count];
        var written = new int[outputs.Count];
        for (int i = 0; i < inputs.Count; i++)
        {
            slots[i] = inputs[i];
            read[i] = inputs[i] is null ? -1 : i;
        }
        for (int i = 0; i < outputs.Count; i++)
        {
            written[i] = inputs.Count + i;
            slots[written[i]] = NdArray.Create(outputs[i].Type, outputs[i].Dims);
        }
        Execute(op, op.Name, new KernelContext(Workers.Single, slots, read, written));
        return [.. written.Select(w => slots[w]!)];
    }

    /// <summary>Runs a kernel. Whatever a node provokes whose inputs and attributes contradict each other names the node.</summary>
    public static void Execute(Operator op, string node, KernelContext context)
    {
        try
        {
            op.Execute(context);
        }
        catch (Exception e) when (e is not (LimnException or OperationCanceledException))
        {
            throw new InvalidModelException($"Node '{node}' ({op.Name}) cannot work on its inputs: {e.Message}", e);
        }
    }
}
