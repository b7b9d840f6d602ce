using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Class Activation Mapping: the last layer's channels, weighted as the linear layer after the pooling weights them for the class.</summary>
/// <remarks>
/// For a network y_k = Σ_c W_kc · mean(A_c) + b_k: map = Σ_c W_kc A_c. Its mean over positions is the score without the bias. The network must
/// end in global average pooling and at most one linear layer, which is checked; for others there is <see cref="GradCam"/>. W is read off the
/// gradient: W_kc = Σ_p ∂y_k/∂A_cp. Where the target is a probability, y is the logit behind it, as in the paper.
/// Zhou et al.: Learning Deep Features for Discriminative Localization, CVPR 2016, eq. 2. The paper has no ReLU, so it is off by default.
/// </remarks>
[Method("cam", "CAM", "The last layer's channels with the class's weights of the linear layer after the pooling.", Source = "Zhou et al. 2016, eq. 2",
    Formula = "map = Σ_c W_kc A_c for y_k = Σ_c W_kc · mean(A_c) + b_k",
    Cost = "2 × forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class Cam(OnnxModel model) : ClassActivationMethod(model, relu: false)
{
    internal override Value? DefaultLayer(TargetSource source) => PooledHead.Of(source).Layer;

    private protected override double[] Map(FeatureLayer layer)
    {
        Question question = layer.Question;
        Check(question);
        FeatureMaps g = FeatureMaps.Of(Logits.Of(question).Question.Gradient().Gradients[0], layer.Layout);
        return layer.Activations.Weighted((r, c) => FeatureMaps.Sum(g.Channel(r, c)));
    }

    private protected override Value Map(FeatureGraph layer)
    {
        ExplanationGraph question = layer.Question;
        Check(question);
        return layer.Weighted(layer.Sum(layer.Layout.ToMaps(layer.Graph, Logits.Of(question).Question.Gradient().Gradients[0])));
    }

    private static void Check(IAsked question)
    {
        Value pooled = PooledHead.Of(question.Source!).Layer;
        if (!ReferenceEquals(pooled, question.Places[0]))
            throw new InvalidOptionException($"CAM explains the layer that is pooled, '{pooled.Name}', and '{question.Places[0].Name}' was asked for. Leave --at away, or use grad-cam.");
    }
}
