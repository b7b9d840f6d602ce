using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// <c>RNN</c>, <c>GRU</c> and <c>LSTM</c>. Rewritten when a file is read: what the inputs contribute is one matrix product for all
/// steps, and the steps are a loop (<see cref="ScanOperators.Scan"/>), so that gradients and rulebooks go through them as through any graph.
/// </summary>
/// <remarks>
/// X [steps, rows, I] (or [rows, steps, I] with layout 1), W [directions, gates · H, I], R [directions, gates · H, H], B [directions, 2 · gates · H].
/// A row ends after its sequence length: its states stay, and Y is 0 from there on; backwards it begins at its own end.
/// </remarks>
public static class RecurrentOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("RNN", i => Import(i, ["Tanh"], (h, a, clip) => new RnnCell { Hidden = h, Activations = a, Clip = clip })),
        OperatorDefinition.Of("GRU", i =>
        {
            bool linear = i.Attributes.Flag("linear_before_reset", false);
            return Import(i, ["Sigmoid", "Tanh"], (h, a, clip) => new GruCell { Hidden = h, Activations = a, Clip = clip, LinearBeforeReset = linear });
        }),
        OperatorDefinition.Of("LSTM", i =>
        {
            bool coupled = i.Attributes.Flag("input_forget", false);
            return Import(i, ["Sigmoid", "Tanh", "Tanh"], (h, a, clip) => new LstmCell { Hidden = h, Activations = a, Clip = clip, InputForget = coupled });
        }),
    ];

    private static IReadOnlyList<Value> Import(OperatorImport import, string[] activations, Func<long, Activation[], float?, Cell> cellOf)
    {
        GraphBuilder g = import.Graph;
        string direction = import.Attributes.String("direction", "forward");
        bool[] backwards = direction switch
        {
            "forward" => [false],
            "reverse" => [true],
            "bidirectional" => [false, true],
            _ => throw new InvalidModelException($"its direction is '{direction}'; forward, reverse or bidirectional are expected."),
        };
        Value r = import.Input(2);
        long hidden = import.Attributes.Int("hidden_size", r.Shape is { Rank: 3 } s && s[2].IsKnown ? s[2].Value : 0);
        if (hidden < 1) throw new InvalidModelException("its hidden_size is not given and does not follow from the shape of R.");
        float? clip = import.Attributes.Has("clip") ? import.Attributes.Float("clip", 0) : null;
        bool rowsFirst = import.Attributes.Int("layout", 0) == 1;
        import.Attributes.Ignore("output_sequence"); // version 1: whether Y is wanted, which its name says
        Activation[][] functions = RecurrentActivations.Read(import.Attributes, activations, backwards.Length);

        Value x = rowsFirst ? g.Transpose(import.Input(0), 1, 0, 2) : import.Input(0);
        Value? lengths = import.Has(4) ? import.Input(4) : null;
        var ends = new List<Value[]>();
        var sequences = new List<Value>();
        for (int d = 0; d < backwards.Length; d++)
        {
            Cell cell = cellOf(hidden, functions[d], clip);
            if (r.Shape is { Rank: 3 } shape && (shape[0].IsKnown && shape[0].Value != backwards.Length || shape[1].IsKnown && shape[1].Value != cell.Gates * hidden))
                throw new InvalidModelException($"R has the shape {shape}, and [{backwards.Length},{cell.Gates * hidden},{hidden}] is expected.");
            Value[] begins = [.. Enumerable.Range(0, cell.States).Select(k => import.Has(5 + k)
                ? Of(g, rowsFirst ? g.Transpose(import.Input(5 + k), 1, 0, 2) : import.Input(5 + k), d) : Zeros(g, x, hidden))];
            IReadOnlyList<Value> results = Run(import, cell, d, x, begins, lengths, backwards[d]);
            ends.Add([.. results.Take(cell.States).Select(v => g.Unsqueeze(v, rowsFirst ? 1 : 0))]);
            Value y = backwards[d] ? g.Slice(results[^1], [-1], [long.MinValue], [0], [-1]) : results[^1];
            sequences.Add(rowsFirst ? g.Unsqueeze(g.Transpose(y, 1, 0, 2), 2) : g.Unsqueeze(y, 1));
        }
        return [Joined(g, rowsFirst ? 2 : 1, sequences), .. Enumerable.Range(0, ends[0].Length).Select(k => Joined(g, rowsFirst ? 1 : 0, [.. ends.Select(e => e[k])]))];
    }

    /// <summary>One direction: the states at the end, and the outputs of all steps in the order in which they were made.</summary>
    private static IReadOnlyList<Value> Run(OperatorImport import, Cell cell, int direction, Value x, Value[] begins, Value? lengths, bool backwards)
    {
        GraphBuilder g = import.Graph;
        long width = cell.Gates * cell.Hidden;
        Value projected = g.MatMul(x, g.Transpose(Of(g, import.Input(1), direction), 1, 0));
        List<Value> weights = [Of(g, import.Input(2), direction)];
        if (import.Has(3))
        {
            Value both = Of(g, import.Input(3), direction), recurrent = g.Slice(both, [width], [2 * width], [0]);
            Value bias = g.Slice(both, [0], [width], [0]);
            if (cell.BiasedGates == cell.Gates) bias = g.Add(bias, recurrent);
            else
            {
                long added = cell.BiasedGates * cell.Hidden;
                bias = g.Concat(0, g.Add(g.Slice(bias, [0], [added], [0]), g.Slice(recurrent, [0], [added], [0])), g.Slice(bias, [added], [width], [0]));
                weights.Add(g.Slice(recurrent, [added], [width], [0]));
            }
            projected = g.Add(projected, bias);
        }
        if (cell is LstmCell && import.Has(7)) weights.Add(Of(g, import.Input(7), direction));

        Value[] inputs = [projected];
        Value[] around = [.. weights];
        if (lengths is not null)
        {
            Value steps = g.Gather(g.ShapeOf(x), g.Constant(NdArray.Scalar(0L)), 0);
            inputs = [projected, g.Range(g.Constant(NdArray.Scalar(0L)), steps, g.Constant(NdArray.Scalar(1L)))];
            around = [.. weights, g.Unsqueeze(g.Cast(lengths, ElementType.Int64), 1)];
        }

        var builder = new GraphBuilder($"{import.Node}.step");
        Value[] states = [.. begins.Select((b, k) => builder.Input($"state.{k}", b.Type, b.Shape))];
        Value[] slices = [.. inputs.Select((v, i) => builder.Input($"slice.{i}", v.Type, v.Shape is { } s ? Shape.Of([.. s.Skip(1)]) : null))];
        Value[] outer = [.. around.Select((v, i) => builder.Input($"around.{i}", v.Type, v.Shape))];
        Value[] after = cell.Step(builder, slices[0], states, outer[..weights.Count]);
        Value y = after[0];
        if (lengths is not null)
        {
            Value goesOn = builder.Less(slices[1], outer[^1]);
            after = [.. after.Select((a, k) => builder.Where(goesOn, a, states[k]))];
            y = builder.WhereOrZero(goesOn, y);
        }
        foreach (Value state in after) builder.Output(builder.Identity(state));
        builder.Output(builder.Identity(y));
        return g.Scan(builder.Build(), begins, inputs, new long[inputs.Length], [.. inputs.Select(_ => backwards)], around);
    }

    private static Value Of(GraphBuilder g, Value perDirection, int direction) => g.Gather(perDirection, g.Constant(NdArray.Scalar((long)direction)), 0);

    private static Value Zeros(GraphBuilder g, Value x, long hidden) =>
        g.Op(new ConstantOfShape(NdArray.Vector(0f).As(x.Type)), g.Concat(0, g.Slice(g.ShapeOf(x), [1], [2], [0]), g.Integers(hidden)));

    private static Value Joined(GraphBuilder g, int axis, List<Value> parts) => parts.Count == 1 ? parts[0] : g.Concat(axis, [.. parts]);
}
