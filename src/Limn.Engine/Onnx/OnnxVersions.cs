using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Onnx;

/// <summary>The versions of the file format and of the standard operators that are understood, and how they go together.</summary>
internal static class OnnxVersions
{
    public const int MinIr = 3, MaxIr = 13, MinOpset = 7, MaxOpset = 27;

    /// <summary>Operators that mean in every set what they mean today; files of older sets with no others are read.</summary>
    private static readonly HashSet<string> Unchanged =
        ["Constant", "Conv", "ConvTranspose", "Flatten", "GlobalAveragePool", "GlobalMaxPool", "LRN", "Not", "Shape", "Size", "Softplus", "Softsign", "Transpose"];

    /// <summary>The operator sets that a file declares, by domain; "ai.onnx" is the empty domain.</summary>
    /// <exception cref="InvalidModelException">The format's version is missing, or a domain is declared twice with different versions.</exception>
    /// <exception cref="UnsupportedOperatorException">A version is outside the range.</exception>
    public static Dictionary<string, int> Check(ModelProto model)
    {
        if (!model.HasIrVersion)
            throw new InvalidModelException("the file has no IR version, so it is not an ONNX model.");
        if (model.IrVersion is < MinIr or > MaxIr)
            throw new UnsupportedOperatorException($"the file has the IR version {model.IrVersion}; versions {MinIr} to {MaxIr} are read. Export the model again.");
        if (model.Graph is null)
            throw new InvalidModelException("the file holds no graph.");
        var domains = new Dictionary<string, int>();
        foreach (OperatorSetIdProto set in model.OpsetImport)
        {
            string domain = Domain(set.Domain);
            if (set.Version is < 1 or > int.MaxValue)
                throw new InvalidModelException($"the operator set '{Display(domain)}' has the version {set.Version}.");
            if (!domains.TryAdd(domain, (int)set.Version) && domains[domain] != set.Version)
                throw new InvalidModelException($"the operator set '{Display(domain)}' is declared with the versions {domains[domain]} and {set.Version}.");
        }
        if (domains.Count == 0)
            throw new InvalidModelException("the file declares no operator set (opset_import).");
        if (domains.TryGetValue("", out int opset) && (opset > MaxOpset || opset < MinOpset && Changed(model) is not null))
            throw new UnsupportedOperatorException($"the file uses operator set {opset} of ai.onnx{(opset < MinOpset ? $", and {Changed(model)} did not mean there what it means now" : "")}; {MinOpset} to {MaxOpset} are read. Export the model with another opset.");
        return domains;
    }

    /// <summary>The operator set from which on an operator of ai.onnx takes elements of a type, where that is after the operator's own version.</summary>
    public static int Since(string op, ElementType type) => (op, type) switch
    {
        (_, ElementType.Int2 or ElementType.UInt2) => 25,
        (_, ElementType.Float8E8M0) => 24,
        (_, ElementType.Float4E2M1) => 23,
        (_, ElementType.Int4 or ElementType.UInt4) => 21,
        ("ReduceMax" or "ReduceMin", ElementType.Bool) => 20,
        ("Equal", ElementType.String) => 19,
        _ => type.IsSmallFloat() ? 19 : MinOpset,
    };

    /// <summary>The first operator of ai.onnx that does not mean the same in every set; null if there is none.</summary>
    private static string? Changed(ModelProto model) => model.Graph.Node.Where(n => Domain(n.Domain).Length == 0).Select(n => n.OpType).FirstOrDefault(op => !Unchanged.Contains(op));

    /// <summary>A domain as it is compared: "ai.onnx" is the empty one.</summary>
    public static string Domain(string domain) => domain == "ai.onnx" ? "" : domain;

    /// <summary>A domain as it is shown.</summary>
    public static string Display(string domain) => domain.Length == 0 ? "ai.onnx" : domain;

    /// <summary>The oldest format version that goes with an operator set, from the table of ONNX releases (Versioning.md).</summary>
    public static int IrFor(int opset) => opset switch
    {
        <= 8 => 3,
        9 => 4,
        10 => 5,
        11 => 6,
        <= 14 => 7,
        <= 18 => 8,
        <= 20 => 9,
        <= 22 => 10,
        23 => 11,
        24 => 12,
        _ => MaxIr,
    };
}
