using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Integrated Gradients: the gradient, averaged along the straight path from a baseline to the input, times the distance.</summary>
/// <remarks>
/// φᵢ(x) = (xᵢ − bᵢ) · ∫₀¹ ∂F(b + α(x − b))/∂xᵢ dα, by <see cref="Quadrature"/> with <see cref="Steps"/> nodes.
/// Complete: Σφ = F(x) − F(b) up to the quadrature error, which is reported as the convergence delta.
/// At a layer, the path runs in the layer's space from its value at the baseline input to its value at the input, all else at the input.
/// With several baselines the attributions, and the scores at the baselines, are averaged.
/// Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1.
/// </remarks>
[Method("integrated-gradients", "Integrated Gradients", "The gradient averaged along the straight path from a baseline to the input, times the distance.",
    Source = "Sundararajan, Taly, Yan 2017, eq. 1")]
public sealed class IntegratedGradients(OnnxModel model) : GradientMethod(model)
{
    /// <summary>Nodes of the quadrature (default 50). More nodes, smaller delta, proportional cost.</summary>
    [Option("steps", "Nodes of the quadrature: more nodes, smaller delta, proportional cost.")]
    public int Steps { get; init; } = 50;

    /// <summary>The quadrature rule (default Gauss-Legendre).</summary>
    [Option("quadrature", "The quadrature rule.")]
    public Quadrature Quadrature { get; init; } = Quadrature.GaussLegendre;

    /// <summary>Where the path starts (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    protected internal override MethodResult Compute(Question question)
    {
        var (nodes, weights) = QuadratureNodes.Of(Quadrature, Steps);
        IReadOnlyList<NdArray> end = question.PlaceValues();
        double[] prediction = question.Scores();
        var baselineScore = new double[question.Rows];
        var sums = end.Select(e => new double[e.Length]).ToArray();
        List<IReadOnlyList<NdArray>> starts = [.. Baseline.Resolve(question.Inputs).Select(b => question.WithInputs(b).PlaceValues())];
        foreach (IReadOnlyList<NdArray> start in starts)
        {
            double[] scores = question.WithPlaces(start).Scores();
            for (int r = 0; r < scores.Length; r++) baselineScore[r] += scores[r] / starts.Count;
            AlongPath(question, start, end, nodes, weights, sums, starts.Count);
        }

        var values = new NdArray[end.Count];
        var delta = new double[question.Rows];
        for (int p = 0; p < values.Length; p++)
        {
            values[p] = NdArray.Create(ElementType.Float, end[p].Dims.ToArray());
            int inner = end[p].Length / question.Rows;
            for (int i = 0; i < sums[p].Length; i++)
            {
                values[p].Floats[i] = (float)sums[p][i];
                delta[i / inner] += sums[p][i];
            }
        }
        for (int r = 0; r < delta.Length; r++) delta[r] -= prediction[r] - baselineScore[r];
        return new MethodResult(values, prediction, baselineScore, delta);
    }

    /// <summary>Adds (x − b) · Σₖ wₖ ∇F(b + αₖ(x − b)) / count to the sums.</summary>
    private static void AlongPath(Question question, IReadOnlyList<NdArray> start, IReadOnlyList<NdArray> end, double[] nodes, double[] weights, double[][] sums, int count)
    {
        int steps = nodes.Length, total = question.Rows * steps, portion = question.Portion();
        for (int from = 0; from < total; from += portion)
        {
            question.ThrowIfCancelled();
            int size = Math.Min(portion, total - from);
            int[] rows = [.. Enumerable.Range(from, size).Select(point => point / steps)];
            var between = new NdArray[end.Count];
            for (int p = 0; p < between.Length; p++)
            {
                between[p] = Batches.Select(end[p], rows);
                int inner = end[p].Length / question.Rows;
                for (int i = 0; i < size; i++)
                {
                    double alpha = nodes[(from + i) % steps];
                    ReadOnlySpan<float> b = start[p].Floats.Slice(rows[i] * inner, inner);
                    Span<float> x = between[p].Floats.Slice(i * inner, inner);
                    for (int j = 0; j < inner; j++) x[j] = (float)(b[j] + alpha * ((double)x[j] - b[j]));
                }
            }
            var (_, gradients) = question.Select(rows).WithPlaces(between).Gradient();
            for (int p = 0; p < gradients.Length; p++)
            {
                int inner = end[p].Length / question.Rows;
                for (int i = 0; i < size; i++)
                {
                    double weight = weights[(from + i) % steps] / count;
                    int row = rows[i] * inner;
                    ReadOnlySpan<float> g = gradients[p].Floats.Slice(i * inner, inner), b = start[p].Floats.Slice(row, inner), x = end[p].Floats.Slice(row, inner);
                    Span<double> sum = sums[p].AsSpan(row, inner);
                    for (int j = 0; j < inner; j++) sum[j] += weight * g[j] * (x[j] - b[j]);
                }
            }
            question.Report(from + size, total);
        }
    }
}
