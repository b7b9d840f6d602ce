using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Products of matrices.</summary>
public static class MatrixOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("MatMul", _ => new MatMul()),
        OperatorDefinition.Of("Gemm", a => new Gemm
        {
            Alpha = a.Float("alpha", 1), Beta = a.Float("beta", 1), TransA = a.Flag("transA", false), TransB = a.Flag("transB", false),
        }, since: 7),
    ];

    /// <summary>The product of matrices, of stacks of matrices, or of vectors, as NumPy's matmul.</summary>
    public static Value MatMul(this GraphBuilder graph, Value a, Value b) => graph.Op(new MatMul(), a, b);

    /// <summary>The product with the last two axes of either operand swapped, without moving them.</summary>
    public static Value MatMul(this GraphBuilder graph, Value a, Value b, bool transA, bool transB) =>
        transA || transB ? graph.Op(new TransposedMatMul(transA, transB), a, b) : graph.MatMul(a, b);

    /// <summary>alpha · op(a) · op(b) + beta · c for matrices; c broadcasts and may be left out.</summary>
    public static Value Gemm(
        this GraphBuilder graph, Value a, Value b, Value? c = null, float alpha = 1, float beta = 1, bool transA = false, bool transB = false) =>
        graph.Op(new Gemm { Alpha = alpha, Beta = beta, TransA = transA, TransB = transB }, c is null ? [a, b] : [a, b, c]);
}

/// <summary>The product of matrices with NumPy's rules for stacks (broadcast) and vectors. ONNX 1, 9 and 13; floats and integers.</summary>
public sealed class MatMul : Operator
{
    public override string Name => "MatMul";

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), MatrixProduct.Infer(context, false, false));

    public override void Execute(KernelContext context) => MatrixProduct.Execute(context, false, false);

    public override Value?[] Gradient(Backward backward) => MatrixProduct.Gradient(backward, false, false);
}

/// <summary>op(A) · op(B), where op swaps the last two axes or does not: what the gradients of a product are made of.</summary>
public sealed class TransposedMatMul(bool transA, bool transB) : Operator
{
    public bool TransA { get; } = transA;

    public bool TransB { get; } = transB;

    public override string Name => "TransposedMatMul";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => [new("transA", TransA ? 1L : 0L), new("transB", TransB ? 1L : 0L)];

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), MatrixProduct.Infer(context, TransA, TransB));

    public override void Execute(KernelContext context) => MatrixProduct.Execute(context, TransA, TransB);

    public override Value?[] Gradient(Backward backward) => MatrixProduct.Gradient(backward, TransA, TransB);

    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        return [graph.MatMul(Turned(node.Inputs[0]!, TransA), Turned(node.Inputs[1]!, TransB))];

        Value Turned(Value x, bool turn) => turn ? graph.Transpose(x, [.. Enumerable.Range(0, x.Rank - 2), x.Rank - 1, x.Rank - 2]) : x;
    }
}

/// <summary>Gemm: Y = alpha · op(A) · op(B) + beta · C for matrices, where op transposes or does not.</summary>
/// <remarks>C may have any shape that broadcasts to Y and may be left out. ONNX 7 to 13; floats, and integers with alpha and beta rounded towards zero.</remarks>
public sealed class Gemm : Operator
{
    public float Alpha { get; init; } = 1;

    public float Beta { get; init; } = 1;

    public bool TransA { get; init; }

    public bool TransB { get; init; }

    public override string Name => "Gemm";

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            if (Alpha != 1) yield return new("alpha", Alpha);
            if (Beta != 1) yield return new("beta", Beta);
            if (TransA) yield return new("transA", 1L);
            if (TransB) yield return new("transB", 1L);
        }
    }

    public override void Infer(InferenceContext context)
    {
        Shape a = Matrix(0), b = Matrix(1);
        Dim left = a[TransA ? 0 : 1], right = b[TransB ? 1 : 0];
        if (left.IsKnown && right.IsKnown && left != right)
            throw context.Error($"the matrices {a}{(TransA ? " (transposed)" : "")} and {b}{(TransB ? " (transposed)" : "")} do not fit: {left} columns meet {right} rows.");
        Shape y = [a[TransA ? 1 : 0], b[TransB ? 0 : 1]];
        if (context.Has(2) && context.ShapeOf(2) is { } c)
        {
            Shape joint = Shape.Broadcast(y, c);
            bool fits = joint.Rank == 2;
            for (int i = 0; fits && i < 2; i++) fits = !y[i].IsKnown || !joint[i].IsKnown || joint[i] == y[i];
            if (!fits) throw context.Error($"C of shape {c} does not broadcast to the product's shape {y}.");
        }
        context.Output(0, context.TypeOf(0), y);

        Shape Matrix(int input)
        {
            Shape shape = context.ShapeOf(input) ?? Shape.OfRank(2);
            return shape.Rank == 2 ? shape : throw context.Error($"input {input} has the shape {shape}, and a matrix is expected. Flatten it first.");
        }
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> a = context.Dims(0), b = context.Dims(1), y = context.OutputDims();
        int m = y[0], n = y[1], k = a[TransA ? 0 : 1];
        if (context.Input(0).Type.IsInteger())
        {
            OfIntegers(context, m, n, k);
            return;
        }
        Span<float> result = context.OutputFloats();
        if (context.Has(2) && context.Dims(2) is [.., var columns] && columns == n && context.Floats(2).Length == n)
        {
            Kernels.Gemm.MultiplyAdd(TransA, TransB, m, n, k, Alpha, context.Floats(0), a[1], context.Floats(1), b[1], Beta, context.Floats(2), result, n, context.Workers);
            return;
        }
        if (context.Has(2) && Beta != 0) Broadcast.Expand(context.Floats(2), context.Dims(2), result, y, context.Workers);
        Kernels.Gemm.Multiply(TransA, TransB, m, n, k, Alpha, context.Floats(0), a[1], context.Floats(1), b[1], context.Has(2) ? Beta : 0, result, n, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value a = backward.Inputs(0), b = backward.Inputs(1), dy = backward.Upstream;
        Value?[] sent = new Value?[backward.Node.Inputs.Count];
        if (backward.Needs(0))
            sent[0] = TransA ? graph.Gemm(b, dy, alpha: Alpha, transA: TransB, transB: true) : graph.Gemm(dy, b, alpha: Alpha, transB: !TransB);
        if (backward.Needs(1))
            sent[1] = TransB ? graph.Gemm(dy, a, alpha: Alpha, transA: true, transB: TransA) : graph.Gemm(a, dy, alpha: Alpha, transA: !TransA);
        if (backward.Has(2) && backward.Needs(2)) sent[2] = graph.SumTo(graph.Scale(dy, Beta), backward.Inputs(2));
        return sent;
    }

    private void OfIntegers(KernelContext context, int m, int n, int k)
    {
        Span<long> result = context.OutputIntegers();
        MatrixProduct.Integers(TransA, TransB, m, n, k, context.Integers(0), [0], context.Integers(1), [0], result);
        long[] added = new long[result.Length];
        if (context.Has(2)) Broadcast.Expand(context.Integers(2), context.Dims(2), added, context.OutputDims(), context.Workers);
        for (int i = 0; i < result.Length; i++) result[i] = (long)Alpha * result[i] + (long)Beta * added[i];
    }
}
