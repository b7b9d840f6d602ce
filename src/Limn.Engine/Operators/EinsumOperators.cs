using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary><c>Einsum</c> of ONNX 12: sums of products by the names of axes. Rewritten as diagonals, sums, and products of matrices, from left to right.</summary>
/// <remarks>As numpy: a name that comes twice in a term is a diagonal, the axes of an ellipsis are broadcast, and without "->" the result has the names that come once, in order.</remarks>
public static class EinsumOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Einsum", Import, since: 12)];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        string equation = import.Attributes.String("equation", "").Replace(" ", "", StringComparison.Ordinal);
        Value[] operands = [.. Enumerable.Range(0, import.Inputs.Count).Select(import.Input)];
        return import.EmitAs(import.Graph.Einsum(equation, operands));
    }

    /// <summary>The sum of products that the equation says.</summary>
    /// <exception cref="InvalidModelException">Equation and operands do not go together.</exception>
    public static Value Einsum(this GraphBuilder graph, string equation, params Value[] operands)
    {
        string[] sides = equation.Split("->");
        string[] terms = sides[0].Split(',');
        if (sides.Length > 2 || terms.Length != operands.Length) throw new InvalidModelException($"the equation '{equation}' does not go with {operands.Length} operands.");
        List<Term> parts = [.. operands.Select((x, i) => new Term(x, Names(terms[i], x.Rank, equation)))];
        int ellipsis = parts.Max(t => t.Names.Count(n => n < 0));
        int[] result = sides.Length == 2 ? Names(sides[1], sides[1].Count(char.IsLetter) + (sides[1].Contains("...", StringComparison.Ordinal) ? ellipsis : 0), equation) : Implied(parts, ellipsis);
        if (result.Distinct().Count() != result.Length || result.Except(parts.SelectMany(t => t.Names)).Any()) throw new InvalidModelException($"the result of the equation '{equation}' has a name twice, or one that no term has.");

        for (int i = 0; i < parts.Count; i++)
        {
            HashSet<int> needed = [.. result, .. parts.Where((_, j) => j != i).SelectMany(t => t.Names)];
            parts[i] = parts[i].WithoutRepeats(graph).SummedTo(graph, needed);
        }
        while (parts.Count > 1)
        {
            HashSet<int> needed = [.. result, .. parts.Skip(2).SelectMany(t => t.Names)];
            parts[0] = Term.Contract(graph, parts[0], parts[1], needed);
            parts.RemoveAt(1);
        }
        return parts[0].InOrder(graph, result);
    }

    /// <summary>The axes of a term: letters, and −n to −1 for those of an ellipsis.</summary>
    private static int[] Names(string term, int rank, string equation)
    {
        int at = term.IndexOf("...", StringComparison.Ordinal), letters = term.Count(char.IsAsciiLetter), more = rank - letters;
        if (term.Length != letters + (at < 0 ? 0 : 3) || more < 0 || at < 0 && more != 0)
            throw new InvalidModelException($"the term '{term}' of the equation '{equation}' does not go with {rank} dimensions.");
        if (at < 0) return [.. term.Select(c => (int)c)];
        return [.. term[..at].Select(c => (int)c), .. Enumerable.Range(-more, more), .. term[(at + 3)..].Select(c => (int)c)];
    }

    private static int[] Implied(List<Term> parts, int ellipsis) =>
    [
        .. Enumerable.Range(-ellipsis, ellipsis),
        .. parts.SelectMany(t => t.Names).Where(n => n >= 0).GroupBy(n => n).Where(g => g.Count() == 1).Select(g => g.Key).Order(),
    ];

    /// <summary>A tensor with a name for each axis.</summary>
    private sealed record Term(Value Value, int[] Names)
    {
        /// <summary>Takes the diagonal where a name comes twice.</summary>
        public Term WithoutRepeats(GraphBuilder graph)
        {
            if (Names.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is not { } twice) return this;
            int[] rest = [.. Enumerable.Range(0, Names.Length).Where(d => Names[d] != twice.Key)], same = [.. Enumerable.Range(0, Names.Length).Where(d => Names[d] == twice.Key)];
            rest = [.. rest, .. same[2..]]; // what comes three times is met again
            Value x = graph.Transpose(Value, [.. rest, same[0], same[1]]);
            Value n = graph.DimOf(x, x.Rank - 1), square = graph.Mul(n, n);
            Value outer = graph.Op(new ShapeOf { End = x.Rank - 2 }, x);
            Value line = graph.ReshapeExactly(x, graph.Concat(0, outer, square));
            Value diagonal = graph.Slice(line, graph.Integers(0), square, graph.Integers(x.Rank - 2), graph.Add(n, graph.Integers(1)));
            return new Term(graph.ReshapeExactly(diagonal, graph.Concat(0, outer, n)), [.. rest.Select(d => Names[d]), twice.Key]).WithoutRepeats(graph);
        }

        public Term SummedTo(GraphBuilder graph, HashSet<int> needed)
        {
            long[] axes = [.. Enumerable.Range(0, Names.Length).Where(d => !needed.Contains(Names[d])).Select(d => (long)d)];
            return axes.Length == 0 ? this : new Term(graph.ReduceSum(Value, axes, keepDims: false), [.. Names.Where(needed.Contains)]);
        }

        public Value InOrder(GraphBuilder graph, int[] names)
        {
            int[] order = [.. names.Select(n => Array.IndexOf(Names, n))];
            return order.SequenceEqual(Enumerable.Range(0, order.Length)) ? Value : graph.Transpose(Value, order);
        }

        /// <summary>The product of two terms, summed over what both have and nothing else needs.</summary>
        public static Term Contract(GraphBuilder graph, Term a, Term b, HashSet<int> needed)
        {
            int[] both = [.. a.Names.Intersect(b.Names)], batch = [.. both.Where(needed.Contains)], summed = [.. both.Except(batch)];
            int[] left = [.. a.Names.Except(both)], right = [.. b.Names.Except(both)];
            Value x = a.InOrder(graph, [.. batch, .. left, .. summed]), y = b.InOrder(graph, [.. batch, .. summed, .. right]);
            (Value leftDims, Value rightDims) = (Dims(graph, x, batch.Length, left.Length), Dims(graph, y, batch.Length + summed.Length, right.Length));
            Value product;
            if (summed.Length == 0)
            {
                if (right.Length > 0) x = graph.Unsqueeze(x, [.. Enumerable.Range(x.Rank, right.Length).Select(d => (long)d)]);
                if (left.Length > 0) y = graph.Unsqueeze(y, [.. Enumerable.Range(batch.Length, left.Length).Select(d => (long)d)]);
                return new Term(graph.Mul(x, y), [.. batch, .. left, .. right]);
            }
            x = Folded(graph, x, batch.Length, left.Length, summed.Length);
            y = Folded(graph, y, batch.Length, summed.Length, right.Length);
            product = graph.MatMul(x, y);
            if (left.Length != 1 || right.Length != 1)
                product = graph.ReshapeExactly(product, graph.Concat(0, Dims(graph, product, 0, batch.Length), leftDims, rightDims));
            return new Term(product, [.. batch, .. left, .. right]);
        }

        /// <summary>Three groups of axes, of which the last two become one axis each.</summary>
        private static Value Folded(GraphBuilder graph, Value x, int batch, int rows, int columns)
        {
            if (rows == 1 && columns == 1) return x;
            return graph.ReshapeExactly(x, graph.Concat(0, Dims(graph, x, 0, batch), Product(graph, x, batch, rows), Product(graph, x, batch + rows, columns)));
        }

        private static Value Product(GraphBuilder graph, Value x, int from, int count) =>
            count == 0 ? graph.Integers(1) : Enumerable.Range(from, count).Select(d => graph.DimOf(x, d)).Aggregate((p, q) => graph.Mul(p, q));

        private static Value Dims(GraphBuilder graph, Value x, int from, int count) => graph.Op(new ShapeOf { Start = from, End = from + count }, x);
    }
}
