using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>Neuron Conductance: the part of Integrated Gradients that flows through one neuron, divided among the inputs.</summary>
/// <remarks>
/// φᵢ(x) = (xᵢ − bᵢ) · ∫₀¹ ∂F/∂n · ∂n/∂xᵢ dα along b + α(x − b), for a neuron n, or summed over several of a layer. Its sum is the
/// neuron's <see cref="Conductance"/>; over all neurons of a layer that every path goes through, the sum is F(x) − F(b).
/// Dhamdhere, Sundararajan, Yan: How Important Is a Neuron?, 2018, eq. 1 and 2.
/// Captum's default quadrature is its biased trapezoid (383.0 where 390 is exact); here it is Gauss-Legendre, as its text says.
/// </remarks>
[Method("neuron-conductance", "Neuron Conductance", "The part of Integrated Gradients that flows through one neuron (--neuron, beside --target), divided among the inputs.",
    Source = "Dhamdhere, Sundararajan, Yan 2018, eq. 1",
    Formula = "φᵢ = (xᵢ − bᵢ) · ∫₀¹ ∂F/∂n · ∂n/∂xᵢ dα along b + α(x − b), for the neuron n",
    Cost = "4 × forward + 2 × steps × (forward + backward)",
    NotApplicable = Axioms.All, NotApplicableBecause = "It divides the part that goes through one neuron, not the score; the neuron's function and place decide, not the network's function alone.")]
public sealed class NeuronConductance(OnnxModel model) : PathMethod(model)
{
    /// <summary>The neuron: <see cref="Target.Neuron"/>, or <see cref="Target.Layer"/> for all of a layer.</summary>
    public Target? Neuron { get; init; }

    /// <summary>Whether the averaged gradient is multiplied by x − b (default).</summary>
    [Option("multiply", "Whether the averaged gradient is multiplied by the distance from the baseline.")]
    public bool Multiplied { get; init; } = true;

    private protected override bool IsComplete(IAsked question) => false;

    private protected override int Portion(Question question)
    {
        TargetSource neuron = Source(question);
        Question through = question.At([neuron.Value]);
        return Math.Min(through.Portion(), question.About(neuron, Everywhere(through)).Portion());
    }

    private protected override NdArray[] Integrand(PathPoints points)
    {
        TargetSource neuron = Source(points.Question);
        Question through = points.Question.At([neuron.Value]);
        NdArray flow = through.Gradient().Gradients[0];
        Readout chosen = Readout.Of(Neuron!, flow);
        TensorPrimitives.Multiply(flow.Floats, chosen.Weights.Floats, flow.Floats);
        NdArray[] gradients = points.Question.About(neuron, new Readout(flow)).Gradient().Gradients;
        return Multiplied ? Multiply(gradients, points.Directions()) : gradients;
    }

    private TargetSource Source(IAsked question)
    {
        if (Neuron is null) throw new InvalidTargetException("The method 'neuron-conductance' needs a neuron beside the target; say which (--neuron LAYER:i,j,k).");
        TargetSource source = TargetSource.Of(question.Network, Neuron);
        return ReferenceEquals(source.Graph, question.Network.Graph) ? source
            : throw new InvalidTargetException($"'{Neuron.Describe()}' is not a value of the network itself; the neuron must be one of a layer.");
    }

    private static Readout Everywhere(Question through) => new(through.PlaceValues()[0]);

    private protected override IReadOnlyList<Value> Integrand(PathGraph points)
    {
        TargetSource neuron = Source(points.Question);
        GraphBuilder graph = points.Question.Graph;
        Value flow = points.Question.At([neuron.Value]).Gradient().Gradients[0];
        Value chosen = Seeds.Of(graph, Neuron!, flow, rows => points.Question.Blank(neuron.Value, rows), points.Question.Network.FixedRows);
        Value[] gradients = points.Question.About(neuron, graph.Mul(flow, chosen)).Gradient().Gradients;
        return Multiplied ? [.. gradients.Zip(points.Directions(), graph.Mul)] : gradients;
    }
}
