using System.Globalization;
using System.Text;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>
/// Makes a plan of a graph for given feeds and fetches: keeps only what is needed, fixes every shape, evaluates what is
/// constant (weights' arithmetic and everything that only computes shapes), computes equal expressions once, passes over nodes that only
/// rename or reshape, and then joins steps and lays tensors out as the kernels like them.
/// </summary>
internal sealed class Compiler
{
    private readonly Graph graph;
    private readonly Dictionary<Value, int> slotOf = [];
    private readonly List<SlotInfo> slots = [];
    private readonly List<PlanStep> steps = [];
    private readonly Dictionary<string, int> expressions = []; // what has been computed already: its step

    private Compiler(Graph graph) => this.graph = graph;

    /// <param name="graph">The graph.</param>
    /// <param name="feeds">The values that are given, with their types and shapes.</param>
    /// <param name="fetches">The values that are wanted.</param>
    /// <param name="options">How; null for the usual way.</param>
    /// <exception cref="ShapeMismatchException">The shapes do not fit.</exception>
    /// <exception cref="UnknownNameException">An input that is needed is not fed.</exception>
    public static Plan Compile(Graph graph, IReadOnlyList<(Value Value, ElementType Type, int[] Dims)> feeds, IReadOnlyList<Value> fetches, CompileOptions? options = null)
    {
        var compiler = new Compiler(graph);
        var fed = new int[feeds.Count];
        for (int i = 0; i < fed.Length; i++)
        {
            fed[i] = compiler.NewSlot(new SlotInfo(feeds[i].Type, feeds[i].Dims, SlotKind.Feed));
            compiler.slotOf[feeds[i].Value] = fed[i];
        }
        foreach (Node node in graph.NodesBehind(fetches, feeds.Select(f => f.Value).ToHashSet())) compiler.Add(node);
        int[] fetched = [.. fetches.Select(compiler.SlotOf)];
        var list = new StepList(compiler.steps, compiler.slots, fetched);
        options ??= new CompileOptions();
        if (options.Optimize)
        {
            Unneeded.Apply(list);
            Fusion.Apply(list.Steps, list.Slots, fetched);
            Gates.Apply(list);
            ChannelsLastLayout.Apply(list, options.ChannelsLastFrom);
            PackedProducts.Apply(list);
            NormalizationGradients.Apply(list);
            StridedProducts.Apply(list);
            EpilogueFusion.Apply(list);
            Recomputation.Apply(list);
            ChannelSlices.Apply(list);
            ElementwiseFusion.Apply(list);
        }
        return new Plan(list.Steps, list.Slots, fed, fetched);
    }

    private int NewSlot(SlotInfo slot)
    {
        slots.Add(slot);
        return slots.Count - 1;
    }

    private int SlotOf(Value value)
    {
        if (slotOf.TryGetValue(value, out int slot)) return slot;
        if (graph.Initializers.TryGetValue(value, out NdArray? array)) return slotOf[value] = NewSlot(SlotInfo.Of(array));
        throw new UnknownNameException(graph.Inputs.Contains(value)
            ? $"The input '{value.Name}' is needed and was not given."
            : $"The value '{value.Name}' is not part of the graph '{graph.Name}'.");
    }

    private void Add(Node node)
    {
        Operator op = node.Operator;
        int[] inputs = [.. node.Inputs.Select(v => v is null ? -1 : SlotOf(v))];
        string key = KeyOf(op, inputs);
        if (expressions.TryGetValue(key, out int earlier) && Reuse(earlier, node)) return;

        var inference = new InferenceContext(op, node.Name, inputs.Length, node.Outputs.Count,
            i => inputs[i] < 0 ? null : (slots[inputs[i]].Type, ShapeOf(slots[inputs[i]])), i => slots[inputs[i]].Constant);
        inference.Run();

        int?[] known = [.. inference.Contents.Select(c => c is null ? (int?)null : NewSlot(SlotInfo.Of(c)))];
        if (Array.TrueForAll(known, k => k is not null) || (known = Fold(op, inputs, inference)).Length > 0)
        {
            for (int i = 0; i < node.Outputs.Count; i++) slotOf[node.Outputs[i]] = known[i]!.Value;
            return;
        }

        bool dynamic = false;
        var outputs = new int[node.Outputs.Count];
        for (int i = 0; i < outputs.Length; i++)
        {
            var (type, shape) = inference.Outputs[i];
            int[]? dims = null;
            dynamic |= shape is null || !shape.TryToArray(out dims);
            if (dims is not null) NdArray.Count(dims); // says so when it is too large
            outputs[i] = NewSlot(new SlotInfo(type, dims, SlotKind.Computed));
        }
        if (!dynamic && inputs.Length > 0 && inputs[0] >= 0 && slots[inputs[0]].Dims is { } from && op.IsView(from, slots[outputs[0]].Dims))
            slots[outputs[0]].ViewOf = inputs[0];
        for (int i = 0; i < outputs.Length; i++) slotOf[node.Outputs[i]] = outputs[i];
        expressions[key] = steps.Count;
        steps.Add(new PlanStep(node.Name, op, inputs, outputs, dynamic));
    }

