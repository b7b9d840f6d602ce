using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>Optional</c>, <c>OptionalHasElement</c>, <c>OptionalGetElement</c>: whether there is a value is known when the file is read, so nothing of them is left.</summary>
/// <remarks>ONNX 15 to newest, for tensors. An Optional without a value cannot be passed on.</remarks>
public static class OptionalOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Optional", Element, since: 15, notes: "Of tensors only."),
        OperatorDefinition.Of("OptionalGetElement", Element, since: 15, notes: "Of tensors only."),
        OperatorDefinition.Of("OptionalHasElement", import => [import.Graph.Constant(NdArray.Scalar(import.Has(0)))], since: 15, notes: "Of tensors only."),
    ];

    private static IReadOnlyList<Value> Element(OperatorImport import)
    {
        import.Attributes.Ignore("type");
        return import.Has(0) ? import.EmitAs(import.Input(0)) : throw import.Unsupported("an optional without a value is passed on, which is not supported.");
    }
}
