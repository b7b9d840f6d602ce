using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Guided Grad-CAM: guided backpropagation to the input, times Grad-CAM of a layer brought to the input's size.</summary>
/// <remarks>
/// φ = GuidedBackprop(x) · up(GradCAM), every channel of the input with the same map; the result has the input's shape. Guided backpropagation
/// sends through a ReLU only what is positive, where the input of the ReLU is positive. It is nearly the same for all classes, and
/// hardly changes when the upper layers are randomised (Adebayo et al. 2018): the map's fine lines show edges of the picture rather than reasons.
/// Selvaraju et al.: Grad-CAM, ICCV 2017, section 3.2. The layer is the one asked for (--at), or the last one with maps.
/// </remarks>
[Method("guided-grad-cam", "Guided Grad-CAM", "Guided backpropagation, times Grad-CAM of a layer brought to the input's size.", Source = "Selvaraju et al. 2017, section 3.2")]
public sealed class GuidedGradCam(OnnxModel model) : GradientMethod(model)
{
    /// <summary>How Grad-CAM is brought to the input's size (default nearest).</summary>
    [Option("interpolate", "How Grad-CAM is brought to the input's size.")]
    public MapInterpolation Interpolate { get; init; } = MapInterpolation.Nearest;

    internal override Value? DefaultLayer(TargetSource source) => LastFeatureMap.Before(source);

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        MethodResult cam = new GradCam(question.Network).Compute(question);
        MapLayout layout = new FeatureLayer(question).Layout;
        IReadOnlyList<MapInput> inputs = MapInput.Of(question, layout);
        Value[] places = [.. inputs.Select(i => question.Network.Graph.Inputs[i.Index])];
        NdArray[] guided = question.At(places).Gradient(GuidedRelu.Instance).Gradients;
        int positions = NdArray.Count(layout.Spatial);
        for (int i = 0; i < guided.Length; i++)
            for (int r = 0; r < question.Rows; r++)
                inputs[i].Multiply(guided[i].Rows(r, 1).Floats, Upsampling.Resize(cam.Values[0].Floats.Slice(r * positions, positions), layout.Spatial, inputs[i].Spatial, Interpolate));
        return new MethodResult(guided, cam.Prediction) { Names = [.. places.Select(p => p.Name)], Remarks = cam.Remarks };
    }

    private sealed class GuidedRelu : Rulebook
    {
        public static GuidedRelu Instance { get; } = new();

        public override BackwardRule? RuleFor(Node node) => node.Operator is Relu
            ? b => [b.Graph.Mul(b.Graph.Relu(b.Upstream), b.Graph.Step(b.Input))] : null;
    }
}
