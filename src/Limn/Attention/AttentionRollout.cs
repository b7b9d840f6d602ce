using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Attention;

/// <summary>How the heads of a layer become one matrix.</summary>
public enum HeadFusion
{
    Mean,
    Min,
    Max,
}

/// <summary>Attention Rollout: how much of each token's content has reached the tokens that are read, if all that moves it is attention.</summary>
/// <remarks>
/// R = Ã_L ··· Ã₁ with Ã = ½·A + ½·I, A the layer's attention with its heads fused, each row scaled to sum to 1; a row of R sums to 1. The target decides
/// only whose row is shown: rollout does not depend on the class. With <see cref="Discard"/> the smallest entries of the fused A are set to zero first
/// (never a row's entry for the first token, usually the class token), as in the vit-explain code of J. Gildenblat; that is not in the paper.
/// Abnar, Zuidema: Quantifying Attention Flow in Transformers, ACL 2020, section 3.
/// </remarks>
[Method("attention-rollout", "Attention Rollout", "How much of each token reaches the tokens that are read, by the attention of all layers multiplied; the same for every class.",
    Source = "Abnar, Zuidema 2020, section 3",
    Formula = "R = Π (½ Āₗ + ½ I) over the layers, Āₗ the attention fused over heads; the row of the class token, or the mean of the rows that are read",
    Cost = "3 × forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = AttentionMethod.NoAxioms)]
public sealed class AttentionRollout(OnnxModel model) : AttentionMethod(model)
{
    /// <summary>How heads are fused (default mean, as in the paper).</summary>
    [Option("fusion", "How the heads of a layer become one matrix.")]
    public HeadFusion Fusion { get; init; } = HeadFusion.Mean;

    /// <summary>The share of the smallest entries of each layer's fused attention that are set to zero, from 0 (default) to below 1.</summary>
    [Option("discard", "The share of the smallest entries of each layer's attention that are set to zero, 0 to below 1.")]
    public double Discard { get; init; }

    internal override bool TakesGradients => false;

    protected internal override MethodResult Compute(Question question) => Discard is >= 0 and < 1 ? base.Compute(question)
        : throw new InvalidOptionException($"The option 'discard' is a share from 0 to below 1, and {Discard} was given.");

    private protected override double[] Follow(IReadOnlyList<AttentionLayer> layers, int row)
    {
        int tokens = layers[0].Tokens;
        double[] rolled = SquareMatrix.Identity(tokens);
        foreach (AttentionLayer layer in layers)
        {
            double[] mixed = Fused(layer, row);
            DropSmallest(mixed, tokens);
            for (int i = 0; i < tokens; i++)
            {
                Span<double> line = mixed.AsSpan(i * tokens, tokens);
                double sum = 0;
                foreach (double v in line) sum += v;
                for (int j = 0; j < tokens; j++) line[j] = (sum > 0 ? line[j] / sum : 0) * 0.5 + (i == j ? sum > 0 ? 0.5 : 1 : 0); // a row of which nothing is left attends to itself
            }
            rolled = SquareMatrix.Multiply(mixed, rolled, tokens);
        }
        return rolled;
    }

    internal override string? NotInGraph => Discard == 0 ? null : "of the option 'discard', which sorts. Leave it at 0.";

    private protected override GraphResult Follow(AttentionGraph attention)
    {
        GraphBuilder graph = attention.Graph;
        Value half = graph.Scale(attention.Identity(), 0.5f);
        Value? rolled = null;
        foreach (var (a, _) in attention.Layers)
        {
            Value fused = Fusion switch
            {
                HeadFusion.Min => graph.ReduceMin(a, [1], keepDims: false),
                HeadFusion.Max => graph.ReduceMax(a, [1], keepDims: false),
                _ => graph.ReduceSum(a, [1], keepDims: false),
            };
            Value mixed = graph.Add(graph.Scale(graph.Div(fused, graph.ReduceSum(fused, [2])), 0.5f), half);
            rolled = rolled is null ? mixed : graph.MatMul(mixed, rolled);
        }
        return attention.Show(rolled!, Row);
    }

    private double[] Fused(AttentionLayer layer, int row)
    {
        var fused = new double[layer.Tokens * layer.Tokens];
        for (int h = 0; h < layer.Heads; h++)
        {
            ReadOnlySpan<float> head = layer.Head(row, h);
            for (int i = 0; i < fused.Length; i++)
                fused[i] = Fusion switch
                {
                    _ when h == 0 => head[i],
                    HeadFusion.Min => Math.Min(fused[i], head[i]),
                    HeadFusion.Max => Math.Max(fused[i], head[i]),
                    _ => fused[i] + head[i],
                };
        }
        return fused; // a sum serves as a mean, because rows are scaled
    }

    private void DropSmallest(double[] mixed, int tokens)
    {
        int count = (int)(Discard * mixed.Length);
        if (count == 0) return;
        foreach (int i in Enumerable.Range(0, mixed.Length).OrderBy(i => mixed[i]).ThenBy(i => i).Take(count).Where(i => i % tokens != 0)) mixed[i] = 0;
    }
}
