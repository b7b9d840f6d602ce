using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Blur Integrated Gradients: the path from a blurred picture to the picture, along which detail appears and nothing is made up.</summary>
/// <remarks>
/// φ = −∫₀^σmax ∂F/∂x (G(x, σ)) · ∂G(x, σ)/∂σ dσ with G the Gaussian blur. The path is followed as the polygon through
/// G(x, σ₀), ..., G(x, σₙ), with the gradient in the middle of each piece: Σφ = F(x) − F(G(x, σmax)) up to an error of second order in
/// the pieces, which is reported as the delta. Beyond its edges the picture is repeated.
/// At a layer, the polygon runs through the layer's values at the blurred pictures, all else at the input.
/// Xu, Venugopalan, Sundararajan: Attribution in Scale and Space, CVPR 2020, eq. 5. The authors' code takes the gradient at the
/// beginning of each piece, differentiates the blur numerically, and surrounds the picture by zeros, so that it also fades.
/// </remarks>
[Method("blur-ig", "Blur Integrated Gradients", "Integrated Gradients along the path from a blurred picture to the picture.", Source = "Xu, Venugopalan, Sundararajan 2020, eq. 5",
    Formula = "φ = −∫₀^σmax ∂F/∂x (G(x, σ)) · ∂G(x, σ)/∂σ dσ, G the Gaussian blur",
    Cost = "3 × forward + steps × (forward + backward)",
    Axioms = Axioms.Completeness | Axioms.Dummy | Axioms.ImplementationInvariance,
    NotApplicable = Axioms.Sensitivity, NotApplicableBecause = "A picture and its blur never differ in a single element.")]
public sealed class BlurIntegratedGradients(OnnxModel model) : GradientMethod(model)
{
    /// <summary>Pieces of the path (default 100).</summary>
    [Option("steps", "Pieces of the path.")]
    public int Steps { get; init; } = 100;

    /// <summary>The standard deviation of the strongest blur, in pixels; a quarter of the longer side when null (the paper's 50 for its pictures of 224).</summary>
    [Option("max-sigma", "Standard deviation of the strongest blur in pixels; a quarter of the longer side when left out.")]
    public double? MaximumSigma { get; init; }

    /// <summary>Whether the squares of the standard deviations are equally spaced, and not they themselves (default false).</summary>
    [Option("sqrt", "Whether the squares of the blur's standard deviations are equally spaced.")]
    public bool SquareRoot { get; init; }

    protected internal override MethodResult Compute(Question question)
    {
        double strongest = Strongest(question.Inputs);
        IReadOnlyList<NdArray> end = question.PlaceValues();
        double[] prediction = question.Scores();
        double[][] sums = [.. end.Select(e => new double[e.Length])];
        int together = Math.Max(1, question.Portion() / question.Rows), rows = question.Rows;
        IReadOnlyList<NdArray> near = end;
        for (int from = 0; from < Steps; from += together)
        {
            question.ThrowIfCancelled();
            int size = Math.Min(together, Steps - from);
            List<IReadOnlyList<NdArray>> corners = [near];
            for (int k = from + 1; k <= from + size; k++)
                corners.Add(question.WithInputs(Baseline.Blur(strongest * Share(k)).Resolve(question.Inputs).Single()).PlaceValues());
            NdArray[] middles = [.. end.Select((_, p) => Batches.Join([.. Enumerable.Range(0, size).Select(k => Middle(corners[k][p], corners[k + 1][p]))]))];
            NdArray[] gradients = question.Select([.. Enumerable.Range(0, size * rows).Select(i => i % rows)]).WithPlaces(middles).Gradient().Gradients;
            for (int p = 0; p < sums.Length; p++)
                for (int k = 0; k < size; k++)
                {
                    ReadOnlySpan<float> g = gradients[p].Rows(k * rows, rows).Floats, sharp = corners[k][p].Floats, blurred = corners[k + 1][p].Floats;
                    for (int j = 0; j < g.Length; j++) sums[p][j] += (double)g[j] * (sharp[j] - blurred[j]);
                }
            near = corners[^1];
            question.Report(from + size, Steps);
        }

        double[] baselineScore = question.WithPlaces(near).Scores();
        var delta = new double[rows];
        foreach (double[] sum in sums)
            for (int i = 0; i < sum.Length; i++) delta[i / (sum.Length / rows)] += sum[i];
        for (int r = 0; r < rows; r++) delta[r] -= prediction[r] - baselineScore[r];
        return new MethodResult([.. sums.Select((s, p) => new NdArray(Array.ConvertAll(s, v => (float)v), end[p].Dims.ToArray()))], prediction, baselineScore, delta);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        GraphBuilder graph = question.Graph;
        double strongest = Strongest(question.BlankInputs());
        List<IReadOnlyList<Value>> corners = [question.PlaceValues()];
        for (int k = 1; k <= Steps; k++) corners.Add(question.WithInputs(Baseline.Blur(strongest * Share(k)).InGraph(question).Single()).PlaceValues());
        Value[] values = Points.Sum(question, [.. Enumerable.Repeat(1.0, Steps)], points =>
        {
            Value[] Ends(int shift) => [.. question.Places.Select((_, p) => points.Rows(graph.Stack(Enumerable.Range(points.From + shift, points.Count).Select(k => corners[k][p]))))];
            Value[] sharp = Ends(0), blurred = Ends(1);
            Value[] gradients = points.Question.WithPlaces([.. sharp.Zip(blurred, (a, b) => graph.Scale(graph.Add(a, b), 0.5f))]).Gradient().Gradients;
            return [.. gradients.Select((g, p) => graph.Mul(g, graph.Sub(sharp[p], blurred[p])))];
        });
        Value prediction = question.Scores();
        return new GraphResult(values, prediction, question.Delta(values, prediction, question.WithPlaces(corners[^1]).Scores()));
    }

    private double Strongest(IReadOnlyList<NdArray> inputs)
    {
        if (Steps < 1) throw new InvalidOptionException($"At least 1 step is needed, and {Steps} were asked for.");
        if (MaximumSigma is { } given && !(given > 0)) throw new InvalidOptionException($"The strongest blur must be positive, and {given} was given.");
        NdArray picture = inputs.FirstOrDefault(i => i.Rank >= 3 && i.Type.IsFloating())
            ?? throw new ShapeMismatchException($"Blur Integrated Gradients needs a picture, and the input has the shape {NdArray.Describe(inputs[0].Dims)}. Use integrated-gradients.");
        return MaximumSigma ?? Math.Max(picture.Rank == 3 ? 1 : picture.Dims[^2], picture.Dims[^1]) / 4.0;
    }

    /// <summary>The standard deviation of corner k, as a share of the strongest.</summary>
    private double Share(int k) => SquareRoot ? Math.Sqrt((double)k / Steps) : (double)k / Steps;

    private static NdArray Middle(NdArray a, NdArray b)
    {
        NdArray middle = NdArray.Create(a.Type, a.Dims.ToArray());
        TensorPrimitives.Add(a.Floats, b.Floats, middle.Floats);
        TensorPrimitives.Multiply(middle.Floats, 0.5f, middle.Floats);
        return middle;
    }
}
