using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>A tensor as it lies in the memory of another: element (i, j, ...) is Factor times the one at Offset + i * Strides[0] + j * Strides[1] + ...</summary>
internal sealed record StridedView(int Root, long Offset, int[] Dims, long[] Strides, float Factor)
{
    /// <summary>A tensor in its own memory.</summary>
    public static StridedView Whole(int slot, int[] dims) => new(slot, 0, dims, Contiguous(dims), 1);

    public static long[] Contiguous(int[] dims)
    {
        var strides = new long[dims.Length];
        long step = 1;
        for (int d = dims.Length - 1; d >= 0; d--, step *= dims[d + 1]) strides[d] = step;
        return strides;
    }

    /// <summary>The same elements in the same order under other dimensions; null where no strides say that.</summary>
    public StridedView? Reshape(int[] dims)
    {
        var strides = new long[dims.Length];
        int from = 0, to = 0;
        while (from < Dims.Length || to < dims.Length)
        {
            // The least groups of axes, here and there, that hold as many elements.
            int fromEnd = from, toEnd = to;
            long given = 1, wanted = 1;
            if (fromEnd < Dims.Length) given = Dims[fromEnd++];
            if (toEnd < dims.Length) wanted = dims[toEnd++];
            while (given != wanted)
            {
                if (given < wanted && fromEnd < Dims.Length) given *= Dims[fromEnd++];
                else if (given > wanted && toEnd < dims.Length) wanted *= dims[toEnd++];
                else return null;
            }
            long step = 1, next = 1;
            bool any = false;
            for (int d = fromEnd - 1; d >= from; d--)
            {
                if (Dims[d] == 1) continue;
                if (any && Strides[d] != step) return null;
                if (!any) next = Strides[d];
                step = Strides[d] * Dims[d];
                any = true;
            }
            for (int d = toEnd - 1; d >= to; d--)
            {
                strides[d] = next;
                next *= dims[d];
            }
            (from, to) = (fromEnd, toEnd);
        }
        return this with { Dims = dims, Strides = strides };
    }
}

/// <summary>Looks through transpositions, reshapes, splits and multiplications by a number to where a tensor comes from.</summary>
internal sealed class StridedViews(StepList list, int[] producers)
{
    public StridedView Of(int slot)
    {
        int[] dims = list.Slots[slot].Dims!;
        StridedView whole = StridedView.Whole(slot, dims);
        if (producers[slot] < 0 || list.Steps[producers[slot]] is not { Dynamic: false } step || NdArray.Count(dims) == 0) return whole;
        if (list.Slots[slot].ViewOf >= 0)
            return list.Slots[slot].ViewOf == step.Inputs[0] && IsKnown(step.Inputs[0]) ? Of(step.Inputs[0]).Reshape(dims) ?? whole : whole;
        switch (step.Operator)
        {
            case Transpose transpose when IsKnown(step.Inputs[0]):
                StridedView source = Of(step.Inputs[0]);
                int[] order = OrderOf(transpose, dims.Length);
                return source with { Dims = dims, Strides = [.. order.Select(axis => source.Strides[axis])] };
            case Split split when IsKnown(step.Inputs[0]):
                source = Of(step.Inputs[0]);
                int cut = Shape.Axis(split.Axis, dims.Length), part = Array.IndexOf(step.Outputs, slot);
                long start;
                if (step.Inputs.Length > 1 && step.Inputs[1] >= 0)
                {
                    if (list.Slots[step.Inputs[1]].Constant is not { } sizes) return whole;
                    start = 0;
                    foreach (long size in sizes.Integers[..part]) start += size;
                }
                else start = part * ((source.Dims[cut] + split.Parts - 1) / split.Parts);
                return source with { Offset = source.Offset + start * source.Strides[cut], Dims = dims };
            case Div or Mul when FactorOf(step) is { } factor:
                source = Of(step.Inputs[0]);
                return source with { Factor = source.Factor * factor };
            default:
                return whole;
        }
    }

    /// <summary>The number by which a step multiplies its first input, where it does that and no more; null for others.</summary>
    public float? FactorOf(PlanStep step)
    {
        if (step is not { Dynamic: false, Operator: Div or Mul, Inputs: [var x, var y] } || list.Number(y) is not { } number || !float.IsNormal(number) || !IsKnown(x)) return null;
        float factor = step.Operator is Mul ? number : (float)(1.0 / number);
        return float.IsNormal(factor) && list.Slots[x].Dims.AsSpan().SequenceEqual(list.Slots[step.Outputs[0]].Dims) ? factor : null;
    }

    public static int[] OrderOf(Transpose transpose, int rank) => transpose.Permutation ?? [.. Enumerable.Range(0, rank).Reverse()];

    private bool IsKnown(int slot) => slot >= 0 && list.Slots[slot] is { Dims: not null, Type: var type } && type.IsFloating();
}
