using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Shapes and execution of products of stacks of matrices, either of which may be stored transposed.</summary>
internal static class MatrixProduct
{
    /// <summary>NumPy's matmul: the last two axes are matrices, the others broadcast; vectors count as a row on the left and as a column on the right.</summary>
    public static Shape? Infer(InferenceContext context, bool transA, bool transB)
    {
        if (context.ShapeOf(0) is not { } a || context.ShapeOf(1) is not { } b) return null;
        if (a.Rank == 0 || b.Rank == 0) throw context.Error($"scalars cannot be multiplied as matrices: the operands are {a} and {b}. Use Mul.");
        if ((transA && a.Rank == 1) || (transB && b.Rank == 1)) throw context.Error($"a vector cannot be transposed: the operands are {a} and {b}.");
        Dim rows = a.Rank == 1 ? 1 : a[transA ? ^1 : ^2], columns = b.Rank == 1 ? 1 : b[transB ? ^2 : ^1];
        Dim left = a.Rank == 1 ? a[0] : a[transA ? ^2 : ^1], right = b.Rank == 1 ? b[0] : b[transB ? ^1 : ^2];
        if (left.IsKnown && right.IsKnown && left != right)
            throw context.Error($"the operands {a} and {b} do not fit: {left} columns on the left meet {right} rows on the right.");
        Shape batch = Shape.Broadcast(Shape.Of([.. a.Take(Math.Max(0, a.Rank - 2))]), Shape.Of([.. b.Take(Math.Max(0, b.Rank - 2))]));
        List<Dim> dims = [.. batch];
        if (a.Rank > 1) dims.Add(rows);
        if (b.Rank > 1) dims.Add(columns);
        return Shape.Of([.. dims]);
    }

    public static void Execute(KernelContext context, bool transA, bool transB)
    {
        ReadOnlySpan<int> a = context.Dims(0), b = context.Dims(1);
        if (a.Length == 1) a = new[] { 1, a[0] };
        if (b.Length == 1) b = new[] { b[0], 1 };
        int m = a[transA ? ^1 : ^2], k = a[transA ? ^2 : ^1], n = b[transB ? ^2 : ^1];
        int[] batch = Broadcast.BroadcastDims(a[..^2], b[..^2]);
        int batches = NdArray.Count(batch);
        if (context.Input(0).Type.IsInteger())
        {
            Integers(transA, transB, m, n, k, context.Integers(0), Offsets(a, batch), context.Integers(1), Offsets(b, batch), context.OutputIntegers());
            return;
        }
        ReadOnlySpan<float> left = context.Floats(0), right = context.Floats(1);
        Span<float> product = context.OutputFloats();
        if (product.IsEmpty) return;
        bool shared = NdArray.Count(b[..^2]) == 1;
        if (batches == 1 || (shared && !transA))
        {
            // One matrix on the right for the whole stack: the stack is one tall matrix.
            Kernels.Gemm.Multiply(transA, transB, batches * m, n, k, 1, left, transA ? m : k, right, transB ? k : n, 0, product, n, context.Workers);
            return;
        }
        var targets = new int[batches];
        for (int i = 0; i < batches; i++) targets[i] = i * m * n;
        Kernels.Gemm.MultiplyBatched(transA, transB, m, n, k, 1, left, transA ? m : k, Offsets(a, batch), right, transB ? k : n, Offsets(b, batch), 0, product, n, targets, context.Workers);
    }

    /// <summary>What a product sends to its operands: products again, without moving a matrix.</summary>
    public static Value?[] Gradient(Backward backward, bool transA, bool transB)
    {
        GraphBuilder graph = backward.Graph;
        Value a = backward.Inputs(0), b = backward.Inputs(1), dy = backward.Upstream;
        Value left = a.Rank == 1 ? graph.Unsqueeze(a, 0) : a, right = b.Rank == 1 ? graph.Unsqueeze(b, 1) : b;
        if (a.Rank == 1) dy = graph.Unsqueeze(dy, b.Rank == 1 ? -1 : -2);
        if (b.Rank == 1) dy = graph.Unsqueeze(dy, -1);
        var sent = new Value?[2];
        if (backward.Needs(0))
        {
            Value da = SumTo(transA ? graph.MatMul(right, dy, transB, true) : graph.MatMul(dy, right, false, !transB), left);
            sent[0] = a.Rank == 1 ? graph.ReshapeLike(da, a) : da;
        }
        if (backward.Needs(1))
        {
            if (right.Rank == 2 && left.Rank > 2 && !transA)
            {
                // One matrix for the whole stack: its gradient is one product over the stack as one tall matrix.
                left = graph.Flatten(left, left.Rank - 1);
                dy = graph.Flatten(dy, dy.Rank - 1);
            }
            Value db = SumTo(transB ? graph.MatMul(dy, left, true, transA) : graph.MatMul(left, dy, !transA, false), right);
            sent[1] = b.Rank == 1 ? graph.ReshapeLike(db, b) : db;
        }
        return sent;

        Value SumTo(Value x, Value like) => x.Rank == 2 && like.Rank == 2 ? x : graph.SumTo(x, like);
    }

    /// <summary>Products of integers, which wrap around on overflow: one for each pair of offsets, stored one after the other.</summary>
    public static void Integers(
        bool transA, bool transB, int m, int n, int k, ReadOnlySpan<long> a, int[] aOffsets, ReadOnlySpan<long> b, int[] bOffsets, Span<long> c)
    {
        c.Clear();
        for (int i = 0; i < aOffsets.Length; i++)
        {
            ReadOnlySpan<long> left = a[aOffsets[i]..], right = b[bOffsets[i]..];
            for (int r = 0; r < m; r++)
            {
                Span<long> row = c.Slice((i * m + r) * n, n);
                for (int d = 0; d < k; d++)
                {
                    long factor = left[transA ? d * m + r : r * k + d];
                    for (int s = 0; s < n; s++) row[s] += factor * right[transB ? s * k + d : d * n + s];
                }
            }
        }
    }

    /// <summary>Where the matrix of each entry of the broadcast stack starts.</summary>
    private static int[] Offsets(ReadOnlySpan<int> dims, int[] batch)
    {
        int matrix = dims[^1] * dims[^2], own = dims.Length - 2;
        var strides = new int[batch.Length];
        int stride = matrix;
        for (int axis = own - 1; axis >= 0; axis--)
        {
            strides[batch.Length - own + axis] = dims[axis] == 1 ? 0 : stride;
            stride *= dims[axis];
        }
        var offsets = new int[NdArray.Count(batch)];
        for (int i = 0; i < offsets.Length; i++)
        {
            int rest = i;
            for (int axis = batch.Length - 1; axis >= 0; axis--)
            {
                offsets[i] += rest % batch[axis] * strides[axis];
                rest /= batch[axis];
            }
        }
        return offsets;
    }
}
