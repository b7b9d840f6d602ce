using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Benchmarks.Differentiation;

/// <summary>One thing that is done again and again: it gives tensors by their names.</summary>
/// <param name="Run">Does it once.</param>
/// <param name="Flops">The operations of one run as their definitions count them; null where they are not counted.</param>
internal sealed record DifferentiationWork(Func<IReadOnlyDictionary<string, NdArray>> Run, long? Flops)
{
    /// <summary>The value that is explained of a network of token ids.</summary>
    private const string Embedding = "embedding";

    /// <param name="name">forward, backward (and forward before it), integrated-gradients or occlusion.</param>
    /// <param name="model">The network.</param>
    /// <param name="input">The rows to feed it.</param>
    public static DifferentiationWork Of(string name, OnnxModel model, NdArray input) => name switch
    {
        "forward" => Forward(model, input),
        "backward" => Backward(model, input),
        "integrated-gradients" => Explain(new IntegratedGradients(model) { Steps = 50 }, model, input),
        "occlusion" => Explain(new Occlusion(model) { Window = [3, 32, 32], Stride = [3, 16, 16] }, model, input),
        _ => throw new ArgumentException($"There is no work called '{name}'; forward, backward, integrated-gradients and occlusion there are.", nameof(name)),
    };

    private static DifferentiationWork Forward(OnnxModel model, NdArray input)
    {
        Value output = model.Graph.Outputs[0];
        return Timed(model.Session, new() { [model.Graph.Inputs[0]] = input }, [("output", output)]);
    }

    /// <summary>The output, and the gradient of the best class's score of each row to the input or the embedding.</summary>
    private static DifferentiationWork Backward(OnnxModel model, NdArray input)
    {
        Value fed = model.Graph.Inputs[0], output = model.Graph.Outputs[0];
        Value at = fed.Type.IsFloating() ? fed : model.Graph.Values.First(v => v.Name == Embedding);
        var builder = new GraphBuilder(model.Graph);
        Value seed = builder.Input("seed", ElementType.Float, output.Shape);
        GradientGraph gradient = Gradient.Of(builder, model.Graph, output, [at], seed: seed);
        var session = new Session(gradient.Graph, model.Threads);
        NdArray none = NdArray.Create(ElementType.Float, input.Dims[0], output.Shape![1].Value);
        Dictionary<Value, NdArray> feeds = new() { [fed] = input, [seed] = none };
        feeds[seed] = OneOfBest(session.Run(feeds, [output, gradient.Required()])[0]); // by the plan that is measured: no other takes memory
        return Timed(session, feeds, [("output", output), ("gradient", gradient.Required())]);
    }

    private static DifferentiationWork Timed(Session session, Dictionary<Value, NdArray> feeds, (string Name, Value Value)[] wanted)
    {
        Value[] fetches = Array.ConvertAll(wanted, w => w.Value);
        long flops = session.Profile(feeds, fetches).Steps.Sum(s => s.Cost.Flops ?? 0);
        return new DifferentiationWork(() =>
        {
            NdArray[] results = session.Run(feeds, fetches);
            return wanted.Select((w, i) => (w.Name, results[i])).ToDictionary(r => r.Name, r => r.Item2);
        }, flops);
    }

    private static DifferentiationWork Explain(Method method, OnnxModel model, NdArray input)
    {
        Target target = Target.Class(Best(model.Session.Run(input)[0], 0));
        return new DifferentiationWork(() => new Dictionary<string, NdArray> { ["attribution"] = NdArray.From(method.Explain([input], target).Values) }, null);
    }

    private static NdArray OneOfBest(NdArray scores)
    {
        NdArray ones = NdArray.Create(ElementType.Float, scores.Dims.ToArray());
        for (int row = 0; row < scores.Dims[0]; row++) ones.Floats[row * scores.Dims[1] + Best(scores, row)] = 1;
        return ones;
    }

    private static int Best(NdArray scores, int row) => TensorPrimitives.IndexOfMax<float>(scores.Floats.Slice(row * scores.Dims[1], scores.Dims[1]));
}
