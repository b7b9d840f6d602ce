using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Operators that ONNX Runtime's optimiser leaves in files (domain com.microsoft), rewritten as the standard ones that they fused: <c>FusedMatMul</c>,
/// <c>FusedConv</c>, <c>Gelu</c>, <c>BiasGelu</c>, <c>FastGelu</c>, <c>QuickGelu</c>.
/// </summary>
public static class FusedOperators
{
    internal const string Microsoft = "com.microsoft";

    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        new("FusedMatMul", Microsoft, ImportMatMul),
        new("FusedConv", Microsoft, ImportConv),
        new("Gelu", Microsoft, i => i.Emit(new Gelu(), i.Input(0))),
        new("BiasGelu", Microsoft, i => i.Emit(new Gelu(), i.Graph.Add(i.Input(0), i.Input(1)))),
        new("FastGelu", Microsoft, i => i.Emit(new Gelu { ByTanh = true }, i.Has(1) ? i.Graph.Add(i.Input(0), i.Input(1)) : i.Input(0))),
        new("QuickGelu", Microsoft, i => i.Emit(new Mul(), i.Input(0), i.Graph.Sigmoid(i.Graph.Scale(i.Input(0), i.Attributes.Float("alpha", 1.702f))))),
    ];

    /// <summary>alpha · op(A) · op(B), where op swaps the last two axes.</summary>
    private static IReadOnlyList<Value> ImportMatMul(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        if (import.Attributes.Flag("transBatchA", false) || import.Attributes.Flag("transBatchB", false))
            throw import.Unsupported("FusedMatMul with transBatchA or transBatchB is not supported. Export the model without this optimisation.");
        Value a = Oriented(graph, import.Input(0), import.Attributes.Flag("transA", false)), b = Oriented(graph, import.Input(1), import.Attributes.Flag("transB", false));
        return import.EmitAs(graph.Scale(graph.MatMul(a, b), import.Attributes.Float("alpha", 1)));
    }

    private static Value Oriented(GraphBuilder graph, Value x, bool swap) =>
        swap && x.Rank >= 2 ? graph.Transpose(x, [.. Enumerable.Range(0, x.Rank - 2), x.Rank - 1, x.Rank - 2]) : x;

    /// <summary>act(Conv(X, W, B) + Z).</summary>
    private static IReadOnlyList<Value> ImportConv(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        long group = import.Attributes.Int("group", 1);
        if (group is < 1 or > int.MaxValue) throw import.Unsupported($"group is {group}, and at least 1 is expected.");
        Value y = graph.Conv(import.Input(0), import.Input(1), import.Has(2) ? import.Input(2) : null, SlidingWindow.Read(import, pooling: false), (int)group);
        if (import.Has(3)) y = graph.Add(y, import.Input(3));
        string activation = import.Attributes.String("activation", "");
        float[] p = import.Attributes.Floats("activation_params") ?? [];
        return import.EmitAs(activation switch
        {
            "" => y,
            "Relu" => graph.Relu(y),
            "Tanh" => graph.Tanh(y),
            "Sigmoid" => graph.Sigmoid(y),
            "LeakyRelu" => graph.LeakyRelu(y, p.Length > 0 ? p[0] : 0.01f),
            "Clip" when p.Length == 2 => graph.Clip(y, p[0], p[1]),
            "HardSigmoid" when p.Length == 2 => graph.Op(new HardSigmoid { Alpha = p[0], Beta = p[1] }, y),
            _ => throw import.Unsupported($"activation '{activation}' with {p.Length} parameters is not known; Relu, Tanh, Sigmoid, LeakyRelu, Clip and HardSigmoid are."),
        });
    }
}
