using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>Optional</c>, <c>OptionalHasElement</c>, <c>OptionalGetElement</c>: whether there is a value is known when the file is read, so nothing of them is left.</summary>
/// <remarks>
/// ONNX 15 to newest, of tensors and of sequences. Graph inputs that are optionals have a value unless <see cref="Onnx.OnnxReadOptions.AbsentInputs"/> names them.
/// </remarks>
public static class OptionalOperators
{
    private const string Notes = "Whether there is a value must be known when the file is read.";

    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        Of("Optional", Make),
        Of("OptionalGetElement", import => import.Has(0) ? Element(import) : throw import.Unsupported("the element of an optional that has none is asked for.")),
        Of("OptionalHasElement", import => [import.Graph.Constant(NdArray.Scalar(import.Has(0)))]),
    ];

    private static OperatorDefinition Of(string name, Func<OperatorImport, IReadOnlyList<Value>> import) =>
        OperatorDefinition.Of(name, import, since: 15, Notes) with { TakesSequences = true };

    private static IReadOnlyList<Value> Make(OperatorImport import)
    {
        import.Attributes.Ignore("type");
        return import.Has(0) ? Element(import) : [new AbsentValue(import.OutputNames.Count > 0 ? import.OutputNames[0] : import.Node)];
    }

    private static IReadOnlyList<Value> Element(OperatorImport import) => import.Input(0) is SequenceValue sequence ? [sequence] : import.EmitAs(import.Input(0));
}
