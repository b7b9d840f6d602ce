using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Eigen-CAM: what the layer's channels show most in common, whatever the target.</summary>
/// <remarks>
/// map = M v₁ with M the activations [positions, channels] and v₁ the first right singular vector. It does not depend on the target, and it
/// has no gradient. Muhammad, Yeasin: Eigen-CAM, IJCNN 2020, section III. The sign, which the singular value decomposition leaves open, is chosen so that
/// the map agrees with the sum of the channels (Σ_p map_p Σ_c M_pc ≥ 0); peers leave it to chance, so that maps come out inverted.
/// pytorch-grad-cam centres the channels, which the paper does not: the option <c>center</c>.
/// </remarks>
[Method("eigen-cam", "Eigen-CAM", "What the channels of a layer show most in common; it does not depend on the target.", Source = "Muhammad, Yeasin 2020, section III",
    Formula = "map = M v₁, M the activations [positions, channels], v₁ its first right singular vector",
    Cost = "2 × forward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class EigenCam(OnnxModel model) : ClassActivationMethod(model, relu: false)
{
    /// <summary>Whether each channel's mean is taken off first (default false, as in the paper).</summary>
    [Option("center", "Whether each channel's mean over positions is taken off first.")]
    public bool Center { get; init; }

    internal override bool TakesGradients => false;

    private protected override double[] Map(FeatureLayer layer) => EigenMap.Of(layer.Activations, Center);

    private protected override Value Map(FeatureGraph layer) => EigenGraph.Of(layer, layer.Activations, Center);
}
