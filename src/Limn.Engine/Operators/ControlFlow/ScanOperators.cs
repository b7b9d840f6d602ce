using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>Scan</c>: a graph run over the slices of tensors. Rewritten as a <see cref="Loop"/> that gathers the slices.</summary>
public static class ScanOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Scan", Import)];

    /// <summary>Runs <paramref name="body"/>, which maps (states..., slices..., around...) to (states..., scanned...), over the slices of tensors.</summary>
    /// <param name="graph">Where the loop is added.</param>
    /// <param name="body">The graph.</param>
    /// <param name="states">What the states begin with.</param>
    /// <param name="inputs">The tensors, at least one.</param>
    /// <param name="axes">The axis of each that is walked along.</param>
    /// <param name="backwards">Whether each is walked from its end.</param>
    /// <param name="around">What else the graph takes.</param>
    /// <returns>The states at the end, and the scanned values of all steps, stacked along a new first axis.</returns>
    public static IReadOnlyList<Value> Scan(this GraphBuilder graph, Graph body, IReadOnlyList<Value> states, IReadOnlyList<Value> inputs,
        IReadOnlyList<long> axes, IReadOnlyList<bool> backwards, IReadOnlyList<Value> around)
    {
        Value steps = graph.Gather(graph.ShapeOf(inputs[0]), graph.Constant(NdArray.Scalar((long)Shape.Axis(axes[0], inputs[0].Rank))), 0);
        Value[] taken = [steps, .. inputs, .. around];
        var builder = new GraphBuilder(body.Name);
        Value t = builder.Input("iteration", ElementType.Int64, Shape.Scalar), goesOn = builder.Input("condition", ElementType.Bool, Shape.Scalar);
        Value[] state = [.. states.Select((v, i) => builder.Input($"state.{i}", v.Type, v.Shape))];
        Value[] formal = [.. taken.Select((v, i) => builder.Input($"around.{i}", v.Type, v.Shape))];
        Value? last = null;
        Value[] slices = [.. inputs.Select((x, i) => builder.Gather(formal[1 + i],
            backwards[i] ? last ??= builder.Sub(builder.Sub(formal[0], builder.Constant(NdArray.Scalar(1L))), t) : t, Shape.Axis(axes[i], x.Rank)))];
        Value[] results = builder.Inline(body, [.. state, .. slices, .. formal[(1 + inputs.Count)..]]);
        builder.Output(builder.Identity(goesOn));
        foreach (Value result in results) builder.Output(builder.Identity(result));
        return graph.Node(new Loop(builder.Build(), states.Count), [steps, null, .. states, .. taken], results.Length);
    }

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        bool batched = import.Opset < 9; // version 8: a first axis of rows, each with its own states, and an optional length of each
        int first = batched ? 1 : 0;
        if (batched && import.Has(0)) throw import.Unsupported("rows of different lengths (sequence_lens) are not supported in this old version of Scan.");
        int inputs = checked((int)import.Attributes.Int("num_scan_inputs", 0)), states = import.Inputs.Count - first - inputs;
        if (inputs < 1 || states < 0) throw new InvalidModelException($"num_scan_inputs is {inputs}, and the node has {import.Inputs.Count} inputs.");
        Value[] begins = [.. Enumerable.Range(first, states).Select(import.Input)], tensors = [.. Enumerable.Range(first + states, inputs).Select(import.Input)];
        bool[] backwards = Directions(import.Attributes.Ints(batched ? "directions" : "scan_input_directions"), inputs);
        if (batched) return PerRow(import, begins, tensors, backwards);

        long[] axes = import.Attributes.Ints("scan_input_axes") ?? new long[inputs];
        ImportedBody body = import.Body("body", [.. begins.Select(b => new Formal(b.Type, b.Shape)), .. tensors.Select((x, i) => new Formal(x.Type, Without(x.Shape, axes[i])))]);
        IReadOnlyList<Value> results = import.Graph.Scan(body.Graph, begins, tensors, axes, backwards, body.Around);
        bool[] reversed = Directions(import.Attributes.Ints("scan_output_directions"), results.Count - states);
        long[] outputAxes = import.Attributes.Ints("scan_output_axes") ?? new long[results.Count - states];
        return [.. results.Select((r, i) => i < states ? r : Placed(import.Graph, r, reversed[i - states], outputAxes[i - states]))];
    }

    /// <summary>Version 8: a loop over the rows around the loop over the steps.</summary>
    private static IReadOnlyList<Value> PerRow(OperatorImport import, Value[] begins, Value[] tensors, bool[] backwards)
    {
        ImportedBody body = import.Body("body", [.. begins.Select(b => new Formal(b.Type, Without(b.Shape, 0))),
            .. tensors.Select(x => new Formal(x.Type, x.Shape is { Rank: >= 2 } s ? Shape.Of([.. s.Skip(2)]) : null))]);
        Value[] taken = [.. begins, .. tensors, .. body.Around];
        var builder = new GraphBuilder(body.Graph.Name);
        Value row = builder.Input("row", ElementType.Int64, Shape.Scalar), goesOn = builder.Input("condition", ElementType.Bool, Shape.Scalar);
        Value[] formal = [.. taken.Select((v, i) => builder.Input($"around.{i}", v.Type, v.Shape))];
        Value[] ofRow = [.. formal[..(begins.Length + tensors.Length)].Select(v => builder.Gather(v, row, 0))];
        IReadOnlyList<Value> results = builder.Scan(body.Graph, ofRow[..begins.Length], ofRow[begins.Length..], new long[tensors.Length], backwards, formal[(begins.Length + tensors.Length)..]);
        builder.Output(builder.Identity(goesOn));
        foreach (Value result in results) builder.Output(result);
        Value rows = import.Graph.Gather(import.Graph.ShapeOf(tensors[0]), import.Graph.Constant(NdArray.Scalar(0L)), 0);
        return import.Graph.Node(new Loop(builder.Build(), carried: 0), [rows, null, .. taken], results.Count);
    }

    private static Value Placed(GraphBuilder graph, Value scanned, bool reversed, long axis)
    {
        if (reversed) scanned = graph.Slice(scanned, [-1], [long.MinValue], [0], [-1]);
        int to = Shape.Axis(axis, scanned.Rank);
        return to == 0 ? scanned : graph.Transpose(scanned, [.. Enumerable.Range(1, to), 0, .. Enumerable.Range(to + 1, scanned.Rank - to - 1)]);
    }

    private static bool[] Directions(long[]? given, int count) => given is null ? new bool[count]
        : given.Length == count ? Array.ConvertAll(given, d => d != 0) : throw new InvalidModelException($"{given.Length} directions are given for {count} tensors.");

    private static Shape? Without(Shape? shape, long axis) => shape is null ? null : Shape.Of([.. shape.Where((_, d) => d != Shape.Axis(axis, shape.Rank))]);
}
