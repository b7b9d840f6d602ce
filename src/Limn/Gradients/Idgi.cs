using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>IDGI: Integrated Gradients of which each step's change of the score is divided by the squares of the gradient.</summary>
/// <remarks>
/// φᵢ = Σₖ gᵢ² / ‖g‖² · (F(xₖ₊₁) − F(xₖ)) with g = ∇F(xₖ), xₖ = b + k/n (x − b): of each step only the part along the gradient
/// changes the score, and the rest, which Integrated Gradients spreads as noise, is left out. Complete by construction, whatever the
/// number of steps, except where a gradient is zero and the score still changes. All values of a step have the sign of its change.
/// At a layer, the path runs in the layer's space. With several inputs the norm goes over all of them.
/// Yang, Wang, Bilgic: IDGI: A Framework to Eliminate Explanation Noise from Integrated Gradients, CVPR 2023, algorithm 1, on the
/// straight path.
/// </remarks>
[Method("idgi", "IDGI", "The score's change in each step of the path, divided by the squares of the gradient there.", Source = "Yang, Wang, Bilgic 2023, algorithm 1",
    Formula = "φᵢ = Σₖ gᵢ² / ‖g‖² · (F(xₖ₊₁) − F(xₖ)), g = ∇F(xₖ), xₖ = b + k/n (x − b)",
    Cost = "2 × forward + (steps + 1) × (forward + backward)",
    Axioms = Axioms.Completeness | Axioms.Dummy | Axioms.ImplementationInvariance | Axioms.Symmetry)]
public sealed class Idgi(OnnxModel model) : GradientMethod(model)
{
    /// <summary>Pieces of the path (default 50).</summary>
    [Option("steps", "Pieces of the path.")]
    public int Steps { get; init; } = 50;

    /// <summary>Where the path starts (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    protected internal override MethodResult Compute(Question question)
    {
        if (Steps < 1) throw new InvalidOptionException($"At least 1 step is needed, and {Steps} were asked for.");
        IReadOnlyList<NdArray> end = question.PlaceValues();
        double[] prediction = question.Scores(), baselineScore = new double[question.Rows];
        double[][] sums = [.. end.Select(e => new double[e.Length])];
        int points = Steps + 1, total = question.Rows * points, portion = question.Portion(), count = Baseline.Count;
        long done = 0;
        foreach (IReadOnlyList<NdArray> start in question.Starts(Baseline))
        {
            NdArray[] last = [];
            double before = 0;
            for (int from = 0; from < total; from += portion)
            {
                question.ThrowIfCancelled();
                int size = Math.Min(portion, total - from);
                int[] nodes = [.. Enumerable.Range(from, size).Select(i => i % points)];
                var here = new PathPoints(question, question.Places, start, end, [.. Enumerable.Range(from, size).Select(i => i / points)], nodes, Array.ConvertAll(nodes, k => (double)k / Steps));
                var (scores, gradients) = here.Question.Gradient();
                for (int i = 0; i < size; i++)
                {
                    // The step that ends here belongs to the gradient where it began, which may lie in the portion before.
                    if (nodes[i] == 0) baselineScore[here.Rows[i]] += scores[i] / count;
                    else Divide((scores[i] - before) / count, last, sums, here.Rows[i]);
                    before = scores[i];
                    last = [.. gradients.Select(g => g.Rows(i, 1))];
                }
                question.Report(done += size, (long)count * total);
            }
        }

        var delta = new double[question.Rows];
        foreach (double[] sum in sums)
            for (int i = 0; i < sum.Length; i++) delta[i / (sum.Length / question.Rows)] += sum[i];
        for (int r = 0; r < delta.Length; r++) delta[r] -= prediction[r] - baselineScore[r];
        return new MethodResult([.. sums.Select((s, p) => new NdArray(Array.ConvertAll(s, v => (float)v), end[p].Dims.ToArray()))], prediction, baselineScore, delta);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        if (Steps < 1) throw new InvalidOptionException($"At least 1 step is needed, and {Steps} were asked for.");
        GraphBuilder graph = question.Graph;
        IReadOnlyList<Value> end = question.PlaceValues();
        double[] alphas = [.. Enumerable.Range(0, Steps + 1).Select(k => (double)k / Steps)];
        List<(Value[] Values, Value Score)> all = [];
        foreach (IReadOnlyList<Value> inputs in question.Resolve(Baseline))
        {
            IReadOnlyList<Value> start = question.WithInputs(inputs).PlaceValues();
            Value[] at = Points.Each(question, Steps + 1, points =>
            {
                var (scores, gradients) = new PathGraph(points, question.Places, [start], end, alphas).Question.Gradient();
                return [scores, .. gradients];
            });
            Value change = graph.Sub(graph.Slice(at[0], [1], [Steps + 1], [1]), graph.Slice(at[0], [0], [Steps], [1]));
            Value[] squares = [.. at.Skip(1).Select(g => graph.Slice(g, [0], [Steps], [1])).Select(g => graph.Mul(g, g))];
            Value norm = graph.Sum([.. squares.Select(s => graph.ReduceSum(s, GraphMath.Axes(2, s.Rank), keepDims: false))]);
            Value share = graph.Share(change, norm);
            all.Add(([.. squares.Select(s => graph.ReduceSum(graph.Mul(s, graph.Spread(share, 2, s.Rank)), [1], keepDims: false))], graph.Gather(at[0], graph.Constant(NdArray.Scalar(0L)), 1)));
        }
        Value[] values = [.. end.Select((_, p) => graph.Mean([.. all.Select(a => a.Values[p])]))];
        Value prediction = question.Scores();
        return new GraphResult(values, prediction, question.Delta(values, prediction, graph.Mean([.. all.Select(a => a.Score)])));
    }

    private static void Divide(double change, NdArray[] gradients, double[][] sums, int row)
    {
        double norm = 0;
        foreach (NdArray g in gradients)
            foreach (float v in g.Floats) norm += (double)v * v;
        if (norm == 0) return; // nothing can be credited; the delta shows what is missing
        for (int p = 0; p < gradients.Length; p++)
        {
            ReadOnlySpan<float> g = gradients[p].Floats;
            Span<double> sum = sums[p].AsSpan(row * g.Length, g.Length);
            for (int j = 0; j < g.Length; j++) sum[j] += change * g[j] * g[j] / norm;
        }
    }
}
