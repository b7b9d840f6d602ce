using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>
/// Some of the points b + α(x − b) on the straight lines from baselines to inputs: what a method that integrates along them evaluates at once.
/// </summary>
internal sealed class PathPoints
{
    private readonly Question path;
    private readonly IReadOnlyList<NdArray> start;
    private readonly IReadOnlyList<NdArray> end;
    private Question? here;

    /// <param name="path">The question, at the places where the lines run.</param>
    /// <param name="explained">The places that are explained: those of the path, or a layer behind them.</param>
    /// <param name="start">b, the places' values at the baseline.</param>
    /// <param name="end">x, their values at the input.</param>
    /// <param name="rows">The row that each point belongs to.</param>
    /// <param name="nodes">Which node of the quadrature each point is.</param>
    /// <param name="alphas">Where on its line each point lies, from 0 (baseline) to 1 (input).</param>
    public PathPoints(Question path, IReadOnlyList<Value> explained, IReadOnlyList<NdArray> start, IReadOnlyList<NdArray> end, int[] rows, int[] nodes, double[] alphas)
    {
        this.path = path;
        Explained = explained;
        this.start = start;
        this.end = end;
        Rows = rows;
        Nodes = nodes;
        Alphas = alphas;
    }

    public IReadOnlyList<Value> Explained { get; }

    public int[] Rows { get; }

    public int[] Nodes { get; }

    public double[] Alphas { get; }

    public int Count => Rows.Length;

    /// <summary>The question, asked at the points.</summary>
    public Question Question => here ??= path.Select(Rows).WithPlaces(Between());

    /// <summary>The same lines at other points.</summary>
    public PathPoints At(double[] alphas) => new(path, Explained, start, end, Rows, Nodes, alphas);

    /// <summary>x − b for each point: the derivative of the place along its line.</summary>
    public NdArray[] Directions()
    {
        var directions = new NdArray[end.Count];
        for (int p = 0; p < directions.Length; p++)
        {
            directions[p] = Batches.Select(end[p], Rows);
            TensorPrimitives.Subtract(directions[p].Floats, Batches.Select(start[p], Rows).Floats, directions[p].Floats);
        }
        return directions;
    }

    private NdArray[] Between()
    {
        var between = new NdArray[end.Count];
        for (int p = 0; p < between.Length; p++)
        {
            between[p] = Batches.Select(end[p], Rows);
            int inner = end[p].Length / path.Rows;
            for (int i = 0; i < Count; i++)
            {
                double alpha = Alphas[i];
                ReadOnlySpan<float> b = start[p].Floats.Slice(Rows[i] * inner, inner);
                Span<float> x = between[p].Floats.Slice(i * inner, inner);
                for (int j = 0; j < inner; j++) x[j] = (float)(b[j] + alpha * ((double)x[j] - b[j]));
            }
        }
        return between;
    }
}
