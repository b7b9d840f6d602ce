using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// A graph run again and again. Inputs: the most iterations (optional), the condition to begin (optional), the carried values'
/// beginnings, what is taken from around. The graph maps (iteration, condition, carried..., around...) to (condition, carried...,
/// scanned...). Outputs: the carried values' ends, and the scanned values of all iterations, stacked along a new first axis.
/// </summary>
/// <remarks>
/// The gradient runs the loop once more, keeping the carried values of every iteration, and then backwards through them
/// (<see cref="LoopGradient"/>); it exists where carried values keep their shape. A loop is stopped after <see cref="MostTrips"/> iterations.
/// </remarks>
public sealed class Loop(Graph body, int carried) : ControlFlowOperator
{
    /// <summary>No model needs as many; a file that asks for more is damaged, or means harm.</summary>
    public const long MostTrips = 10_000_000;

    private readonly Body body = new(body);
    private readonly bool unconditional = ContinuesAlways(body);

    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Loop", Import, notes: "Where sequences are carried, how often it runs must be known when the file is read.") with { TakesSequences = true }];

    public Graph Graph { get; } = body;

    /// <summary>How many values are carried from one iteration to the next.</summary>
    public int Carried { get; } = carried;

    /// <summary>How many values are kept from each iteration.</summary>
    public int Scanned => Graph.Outputs.Count - 1 - Carried;

    public override string Name => "Loop";

    public override int OwnInputs => 2 + Carried;

    public override int Formals => 2 + Carried;

    public override IReadOnlyList<(string, Graph)> Bodies => [("body", Graph)];

    public override void Infer(InferenceContext context)
    {
        (ElementType, Shape?, NdArray?)[] around = [.. Enumerable.Range(OwnInputs, context.InputCount - OwnInputs).Select(i => Known(context, i))];
        (ElementType Type, Shape? Shape)[] state = [.. Enumerable.Range(2, Carried).Select(i => (context.TypeOf(i), context.ShapeOf(i)))];
        (ElementType Type, Shape? Shape, NdArray? Content)[] results;
        const int MostRounds = 8; // each makes a dimension of some carried value unknown
        for (int round = 0; ; round++)
        {
            results = Infer(Graph, [(ElementType.Int64, Shape.Scalar, null), (ElementType.Bool, Shape.Scalar, null),
                .. state.Select(s => (s.Type, s.Shape, (NdArray?)null)), .. around]);
            Shape?[] wider = [.. state.Select((s, k) => round < MostRounds ? Wider(s.Shape, results[k + 1].Shape) : null)];
            if (state.Select((s, k) => ReferenceEquals(s.Shape, wider[k])).All(same => same)) break;
            for (int k = 0; k < Carried; k++) state[k].Shape = wider[k];
        }
        for (int k = 0; k < Carried; k++)
            if (results[k + 1].Type.Storage() != state[k].Type.Storage()) throw context.Error($"its carried value {k} begins as {state[k].Type} and becomes {results[k + 1].Type}.");
            else context.Output(k, state[k].Type, state[k].Shape);
        Dim trips = unconditional && (!context.Has(1) || context.Constant(1)?.Booleans[0] == true) && context.Integers(0) is [var m] ? Dim.Of(Math.Max(0, m)) : Dim.Unknown;
        for (int k = 0; k < Scanned; k++)
        {
            var (type, shape, _) = results[1 + Carried + k];
            context.Output(Carried + k, type, shape is null ? null : [trips, .. shape]);
        }
    }

    public override void Execute(KernelContext context)
    {
        long most = context.Has(0) ? One(context.Input(0)).Integers[0] : long.MaxValue;
        bool goesOn = !context.Has(1) || One(context.Input(1)).Booleans[0];
        NdArray[] state = [.. Enumerable.Range(2, Carried).Select(i => context.Input(i).Copy())];
        NdArray[] around = [.. Enumerable.Range(OwnInputs, context.InputCount - OwnInputs).Select(context.Input)];
        var scanned = Enumerable.Range(0, Scanned).Select(_ => new List<NdArray>()).ToArray();
        for (long trip = 0; trip < most && goesOn; trip++)
        {
            if (trip == MostTrips) throw new LimnException($"A loop of the model has not ended after {MostTrips:N0} iterations.");
            context.Cancellation.ThrowIfCancellationRequested();
            NdArray[] results = body.Run([NdArray.Scalar(trip), NdArray.Scalar(goesOn), .. state, .. around], context);
            goesOn = One(results[0]).Booleans[0];
            for (int k = 0; k < Carried; k++) state[k] = results[1 + k];
            for (int k = 0; k < Scanned; k++) scanned[k].Add(results[1 + Carried + k]);
        }
        for (int k = 0; k < Carried; k++) context.Store(k, state[k]);
        for (int k = 0; k < Scanned; k++) context.Store(Carried + k, Stack(scanned[k], Graph.Outputs[1 + Carried + k]));
    }

