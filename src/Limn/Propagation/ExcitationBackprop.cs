using Limn.Compilation;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>Excitation Backprop: the probability that a walk back from the target, along connections that excite, passes each element.</summary>
/// <remarks>
/// At a layer with weights P(aⱼ) = Σₖ aⱼ·wⱼₖ⁺ / Σᵢ aᵢ·wᵢₖ⁺ · P(aₖ), zero where nothing excites; biases take no part, and a negative activation (of the input)
/// counts with the negative weights. It starts with 1 at the class. With <see cref="Contrastive"/> the layer before the target also starts the
/// walk of the target's opposite (its weights negated), which is subtracted; what is left below zero at the place is dropped. On networks of ReLUs without biases it is LRP's
/// z-plus rule up to the score as a factor. Zhang et al.: Top-down Neural Attention by Excitation Backprop, ECCV 2016, equations 5 and 8.
/// </remarks>
[Method("excitation-backprop", "Excitation Backprop", "The probability that a walk back from the target along exciting connections passes each element.",
    Source = "Zhang et al. 2016, equations 5 and 8",
    Formula = "P(a_j) = Σ_k a_j w⁺_jk / Σ_i a_i w⁺_ik · P(a_k), layer by layer",
    Cost = "2 × forward + backward")]
public sealed class ExcitationBackprop(OnnxModel model) : GradientMethod(model)
{
    private const double Stabilizer = 1e-9;

    /// <summary>Whether the walk of the target's opposite is subtracted (default false).</summary>
    [Option("contrastive", "Whether the walk from the opposite of the target is subtracted, and what is below zero dropped.")]
    public bool Contrastive { get; init; }

    private LrpRules Rules(IAsked question)
    {
        List<LrpAssignment> assignments = [];
        if (Contrastive)
            assignments.AddRange(LastLayers(question.Source!.Graph, question.Source.Value).Select(n => new LrpAssignment(new LrpRule.ExcitationRule(Contrast: true)) { Layer = n.Name }));
        assignments.Add(new(new LrpRule.ExcitationRule(Contrast: false)));
        return new LrpRules(question.Source!.Graph, question.Places, assignments, Stabilizer, fold: true, ones: true);
    }

    protected internal override MethodResult Compute(Question question)
    {
        var (scores, values) = question.Gradient(Rules(question));
        if (Contrastive)
            foreach (NdArray value in values) System.Numerics.Tensors.TensorPrimitives.Max(value.Floats, 0f, value.Floats);
        return new MethodResult(values, scores);
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var (scores, values) = question.Gradient(Rules(question));
        return new GraphResult(Contrastive ? Array.ConvertAll(values, question.Graph.Relu) : values, scores);
    }

    /// <summary>The layers with weights that lead to the target through no other such layer.</summary>
    private static List<Node> LastLayers(Graph graph, Value target)
    {
        HashSet<Value> open = [target];
        List<Node> found = [];
        foreach (Node node in graph.Nodes.Reverse())
        {
            if (!node.Outputs.Any(open.Contains)) continue;
            if (LrpAssignment.KindOf(node) is not null) found.Add(node);
            else open.UnionWith(node.Inputs.OfType<Value>());
        }
        return found;
    }
}
