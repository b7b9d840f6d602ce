using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Tests.Runtime;

/// <summary>A graph as it is written, what is fed, and what the engine makes of it: to be compared with what ONNX Runtime makes of it.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Case">The file and its inputs; the inputs are null where ONNX Runtime's JavaScript has no such type.</param>
/// <param name="Expected">The outputs by their names in the file.</param>
internal sealed record WrittenCase(string Name, RuntimeCase Case, IReadOnlyDictionary<string, NdArray> Expected)
{
    /// <summary>Whether there are floating numbers of 16 bits, which the file holds as FLOAT.</summary>
    public bool Halves { get; init; }

    public static WrittenCase Of(string name, Graph graph, IReadOnlyList<NdArray> feeds, OnnxWriteOptions? options = null)
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream, options);
        byte[] bytes = stream.ToArray();
        NdArray[] results = new Session(graph, threads: 1).Run([.. feeds]);
        GraphProto written = ModelProto.Parser.ParseFrom(bytes).Graph;
        NdArray[] fed = [.. feeds.Zip(graph.Inputs, (f, i) => f.As(TensorWriter.TypeOf(i.Type)))]; // everything floating is written as FLOAT
        bool knows = fed.Concat(results.Select(r => r.As(TensorWriter.TypeOf(r.Type)))).All(a => RuntimeTypes.Knows(a.Type));
        return new WrittenCase(name, new RuntimeCase(bytes, knows ? [.. graph.Inputs.Select(i => i.Name).Zip(fed)] : null),
            written.Output.Select(o => o.Name).Zip(results).ToDictionary(p => p.First, p => p.Second)) { Halves = graph.Values.Any(v => v.Type is ElementType.Float16 or ElementType.BFloat16) };
    }

    /// <summary>The gradient graph of a target at places, with what arrives at the target as one more input; null where nothing reaches a place.</summary>
    public static WrittenCase? GradientOf(string name, Graph graph, Value target, IReadOnlyList<Value> places, IReadOnlyList<NdArray> feeds, OnnxWriteOptions? options = null)
    {
        if (GradientGraph(graph, target, places) is not { } gradient) return null;
        return Of(name, gradient, [.. feeds, Arriving(graph, target, feeds)], options);
    }

    /// <summary>As above; its outputs are the gradients.</summary>
    public static Graph? GradientGraph(Graph graph, Value target, IReadOnlyList<Value> places)
    {
        var builder = new GraphBuilder(graph);
        Value seed = builder.Input($"arriving.{graph.Inputs.Count}", ElementType.Float, target.Shape);
        GradientGraph gradient = Gradient.Of(builder, graph, target, places, seed: seed);
        if (gradient.Gradients.All(g => g is null)) return null;
        var outputs = new GraphBuilder(gradient.Graph);
        outputs.ClearOutputs();
        foreach (var (reached, i) in gradient.Gradients.Select((g, i) => (g, i)))
            if (reached is not null) outputs.Output(reached, $"gradient.{graph.Inputs.Count}.{i}");
        return outputs.Build();
    }

    /// <summary>What arrives at the target: numbers from 0.5 to 1.5, different at neighbours, so that no gradient is zero because its parts cancel.</summary>
    public static NdArray Arriving(Graph graph, Value target, IReadOnlyList<NdArray> feeds)
    {
        NdArray value = new Session(graph, threads: 1).Run(graph.Inputs.Zip(feeds).ToDictionary(), [target])[0];
        NdArray weights = NdArray.Create(ElementType.Float, value.Dims.ToArray());
        for (int i = 0; i < weights.Length; i++) weights.Floats[i] = 0.5f + 0.25f * (i * 7 % 5);
        return weights;
    }

    /// <summary>What differs: null if nothing does.</summary>
    /// <param name="got">What ONNX Runtime computed.</param>
    /// <param name="tolerance">For floats: |a - b| / max(|b|, <paramref name="smallest"/>), Euclidean norms.</param>
    /// <param name="smallest">Outputs with a norm below this are compared with this.</param>
    public string? Difference(IReadOnlyDictionary<string, NdArray> got, double tolerance, double smallest)
    {
        foreach (var (name, expected) in Expected)
        {
            if (!got.TryGetValue(name, out NdArray? other)) return $"'{name}' is missing";
            if (other.Type != TensorWriter.TypeOf(expected.Type)) return $"'{name}' is {other.Type} instead of {expected.Type}";
            if (!expected.Dims.SequenceEqual(other.Dims)) return $"'{name}' has the shape {NdArray.Describe(other.Dims)} instead of {NdArray.Describe(expected.Dims)}";
            bool same = expected.Type.Storage() switch
            {
                Storage.Float => Distance(expected.Floats, other.Floats, smallest) <= tolerance,
                Storage.Integer => expected.Integers.SequenceEqual(other.Integers),
                Storage.Boolean => expected.Booleans.SequenceEqual(other.Booleans),
                _ => expected.Strings.SequenceEqual(other.Strings),
            };
            if (!same) return expected.Type.IsFloating() ? FormattableString.Invariant($"'{name}' differs by {Distance(expected.Floats, other.Floats, smallest):E1}") : $"'{name}' differs";
        }
        return null;
    }

    /// <summary>The largest relative distance of an output.</summary>
    public double Distance(IReadOnlyDictionary<string, NdArray> got, double smallest) =>
        Expected.Where(e => e.Value.Type.IsFloating()).Select(e => Distance(e.Value.Floats, got[e.Key].Floats, smallest)).DefaultIfEmpty(0).Max();

    private static double Distance(ReadOnlySpan<float> expected, ReadOnlySpan<float> got, double smallest)
    {
        double apart = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i].Equals(got[i])) // also NaN and infinities
            {
                if (float.IsFinite(expected[i])) norm += (double)expected[i] * expected[i];
                continue;
            }
            if (!float.IsFinite(expected[i]) || !float.IsFinite(got[i])) return double.PositiveInfinity;
            apart += ((double)expected[i] - got[i]) * ((double)expected[i] - got[i]);
            norm += (double)expected[i] * expected[i];
        }
        return Math.Sqrt(apart) / Math.Max(Math.Sqrt(norm), smallest);
    }
}
