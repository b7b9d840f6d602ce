using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// Reverse-mode differentiation of a loop: a loop that keeps what its iterations began with, and one that goes through them backwards,
/// carrying the adjoints of the carried values and the sums of what is sent to the values around.
/// </summary>
/// <remarks>
/// sₜ₊₁, yₜ = f(t, sₜ, c): s̄ₜ = ∂f/∂s at (t, sₜ)ᵀ (s̄ₜ₊₁, ȳₜ) and c̄ = Σₜ ∂f/∂c at (t, sₜ)ᵀ (s̄ₜ₊₁, ȳₜ). Both loops are standard operators, so that the gradient
/// can be written and be differentiated again.
/// </remarks>
internal sealed class LoopGradient(Loop loop, Backward backward)
{
    private readonly GraphBuilder graph = backward.Graph;
    private readonly Node node = backward.Node;

    public Value?[]? Sent()
    {
        int[] adjoint = [.. Enumerable.Range(0, loop.Carried).Where(k => node.Inputs[2 + k]!.Type.IsFloating())];
        int[] around = loop.WantedAround(backward);
        int[] scanned = [.. Enumerable.Range(0, loop.Scanned).Where(k => node.Outputs.Count > loop.Carried + k && backward.Arrives(loop.Carried + k))];
        if (around.Length == 0 && !adjoint.Any(k => backward.Needs(2 + k))) return null;

        IReadOnlyList<Value> replay = graph.Node(new Loop(Recording(), loop.Carried), node.Inputs, loop.Carried + loop.Scanned + loop.Carried + 1);
        Value trips = graph.Gather(graph.ShapeOf(replay[^1]), graph.Constant(NdArray.Scalar(0L)), 0);
        Value[] states = [.. replay.Skip(loop.Carried + loop.Scanned).Take(loop.Carried)];

        // Each adjoint begins as what arrives at the carried value's end, each sum as zeros.
        Value[] begins = [.. adjoint.Select(k => node.Outputs.Count > k ? backward.UpstreamOf(k) : graph.Filled(replay[k], 0)),
            .. around.Select(i => graph.Filled(node.Inputs[i]!, 0))];
        Value[] taken = [trips, .. states, .. scanned.Select(k => backward.UpstreamOf(loop.Carried + k)), .. node.Inputs.Skip(loop.OwnInputs).Select(v => v!)];
        var back = new Loop(Backwards(adjoint, around, scanned, begins, taken), begins.Length);
        IReadOnlyList<Value> results = graph.Node(back, [trips, graph.Constant(NdArray.Scalar(true)), .. begins, .. taken], begins.Length);

        var sent = new Value?[node.Inputs.Count];
        for (int i = 0; i < adjoint.Length; i++) sent[2 + adjoint[i]] = results[i];
        for (int i = 0; i < around.Length; i++) sent[around[i]] = results[adjoint.Length + i];
        return sent;
    }

    /// <summary>The loop's graph, which also keeps what each iteration began with, and its number.</summary>
    private Graph Recording()
    {
        var builder = new GraphBuilder(loop.Graph);
        foreach (Value state in loop.Graph.Inputs.Skip(2).Take(loop.Carried)) builder.Output(builder.Identity(state));
        builder.Output(builder.Identity(loop.Graph.Inputs[0]));
        return builder.Build();
    }

    /// <summary>(j, true, adjoints..., sums..., trips, states..., arriving..., around...) to (true, adjoints..., sums...) of iteration trips − 1 − j.</summary>
    private Graph Backwards(int[] adjoint, int[] around, int[] scanned, Value[] begins, Value[] taken)
    {
        var builder = new GraphBuilder($"{loop.Graph.Name}.gradient");
        Value j = builder.Input("iteration", ElementType.Int64, Shape.Scalar), goesOn = builder.Input("condition", ElementType.Bool, Shape.Scalar);
        Value[] carried = [.. begins.Select((v, i) => builder.Input($"carried.{i}", v.Type, v.Shape))];
        Value[] inputs = [.. taken.Select((v, i) => builder.Input($"around.{i}", v.Type, v.Shape))];
        Value t = builder.Sub(builder.Sub(inputs[0], builder.Constant(NdArray.Scalar(1L))), j);
        Value[] state = [.. inputs[1..(1 + loop.Carried)].Select(s => builder.Gather(s, t, 0))];
        Value[] arriving = [.. inputs[(1 + loop.Carried)..(1 + loop.Carried + scanned.Length)].Select(u => builder.Gather(u, t, 0))];
        Value[] outer = inputs[(1 + loop.Carried + scanned.Length)..];

        Value[] outputs = builder.Inline(loop.Graph, [t, builder.Constant(NdArray.Scalar(true)), .. state, .. outer]);
        (Value, Value)[] targets = [.. adjoint.Select((k, i) => (outputs[1 + k], carried[i])), .. scanned.Select((k, i) => (outputs[1 + loop.Carried + k], arriving[i]))];
        Value[] at = [.. adjoint.Select(k => state[k]), .. around.Select(i => outer[i - loop.OwnInputs])];
        GradientGraph gradient = Gradient.Of(builder, builder.Build(), targets, at, backward.Rulebook);
        backward.Report(gradient);

        builder = new GraphBuilder(gradient.Graph);
        builder.Output(builder.Identity(goesOn));
        for (int i = 0; i < carried.Length; i++)
        {
            Value? part = gradient.Gradients[i];
            builder.Output(i < adjoint.Length ? builder.Identity(part ?? builder.Filled(state[adjoint[i]], 0)) : part is null ? builder.Identity(carried[i]) : builder.Add(carried[i], part));
        }
        return builder.Build(prune: true);
    }
}
