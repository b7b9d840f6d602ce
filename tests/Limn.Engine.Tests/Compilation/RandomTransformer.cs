using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Compilation;

/// <summary>Small vision transformers, written in the ways in which exporters write them.</summary>
internal sealed class RandomTransformer
{
    private readonly System.Random random;
    private readonly GraphBuilder g = new();

    private RandomTransformer(int seed) => random = new System.Random(seed);

    /// <summary>A network [batch, channels, height, width] → [batch, 5]: patches that lie side by side, or overlap, blocks of attention, and a linear layer.</summary>
    public static Graph Of(int seed, int blocks = 2, int leastHeads = 1)
    {
        var network = new RandomTransformer(seed);
        GraphBuilder graph = network.g;
        System.Random draws = network.random;
        int channels = draws.Next(1, 4), patch = draws.Next(2, 5), height = draws.Next(2, 5), width = draws.Next(2, 6);
        int heads = draws.Next(leastHeads, 4), each = ((int[])[4, 5, 16])[draws.Next(3)], model = heads * each, tokens = height * width;
        int cut = draws.Next(3) == 0 ? 1 : 0; // columns that no patch covers
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("batch"), channels, height * patch, width * patch + cut]);
        Value y = graph.Conv(x, network.Weights(model, channels, patch, patch), network.Weights(model), new SlidingWindow { Kernel = [patch, patch], Strides = [patch, patch] });
        y = graph.Transpose(graph.Reshape(y, -1, model, tokens), 0, 2, 1);
        y = graph.Add(y, network.Weights(1, tokens, model));
        for (int i = 0; i < blocks; i++)
        {
            y = graph.Add(y, network.Attention(network.Norm(y, model), tokens, heads, each));
            y = graph.Add(network.Perceptron(network.Norm(y, model), model), y);
        }
        Value pooled = graph.ReduceMean(network.Norm(y, model), [1], keepDims: false);
        graph.Output(graph.Gemm(pooled, network.Weights(5, model), network.Weights(5), transB: true), "y");
        return graph.Build();
    }

    private Value Norm(Value x, int model) => g.LayerNormalization(x, Weights(model), Weights(model));

    private Value Linear(Value x, int from, int to) => g.Add(g.MatMul(x, Weights(from, to)), Weights(to));

    private Value Attention(Value x, int tokens, int heads, int each)
    {
        int model = heads * each;
        Value q, k, v;
        switch (random.Next(3))
        {
            case 0:
                IReadOnlyList<Value> parts = g.Split(Linear(x, model, 3 * model), 2, model, model, model);
                (q, k, v) = (Heads(parts[0]), Heads(parts[1]), Heads(parts[2]));
                break;
            case 1: // [batch, tokens, 3, heads, each] → [3, batch, heads, tokens, each]
                Value all = g.Transpose(g.Reshape(Linear(x, model, 3 * model), -1, tokens, 3, heads, each), 2, 0, 3, 1, 4);
                parts = g.Split(all, 0, 1, 1, 1);
                (q, k, v) = (g.Squeeze(parts[0], 0), g.Squeeze(parts[1], 0), g.Squeeze(parts[2], 0));
                break;
            default:
                (q, k, v) = (Heads(Linear(x, model, model)), Heads(Linear(x, model, model)), Heads(Linear(x, model, model)));
                break;
        }
        float root = MathF.Sqrt(each);
        Value turned = g.Transpose(k, 0, 1, 3, 2), scores = random.Next(3) switch
        {
            0 => g.Div(g.MatMul(q, turned), g.Constant(root)),
            1 => g.MatMul(g.Mul(q, g.Constant(1 / MathF.Sqrt(root))), g.Mul(turned, g.Constant(1 / MathF.Sqrt(root)))),
            _ => g.Add(g.Scale(g.MatMul(q, turned), 1 / root), Weights(heads, tokens, tokens)),
        };
        Value y = g.MatMul(g.Softmax(scores), v);
        return Linear(g.Reshape(g.Transpose(y, 0, 2, 1, 3), -1, tokens, model), model, model);

        Value Heads(Value part) => g.Transpose(g.Reshape(part, -1, tokens, heads, each), 0, 2, 1, 3);
    }

    private Value Perceptron(Value x, int model)
    {
        Value z = Linear(x, model, 3 * model), one = g.Constant(1f);
        Value y = random.Next(6) switch
        {
            0 => g.Scale(g.Mul(z, g.Add(g.Erf(g.Div(z, g.Constant(MathF.Sqrt(2)))), one)), 0.5f),
            1 => g.Mul(g.Scale(z, 0.5f), g.Add(one, g.Erf(g.Scale(z, 1 / MathF.Sqrt(2))))),
            2 => g.Op(new Gelu(), z),
            3 => g.Mul(z, g.Sigmoid(z)),
            4 => g.Mul(g.Scale(z, 0.5f), g.Add(one, g.Tanh(g.Scale(g.Add(z, g.Scale(g.Mul(z, g.Mul(z, z)), 0.044715f)), 0.7978846f)))),
            _ => g.Relu(z),
        };
        return Linear(y, 3 * model, model);
    }

    private Value Weights(params int[] dims)
    {
        double spread = 1 / Math.Sqrt(dims.Length > 1 ? dims[^2] : 1);
        return g.Constant(new NdArray([.. Enumerable.Range(0, NdArray.Count(dims)).Select(_ => (float)(spread * (2 * random.NextDouble() - 1)))], dims));
    }
}
