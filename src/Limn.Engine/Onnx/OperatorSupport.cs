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
        var functions = new Dictionary<(string, string), FunctionProto>();
        foreach (FunctionProto function in model.Functions) functions[(OnnxVersions.Domain(function.Domain), function.Name)] = function;
        var missing = new Dictionary<(string Domain, string Name), UnsupportedOperator>();
        HashSet<FunctionProto> seen = new(ReferenceEqualityComparer.Instance);
        Look(model.Graph.Node, domains);
        return [.. missing.Values];

        void Look(IEnumerable<NodeProto> nodes, IReadOnlyDictionary<string, int> opsets)
        {
            foreach (NodeProto node in nodes)
            {
                (string Domain, string Name) key = (OnnxVersions.Domain(node.Domain), node.OpType);
                if (missing.TryGetValue(key, out UnsupportedOperator? known)) missing[key] = known with { Uses = known.Uses + 1 };
                else if (OperatorRegistry.Find(key.Domain, key.Name) is null && functions.TryGetValue(key, out FunctionProto? function))
                {
                    if (seen.Add(function)) Look(function.Node, FunctionInliner.OpsetsOf(function, opsets));
                }
                else if (Reason(key.Domain, key.Name, opsets) is { } reason)
                    missing.Add(key, new UnsupportedOperator(key.Name, key.Domain, opsets.GetValueOrDefault(key.Domain), NodeOrder.NameOf(node), 1, reason));
                foreach (AttributeProto attribute in node.Attribute)
                    if (attribute.G is { } graph) Look(graph.Node, opsets);
            }
        }
    }

    private static string? Reason(string domain, string name, IReadOnlyDictionary<string, int> domains)
    {
        bool constant = domain.Length == 0 && name == "Constant";
        OperatorDefinition? definition = OperatorRegistry.Find(domain, name);
        if (definition is null && !constant)
            return OperatorRegistry.Nearest(name) is { } near ? $"Limn does not know it; the nearest that it knows is {near}" : "Limn does not know it";
        if (!domains.TryGetValue(domain, out int opset)) return $"the file does not declare the operator set '{OnnxVersions.Display(domain)}'";
        return opset < definition?.Since ? $"it is known from version {definition.Since} on" : null;
    }
}
