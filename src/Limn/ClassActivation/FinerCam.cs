using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Finer-CAM: Grad-CAM of what sets the class apart from those most like it.</summary>
/// <remarks>
/// Grad-CAM of y = z_k − α Σ_i p_i z_i / Σ_i p_i, with z the logits, p their softmax at the input, held fixed, and i the <see cref="Comparisons"/> classes whose
/// logits are nearest to z_k (ties by index). With α = 0 it is Grad-CAM of the logit.
/// Zhang et al.: Finer-CAM, CVPR 2025, section 3.2. pytorch-grad-cam differentiates the weights p as well.
/// </remarks>
[Method("finer-cam", "Finer-CAM", "Grad-CAM of the difference between a class and the classes most like it.", Source = "Zhang et al. 2025, section 3.2",
    Formula = "Grad-CAM of z_k − α Σ_i p_i z_i / Σ_i p_i over the classes i most like k",
    Cost = "2 × forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class FinerCam(OnnxModel model) : ClassActivationMethod(model)
{
    /// <summary>How many similar classes are compared with (default 3).</summary>
    [Option("comparisons", "How many of the most similar classes are compared with.")]
    public int Comparisons { get; init; } = 3;

    /// <summary>α, how much of the similar classes' logits is subtracted (default 1).</summary>
    [Option("alpha", "How much of the similar classes' logits is subtracted.")]
    public double Alpha { get; init; } = 1;

    private protected override double[] Map(FeatureLayer layer)
    {
        if (Comparisons < 1) throw new InvalidOptionException($"Finer-CAM compares with at least one class, and {Comparisons} were asked for.");
        if (layer.Question.Readout.Classes is not { } classes)
            throw new InvalidTargetException("Finer-CAM compares a class with others, so the target must be a class (--target K or predicted).");
        var (question, z) = Logits.Of(layer.Question);
        int count = z.Rank < 2 ? 1 : z.Dims[1];
        if (count < 2 || z.Length != classes.Length * count)
            throw new InvalidTargetException($"Finer-CAM compares a class with others, and the output of shape {NdArray.Describe(z.Dims)} has no other classes for each row.");
        NdArray weights = NdArray.Create(ElementType.Float, z.Dims.ToArray());
        for (int r = 0; r < classes.Length; r++)
            Contrast(z.Floats.Slice(r * count, count).ToArray(), classes[r], weights.Floats.Slice(r * count, count));
        FeatureMaps g = FeatureMaps.Of(question.About(question.Source!, new Readout(weights)).Gradient().Gradients[0], layer.Layout);
        return layer.Activations.Weighted((r, c) => FeatureMaps.Sum(g.Channel(r, c)) / g.Positions);
    }

    private void Contrast(float[] z, int k, Span<float> weights)
    {
        int[] near = [.. Enumerable.Range(0, z.Length).Where(i => i != k).OrderBy(i => Math.Abs((double)z[i] - z[k])).Take(Comparisons)];
        double largest = near.Max(i => z[i]), total = near.Sum(i => Math.Exp(z[i] - largest));
        weights[k] = 1;
        foreach (int i in near) weights[i] = (float)(-Alpha * Math.Exp(z[i] - largest) / total);
    }

    private protected override Value Map(FeatureGraph layer)
    {
        if (Comparisons < 1) throw new InvalidOptionException($"Finer-CAM compares with at least one class, and {Comparisons} were asked for.");
        if (!layer.Question.IsOfClasses)
            throw new InvalidTargetException("Finer-CAM compares a class with others, so the target must be a class (--target K or predicted).");
        GraphBuilder graph = layer.Graph;
        var (question, z) = Logits.Of(layer.Question);
        if (z.Shape is not { Rank: >= 2 } shape || !shape[1].IsKnown || shape[1].Value < 2 || shape.Product(2, shape.Rank) != 1)
            throw new InvalidTargetException($"Finer-CAM compares a class with others, and the output of shape {z.Shape} has no other classes for each row.");
        Value chosen = question.Weights;
        Value distance = graph.Abs(graph.Sub(z, graph.ReduceSum(graph.Mul(chosen, z), [1])));
        Value others = graph.Where(graph.Greater(chosen, graph.ScalarLike(chosen, 0)), graph.ScalarLike(z, float.PositiveInfinity), distance);
        Value near = graph.TopK(others, Math.Min(Comparisons, shape[1].Value - 1), 1, largest: false).Indices;
        Value shares = graph.Softmax(graph.GatherElements(z, near, 1), 1);
        Value contrast = graph.ScatterElements(chosen, near, graph.Scale(shares, (float)-Alpha), 1);
        return layer.Weighted(layer.Mean(layer.Layout.ToMaps(graph, question.About(question.Source, contrast).Gradient().Gradients[0])));
    }
}