    /// <summary>Lets a node share the results of an equal one before it; asks that one for more outputs if need be.</summary>
    private bool Reuse(int index, Node node)
    {
        PlanStep step = steps[index];
        if (step.Dynamic) return false;
        if (node.Outputs.Count > step.Outputs.Length)
        {
            var inference = new InferenceContext(step.Operator, step.Name, step.Inputs.Length, node.Outputs.Count,
                i => step.Inputs[i] < 0 ? null : (slots[step.Inputs[i]].Type, ShapeOf(slots[step.Inputs[i]])), i => slots[step.Inputs[i]].Constant);
            inference.Run();
            int[] outputs = [.. step.Outputs];
            foreach (var (type, shape) in inference.Outputs.Skip(step.Outputs.Length))
                outputs = [.. outputs, NewSlot(new SlotInfo(type, shape!.ToArray(), SlotKind.Computed))];
            steps[index] = step = new PlanStep(step.Name, step.Operator, step.Inputs, outputs, dynamic: false);
        }
        for (int i = 0; i < node.Outputs.Count; i++) slotOf[node.Outputs[i]] = step.Outputs[i];
        return true;
    }

    /// <summary>Evaluates a node of which all inputs are constant, unless the result is much larger than they are.</summary>
    private int?[] Fold(Operator op, int[] inputs, InferenceContext inference)
    {
        const long AlwaysFine = 1 << 18;
        NdArray?[] arrays = [.. inputs.Select(i => i < 0 ? null : slots[i].Constant)];
        long given = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] < 0) continue;
            if (arrays[i] is null) return [];
            given += arrays[i]!.Length;
        }
        var outputs = new List<(ElementType, int[])>();
        long made = 0;
        foreach (var (type, shape) in inference.Outputs)
        {
            if (shape is null || !shape.TryToArray(out int[]? dims)) return [];
            outputs.Add((type, dims));
            made += NdArray.Count(dims);
        }
        if (made > AlwaysFine && made > 2 * given) return [];
        return [.. Folding.Evaluate(op, arrays, outputs).Select(a => (int?)NewSlot(SlotInfo.Of(a)))];
    }

    private static Shape? ShapeOf(SlotInfo slot) => slot.Dims is { } dims ? Shape.Of(dims) : null;

    /// <summary>A text that is equal for two nodes exactly if they compute the same.</summary>
    private static string KeyOf(Operator op, int[] inputs)
    {
        var key = new StringBuilder(op.Domain).Append(':').Append(op.Name).Append('(').AppendJoin(',', inputs).Append(')');
        foreach (OperatorAttribute attribute in op.Attributes)
        {
            key.Append(';').Append(attribute.Name).Append('=');
            _ = attribute.Value switch
            {
                float f => key.Append(f.ToString("R", CultureInfo.InvariantCulture)),
                long[] l => key.AppendJoin(',', l),
                float[] f => key.AppendJoin(',', f.Select(v => v.ToString("R", CultureInfo.InvariantCulture))),
                string[] s => key.AppendJoin('\0', s),
                long or int or string or bool => key.Append(attribute.Value),
                NdArray { Length: 1 } a when a.Type.IsFloating() => key.Append(a.Type).Append(a.Floats[0].ToString("R", CultureInfo.InvariantCulture)),
                object other => key.Append('@').Append(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(other)).Append(op.GetHashCode()),
            };
        }
        return key.ToString();
    }
}
