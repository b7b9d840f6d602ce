using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>LpPool</c> and <c>GlobalLpPool</c>, the p-norm of each window, and <c>MeanVarianceNormalization</c> (ONNX 9, 13). Rewritten.</summary>
/// <remarks>
/// LpPool of ONNX 2, 11, 18 and 22 is an AveragePool of |x|^p, times the size of the window, to the power 1/p. Where a window holds zeros only the
/// gradient is 0 (it has none; PyTorch gives NaN). MeanVarianceNormalization is (x − μ) / (σ + 1e-9).
/// </remarks>
public static class LpPoolOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("LpPool", Import, since: 2, notes: "One to three spatial axes."),
        OperatorDefinition.Of("GlobalLpPool", ImportGlobal, since: 2),
        OperatorDefinition.Of("MeanVarianceNormalization", ImportMeanVariance, since: 9),
    ];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value x = import.Input(0);
        long p = import.Attributes.Int("p", 2);
        if (p < 1) throw import.Unsupported($"p is {p}, and at least 1 is expected.");
        SlidingWindow window = SlidingWindow.Read(import, pooling: true);
        int axes = window.Kernel.Length;
        if (window.CeilMode) window = Rounded(import, x, window);
        Value powers = p == 1 ? graph.Abs(x) : p == 2 ? graph.Mul(x, x) : graph.Pow(p % 2 == 0 ? x : graph.Abs(x), p);
        float size = window.Kernel.Aggregate(1f, (a, b) => a * b);
        Value sums = graph.Scale(graph.AveragePool(powers, window, countIncludePad: true), size);
        return import.EmitAs(Root(graph, sums, p));
    }

    /// <summary>With rounding up, as padding at the end: a mean would not count what lies beyond it.</summary>
    private static SlidingWindow Rounded(OperatorImport import, Value x, SlidingWindow window)
    {
        int axes = window.Kernel.Length;
        long[] pads = window.Pads.Length == 0 ? new long[2 * axes] : (long[])window.Pads.Clone();
        for (int a = 0; a < axes; a++)
        {
            Dim length = x.Shape![2 + a];
            if (!length.IsKnown) throw import.Unsupported("ceil_mode needs sizes that are known before the model runs.");
            int outputs = window.Outputs(a, length, (int)window.Kernel[a]).Value;
            long end = (outputs - 1L) * window.Stride(a) + window.Extent(a, (int)window.Kernel[a]) - length.Value - pads[a];
            pads[axes + a] = Math.Max(pads[axes + a], end);
        }
        return window with { CeilMode = false, Pads = pads };
    }

    private static Value Root(GraphBuilder graph, Value sums, long p)
    {
        if (p == 1) return sums;
        Value positive = graph.Greater(sums, graph.ScalarLike(sums, 0)), safe = graph.Where(positive, sums, graph.ScalarLike(sums, 1));
        return graph.WhereOrZero(positive, p == 2 ? graph.Sqrt(safe) : graph.Pow(safe, 1f / p));
    }

    private static IReadOnlyList<Value> ImportGlobal(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value x = import.Input(0);
        long p = import.Attributes.Int("p", 2);
        if (p < 1) throw import.Unsupported($"p is {p}, and at least 1 is expected.");
        long[] axes = [.. Enumerable.Range(2, x.Rank - 2).Select(d => (long)d)];
        if (p == 1) return import.EmitAs(graph.Reduce(new ReduceL1 { KeepDims = true }, x, axes));
        if (p == 2) return import.EmitAs(graph.Reduce(new ReduceL2 { KeepDims = true }, x, axes));
        return import.EmitAs(Root(graph, graph.ReduceSum(graph.Pow(graph.Abs(x), p), axes), p));
    }

    private static IReadOnlyList<Value> ImportMeanVariance(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value x = import.Input(0);
        long[] axes = import.Attributes.Ints("axes") ?? [0, 2, 3];
        Value centred = graph.Sub(x, graph.ReduceMean(x, axes));
        Value deviation = graph.Sqrt(graph.ReduceMean(graph.Mul(centred, centred), axes));
        return import.Emit(new Div(), centred, graph.Add(deviation, graph.ScalarLike(x, 1e-9f)));
    }
}
