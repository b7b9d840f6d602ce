using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>A method that integrates along the straight path from a baseline to the input.</summary>
/// <remarks>
/// φ = ∫₀¹ f(b + α(x − b)) dα ≈ Σₖ wₖ f(b + αₖ(x − b)), by <see cref="Quadrature"/> with <see cref="Steps"/> nodes; what f is, is the
/// method's. The points of all rows are evaluated in batches that fit the memory budget, and summed in double precision. With several
/// baselines the attributions, and the scores at the baselines, are averaged.
/// </remarks>
public abstract class PathMethod(OnnxModel model) : GradientMethod(model)
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
        Question path = question.At(PathOf(question));
        return Integrate(question, path.Starts(Baseline), Nodes(Steps));
    }

    /// <summary>The integral for given starts of the path.</summary>
    /// <param name="question">What is explained.</param>
    /// <param name="starts">For each baseline the values at the places where the path runs; taken one after another, so that only one is held at a time.</param>
    /// <param name="rule">Nodes and weights of the quadrature.</param>
    private protected MethodResult Integrate(Question question, IEnumerable<IReadOnlyList<NdArray>> starts, (double[] Nodes, double[] Weights) rule)
    {
        Question path = question.At(PathOf(question));
        IReadOnlyList<NdArray> end = path.PlaceValues();
        double[] prediction = question.Scores();
        var baselineScore = new double[question.Rows];
        int[][] shapes = [.. question.PlaceValues().Select(v => v.Dims.ToArray())];
        double[][] sums = [.. question.PlaceValues().Select(v => new double[v.Length])];
        int steps = rule.Nodes.Length, total = question.Rows * steps, portion = Portion(question);
        int count = Baseline.Count;
        long done = 0;
        foreach (IReadOnlyList<NdArray> start in starts)
        {
            double[] scores = path.WithPlaces(start).Scores();
            for (int r = 0; r < scores.Length; r++) baselineScore[r] += scores[r] / count;
            for (int from = 0; from < total; from += portion)
            {
                question.ThrowIfCancelled();
                int size = Math.Min(portion, total - from);
                int[] nodes = [.. Enumerable.Range(from, size).Select(i => i % steps)];
                var points = new PathPoints(path, question.Places, start, end,
                     [.. Enumerable.Range(from, size).Select(i => i / steps)], nodes, Array.ConvertAll(nodes, k => rule.Nodes[k]));
                NdArray[] values = Integrand(points);
                for (int p = 0; p < values.Length; p++) Add(sums[p], values[p], points, rule.Weights, count);
                question.Report(done += size, (long)count * total);
            }
        }

        NdArray[] attributions = [.. sums.Select((sum, p) => new NdArray(Array.ConvertAll(sum, v => (float)v), shapes[p]))];
        double[]? delta = IsComplete(question) ? new double[question.Rows] : null;
        for (int r = 0; r < delta?.Length; r++)
        {
            foreach (double[] sum in sums)
            {
                int inner = sum.Length / question.Rows;
                foreach (double v in sum.AsSpan(r * inner, inner)) delta[r] += v;
            }
            delta[r] -= prediction[r] - baselineScore[r];
        }
        return new MethodResult(attributions, prediction, baselineScore, delta);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var (nodes, weights) = Nodes(Steps);
        ExplanationGraph path = question.At(PathOf(question));
        IReadOnlyList<IReadOnlyList<Value>> starts = [.. path.Starts(Baseline)];
        IReadOnlyList<Value> end = path.PlaceValues();
        Value[] values = Points.Sum(path, [.. starts.SelectMany(_ => weights.Select(w => w / starts.Count))],
            points => Integrand(new PathGraph(points, question.Places, starts, end, nodes)));
        Value prediction = question.Scores();
        if (!IsComplete(question)) return new GraphResult(values, prediction);
        Value baseline = question.Graph.Mean([.. starts.Select(s => path.WithPlaces(s).Scores())]);
        return new GraphResult(values, prediction, question.Delta(values, prediction, baseline));
    }

    /// <summary>The same in a graph.</summary>
    private protected abstract IReadOnlyList<Value> Integrand(PathGraph points);

    /// <summary>Where the path runs: at the places that are explained (a layer's own path), or at the inputs.</summary>
    private protected virtual IReadOnlyList<Value> PathOf(IAsked question) => question.Places;

    /// <summary>Nodes and weights for a number of steps.</summary>
    private protected virtual (double[] Nodes, double[] Weights) Nodes(int steps) => QuadratureNodes.Of(Quadrature, steps);

    /// <summary>How many points are evaluated at once.</summary>
    private protected virtual int Portion(Question question) => question.Portion();

    /// <summary>Whether the attributions add up to F(x) − F(b).</summary>
    private protected abstract bool IsComplete(IAsked question);

    /// <summary>What is integrated, for each explained place, at each point.</summary>
    private protected abstract NdArray[] Integrand(PathPoints points);

    /// <summary>Gradient times direction, in place.</summary>
    private protected static NdArray[] Multiply(NdArray[] gradients, NdArray[] directions)
    {
        for (int p = 0; p < gradients.Length; p++) TensorPrimitives.Multiply(gradients[p].Floats, directions[p].Floats, gradients[p].Floats);
        return gradients;
    }

    private static void Add(double[] sums, NdArray values, PathPoints points, double[] weights, int count)
    {
        int inner = values.Length / points.Count;
        for (int i = 0; i < points.Count; i++)
        {
            double weight = weights[points.Nodes[i]] / count;
            ReadOnlySpan<float> from = values.Floats.Slice(i * inner, inner);
            Span<double> to = sums.AsSpan(points.Rows[i] * inner, inner);
            for (int j = 0; j < inner; j++) to[j] += weight * from[j];
        }
    }
}
