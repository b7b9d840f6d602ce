using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>The determinant of each matrix [..., n, n]; 1 for n = 0.</summary>
/// <remarks>
/// ONNX 11 and 22. By elimination with pivots in double. The gradient is the matrix of cofactors, each the determinant of what is left without its row and column, so that it
/// holds for singular matrices and can be differentiated again; n must be known for it.
/// </remarks>
public sealed class Determinant : Operator
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Det", _ => new Determinant(), since: 11)];

    public override string Name => "Det";

    public override int OpsetVersion => 11;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is not { } shape)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        if (shape.Rank < 2 || shape[^1].IsKnown && shape[^2].IsKnown && shape[^1] != shape[^2]) throw context.Error($"an input of shape {shape} holds no square matrices.");
        context.Output(0, context.TypeOf(0), [.. shape.Take(shape.Rank - 2)]);
    }

    public override void Execute(KernelContext context)
    {
        int n = context.Dims(0)[^1];
        var matrix = new double[n * n];
        for (int i = 0; i < context.Output(0).Length; i++)
        {
            ReadOnlySpan<float> x = context.Floats(0).Slice(i * n * n, n * n);
            for (int k = 0; k < matrix.Length; k++) matrix[k] = x[k];
            context.OutputFloats()[i] = (float)Of(matrix, n);
        }
    }

    public override Value?[]? Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Input;
        if (!x.Shape![^1].IsKnown) return null;
        int n = x.Shape[^1].Value, rank = x.Rank;
        Value dy = graph.Unsqueeze(backward.Upstream, rank - 2, rank - 1);
        if (n == 1) return [dy];
        // For each of the n · n places the n − 1 rows and columns without it.
        var rows = new long[n * n * (n - 1) * (n - 1)];
        for (int place = 0, at = 0; place < n * n; place++)
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                    if (i != place / n && j != place % n) rows[at++] = i * n + j;
        Value leading = graph.Op(new ShapeOf { End = rank - 2 }, x);
        Value flat = graph.ReshapeExactly(x, graph.Concat(0, leading, graph.Integers(n * n)));
        Value minors = graph.Gather(flat, graph.Constant(new NdArray(rows, n * n, n - 1, n - 1)), rank - 2);
        var signs = new float[n * n];
        for (int place = 0; place < signs.Length; place++) signs[place] = (place / n + place % n) % 2 == 0 ? 1 : -1;
        Value cofactors = graph.Mul(graph.Op(new Determinant(), minors), graph.Constant(NdArray.Vector(signs).As(x.Type)));
        return [graph.Mul(dy, graph.ReshapeExactly(cofactors, graph.ShapeOf(x)))];
    }

    private static double Of(double[] a, int n)
    {
        double product = 1;
        for (int k = 0; k < n; k++)
        {
            int pivot = k;
            for (int r = k + 1; r < n; r++)
                if (Math.Abs(a[r * n + k]) > Math.Abs(a[pivot * n + k])) pivot = r;
            if (a[pivot * n + k] == 0) return 0;
            if (pivot != k)
            {
                for (int c = 0; c < n; c++) (a[k * n + c], a[pivot * n + c]) = (a[pivot * n + c], a[k * n + c]);
                product = -product;
            }
            product *= a[k * n + k];
            for (int r = k + 1; r < n; r++)
            {
                double factor = a[r * n + k] / a[k * n + k];
                for (int c = k; c < n; c++) a[r * n + c] -= factor * a[k * n + c];
            }
        }
        return product;
    }
}
