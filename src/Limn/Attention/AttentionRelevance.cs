using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Attention;

/// <summary>Attention relevance (generic attention explainability): attention weighted by its gradient, added up over the layers.</summary>
/// <remarks>
/// R starts as the identity; each layer adds Ā·R with Ā = mean over heads of relu(∇A ⊙ A), ∇A the gradient of the score with respect to the attention. Shown
/// is a token's row of R − I: what it gathered from each token. For a class token, its own entry is set to zero. Without a class token the rows of the tokens that
/// the target reads are averaged. Nothing is negative, and nothing adds up to the score.
/// Chefer, Gur, Wolf: Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers, ICCV 2021, equations 5 and 6
/// (self-attention).
/// </remarks>
[Method("attention-relevance", "Attention Relevance", "Attention weighted by its gradient, added up over the layers: which tokens the class is read from.",
    Source = "Chefer, Gur, Wolf 2021, equations 5 and 6",
    Formula = "Āₗ = meanₕ (∂y/∂Aₗₕ · Aₗₕ)⁺, R ← R + Āₗ R from R = I; the row of the class token, or the mean of the rows that are read, without the diagonal",
    Cost = "3 × forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = AttentionMethod.NoAxioms)]
public sealed class AttentionRelevance(OnnxModel model) : AttentionMethod(model)
{
    private protected override double[] Follow(IReadOnlyList<AttentionLayer> layers, int row)
    {
        int tokens = layers[0].Tokens;
        double[] relevance = SquareMatrix.Identity(tokens);
        foreach (AttentionLayer layer in layers)
        {
            var weighted = new double[tokens * tokens];
            for (int h = 0; h < layer.Heads; h++)
            {
                ReadOnlySpan<float> a = layer.Head(row, h), gradient = layer.Gradient(row, h);
                for (int i = 0; i < weighted.Length; i++)
                {
                    double product = (double)a[i] * gradient[i];
                    weighted[i] += (double.IsNaN(product) ? product : Math.Max(0, product)) / layer.Heads;
                }
            }
            double[] added = SquareMatrix.Multiply(weighted, relevance, tokens);
            for (int i = 0; i < relevance.Length; i++) relevance[i] += added[i];
        }
        return relevance;
    }

    private protected override GraphResult Follow(AttentionGraph attention)
    {
        GraphBuilder graph = attention.Graph;
        Value identity = attention.Identity(), relevance = identity;
        foreach (var (a, gradient) in attention.Layers)
            relevance = graph.Add(relevance, graph.MatMul(graph.ReduceMean(graph.Relu(graph.Mul(a, gradient)), [1], keepDims: false), relevance));
        Value others = graph.Sub(graph.Constant(1f), identity);
        return attention.Show(graph.Sub(relevance, identity), Row, alone: graph.Mul(relevance, others));
    }

    private protected override double Entry(double[] relevance, int tokens, int i, int j, bool single) => i != j ? relevance[i * tokens + j] : single ? 0 : relevance[i * tokens + j] - 1;
}