    public override Value?[]? Gradient(Backward backward)
    {
        RefuseReference(backward, "a loop");
        return new LoopGradient(this, backward).Sent();
    }

    private static NdArray One(NdArray array) => array.Length == 1 ? array : throw new ShapeMismatchException($"A loop takes one number of iterations and one condition, and {array} was given.");

    private static NdArray Stack(List<NdArray> parts, Value declared)
    {
        if (parts.Count == 0) return NdArray.Create(declared.Type, [0, .. declared.Shape?.Select(d => d.IsKnown ? d.Value : 0) ?? []]);
        NdArray stacked = NdArray.Create(parts[0].Type, [parts.Count, .. parts[0].Dims]);
        for (int i = 0; i < parts.Count; i++)
        {
            if (!parts[i].Dims.SequenceEqual(parts[0].Dims))
                throw new ShapeMismatchException($"A loop keeps the value '{declared.Name}' of each iteration, and its shape changes from {NdArray.Describe(parts[0].Dims)} to {NdArray.Describe(parts[i].Dims)}.");
            stacked.Rows(i, 1).CopyFrom(parts[i]);
        }
        return stacked;
    }

    /// <summary>The shape that holds in every iteration, if one begins with <paramref name="before"/> and ends with <paramref name="after"/>.</summary>
    private static Shape? Wider(Shape? before, Shape? after)
    {
        if (before is null || after is null || before.Rank != after.Rank) return null;
        bool[] holds = [.. before.Zip(after, (b, a) => b == a || !b.IsKnown && b.Symbol is null)];
        return Array.TrueForAll(holds, h => h) ? before : Shape.Of([.. before.Select((b, i) => holds[i] ? b : Dim.Unknown)]);
    }

    /// <summary>Whether the graph never ends the loop: its condition is true, or the one that it was given.</summary>
    private static bool ContinuesAlways(Graph body)
    {
        Value condition = body.Outputs[0];
        while (body.ProducerOf(condition) is { Operator: Identity } node) condition = node.Inputs[0]!;
        return condition == body.Inputs[1] || body.Initializers.TryGetValue(condition, out NdArray? known) && known is { Type: ElementType.Bool, Length: 1 } && known.Booleans[0];
    }

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        int carried = Math.Max(0, import.Inputs.Count - 2);
        Value[] begins = [.. Enumerable.Range(2, carried).Select(import.Input)];
        Value? most = import.Has(0) ? import.Input(0) : null, condition = import.Has(1) ? import.Input(1) : null;
        if (begins.Any(b => b is SequenceValue)) return UnrolledLoop.Import(import, most, condition, begins);
        ImportedBody imported;
        Shape?[] shapes = [.. begins.Select(b => b.Shape)];
        const int MostRounds = 8; // each makes a dimension of some carried value unknown
        for (int round = 0; ; round++)
        {
            imported = import.Body("body", [new(ElementType.Int64, Shape.Scalar), new(ElementType.Bool, Shape.Scalar), .. begins.Select((b, k) => new Formal(b.Type, shapes[k]))]);
            if (imported.GivesSequences) throw import.Unsupported("its iterations give sequences, which is supported only where sequences are carried from one to the next.");
            if (imported.Graph.Outputs.Count < 1 + carried) throw new InvalidModelException($"its graph has {imported.Graph.Outputs.Count} outputs, and {1 + carried} at least are needed.");
            Shape?[] wider = [.. shapes.Select((s, k) => round < MostRounds ? Wider(s, imported.Graph.Outputs[1 + k].Shape) : null)];
            if (shapes.Select((s, k) => ReferenceEquals(s, wider[k])).All(same => same)) break;
            shapes = wider;
        }
        return import.Emit(new Loop(imported.Graph, carried), [most, condition, .. begins, .. imported.Around]);
    }
}
