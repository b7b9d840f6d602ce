using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;

namespace Limn.Engine.Onnx;

/// <summary>
/// Replaces calls of functions that a file defines by the functions' nodes. A function that bears the name of an operator that Limn
/// knows is left alone: the operator is the same computation, with its own gradient.
/// </summary>
internal sealed class FunctionInliner
{
    private readonly Dictionary<(string Domain, string Name), FunctionProto> functions = [];
    private readonly Dictionary<NodeProto, IReadOnlyDictionary<string, int>> opsets = new(ReferenceEqualityComparer.Instance);
    private readonly OnnxReadOptions options;
    private long made;

    private FunctionInliner(ModelProto model, OnnxReadOptions options)
    {
        this.options = options;
        foreach (FunctionProto function in model.Functions)
            if (!functions.TryAdd((OnnxVersions.Domain(function.Domain), function.Name), function))
                throw new InvalidModelException($"the function '{function.Name}' is defined twice.");
    }

    /// <summary>Rewrites the graph of a model.</summary>
    /// <returns>The operator sets of nodes that came from functions.</returns>
    /// <exception cref="InvalidModelException">A function calls itself, or calls make more nodes than the options allow.</exception>
    public static IReadOnlyDictionary<NodeProto, IReadOnlyDictionary<string, int>> Apply(ModelProto model, OnnxReadOptions options)
    {
        var inliner = new FunctionInliner(model, options);
        if (inliner.functions.Count > 0) inliner.Rewrite(model.Graph, opsetsHere: null, depth: 0);
        return inliner.opsets;
    }

    /// <summary>The operator sets that hold inside a function.</summary>
    public static IReadOnlyDictionary<string, int> OpsetsOf(FunctionProto function, IReadOnlyDictionary<string, int> around)
    {
        var own = new Dictionary<string, int>(around);
        foreach (OperatorSetIdProto set in function.OpsetImport) own[OnnxVersions.Domain(set.Domain)] = (int)set.Version;
        return own;
    }

    private void Rewrite(GraphProto graph, IReadOnlyDictionary<string, int>? opsetsHere, int depth)
    {
        NodeProto[] nodes = [.. graph.Node];
        graph.Node.Clear();
        foreach (NodeProto node in nodes) graph.Node.AddRange(Expand(node, opsetsHere, depth));
    }

    private IEnumerable<NodeProto> Expand(NodeProto node, IReadOnlyDictionary<string, int>? opsetsHere, int depth)
    {
        if (opsetsHere is not null) opsets[node] = opsetsHere;
        foreach (AttributeProto attribute in node.Attribute)
            if (attribute.G is { } body) Rewrite(body, opsetsHere, depth);
        (string Domain, string Name) key = (OnnxVersions.Domain(node.Domain), node.OpType);
        if (OperatorRegistry.Find(key.Domain, key.Name) is not null || !functions.TryGetValue(key, out FunctionProto? function)) return [node];
        if (depth >= options.MaxGraphDepth)
            throw new InvalidModelException($"the functions call each other more than {options.MaxGraphDepth} deep, at '{function.Name}'; {nameof(OnnxReadOptions.MaxGraphDepth)} allows no more.");
        IReadOnlyDictionary<string, int> inside = OpsetsOf(function, opsetsHere ?? new Dictionary<string, int>());
        var expanded = new List<NodeProto>();
        foreach (NodeProto copy in new FunctionCall(function, node).Nodes())
        {
            if (++this.made > options.MaxNodes)
                throw new InvalidModelException($"the functions of the file make more than {options.MaxNodes} nodes; {nameof(OnnxReadOptions.MaxNodes)} allows no more.");
            expanded.AddRange(Expand(copy, inside, depth + 1));
        }
        return expanded;
    }
}

/// <summary>One call of a function: its nodes, with the call's names and attributes in place of the function's.</summary>
internal sealed class FunctionCall
{
    private readonly FunctionProto function;
    private readonly NodeProto call;
    private readonly string prefix;
    private readonly Dictionary<string, string> names = [];
    private readonly Dictionary<string, AttributeProto> attributes = [];
    private readonly List<NodeProto> passed = []; // outputs that are inputs

    public FunctionCall(FunctionProto function, NodeProto call)
    {
        this.function = function;
        this.call = call;
        prefix = NodeOrder.NameOf(call) + "/";
        if (call.Input.Count > function.Input.Count || call.Output.Count > function.Output.Count)
            throw new InvalidModelException($"node '{NodeOrder.NameOf(call)}' calls the function '{function.Name}' with {call.Input.Count} inputs and {call.Output.Count} outputs; it has {function.Input.Count} and {function.Output.Count}.");
        for (int i = 0; i < function.Input.Count; i++) names[function.Input[i]] = i < call.Input.Count ? call.Input[i] : "";
        for (int i = 0; i < call.Output.Count; i++)
        {
            if (call.Output[i].Length == 0) continue;
            if (names.TryGetValue(function.Output[i], out string? input))
                passed.Add(new NodeProto { OpType = "Identity", Name = $"{prefix}{function.Output[i]}", Input = { input }, Output = { call.Output[i] } });
            else names[function.Output[i]] = call.Output[i];
        }
        foreach (AttributeProto standard in function.AttributeProto) attributes[standard.Name] = standard;
        foreach (AttributeProto given in call.Attribute) attributes[given.Name] = given;
    }

    public IEnumerable<NodeProto> Nodes() => function.Node.Select(Copy).Concat(passed);

    private string NameOf(string name) => name.Length == 0 ? "" : names.TryGetValue(name, out string? known) ? known : names[name] = prefix + name;

    private NodeProto Copy(NodeProto node)
    {
        NodeProto copy = node.Clone();
        copy.Name = prefix + NodeOrder.NameOf(node);
        Rename(copy.Input);
        Rename(copy.Output);
        AttributeProto[] own = [.. copy.Attribute];
        copy.Attribute.Clear();
        foreach (AttributeProto attribute in own)
        {
            AttributeProto? taken = attribute;
            if (attribute.RefAttrName.Length > 0)
            {
                if (!attributes.TryGetValue(attribute.RefAttrName, out taken)) continue; // not given: the operator's default
                taken = taken.Clone();
                taken.Name = attribute.Name;
            }
            else if (taken.G is { } body) Rename(body);
            copy.Attribute.Add(taken);
        }
        return copy;
    }

    private void Rename(Google.Protobuf.Collections.RepeatedField<string> list)
    {
        for (int i = 0; i < list.Count; i++) list[i] = NameOf(list[i]);
    }

    private void Rename(GraphProto graph)
    {
        foreach (ValueInfoProto info in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo)) info.Name = NameOf(info.Name);
        foreach (TensorProto tensor in graph.Initializer) tensor.Name = NameOf(tensor.Name);
        NodeProto[] nodes = [.. graph.Node];
        graph.Node.Clear();
        graph.Node.AddRange(nodes.Select(Copy));
    }
}
