using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>Propagates once more and sums what arrives at each node and what it sends on.</summary>
internal static class ConservationCheck
{
    /// <summary>The first rows of a question; each on its own, because a sum over several would hide losses that cancel.</summary>
    public static IReadOnlyList<Conservation> Of(Question question, Rulebook rules, int rows)
    {
        TargetSource source = question.Source!;
        Graph graph = rules.Prepare(source.Graph, [source.Value, .. question.Places]);
        var builder = new GraphBuilder(graph);
        Value seed = builder.Input("limn.seed", ElementType.Float, source.Value.Shape);
        var recorded = new RecordedRules(rules);
        GradientGraph result = Gradient.Of(builder, graph, source.Value, question.Places, recorded, seed);
        var session = new Session(result.Graph, question.Network.Threads);
        Value[] fetches = [recorded.Started!, .. recorded.Layers.SelectMany(l => l.Sent is { } sent ? [l.Arrived, sent] : new[] { l.Arrived })];

        var found = new List<Conservation>();
        int times = question.Network.FixedRows ?? 1; // a network of a fixed batch gets the row that often
        for (int r = 0; r < Math.Min(rows, question.Rows); r++)
        {
            question.ThrowIfCancelled();
            Question one = question.Select([.. Enumerable.Repeat(r, times)]);
            var feeds = new Dictionary<Value, NdArray>(one.Feeds()) { [seed] = one.Readout.Weights };
            double[] sums = Array.ConvertAll(session.Run(feeds, fetches), a => (double)a.Floats[0] / times);
            double remaining = sums[0];
            int next = 1;
            var layers = new List<LayerRelevance>();
            foreach (var layer in recorded.Layers)
            {
                double arrived = sums[next++], sent = layer.Sent is null ? 0 : sums[next++];
                remaining -= arrived - sent;
                layers.Add(new LayerRelevance(layer.Node.Name, layer.Node.Operator.Name, arrived, sent, remaining));
            }
            found.Add(new Conservation(r, sums[0], layers));
        }
        return found;
    }

    private sealed class RecordedRules(Rulebook inner) : Rulebook
    {
        public List<(Node Node, Value Arrived, Value? Sent)> Layers { get; } = [];

        public Value? Started { get; private set; }

        public override bool NeedsReference => inner.NeedsReference;

        public override Value Start(GraphBuilder graph, Value target, Value weights)
        {
            Value start = inner.Start(graph, target, weights);
            Started = Total(graph, start);
            return start;
        }

        public override BackwardRule RuleFor(Node node) => b =>
        {
            Value?[]? sent = inner.RuleFor(node) is { } rule ? rule(b) : node.Operator.Gradient(b);
            Value[] arrived = [.. Enumerable.Range(0, node.Outputs.Count).Where(b.Arrives).Select(o => Total(b.Graph, b.UpstreamOf(o)))];
            Value[] parts = sent is null ? [] : [.. Enumerable.Range(0, sent.Length).Where(i => sent[i] is not null && b.Needs(i)).Select(i => Total(b.Graph, sent[i]!))];
            Layers.Add((node, Sum(b.Graph, arrived), parts.Length == 0 ? null : Sum(b.Graph, parts)));
            return sent;
        };

        private static Value Total(GraphBuilder g, Value v) => g.ReduceSum(v, null, keepDims: false);

        private static Value Sum(GraphBuilder g, Value[] values) => values is [var only] ? only : g.Sum(values);
    }
}
