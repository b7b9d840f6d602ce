using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>NegativeLogLikelihoodLoss</c> and <c>SoftmaxCrossEntropyLoss</c>, rewritten to standard operators when a file is read.</summary>
/// <remarks>
/// ONNX 12 to newest. Input [N, C, d…], classes [N, d…], weights [C]. For each place ℓ = −w(c) · x(c); with reduction "sum" Σℓ, with "mean"
/// Σℓ / Σw(c) (NaN if every class is the ignored one, as in PyTorch). Places whose class is ignore_index have ℓ = 0 and no weight.
/// </remarks>
public static class LossOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("NegativeLogLikelihoodLoss", import => [Loss(import, import.Input(0))], since: 12),
        OperatorDefinition.Of("SoftmaxCrossEntropyLoss", ImportCrossEntropy, since: 12),
    ];

    private static IReadOnlyList<Value> ImportCrossEntropy(OperatorImport import)
    {
        Value logs = import.Graph.LogSoftmax(import.Input(0), 1);
        return [Loss(import, logs), logs];
    }

    private static Value Loss(OperatorImport import, Value x)
    {
        GraphBuilder g = import.Graph;
        Value classes = g.Cast(import.Input(1), ElementType.Int64);
        string reduction = import.Attributes.String("reduction", "mean");
        Value? counts = null; // where the class is not the ignored one
        if (import.Attributes.Has("ignore_index"))
        {
            Value ignored = g.Constant(NdArray.Scalar(import.Attributes.Int("ignore_index", 0)));
            counts = g.Not(g.Equal(classes, ignored));
            classes = g.Where(counts, classes, g.Constant(NdArray.Scalar(0L)));
        }
        Value chosen = g.Squeeze(g.GatherElements(x, g.Unsqueeze(classes, 1), 1), 1);
        Value? weights = import.Has(2) ? g.Gather(import.Input(2), classes, 0) : null;
        Value loss = g.Neg(weights is null ? chosen : g.Mul(weights, chosen));
        if (counts is not null)
        {
            loss = g.WhereOrZero(counts, loss);
            weights = weights is null ? g.Cast(counts, x.Type) : g.WhereOrZero(counts, weights);
        }
        return reduction switch
        {
            "none" => loss,
            "sum" => g.ReduceSum(loss, null, keepDims: false),
            "mean" => weights is null ? g.ReduceMean(loss, null, keepDims: false)
                : g.Div(g.ReduceSum(loss, null, keepDims: false), g.ReduceSum(weights, null, keepDims: false)),
            _ => throw new InvalidModelException($"its reduction is '{reduction}'; none, sum or mean are expected."),
        };
    }
}
