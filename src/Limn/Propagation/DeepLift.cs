using Limn.Compilation;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>DeepLIFT's rules for functions of one variable.</summary>
public enum DeepLiftRule
{
    /// <summary>Δy/Δx.</summary>
    Rescale,

    /// <summary>Positive and negative contributions to x apart, each by the change that it makes before and after the other.</summary>
    RevealCancel,
}

/// <summary>What DeepLIFT sends back through a max-pool.</summary>
public enum PoolRule
{
    /// <summary>The change of the output to the element that won on the input or on the reference: complete.</summary>
    Winners,

    /// <summary>The derivative on the input, as Captum in effect does where a pool follows a ReLU: not complete, unless the reference is flat.</summary>
    Derivative,
}

/// <summary>DeepLIFT: each element's share in the difference between the score and the score on a reference input.</summary>
/// <remarks>
/// φᵢ = mᵢ · (xᵢ − xᵢ'), with multipliers m propagated backwards: a linear node sends its weights, a non-linearity y = f(x) sends Δy/Δx, the
/// slope between reference and input (Rescale rule), or its derivative where |Δx| &lt; <see cref="Epsilon"/>. Complete: Σφ = F(x) − F(x').
/// Products, softmax, normalisations and (overlapping) max-pools have rules that are complete as well, and a node counts wherever
/// it stands: reused, functional, on a residual path. At a layer the reference is what the layer is on the reference input; the sum is
/// promised, and the delta reported, where every path leads through the layer.
/// Shrikumar, Greenside, Kundaje: Learning Important Features Through Propagating Activation Differences, ICML 2017, section 3.
/// Captum's max-pool rule is incomplete where windows overlap, gives way to the pool's plain derivative where the pool follows a ReLU
/// (<see cref="PoolRule.Derivative"/> reproduces it), and its softmax rule subtracts a mean over the batch; here every row is explained by itself.
/// </remarks>
[Method("deep-lift", "DeepLIFT", "Each element's share in the difference of the score from a reference input's, by slopes between the two.",
    Source = "Shrikumar, Greenside, Kundaje 2017, section 3",
    Formula = "φᵢ = mᵢ · (xᵢ − bᵢ), a non-linearity y = f(z) sending back m · Δy/Δz",
    Cost = "2 × forward + backward",
    Axioms = Axioms.Completeness | Axioms.Sensitivity)]
public class DeepLift(OnnxModel model) : GradientMethod(model)
{
    /// <summary>The rule for functions of one variable (default Rescale); RevealCancel where they follow a layer with weights.</summary>
    [Option("rule", "The rule for non-linearities.")]
    public DeepLiftRule Rule { get; init; } = DeepLiftRule.Rescale;

    /// <summary>The change of a node's input below which its derivative takes the place of the slope (default 1e-10).</summary>
    [Option("epsilon", "The change of a node's input below which its derivative takes the place of the slope.")]
    public double Epsilon { get; init; } = 1e-10;

    /// <summary>What a max-pool sends back (default the change to the winners, which is complete).</summary>
    [Option("pools", "What a max-pool sends back: its change to the winners (complete), or its derivative.")]
    public PoolRule Pools { get; init; } = PoolRule.Winners;

    /// <summary>Whether the multipliers are multiplied by x − x' (default). Without, they are slopes, and nothing adds up.</summary>
    [Option("multiply", "Whether the multipliers are multiplied by the distance from the reference.")]
    public bool Multiplied { get; init; } = true;

    /// <summary>The reference input (default zero). With several the attributions are averaged.</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    internal override bool TakesOneGradient => Rule == DeepLiftRule.Rescale;

    internal override Rulebook? GradientRules => new DeepLiftRules(Epsilon, Pools);

    protected internal override MethodResult Compute(Question question) => OverReferences(question, errors: false);

