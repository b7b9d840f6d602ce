using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Normalisations that ONNX Runtime's optimiser leaves in files, rewritten as LayerNormalization and RMSNormalization: <c>SimplifiedLayerNormalization</c>,
/// <c>SkipLayerNormalization</c>, <c>SkipSimplifiedLayerNormalization</c>, <c>EmbedLayerNormalization</c>.
/// </summary>
public static class FusedNormalizationOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        new("SimplifiedLayerNormalization", "", ImportSimplified),
        new("SimplifiedLayerNormalization", FusedOperators.Microsoft, ImportSimplified),
        new("SkipLayerNormalization", FusedOperators.Microsoft, i => ImportSkip(i, simplified: false)),
        new("SkipSimplifiedLayerNormalization", FusedOperators.Microsoft, i => ImportSkip(i, simplified: true)),
        new("EmbedLayerNormalization", FusedOperators.Microsoft, ImportEmbedding),
    ];

    private static IReadOnlyList<Value> ImportSimplified(OperatorImport import)
    {
        import.Attributes.Ignore("stash_type");
        (long axis, float epsilon) = (import.Attributes.Int("axis", -1), import.Attributes.Float("epsilon", 1e-5f));
        return Simplified(import, import.Input(0), import.Input(1), axis, epsilon, import.OutputNames.Count > 1);
    }

    private static IReadOnlyList<Value> Simplified(OperatorImport import, Value x, Value scale, long axis, float epsilon, bool inverse)
    {
        Value y = import.Graph.Op(new RmsNormalization { Axis = axis, Epsilon = epsilon }, x, scale);
        return inverse ? [y, RmsNormalization.Inverse(import.Graph, x, axis, epsilon)] : [y];
    }

    /// <summary>The normalisation of input + skip + bias. Outputs: y, mean, inverse deviation, the sum.</summary>
    private static IReadOnlyList<Value> ImportSkip(OperatorImport import, bool simplified)
    {
        GraphBuilder graph = import.Graph;
        float epsilon = import.Attributes.Float("epsilon", 1e-12f);
        int beta = simplified ? -1 : 3, bias = simplified ? 3 : 4;
        Value sum = graph.Add(import.Input(0), import.Input(1));
        if (import.Has(bias)) sum = graph.Add(sum, import.Input(bias));
        if (simplified)
        {
            bool wanted = import.OutputNames.Count > 2 && import.OutputNames[2].Length > 0;
            IReadOnlyList<Value> both = Simplified(import, sum, import.Input(2), -1, epsilon, wanted);
            Value mean = import.OutputNames.Count > 1 && import.OutputNames[1].Length > 0 ? graph.ReduceMean(sum, [-1]) : both[0];
            return [both[0], mean, both[^1], sum];
        }
        IReadOnlyList<Value> y = graph.Node(new LayerNormalization { Epsilon = epsilon }, import.Has(beta) ? [sum, import.Input(2), import.Input(beta)] : [sum, import.Input(2)], outputCount: 3);
        return [y[0], y[1], y[2], sum];
    }

    /// <summary>
    /// LayerNormalization of word + position (+ segment) embeddings. Outputs: y, how many tokens of each row the mask lets through, the sum of the embeddings.
    /// </summary>
    private static IReadOnlyList<Value> ImportEmbedding(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        float epsilon = import.Attributes.Float("epsilon", 1e-12f);
        import.Attributes.Ignore("mask_index_type");
        Value ids = import.Input(0);
        Value position = import.Has(8) ? graph.Gather(import.Input(3), import.Input(8))
            : graph.Unsqueeze(graph.Gather(import.Input(3), graph.CountTo(graph.DimOf(ids, 1))), 0);
        Value sum = graph.Add(graph.Gather(import.Input(2), ids), position);
        if (import.Has(1) && import.Has(4)) sum = graph.Add(sum, graph.Gather(import.Input(4), import.Input(1)));
        Value y = graph.LayerNormalization(sum, import.Input(5), import.Input(6), epsilon: epsilon);
        Value counts = import.Has(7) ? graph.Cast(graph.ReduceSum(import.Input(7), [1], keepDims: false), ElementType.Int32)
            : graph.Op(new ConstantOfShape(NdArray.Vector(0L).As(ElementType.Int32)), graph.DimOf(ids, 0));
        return [y, counts, sum];
    }
}
