using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>One of two graphs, chosen by a boolean. Inputs: the condition, then what the graphs take from around.</summary>
/// <remarks>
/// A condition that is known when the file is read leaves only the chosen graph's nodes. The gradient is that of the branch taken;
/// the condition carries none. The branches may differ in the shapes of their outputs.
/// </remarks>
public sealed class If(Graph then, Graph otherwise) : ControlFlowOperator
{
    private readonly Body then = new(then), otherwise = new(otherwise);

    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("If", Import)];

    public Graph Then { get; } = then;

    public Graph Else { get; } = otherwise;

    public override string Name => "If";

    public override int OwnInputs => 1;

    public override int Formals => 0;

    public override IReadOnlyList<(string, Graph)> Bodies => [("then_branch", Then), ("else_branch", Else)];

    public override void Infer(InferenceContext context)
    {
        var around = Enumerable.Range(1, context.InputCount - 1).Select(i => Known(context, i)).ToArray();
        var chosen = context.Constant(0) is { } condition ? Infer(condition.Booleans[0] ? Then : Else, around) : null;
        var yes = chosen ?? Infer(Then, around);
        var no = chosen ?? Infer(Else, around);
        if (yes.Length != no.Length) throw context.Error($"its branches have {yes.Length} and {no.Length} outputs.");
        for (int i = 0; i < yes.Length; i++)
        {
            if (yes[i].Type.Storage() != no[i].Type.Storage()) throw context.Error($"output {i} is {yes[i].Type} in one branch and {no[i].Type} in the other.");
            context.Output(i, yes[i].Type, Common(yes[i].Shape, no[i].Shape));
        }
    }

    public override void Execute(KernelContext context)
    {
        NdArray condition = context.Input(0);
        if (condition.Length != 1) throw new ShapeMismatchException($"A condition is one boolean, and {condition} was given.");
        NdArray[] around = [.. Enumerable.Range(1, context.InputCount - 1).Select(context.Input)];
        NdArray[] results = (condition.Booleans[0] ? then : otherwise).Run(around, context);
        for (int i = 0; i < results.Length; i++) context.Store(i, results[i]);
    }

    public override Value?[]? Gradient(Backward backward)
    {
        RefuseReference(backward, "a branch");
        int[] wanted = WantedAround(backward);
        int[] arriving = [.. Enumerable.Range(0, backward.Node.Outputs.Count).Where(backward.Arrives)];
        if (wanted.Length == 0) return null;
        var gradient = new If(Differentiated(Then, backward, wanted, arriving), Differentiated(Else, backward, wanted, arriving));
        IReadOnlyList<Value> results = backward.Graph.Node(gradient, [.. backward.Node.Inputs, .. arriving.Select(backward.UpstreamOf)], wanted.Length);
        var sent = new Value?[backward.Node.Inputs.Count];
        for (int i = 0; i < wanted.Length; i++) sent[wanted[i]] = results[i];
        return sent;
    }

    /// <summary>From what is around and what arrives at the outputs to what is sent to the values around.</summary>
    private static Graph Differentiated(Graph branch, Backward backward, int[] wanted, int[] arriving)
    {
        var builder = new GraphBuilder($"{branch.Name}.gradient");
        Value[] around = [.. branch.Inputs.Select((v, i) => builder.Input($"around.{i}", v.Type, v.Shape))];
        Value[] outputs = builder.Inline(branch, around);
        Value[] upstream = [.. arriving.Select(k => builder.Input($"arriving.{k}", outputs[k].Type, backward.Node.Outputs[k].Shape))];
        Graph forward = builder.Build();
        GradientGraph gradient = Differentiation.Gradient.Of(builder, forward, [.. arriving.Select((k, i) => (outputs[k], upstream[i]))],
            [.. wanted.Select(w => around[w - 1])], backward.Rulebook);
        backward.Report(gradient);
        builder = new GraphBuilder(gradient.Graph);
        for (int i = 0; i < wanted.Length; i++) builder.Output(gradient.Gradients[i] ?? builder.Filled(around[wanted[i] - 1], 0), $"sent.{i}");
        return builder.Build(prune: true);
    }

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        Value condition = import.Input(0);
        if (import.Graph.ConstantOf(condition) is { Length: 1 } known)
        {
            import.Attributes.Ignore("then_branch");
            import.Attributes.Ignore("else_branch");
            ImportedBody taken = import.Body(known.Booleans[0] ? "then_branch" : "else_branch", []);
            return taken.Inline(import);
        }
        ImportedBody yes = import.Body("then_branch", []), no = import.Body("else_branch", []);
        Value[] around = [.. yes.Around.Union(no.Around)];
        var node = new If(yes.Taking(around), no.Taking(around));
        if (!yes.GivesSequences && !no.GivesSequences) return import.Emit(node, [condition, .. around]);
        if (!yes.Lengths.SequenceEqual(no.Lengths)) throw import.Unsupported("its branches give sequences of different lengths, and which one is taken is not known before the model runs.");
        return SequenceValue.Grouped(import.Graph.Node(node, [condition, .. around], node.Then.Outputs.Count, import.Node), yes.Lengths, import.Node);
    }
}
