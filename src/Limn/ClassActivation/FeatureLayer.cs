using Limn.Engine;

namespace Limn.ClassActivation;

/// <summary>What a class-activation method sees of the explained layer: its activations, and their gradients where it asks for them.</summary>
internal sealed class FeatureLayer
{
    private double[]? scores;

    public FeatureLayer(Question question)
    {
        Question = question;
        Raw = question.PlaceValues()[0];
        Layout = MapLayout.Of(question.Source!.Graph, question.Places[0], Raw, question.Inputs);
        Activations = FeatureMaps.Of(Raw, Layout);
    }

    public Question Question { get; }

    public MapLayout Layout { get; }

    /// <summary>The layer's values as the layer keeps them.</summary>
    public NdArray Raw { get; }

    /// <summary>A.</summary>
    public FeatureMaps Activations { get; }

    /// <summary>g = ∂score/∂A, computed when first asked for, from the layer on.</summary>
    public FeatureMaps Gradients => field ??= ComputeGradients();

    /// <summary>The score of each row.</summary>
    public double[] Scores => scores ??= Question.Scores();

    private FeatureMaps ComputeGradients()
    {
        (scores, NdArray[] gradients) = Question.Gradient();
        return FeatureMaps.Of(gradients[0], Layout);
    }
}
