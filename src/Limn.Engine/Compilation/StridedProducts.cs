using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

/// <summary>
/// Products of stacks of matrices (attention) read their operands where they come from, through transpositions, splits and reshapes, and write their result where a
/// transposition would put it; a multiplication by a number before or after them is theirs. What is passed over runs no more if nobody else needs it.
/// </summary>
internal sealed class StridedProducts
{
    private readonly StepList list;
    private readonly int[] producers;
    private readonly StridedViews views;
    private readonly int[] uses;
    private readonly Dictionary<int, int> readers = []; // slot → its last reader
    private readonly HashSet<int> gone = [];

    private StridedProducts(StepList list)
    {
        this.list = list;
        producers = list.Producers();
        views = new StridedViews(list, producers);
        uses = list.CountUses();
        for (int s = 0; s < list.Steps.Count; s++)
            foreach (int slot in list.Steps[s].Inputs)
                if (slot >= 0) readers[slot] = s;
    }

    public static void Apply(StepList list)
    {
        var pass = new StridedProducts(list);
        for (int s = 0; s < list.Steps.Count; s++) pass.Rewrite(s);
        list.Replace([.. list.Steps.Where((_, s) => !pass.gone.Contains(s))]);
        list.RemoveDead();
    }

    private void Rewrite(int s)
    {
        PlanStep step = list.Steps[s];
        if (step.Dynamic || step.Operator is not (MatMul or TransposedMatMul)) return;
        int left = step.Inputs[0], right = step.Inputs[1], result = step.Outputs[0];
        if (!list.Slots[result].Type.IsFloating() || list.Slots[left].Dims is not { Length: >= 3 } aDims || list.Slots[right].Dims is not { Length: >= 3 } bDims) return;
        int[] dims = list.Slots[result].Dims!, batch = dims[..^2];
        int batches = NdArray.Count(batch);
        if (NdArray.Count(dims) == 0 || NdArray.Count(aDims) == 0 || NdArray.Count(bDims[..^2]) < batches) return; // one matrix for many is a taller product
        (bool transA, bool transB) = step.Operator is TransposedMatMul t ? (t.TransA, t.TransB) : (false, false);
        int m = dims[^2], n = dims[^1], k = aDims[transA ? ^2 : ^1];

        StridedView a = views.Of(left), b = views.Of(right);
        if (Stack(a, transA, batch) is not { } aStack) (a, aStack) = (StridedView.Whole(left, aDims), Stack(StridedView.Whole(left, aDims), transA, batch)!);
        if (Stack(b, transB, batch) is not { } bStack) (b, bStack) = (StridedView.Whole(right, bDims), Stack(StridedView.Whole(right, bDims), transB, batch)!);
        float alpha = a.Factor * b.Factor;
        while (After(result) is { } scaling && views.FactorOf(scaling) is { } factor)
        {
            Remove(scaling, s, ref result);
            alpha *= factor;
        }
        StridedView c = StridedView.Whole(result, dims);
        if (After(result) is { Operator: Transpose transpose, Dynamic: false } turn && list.Slots[turn.Outputs[0]].ViewOf < 0)
        {
            int[] order = StridedViews.OrderOf(transpose, dims.Length);
            long[] there = StridedView.Contiguous(list.Slots[turn.Outputs[0]].Dims!), strides = new long[dims.Length];
            for (int d = 0; d < order.Length; d++) strides[order[d]] = there[d];
            var turned = new StridedView(turn.Outputs[0], 0, dims, strides, 1);
            if (Stack(turned, false, batch) is not null)
            {
                c = turned;
                Remove(turn, s, ref result);
            }
        }
        MatrixStack cStack = Stack(c, false, batch)!;
        var shape = new StridedProductShape(m, n, k, alpha, aStack, bStack, cStack);
        int[] inputs = [a.Root, b.Root];
        if (cStack.IsTransposed)
        {
            // Cᵀ = Bᵀ · Aᵀ.
            shape = new StridedProductShape(n, m, k, alpha, Turned(bStack), Turned(aStack), Turned(cStack));
            inputs = [b.Root, a.Root];
        }
        list.Steps[s] = new PlanStep(step.Name, new StridedProduct(step.Operator.Name, shape), inputs, [result], dynamic: false);
    }

    private static MatrixStack Turned(MatrixStack stack) => stack with { IsTransposed = !stack.IsTransposed };

    /// <summary>The only step that sees a result; null where there is none or the result is fetched.</summary>
    private PlanStep? After(int slot) => uses[slot] == 1 && readers.TryGetValue(slot, out int reader) && list.Steps[reader].Inputs[0] == slot ? list.Steps[reader] : null;

    private void Remove(PlanStep step, int by, ref int result)
    {
        gone.Add(readers[result]);
        result = step.Outputs[0];
        producers[result] = by;
    }

    /// <summary>The matrices of the last two axes for each entry of the batch; null where neither rows nor columns lie in one piece.</summary>
    private static MatrixStack? Stack(StridedView view, bool isTransposed, int[] batch)
    {
        int rank = view.Dims.Length, rows = view.Dims[^2], columns = view.Dims[^1];
        long row = rows == 1 ? Math.Max(columns, view.Strides[^2]) : view.Strides[^2], column = columns == 1 ? Math.Max(1, view.Strides[^1]) : view.Strides[^1];
        if (columns == 1) column = rows > 1 && row == 1 ? Math.Max(rows, column) : 1;
        bool isTurned = column != 1;
        if (isTurned ? row != 1 || column < rows : row < columns) return null;
        long leading = isTurned ? column : row;
        var offsets = new int[NdArray.Count(batch)];
        for (int i = 0; i < offsets.Length; i++)
        {
            long at = view.Offset;
            int rest = i;
            for (int axis = batch.Length - 1; axis >= 0; axis--)
            {
                int own = axis - batch.Length + rank - 2;
                if (own >= 0 && view.Dims[own] > 1) at += rest % batch[axis] * view.Strides[own];
                rest /= batch[axis];
            }
            if (at > int.MaxValue) return null;
            offsets[i] = (int)at;
        }
        return leading > int.MaxValue ? null : new MatrixStack(isTransposed != isTurned, (int)leading, offsets);
    }
}