    private Rulebook Rules(IAsked question)
    {
        if (!(Epsilon > 0)) throw new InvalidOptionException($"The option 'epsilon' must be positive, and {Epsilon} was given.");
        return Rule == DeepLiftRule.Rescale ? new DeepLiftRules(Epsilon, Pools)
            : new RevealCancelRules(Epsilon, Pools, question.Source!.Graph, [question.Source.Value, .. question.Places]);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        GraphBuilder graph = question.Graph;
        Rulebook rules = Rules(question);
        IReadOnlyList<Value> end = question.PlaceValues();
        List<IReadOnlyList<Value>> references = [.. question.Resolve(Baseline)];
        Value[] means = Points.Sum(question, [.. references.Select(_ => 1.0 / references.Count)], points =>
        {
            IReadOnlyList<Value> here = [.. question.Inputs.Select((_, i) => points.Rows(graph.Stack(references.Skip(points.From).Take(points.Count).Select(r => r[i]))))];
            Value[] multipliers = points.Question.WithReference(here).Gradient(rules).Gradients;
            ExplanationGraph at = points.Question.OnlyInputs(here);
            return [at.Scores(), .. at.PlaceValues().Select((start, p) => Multiplied ? graph.Mul(multipliers[p], graph.Sub(points.Repeat(end[p]), start)) : multipliers[p])];
        });
        Value prediction = question.Scores();
        Value[] values = means[1..];
        return new GraphResult(values, prediction, Multiplied && question.PlacesSeparate() ? question.Delta(values, prediction, means[0]) : null);
    }

    private protected MethodResult OverReferences(Question question, bool errors)
    {
        Rulebook rules = Rules(question);
        IReadOnlyList<NdArray> end = question.PlaceValues();
        List<IReadOnlyList<NdArray>> references = [.. question.Resolve(Baseline)];
        var sums = end.Select(e => new double[e.Length]).ToArray();
        var squares = end.Select(e => new double[errors ? e.Length : 0]).ToArray();
        var prediction = new double[question.Rows];
        var baselineScore = new double[question.Rows];
        for (int n = 0; n < references.Count; n++)
        {
            question.ThrowIfCancelled();
            var (scores, multipliers, from) = question.WithReference(references[n]).GradientAndReference(rules);
            IReadOnlyList<NdArray> start = question.WithInputs(references[n]).PlaceValues();
            for (int r = 0; r < from.Length; r++) (prediction[r], baselineScore[r]) = (scores[r], baselineScore[r] + from[r] / references.Count);
            for (int p = 0; p < sums.Length; p++)
                for (int i = 0; i < sums[p].Length; i++)
                {
                    double contribution = multipliers[p].Floats[i] * (Multiplied ? (double)end[p].Floats[i] - start[p].Floats[i] : 1);
                    sums[p][i] += contribution;
                    if (errors) squares[p][i] += contribution * contribution;
                }
            question.Report(n + 1, references.Count);
        }

        double[]? delta = Multiplied && question.PlacesSeparate() ? [.. baselineScore.Select((b, r) => b - prediction[r])] : null;
        var values = new NdArray[end.Count];
        var error = new NdArray[end.Count];
        for (int p = 0; p < values.Length; p++)
        {
            values[p] = NdArray.Create(ElementType.Float, end[p].Dims.ToArray());
            error[p] = NdArray.Create(ElementType.Float, end[p].Dims.ToArray());
            int inner = Math.Max(1, end[p].Length / Math.Max(1, question.Rows)), count = references.Count;
            for (int i = 0; i < sums[p].Length; i++)
            {
                double mean = sums[p][i] / count;
                values[p].Floats[i] = (float)mean;
                if (delta is not null) delta[i / inner] += mean;
                if (errors) error[p].Floats[i] = count < 2 ? float.NaN : (float)Math.Sqrt(Math.Max(0, squares[p][i] / count - mean * mean) / (count - 1));
            }
        }
        return new MethodResult(values, prediction, baselineScore, delta, errors ? error : null) { Remedy = "Some node on the way has no complete rule: please report the model." };
    }
}
