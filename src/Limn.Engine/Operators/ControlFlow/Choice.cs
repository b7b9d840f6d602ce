using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>One of several computations, by a number that arrives while the model runs: halving by <see cref="If"/>, so that only the chosen one is computed.</summary>
internal static class Choice
{
    /// <summary>Adds what computes case number <paramref name="index"/>.</summary>
    /// <param name="graph">Where.</param>
    /// <param name="index">An integer scalar in [0, count).</param>
    /// <param name="count">How many cases there are, at least one.</param>
    /// <param name="around">The values that the cases take.</param>
    /// <param name="make">Makes the case of a number in the graph given, of the values that stand for <paramref name="around"/> there.</param>
    /// <returns>The result; its shape is known as far as the cases agree.</returns>
    public static Value Choose(this GraphBuilder graph, Value index, int count, IReadOnlyList<Value> around, Func<GraphBuilder, Value[], int, Value> make) =>
        Choose(graph, index, count, [.. around], (values, _, _) => values, make);

    /// <summary>One of several values.</summary>
    public static Value Choose(this GraphBuilder graph, Value index, params IReadOnlyList<Value> values) =>
        Choose(graph, index, values.Count, [.. values], (all, start, length) => all[start..(start + length)], (_, taken, _) => taken[0]);

    // Of the values that a range of cases takes, part gives those that a part of the range takes: where it begins in the range, and how long it is.
    private static Value Choose(GraphBuilder graph, Value index, int count, Value[] around, Func<Value[], int, int, Value[]> part, Func<GraphBuilder, Value[], int, Value> make)
    {
        return Among(graph, index, around, 0, count);

        Value Among(GraphBuilder g, Value number, Value[] values, int from, int to)
        {
            if (to - from == 1) return make(g, values, from);
            int middle = (from + to) / 2;
            ImportedBody low = Half(from, middle), high = Half(middle, to);
            Value[] taken = [.. low.Around.Union(high.Around)];
            return g.Op(new If(low.Taking(taken), high.Taking(taken)), [g.Less(number, g.Constant(NdArray.Scalar((long)middle))), .. taken]);

            ImportedBody Half(int first, int end)
            {
                var builder = new GraphBuilder("choice");
                Value i = builder.Input("index", ElementType.Int64, Shape.Scalar);
                Value[] own = part(values, first - from, end - first);
                Value[] inside = [.. own.Select((v, k) => builder.Input($"value.{k}", v.Type, v.Shape))];
                builder.Output(builder.Identity(Among(builder, i, inside, first, end)));
                return new ImportedBody(builder.Build(), [number, .. own], [-1]);
            }
        }
    }

    /// <summary>A position that may count from the end, in [0, limit): checked here where it is known, else where the model runs.</summary>
    /// <param name="graph">Where it is checked.</param>
    /// <param name="position">An integer, as a scalar or a vector of one.</param>
    /// <param name="count">What a negative position counts from.</param>
    /// <param name="limit">Positions are below this.</param>
    /// <returns>An int64 scalar; its elements are known if those of the position are.</returns>
    /// <exception cref="InvalidModelException">A known position is outside, or every one would be.</exception>
    public static Value Position(this GraphBuilder graph, Value position, int count, int limit)
    {
        if (limit < 1) throw new InvalidModelException("a position is given where there is nothing to choose from.");
        if (graph.ConstantOf(position) is { Length: 1 } known)
        {
            long at = known.Integers[0] < 0 ? known.Integers[0] + count : known.Integers[0];
            return at >= 0 && at < limit ? graph.Constant(NdArray.Scalar(at)) : throw new InvalidModelException($"the position {known.Integers[0]} is outside the {count} that there are.");
        }
        Value p = graph.Reshape(graph.Cast(position, ElementType.Int64), []), zero = graph.Constant(NdArray.Scalar(0L));
        p = graph.Where(graph.Less(p, zero), graph.Add(p, graph.Constant(NdArray.Scalar((long)count))), p);
        // Gather refuses what is outside; one that is still negative is sent outside.
        return graph.Gather(graph.Integers([.. Enumerable.Range(0, limit).Select(i => (long)i)]), graph.Where(graph.Less(p, zero), graph.Constant(NdArray.Scalar((long)limit)), p), 0);
    }
}
