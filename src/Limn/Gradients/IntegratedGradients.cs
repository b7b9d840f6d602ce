using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Integrated Gradients: the gradient, averaged along the straight path from a baseline to the input, times the distance.</summary>
/// <remarks>
/// φᵢ(x) = (xᵢ − bᵢ) · ∫₀¹ ∂F(b + α(x − b))/∂xᵢ dα, by <see cref="Quadrature"/> with <see cref="PathMethod.Steps"/> nodes.
/// Complete: Σφ = F(x) − F(b) up to the quadrature error, which is reported as the convergence delta.
/// At a layer, the path runs in the layer's space from its value at the baseline input to its value at the input, all else at the input.
/// Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1.
/// </remarks>
[Method("integrated-gradients", "Integrated Gradients", "The gradient averaged along the straight path from a baseline to the input, times the distance.",
    Source = "Sundararajan, Taly, Yan 2017, eq. 1",
    Formula = "φᵢ = (xᵢ − bᵢ) · ∫₀¹ ∂F(b + α(x − b))/∂xᵢ dα",
    Cost = "3 × forward + steps × (forward + backward)",
    Axioms = Axioms.All)]
public sealed class IntegratedGradients(OnnxModel model) : PathMethod(model)
{
    /// <summary>Whether the averaged gradient is multiplied by x − b (default). Without, it is a sensitivity, and nothing adds up.</summary>
    [Option("multiply", "Whether the averaged gradient is multiplied by the distance from the baseline.")]
    public bool Multiplied { get; init; } = true;

    /// <summary>
    /// Where the delta of a row may be at most this share of the change of its score, the number of nodes is doubled for the rows that
    /// miss it, up to <see cref="MaximumSteps"/> (default null: <see cref="PathMethod.Steps"/> nodes for all).
    /// </summary>
    [Option("tolerance", "Double the steps of the rows whose delta exceeds this share of the change of the score; off when left out.")]
    public double? Tolerance { get; init; }

    /// <summary>The most nodes that <see cref="Tolerance"/> leads to (default 1600). A row that still misses is reported with its delta.</summary>
    [Option("max-steps", "The most steps that the tolerance leads to.")]
    public int MaximumSteps { get; init; } = 1600;

    protected internal override MethodResult Compute(Question question)
    {
        if (Tolerance is not { } tolerance) return base.Compute(question);
        if (!(tolerance > 0)) throw new InvalidOptionException($"The tolerance must be positive, and {tolerance} was given.");
        if (!Multiplied) throw new InvalidOptionException("A tolerance needs attributions that add up; leave multiply=false away.");

        IEnumerable<IReadOnlyList<NdArray>> starts = question.Starts(Baseline);
        MethodResult result = Integrate(question, starts, Nodes(Steps));
        for (int steps = 2 * Steps; steps <= MaximumSteps; steps *= 2)
        {
            int[] open = [.. Enumerable.Range(0, question.Rows).Where(r => !(Math.Abs(result.Delta![r]) <= tolerance * Math.Abs(result.Prediction[r] - result.BaselinePrediction![r])))];
            if (open.Length == 0) break;
            MethodResult finer = Integrate(question.Select(open), starts.Select(s => (IReadOnlyList<NdArray>)[.. s.Select(v => Batches.Select(v, open))]), Nodes(steps));
            for (int i = 0; i < open.Length; i++)
            {
                result.Delta![open[i]] = finer.Delta![i];
                for (int p = 0; p < result.Values.Count; p++) result.Values[p].Rows(open[i], 1).CopyFrom(finer.Values[p].Rows(i, 1));
            }
        }
        return result;
    }

    private protected override bool IsComplete(IAsked question) => Multiplied;

    private protected override NdArray[] Integrand(PathPoints points)
    {
        NdArray[] gradients = points.Question.Gradient().Gradients;
        return Multiplied ? Multiply(gradients, points.Directions()) : gradients;
    }

    private protected override IReadOnlyList<Value> Integrand(PathGraph points)
    {
        Value[] gradients = points.Question.Gradient().Gradients;
        return Multiplied ? [.. gradients.Zip(points.Directions(), points.Question.Graph.Mul)] : gradients;
    }

    internal override string? NotInGraph => Tolerance is null ? null
        : "with a tolerance the number of steps depends on the data, and a graph has a fixed number. Give the number (--set steps=...) and watch the delta.";
}
