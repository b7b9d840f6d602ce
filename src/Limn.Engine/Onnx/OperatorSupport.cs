using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;

namespace Limn.Engine.Onnx;

/// <summary>An operator of a file that Limn does not implement.</summary>
/// <param name="Operator">Its name.</param>
/// <param name="Domain">Its domain; empty for ai.onnx.</param>
/// <param name="Opset">The version of the domain that the file declares; 0 if it declares none.</param>
/// <param name="Node">The first node that uses it.</param>
/// <param name="Uses">How many nodes use it.</param>
/// <param name="Reason">Why it is not supported, and what is near it.</param>
public sealed record UnsupportedOperator(string Operator, string Domain, int Opset, string Node, int Uses, string Reason);

/// <summary>Finds what a file uses and Limn lacks, before anything is built.</summary>
internal static class OperatorSupport
{
    /// <exception cref="UnsupportedOperatorException">Names every operator that is not supported.</exception>
    public static void Check(ModelProto model, IReadOnlyDictionary<string, int> domains)
    {
        IReadOnlyList<UnsupportedOperator> missing = Missing(model, domains);
        if (missing.Count == 0) return;
        const int Described = 5;
        string[] all = [.. missing.Take(Described).Select(m => $"{m.Operator} ({OnnxVersions.Display(m.Domain)} {m.Opset}; node '{m.Node}'{(m.Uses > 1 ? $" and {m.Uses - 1} more" : "")}): {m.Reason}")];
        string rest = missing.Count > Described ? $"; also {string.Join(", ", missing.Skip(Described).Select(m => m.Operator))}" : "";
        throw new UnsupportedOperatorException($"{(missing.Count == 1 ? "an operator is" : $"{missing.Count} operators are")} not supported: {string.Join("; ", all)}{rest}.");
    }

    public static IReadOnlyList<UnsupportedOperator> Missing(ModelProto model, IReadOnlyDictionary<string, int> domains)
    {
        HashSet<(string, string)> functions = [.. model.Functions.Select(f => (OnnxVersions.Domain(f.Domain), f.Name))];
        var missing = new Dictionary<(string Domain, string Name), UnsupportedOperator>();
        foreach (NodeProto node in model.Graph.Node)
        {
            (string Domain, string Name) key = (OnnxVersions.Domain(node.Domain), node.OpType);
            if (missing.TryGetValue(key, out UnsupportedOperator? seen)) missing[key] = seen with { Uses = seen.Uses + 1 };
            else if (Reason(key.Domain, key.Name, domains, functions.Contains(key)) is { } reason)
                missing.Add(key, new UnsupportedOperator(key.Name, key.Domain, domains.GetValueOrDefault(key.Domain), NodeOrder.NameOf(node), 1, reason));
        }
        return [.. missing.Values];
    }

    private static string? Reason(string domain, string name, IReadOnlyDictionary<string, int> domains, bool isFunction)
    {
        if (isFunction) return "it is a function that the file defines itself; export the model with its functions inlined";
        bool constant = domain.Length == 0 && name == "Constant";
        OperatorDefinition? definition = OperatorRegistry.Find(domain, name);
        if (definition is null && domain.Length == 0 && name is ("If" or "Loop" or "Scan"))
            return "graphs inside nodes are not supported; export the model without data-dependent control flow";
        if (definition is null && !constant)
            return OperatorRegistry.Nearest(name) is { } near ? $"Limn does not know it; the nearest that it knows is {near}" : "Limn does not know it";
        if (!domains.TryGetValue(domain, out int opset)) return $"the file does not declare the operator set '{OnnxVersions.Display(domain)}'";
        return opset < definition?.Since ? $"it is known from version {definition.Since} on" : null;
    }
}
