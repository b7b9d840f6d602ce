using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;
using Limn.Propagation;

namespace Limn.ClassActivation;

/// <summary>Guided Grad-CAM: guided backpropagation to the input, times Grad-CAM of a layer brought to the input's size.</summary>
/// <remarks>
/// φ = GuidedBackprop(x) · up(GradCAM), every channel of the input with the same map; the result has the input's shape. <see cref="GuidedBackprop"/>
/// is nearly the same for all classes, and hardly changes when the upper layers are randomised (Adebayo et al. 2018): the map's fine lines show edges of the picture rather than reasons.
/// Selvaraju et al.: Grad-CAM, ICCV 2017, section 3.2. The layer is the one asked for (--at), or the last one with maps.
/// </remarks>
[Method("guided-grad-cam", "Guided Grad-CAM", "Guided backpropagation, times Grad-CAM of a layer brought to the input's size.", Source = "Selvaraju et al. 2017, section 3.2",
    Formula = "φ = GuidedBackprop(x) · up(GradCAM)",
    Cost = "3 × forward + 2 × backward")]
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
        IReadOnlyList<NdArray> guided = new GuidedBackprop(question.Network).Compute(question.At(places)).Values;
        int positions = NdArray.Count(layout.Spatial);
        for (int i = 0; i < guided.Count; i++)
            for (int r = 0; r < question.Rows; r++)
                inputs[i].Multiply(guided[i].Rows(r, 1).Floats, Upsampling.Resize(cam.Values[0].Floats.Slice(r * positions, positions), layout.Spatial, inputs[i].Spatial, Interpolate));
        return new MethodResult(guided, cam.Prediction) { Names = [.. places.Select(p => p.Name)], Remarks = cam.Remarks };
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        GraphBuilder graph = question.Graph;
        GraphResult cam = new GradCam(question.Network).InGraph(question);
        IReadOnlyList<MapInput> inputs = MapInput.Of(question, question.BlankInputs(), new FeatureGraph(question).Layout);
        Value[] places = [.. inputs.Select(i => question.Network.Graph.Inputs[i.Index])];
        Value map = graph.Squeeze(cam.Values[0], 1);
        Value[] guided = [.. new GuidedBackprop(question.Network).InGraph(question.At(places)).Values.Select((g, i) =>
            graph.Mul(g, graph.Unsqueeze(Upsampling.Resize(graph, map, 1, inputs[i].Spatial, Interpolate), inputs[i].ChannelAxis)))];
        return new GraphResult(guided, cam.Prediction) { Names = [.. places.Select(p => p.Name)] };
    }
}
